"""What the command line costs before it does anything, beside `import typer`.

    python benchmarks/startup.py [--turns 5]

Programs run turn by turn; the smallest processor time of each counts.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys

PROGRAMS = {
    "import typer": ["-c", "import typer"],
    "bench --help": ["-P", "-m", "bench", "--help"],
    "bench list methods": ["-P", "-m", "bench", "list", "methods"],
    "bench list tasks": ["-P", "-m", "bench", "list", "tasks"],
    "import torch": ["-c", "import torch"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=5)
    turns = parser.parse_args().turns
    found: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for _ in range(turns):
        for name, words in PROGRAMS.items():
            before = busy()
            subprocess.run([sys.executable, *words], stdout=subprocess.DEVNULL, check=True)
            found[name].append(busy() - before)
    first = min(found["import typer"])
    for name, seconds in found.items():
        print(f"{name:20} {min(seconds):6.3f} s processor {min(seconds) / first:6.1f} x")


def busy() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


if __name__ == "__main__":
    main()
