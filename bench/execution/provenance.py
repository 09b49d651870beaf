"""What a record says of where its numbers come from. Part of no key."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib.metadata import (
    PackageNotFoundError,
    entry_points,
    packages_distributions,
    version,
)
from pathlib import Path
from typing import Any

from bench._version import __version__
from bench.cards import MethodCard
from bench.errors import printable
from bench.registry import plugins
from bench.registry.plugins import PluginCard

PACKAGES = (
    "numpy",
    "scipy",
    "scikit-image",
    "scikit-learn",
    "torch",
    "lightning-fabric",
    "nibabel",
    "connected-components-3d",
    "pillow",
    "tifffile",
)


_OPTIONAL = ("imagecodecs",)  # reads what no other package here can


def provenance(command: str, method: MethodCard) -> dict[str, Any]:
    """Versions, machine, commit, time and command of this process.

    Args:
        command: how the run was started.
        method: of the cell. Where it needs more than bench itself, the record names the versions
            of all packages that this process has imported: anomalib brings timm and torchvision,
            and a plug-in whatever it likes.
    """
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    found = {**_fixed(), "finished": now, "command": printable(command)}
    if method.extras or isinstance(method, PluginCard):
        found["packages"] = {**found["packages"], **_imported(), **_registered(method)}
    return found


def _imported() -> dict[str, str]:
    """The version of every distribution of which this process has imported a module."""
    modules = {name.partition(".")[0] for name in list(sys.modules)}
    names = {name for top, owners in _owners().items() if top in modules for name in owners}
    found = {name: installed_version(name) for name in sorted(names)}
    return {name: version for name, version in found.items() if version is not None}


@cache
def _owners() -> Mapping[str, list[str]]:
    """The distributions that have each top-level module; to find them takes half a second."""
    return packages_distributions()


def _registered(method: MethodCard) -> dict[str, str]:
    """Name and version of the distribution that registered a plug-in; empty for a file.

    An editable installation is found in this way only.
    """
    top = method.class_path.partition(":")[0].partition(".")[0]
    return {
        point.dist.name: point.dist.version
        for point in entry_points(group=plugins.GROUP)
        if point.dist is not None and point.module.partition(".")[0] == top
    }


@cache
def _fixed() -> dict[str, Any]:
    return {
        "bench": __version__,
        "commit": git_commit(Path(__file__).resolve().parent),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "host": platform.node(),
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "packages": {
            **{name: installed_version(name) for name in PACKAGES},
            **{name: found for name in _OPTIONAL if (found := installed_version(name))},
        },
    }


def versions() -> dict[str, str | None]:
    """The version of bench and those of `PACKAGES`, by name."""
    return {"bench": __version__, **{name: installed_version(name) for name in PACKAGES}}


def remember() -> None:
    """Look up what records say of packages, for all processes that are forked from this one.

    Whatever a broken package raises here ends no run: the cell whose record names it asks again.
    """
    with suppress(Exception):
        owners = _owners().values()
        for name in {*PACKAGES, *_OPTIONAL, *(one for found in owners for one in found)}:
            installed_version(name)


@cache
def installed_version(name: str) -> str | None:
    """Version of an installed distribution, or None."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def git_commit(folder: Path) -> str | None:
    """Commit of the checkout around ``folder``, with ``+changes`` where it differs from it."""

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(folder), *arguments],
                capture_output=True,
                text=True,
                check=False,
                timeout=10,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    commit = git("rev-parse", "HEAD")
    if commit is None or git("ls-files", "--error-unmatch", "__init__.py") is None:
        return None  # no checkout, or one of somebody else's around an installed package
    return commit + ("+changes" if git("status", "--porcelain", "--untracked-files=no") else "")


def cpu_model() -> str:
    """Name of the processor, as the system gives it."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in text.splitlines() if "model name" in line]
    return names[0] if names else platform.processor()
