"""The numbers of `training.py` as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Row = dict[str, Any]


def name(task: Row) -> str:
    """A measurement in few words."""
    if task["part"] == "cells":
        return "cells"
    where = "" if task["device"] == "cpu" else "GPU "
    mode = f" ({task['mode']})" if "mode" in task else ""
    return f"{where}{task['part']}{mode}: {task['method']}, {task['size']} px"


def line(row: Row) -> str:
    """A row as one line, to follow what happens."""
    if "left out" in row:
        return f"{name(row['task'])}: left out: {row['left out']}"
    words = [f"{key} {_number(value)}" for key, value in row.items() if key != "task"]
    return f"{name(row['task'])}: {', '.join(words)}"


def _number(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _whole(row: Row, key: str) -> str:
    return f"{row[key]:.0f}" if key in row else ""


def _times(row: Row, key: str) -> str:
    return f"{row[key]:.2f}" if key in row else ""


def _repaid(row: Row) -> str:
    if "compile s" not in row:
        return ""
    steps = row["repaid after steps"]
    repaid = "never repaid" if steps is None else f"repaid after {steps:,} steps"
    return f"{row['compile s']:.0f} s of compiling, {repaid}"


def _what(row: Row) -> str:
    method, note = row["task"]["method"], row["training"]
    return method if note == "train" else f"{method}: {note}"


Columns = Sequence[tuple[str, Callable[[Row], str]]]
LOOP: Columns = (
    ("training", _what),
    ("px", lambda row: str(row["task"]["size"])),
    ("loop, images/s", lambda row: _whole(row, "images/s")),
    ("bare steps, images/s", lambda row: _whole(row, "bare images/s")),
    ("loop / bare, wall", lambda row: _times(row, "times wall")),
    ("processor", lambda row: _times(row, "times processor")),
)
VARIANTS: Columns = (
    ("training", _what),
    ("px", lambda row: str(row["task"]["size"])),
    ("variant", lambda row: row["variant"]),
    ("images/s", lambda row: _whole(row, "images/s")),
    ("times bare, wall", lambda row: _times(row, "times wall")),
    ("processor", lambda row: _times(row, "times processor")),
    ("", lambda row: _repaid(row) or (f"{row['bytes']} bytes" if "bytes" in row else "")),
)


def markdown(machine: Row, rows: list[Row]) -> str:
    """All tables; what was left out stands at the end."""
    there = [one for one in rows if "left out" not in one]
    parts = [
        f"{machine['cpu']}, {machine['processors']} processors of {machine['cores']} cores, load"
        f" {machine['load']:.1f}, Python {machine['python']}, torch {machine['torch']}"
        + (f", {machine['gpu']}" if "gpu" in machine else "")
    ]
    for device, where in (("cpu", "CPU"), ("cuda", "GPU")):
        of_it = [one for one in there if one["task"].get("device") == device]
        loops = [one for one in of_it if one["task"]["part"] == "loop"]
        others = [one for one in of_it if one["task"]["part"] != "loop"]
        parts += _table(f"{where}: the loop against bare steps", LOOP, loops)
        parts += _table(f"{where}: other steps against bare ones", VARIANTS, others)
    parts += _cells([one for one in there if one["task"]["part"] == "cells"])
    left: dict[str, list[str]] = {}
    for one in rows:
        if "left out" in one:
            left.setdefault(one["left out"], []).append(name(one["task"]))
    if left:
        words = [f"- {reason}: {'; '.join(names)}" for reason, names in left.items()]
        parts.append("Left out:\n\n" + "\n".join(words))
    return "\n\n".join(parts)


def _table(title: str, columns: Columns, rows: list[Row]) -> list[str]:
    if not rows:
        return []
    head = "| " + " | ".join(one for one, _ in columns) + " |\n" + "| --- " * len(columns) + "|"
    lines = ["| " + " | ".join(cell(row) for _, cell in columns) + " |" for row in rows]
    return [f"### {title}", "\n".join([head, *lines])]


def _cells(rows: list[Row]) -> list[str]:
    """A line per method and size; a column per layout, as images per second of all cells."""
    lines = {}
    for row in rows:
        case = (row["processors"], row["method"], row["size"])
        lines.setdefault(case, []).append(
            f"{row['cells']} x {row['threads']}: {row['images/s']:.0f}"
            f" ({row['times cells of one thread']:.2f})"
        )
    if not lines:
        return []
    shown = [
        f"| {method} | {size} | {processors} | {' &nbsp; '.join(found)} |"
        for (processors, method, size), found in lines.items()
    ]
    head = "| training | px | processors | cells x threads: images/s (times cells of one thread) |"
    title = "### Cells at once against threads of a cell"
    return [title, "\n".join([head, "| --- | --- | --- | --- |", *shown])]
