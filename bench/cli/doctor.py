"""``bench doctor``: what this machine has, and what is wrong with it."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import typer

from bench._version import __version__
from bench.cli import options as o
from bench.cores import usable_cores
from bench.errors import BenchError, counted, in_words

_DISTRIBUTION = "medical-anomaly-bench"


def doctor(
    data_dir: o.DataDir = None,
    results: o.Results = o.DEFAULT_RESULTS,
    as_json: o.AsJson = False,
) -> None:
    """Check Python, packages, devices, folders and data; exit 1 where something is wrong.

    Example: bench doctor --data-dir ~/data
    """
    facts, faults = examine(data_dir, results)
    if as_json:
        typer.echo(json.dumps({"facts": facts, "faults": faults}, indent=1))
    else:
        width = max(len(name) for name in facts)
        for name, value in facts.items():
            typer.echo(f"{name:<{width}}  {value}")
        for fault in faults:
            typer.echo(f"wrong: {fault}")
        count = f"{counted(len(faults), 'problem')} found"
        typer.echo(count if faults else "no problems found")
    raise typer.Exit(1 if faults else 0)


def examine(data_dir: Path | None, results: Path) -> tuple[dict[str, str], list[str]]:
    """Facts by name, and what is wrong: one sentence per fault."""
    from bench.data.cache.folder import cache_dir
    from bench.execution.provenance import PACKAGES, cpu_model, installed_version
    from bench.registry import broken_datasets, load_datasets, load_methods
    from bench.store.store import Store

    faults: list[str] = []
    facts = {
        "bench": __version__,
        "python": f"{platform.python_version()} ({sys.executable})",
        "cpu": f"{cpu_model()}, {counted(usable_cores(), 'usable core')}",
    }
    for name in PACKAGES:
        version = installed_version(name)
        facts[name] = version or "missing"
        if version is None:
            faults.append(f"package {name} is not installed")
    facts["devices"] = ", ".join(devices())
    facts |= extras(_requirements())

    def cache_in_words() -> str:
        cache = cache_dir()
        return f"{cache} ({shutil.disk_usage(cache).free / 2**30:.0f} GB free)"

    def results_in_words() -> str:
        if results.is_dir():
            Store(results).open_for_writing()
        return str(results.resolve())

    def datasets_in_words() -> str:
        broken = broken_datasets()
        faults.extend(in_words(error) for error in broken.values())
        return str(len(load_datasets())) + (f", {len(broken)} cannot be used" if broken else "")

    # Each on its own: one broken card must not hide a full disk.
    parts: dict[str, Callable[[], str]] = {
        "methods": lambda: str(len(load_methods())),
        "datasets": datasets_in_words,
        "cache": cache_in_words,
        "results": results_in_words,
    }
    for name, describe in parts.items():
        try:
            facts[name] = describe()
        except (BenchError, OSError) as error:
            facts[name] = "cannot be used"
            faults.append(in_words(error))
    facts["data"] = _data(data_dir, faults)
    return facts, faults


def extras(requirements: Iterable[str]) -> dict[str, str]:
    """What of each extra is installed, and what installs the rest. A missing one is not an error.

    Args:
        requirements: as the metadata of a package has them: ``monai>=1.6; extra == 'diffusion'``.
    """
    from bench.execution.provenance import installed_version

    wanted: dict[str, list[str]] = {}
    for line in requirements:
        if match := re.match(r"([\w.-]+).*\bextra == ['\"]([\w-]+)['\"]", line):
            wanted.setdefault(match[2], []).append(match[1])
    facts = {}
    for extra, names in sorted(wanted.items()):
        versions = {name: installed_version(name) for name in names}
        parts = [f"{name} {found or 'missing'}" for name, found in versions.items()]
        if None in versions.values():
            parts[-1] += f"; pip install '{_DISTRIBUTION}[{extra}]'"
        facts[f"extra {extra}"] = ", ".join(parts)
    return facts


def _requirements() -> list[str]:
    """What the installed package asks for; nothing where only its folder is on the path."""
    try:
        return requires(_DISTRIBUTION) or []
    except PackageNotFoundError:
        return []


def devices() -> list[str]:
    """The devices that torch can use on this machine."""
    import torch

    names = ["cpu"]
    if torch.cuda.is_available():
        names += [
            f"cuda:{index} ({torch.cuda.get_device_name(index)})"
            for index in range(torch.cuda.device_count())
        ]
    if torch.backends.mps.is_available():
        names.append("mps")
    return names


def _data(data_dir: Path | None, faults: list[str]) -> str:
    if data_dir is None:
        return "neither --data-dir nor BENCH_DATA is set: only embedded datasets can be used"
    if not data_dir.is_dir():
        faults.append(f"the data folder {data_dir} does not exist")
        return str(data_dir)
    try:
        names = sorted(os.listdir(data_dir))
    except OSError as error:
        faults.append(f"the data folder {data_dir} cannot be read: {error.strerror or error}")
        return str(data_dir)
    return f"{data_dir}: {', '.join(names) or 'empty'}"
