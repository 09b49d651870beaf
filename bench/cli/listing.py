"""``bench list``: methods, datasets, tasks and the other cards."""

from __future__ import annotations

import json
import re
import shutil
import sys
from enum import StrEnum
from typing import Annotated, Any

import typer

from bench import registry
from bench.cli import options as o
from bench.cli.cells import COLUMNS as CELL_COLUMNS
from bench.cli.cells import cell_entries, printed
from bench.errors import UsageError


class Kind(StrEnum):
    """Kinds of cards."""

    methods = "methods"
    datasets = "datasets"
    tasks = "tasks"
    protocols = "protocols"
    budgets = "budgets"
    rows = "rows"
    suites = "suites"
    cells = "cells"


class StatusOption(StrEnum):
    """How a cell ended, or that its files, card or version have changed since."""

    done = "done"
    skipped = "skipped"
    failed = "failed"
    stale = "stale"


NARROWEST = 6
PAPER_WIDTH = 24
# Columns of the printed list; --json gives everything.
COLUMNS = {
    Kind.methods: ("name", "family", "cost", "outputs", "extras", "paper"),
    Kind.datasets: ("name", "tasks", "licence", "synthetic", "title"),
    Kind.tasks: ("name", "channels", "train_on", "headline", "title"),
    Kind.protocols: ("name", "level", "pool", "metrics", "paper", "title"),
    Kind.budgets: ("name", "image_size", "training_subjects", "steps", "width", "seeds"),
    Kind.rows: ("name", "metric", "tasks", "values", "title"),
    Kind.suites: ("name", "runs", "title"),
    Kind.cells: CELL_COLUMNS,
}
# What comes with bench or was added to it; cells are in a store.
CARDS = tuple(one for one in Kind if one is not Kind.cells)


def list_cards(
    kind: Annotated[Kind | None, typer.Argument(help="What to list; without it, all.")] = None,
    task: o.OnlyTasks = [],  # noqa: B006
    method: o.OnlyMethods = [],  # noqa: B006
    budget: o.OnlyBudgets = [],  # noqa: B006
    status: Annotated[
        list[StatusOption],
        typer.Option("--status", help="Cells that ended so; repeatable."),
    ] = [],  # noqa: B006
    results: o.Results = o.DEFAULT_RESULTS,
    as_json: o.AsJson = False,
) -> None:
    """List methods, datasets, tasks and other cards, or the cells of a run store.

    Examples: bench list methods; bench list cells --task mslub/t1 --status failed
    """
    if kind is Kind.cells:
        statuses = [one.value for one in status]
        found = cell_entries(results, tasks=task, methods=method, budgets=budget, statuses=statuses)
        if as_json:
            typer.echo(json.dumps(found, indent=1))
            return
        for line in lines([printed(one) for one in found], CELL_COLUMNS, terminal_width()):
            typer.echo(line)
        return
    if task or method or budget or status:
        raise UsageError("--task, --method, --budget and --status choose cells: bench list cells")
    kinds = [kind] if kind else list(CARDS)
    if as_json:
        content = {one.value: entries(one) for one in kinds}
        typer.echo(json.dumps(content[kind.value] if kind else content, indent=1))
        return
    for one in kinds:
        if kind is None:
            typer.echo(f"{one.value}:")
        rows = entries(one)
        if one is Kind.methods:
            rows = [_short(row) for row in rows]
        if one is Kind.budgets:
            rows = [{**row, "training_subjects": row["training_subjects"] or "all"} for row in rows]
        for line in lines(rows, COLUMNS[one], terminal_width()):
            typer.echo(line)
        if kind is None:
            typer.echo("")


def entries(kind: Kind) -> list[dict[str, Any]]:
    """All cards of a kind as plain objects, each with ``name``."""
    if kind is Kind.methods:
        return [
            card.model_dump(mode="json", by_alias=True) for card in registry.load_methods().values()
        ]
    if kind is Kind.datasets:
        return [
            {**card.model_dump(mode="json"), "tasks": list(card.tasks)}
            for card in registry.load_datasets().values()
        ] + [
            {"name": name, "title": "cannot be used: see the warning", "fault": str(error)}
            for name, error in registry.broken_datasets().items()
        ]
    if kind is Kind.tasks:
        return [_task(name) for name in registry.all_tasks()]
    if kind is Kind.protocols:
        return [
            {**card.model_dump(mode="json"), "name": card.id}
            for card in registry.load_protocols().values()
        ]
    if kind is Kind.budgets:
        return [card.model_dump(mode="json") for card in registry.load_budgets().values()]
    if kind is Kind.suites:
        from bench.cards import read_card
        from bench.planning.suite import Suite, shipped_suites

        suites = {name: read_card(path, Suite) for name, path in shipped_suites().items()}
        return [
            {"name": name, "title": one.title, "runs": len(one.run)} for name, one in suites.items()
        ]
    return [row.model_dump(mode="json") for row in registry.load_rows()]


def _task(name: str) -> dict[str, Any]:
    task = registry.all_tasks()[name]
    content = task.model_dump(mode="json")
    return {"name": name, **content, "train_on": task.default_source(name)}


def _short(method: dict[str, Any]) -> dict[str, Any]:
    """A method for the table: the kinds of its output, and of its paper only authors and year."""
    level = {"map": "pixel", "score": "image"}
    cited = re.match(r".*?\b(?:19|20)\d\d\b", method["paper"])
    paper = cited.group() if cited else method["paper"]
    if len(paper) > PAPER_WIDTH:
        paper = f"{paper[: PAPER_WIDTH - 1]}…"
    return {**method, "outputs": [level[one] for one in method["outputs"]], "paper": paper}


def lines(
    rows: list[dict[str, Any]], columns: tuple[str, ...], width: int | None = None
) -> list[str]:
    """The given columns of the rows as aligned lines of text; the first line is the header.

    Args:
        rows: what to list.
        columns: keys of the rows; the first names a row and is never cut.
        width: of the terminal, which texts are cut for, the widest column first; None cuts none.
    """
    table = [list(columns)] + [[_words(row.get(column)) for column in columns] for row in rows]
    widths = [max(len(line[i]) for line in table) for i in range(len(columns))]
    if width is not None:
        widths = _narrowed(widths, width)
    return [
        "  ".join(_cut(text, w).ljust(w) for text, w in zip(line, widths, strict=True)).rstrip()
        for line in table
    ]


def terminal_width() -> int | None:
    """Columns of the terminal that stdout is; None where it is a file or a pipe."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _narrowed(widths: list[int], width: int) -> list[int]:
    """Widths that fit, as far as no column but the first becomes narrower than `NARROWEST`."""
    found = list(widths)
    while sum(found) + 2 * (len(found) - 1) > width:
        at = max(range(1, len(found)), key=lambda one: found[one], default=0)
        if at == 0 or found[at] <= NARROWEST:
            break
        found[at] -= 1
    return found


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _words(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(str(one) for one in value.values())
    if isinstance(value, list):
        names = [one["method"] if isinstance(one, dict) else str(one) for one in value]
        return ",".join(names) or "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value in (None, "") else str(value)
