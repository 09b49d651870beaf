"""``bench doctor``: what this machine has, and what is wrong with it."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from bench._version import __version__
from bench.cli import options as o
from bench.cores import usable_cores
from bench.errors import BenchError, counted, in_words
from bench.installed import DISTRIBUTION, command_to_install

if TYPE_CHECKING:
    from packaging.requirements import Requirement


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
    requirements = _requirements()
    faults += outside_bounds(requirements)
    facts |= extras(requirements)

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


def outside_bounds(requirements: Iterable[str]) -> list[str]:
    """Packages that every installation needs and that are too old or too new, one sentence each.

    pip never installs such a version; ``--no-deps``, or another project in the environment, does.

    Args:
        requirements: as for `extras`.
    """
    from bench.execution.provenance import installed_version

    faults = []
    for extra, needed in _parsed(requirements):
        found = installed_version(needed.name)
        if extra is None and found and not _allows(needed, found):
            faults.append(f"package {needed.name} is {found}, but {needed} is needed")
    return faults


def extras(requirements: Iterable[str]) -> dict[str, str]:
    """What of each extra is installed, and what installs the rest. A missing one is not an error.

    Args:
        requirements: as the metadata of a package has them: ``monai>=1.6; extra == 'diffusion'``.
    """
    from bench.execution.provenance import installed_version

    wanted: dict[str, list[Requirement]] = {}
    for extra, needed in _parsed(requirements):
        if extra is not None:
            wanted.setdefault(extra, []).append(needed)
    facts = {}
    for extra, all_needed in sorted(wanted.items()):
        parts, whole = [], True
        for needed in all_needed:
            found = installed_version(needed.name)
            good = found is not None and _allows(needed, found)
            whole &= good
            wrong = "" if good or found is None else f" (but {needed} is needed)"
            parts.append(f"{needed.name} {found or 'missing'}{wrong}")
        if not whole:
            parts[-1] += f"; {command_to_install(extra)}"
        facts[f"extra {extra}"] = ", ".join(parts)
    return facts


def _parsed(requirements: Iterable[str]) -> Iterator[tuple[str | None, Requirement]]:
    """Each requirement without its marker, and the extra that it belongs to."""
    from packaging.requirements import Requirement

    for line in requirements:
        needed = Requirement(line)
        match = re.search(r"\bextra == ['\"]([\w-]+)['\"]", str(needed.marker or ""))
        extra = match[1] if match else None
        if needed.marker and not needed.marker.evaluate({"extra": extra or ""}):
            continue  # of another Python or another system
        needed.marker = None
        yield extra, needed


def _allows(needed: Requirement, version: str) -> bool:
    return needed.specifier.contains(version, prereleases=True)


def _requirements() -> list[str]:
    """What the installed package asks for; nothing where only its folder is on the path."""
    try:
        return requires(DISTRIBUTION) or []
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
