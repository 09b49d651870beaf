"""What the shell offers after the first letters of a name."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import typer

from bench import registry
from bench.metrics.table import METRICS

Help = tuple[str, str]


def _starting(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def methods(incomplete: str) -> list[str]:
    """Names of methods."""
    return _starting(registry.load_methods(), incomplete)


def datasets(incomplete: str) -> list[str]:
    """Names of data sets."""
    return _starting(registry.load_datasets(), incomplete)


def tasks(incomplete: str) -> list[str]:
    """Full names of tasks."""
    return _starting(registry.all_tasks(), incomplete)


def protocols(incomplete: str) -> list[str]:
    """Names of protocols with their versions."""
    return _starting(registry.load_protocols(), incomplete)


def budgets(incomplete: str) -> list[str]:
    """Names of budgets."""
    return _starting(registry.load_budgets(), incomplete)


def metrics(incomplete: str) -> list[str]:
    """Names of metrics."""
    return _starting(METRICS, incomplete)


def executors(incomplete: str) -> list[str]:
    """Names of executors."""
    from bench.executors.table import executor_names

    return _starting(executor_names(), incomplete)


def suites(incomplete: str) -> list[str]:
    """Names of shipped suites, and the TOML files and folders of this folder."""
    from bench.planning.suite import shipped_suites

    folder = Path(incomplete).parent if "/" in incomplete else Path()
    here = sorted(folder.glob("*.toml")) if folder.is_dir() else []
    return _starting([*shipped_suites(), *map(str, here)], incomplete)


def settings(ctx: typer.Context, incomplete: str) -> list[str]:
    """Keys of the methods that were named before; of all methods with ``METHOD:`` first."""
    known = registry.load_methods()
    named = [known[one] for one in ctx.params.get("method") or () if one in known]
    cards = named or list(known.values())
    plain = {f"{key}=": None for card in named for key in card.config}
    of_method = {f"{card.name}:{key}=": None for card in cards for key in card.config}
    return _starting([*plain, *of_method], incomplete)


def cells(ctx: typer.Context, incomplete: str) -> list[Help]:
    """Keys of cells with what they are; TASK:METHOD once the first letters are those of a task."""
    root = Path(ctx.params.get("results") or os.environ.get("BENCH_RESULTS") or "results/runs")
    found: dict[str, str] = {}
    for path in sorted(root.glob("[!_.]*/*/*/*.json")):
        dataset, task, method, _ = path.relative_to(root).parts
        name = f"{dataset}/{task}:{method}"
        if incomplete and name.startswith(incomplete):
            found[name] = f"{method} on {dataset}/{task}"
        elif path.stem.startswith(incomplete):
            found[path.stem[:12]] = f"{method} on {dataset}/{task}"
    return list(found.items())
