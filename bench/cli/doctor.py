"""``bench doctor``: what this machine offers, and what is wrong with it."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
from pathlib import Path

import typer

from bench._version import __version__
from bench.cli import options as o
from bench.errors import BenchError, in_words


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
        typer.echo(f"{len(faults)} things are wrong" if faults else "all is well")
    raise typer.Exit(1 if faults else 0)


def examine(data_dir: Path | None, results: Path) -> tuple[dict[str, str], list[str]]:
    """Facts by name, and faults in words."""
    from bench.data.cache.folder import cache_dir
    from bench.execution.provenance import PACKAGES, cpu_model, installed_version
    from bench.registry import load_datasets, load_methods
    from bench.store.store import Store

    faults: list[str] = []
    facts = {
        "bench": __version__,
        "python": f"{platform.python_version()} ({sys.executable})",
        "cpu": f"{cpu_model()}, {o.usable_cores()} usable cores",
    }
    for name in PACKAGES:
        version = installed_version(name)
        facts[name] = version or "missing"
        if version is None:
            faults.append(f"package {name} is not installed")
    facts["devices"] = ", ".join(devices())
    facts["methods"] = str(len(load_methods()))
    facts["datasets"] = str(len(load_datasets()))
    try:
        cache = cache_dir()
        facts["cache"] = f"{cache} ({shutil.disk_usage(cache).free / 2**30:.0f} GB free)"
        if results.is_dir():
            Store(results).open_for_writing()
    except BenchError as error:
        faults.append(in_words(error))
    facts["results"] = str(results.resolve())
    facts["data"] = _data(data_dir, faults)
    return facts, faults


def devices() -> list[str]:
    """Devices that torch can use here, in words."""
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
        return "no --data-dir and no BENCH_DATA: only embedded datasets"
    if not data_dir.is_dir():
        faults.append(f"the data folder {data_dir} does not exist")
        return str(data_dir)
    return f"{data_dir}: {', '.join(sorted(os.listdir(data_dir))) or 'empty'}"
