"""What the command line costs beside what it does, as times of `import typer`.

    python benchmarks/startup.py [--turns 5] [--cells 24]

A store of so many cells of `random` on the embedded phantom is made first. Programs run turn by
turn; the smallest processor time of each counts. Python writes and reads its byte code, as it does
for a user, whatever PYTHONDONTWRITEBYTECODE says here.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile

BENCH = ["-P", "-m", "bench"]
RUN = [*BENCH, "run", "--no-yardsticks", "-m", "random", "-t", "phantom/ms-t1", "-b", "smoke"]
RUN += ["--device", "cpu"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--cells", type=int, default=24)
    arguments = parser.parse_args()
    run = [*RUN, "--seeds", str(arguments.cells)]
    programs = {
        "python -c pass": ["-c", "pass"],
        "import typer": ["-c", "import typer"],
        "import typer, pydantic, numpy": ["-c", "import typer, pydantic.main, numpy"],
        "import scipy.special": ["-c", "import scipy.special"],
        "import torch": ["-c", "import torch"],
        "bench --help": [*BENCH, "--help"],
        "bench run --help": [*BENCH, "run", "--help"],
        "bench list methods": [*BENCH, "list", "methods"],
        "bench list": [*BENCH, "list"],
        f"bench list cells, of {arguments.cells}": [*BENCH, "list", "cells"],
        f"bench run, {arguments.cells} cells done": run,
        f"bench report, {arguments.cells} cells": [*BENCH, "report", "-f", "markdown"],
    }
    found: dict[str, list[float]] = {name: [] for name in programs}
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "BENCH_RESULTS": folder}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        call(run, environment)
        for _ in range(arguments.turns):
            for name, words in programs.items():
                before = busy()
                call(words, environment)
                found[name].append(busy() - before)
    first = min(found["import typer"])
    for name, seconds in found.items():
        print(f"{name:30} {min(seconds):6.3f} s processor {min(seconds) / first:6.1f} x")


def call(words: list[str], environment: dict[str, str]) -> None:
    """Run a Python program to its end; what it says is not shown."""
    done = subprocess.run(
        [sys.executable, *words], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"failed: {' '.join(words)}\n{done.stderr}")


def busy() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


if __name__ == "__main__":
    main()
