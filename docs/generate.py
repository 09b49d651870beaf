"""Renews what the documentation repeats of the code: ``make docs``; ``--check`` for ``make lint``.

A generated part stands in a Markdown file between two comments that GitHub does not show,
``generated: NAME`` and ``end``; `PARTS` has a function for each name.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from typer.core import TyperGroup
from typer.testing import CliRunner

from bench import registry
from bench.cards import DatasetCard, ImagePreparation, Preparation, SubjectTable, Task
from bench.cards.layouts import Layout, TableLayout
from bench.cards.methods import Budget, MethodCard
from bench.cards.protocols import ProtocolCard, SliceRange
from bench.cards.published import PublishedRow, PublishedValue
from bench.cards.splits import Bucket, Split
from bench.cli import app
from bench.cli.exit_codes import EXIT_CODES
from bench.data.cache.kinds import CacheKind
from bench.planning.suite import Suite, SuiteRun
from bench.store.records import Record

ROOT = Path(__file__).resolve().parent.parent
PART = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
# Nearly every room uses them: arrows to them would say nothing.
EVERYWHERE = {"_version", "errors", "keys"}


def main() -> int:
    """Write all parts, or with ``--check`` say which are stale.

    Returns:
        1 where a part is stale.
    """
    check = "--check" in sys.argv[1:]
    stale = 0
    for path in pages():
        old = path.read_text(encoding="utf-8")
        for name in {match[2] for match in PART.finditer(old)} - {*PARTS}:
            raise SystemExit(f"{path}: no part is named {name!r}; allowed: {', '.join(PARTS)}")
        new = PART.sub(lambda match: match[1] + PARTS[match[2]]() + match[3], old)
        if new != old and check:
            print(f"{path.relative_to(ROOT)} repeats the code and is stale; next: make docs")
            stale = 1
        elif new != old:
            path.write_text(new, encoding="utf-8")
            print(f"renewed: {path.relative_to(ROOT)}")
    return stale


def pages() -> list[Path]:
    """The Markdown files that may hold generated parts."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    lines = [list(header), *(list(row) for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def budgets() -> str:
    """One row per budget."""
    return table(
        ("budget", "image", "training", "seeds", "threads"),
        (
            (
                f"`{one.name}`",
                f"{one.image_size} px",
                f"{one.steps:,} steps of {one.batch_size} images, "
                f"{one.training_subjects or 'all'} subjects",
                str(one.seeds),
                str(one.threads),
            )
            for one in sorted(registry.load_budgets().values(), key=lambda one: one.steps)
        ),
    )


def default_protocols() -> str:
    """One row per protocol that is applied where a task's card names none."""
    usual: list[str] = Task.model_fields["protocols"].default
    cards = [registry.protocol(name) for name in usual]
    return table(
        ("protocol", "what is ranked", "how"),
        ((f"`{one.id}`", one.title, one.description) for one in cards),
    )


def protocols() -> str:
    """One row per protocol."""
    usual = Task.model_fields["protocols"].default
    return table(
        ("protocol", "what is ranked", "metrics", "after", "by default"),
        (
            (
                f"`{name}`",
                one.title,
                ", ".join(one.metrics),
                one.paper,
                "yes" if name in usual else "",
            )
            for name, one in registry.load_protocols().items()
        ),
    )


def protocol_texts() -> str:
    """A section per protocol: what it does, whom it follows, what is known to differ."""
    text = ""
    for name, one in registry.load_protocols().items():
        lines = [f"## {name}", f"**{one.title}.** {' '.join(one.description.split())}"]
        if one.paper:
            lines.append(f"After {one.paper}.")
        if one.source:
            lines.append(f"In use elsewhere: {' '.join(one.source.split())}")
        lines.append(f"Metrics: {', '.join(f'`{metric}`' for metric in one.metrics)}.")
        text += "\n\n".join(lines) + "\n\n"
    return text


def examples() -> str:
    """One row per script."""
    return table(
        ("script", "what"),
        (
            (f"[`{path.name}`](../examples/{path.name})", _docstring(path).splitlines()[0])
            for path in sorted((ROOT / "examples").glob("*.py"))
        ),
    )


def methods() -> str:
    """One row per method."""
    return table(
        ("method", "family", "gives", "cost", "extra", "what it does"),
        (
            (
                f"`{name}`",
                one.family,
                ", ".join(one.outputs),
                one.cost,
                ", ".join(one.extras),
                one.description.replace("|", "\\|"),
            )
            for name, one in registry.load_methods().items()
        ),
    )


def exit_codes() -> str:
    """One row per exit code."""
    return table(("code", "when"), ((str(code), meaning) for code, meaning in EXIT_CODES.items()))


def cache_kinds() -> str:
    """One row per kind of what the cache holds."""
    return table(
        ("kind", "what", "evicted when the cache is full"),
        ((f"`{kind}`", kind.what, "yes" if kind.evictable else "no") for kind in CacheKind),
    )


def commands() -> str:
    """The help of every command, as it prints it."""
    runner = CliRunner(env={"COLUMNS": "100", "TERMINAL_WIDTH": "100", "NO_COLOR": "1"})
    text = ""
    for path in [(), *_paths(typer.main.get_group(app))]:
        shown = runner.invoke(app, [*path, "--help"], prog_name="bench", terminal_width=100)
        lines = "\n".join(line.rstrip() for line in shown.stdout.strip().splitlines())
        text += f"## {' '.join(['bench', *path])}\n\n```text\n{lines}\n```\n\n"
    return text


def _paths(group: TyperGroup) -> Iterator[tuple[str, ...]]:
    """Every command below a group, by the words that call it."""
    for name, one in group.commands.items():
        inner = _paths(one) if isinstance(one, TyperGroup) else [()]
        yield from ((name, *path) for path in inner)


def card_keys() -> str:
    """One row per key of a dataset card, by the table of the card that it stands in."""
    models: dict[str, type[BaseModel]] = {
        "": DatasetCard,
        "[[layouts]]": Layout,
        "[layouts.table]": TableLayout,
        "[splits.NAME]": Split,
        "subjects = { … }": Bucket,
        "[subjects_table]": SubjectTable,
        "[preparation] of volumes": Preparation,
        "[preparation] of images": ImagePreparation,
        "[tasks.NAME]": Task,
    }
    return _keys(models)


def other_card_keys() -> str:
    """The same of the other cards and of suite files."""
    models: dict[str, type[BaseModel]] = {
        "method": MethodCard,
        "protocol": ProtocolCard,
        "`slices` of a protocol": SliceRange,
        "published row": PublishedRow,
        "`[[values]]` of a row": PublishedValue,
        "budget": Budget,
        "suite": Suite,
        "`[[run]]` of a suite": SuiteRun,
    }
    return "".join(f"### {name}\n\n{_keys({'': model}, 1)}\n" for name, model in models.items())


def record_fields() -> str:
    """One row per field of a record."""
    return _keys({"": Record}, 1)


def _keys(models: dict[str, type[BaseModel]], first: int = 0) -> str:
    """One row per key; ``first`` is 1 where the column of tables is left out."""
    rows = (
        (
            f"`{where}`" if where else "",
            f"`{field.alias or name}`",
            _default(field),
            attributes(model).get(name, "").replace("|", "\\|").replace("``", "`"),
        )
        for where, model in models.items()
        for name, field in model.model_fields.items()
    )
    header = ("table", "key", "default", "meaning")
    return table(header[first:], (row[first:] for row in rows))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        value = value.model_dump()
    return "" if value in (None, "", [], {}) else f"`{json.dumps(value, default=str)}`"


def attributes(model: type[BaseModel]) -> dict[str, str]:
    """The section ``Attributes`` of a class, by name."""
    text = (inspect.getdoc(model) or "").partition("Attributes:\n")[2]
    found: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        match = re.match(r" {4}(\w+): (.*)", line)
        if match:
            name = match[1]
            found[name] = match[2]
        elif name and line.startswith("     "):
            found[name] += f" {line.strip()}"
    return found


def rooms() -> str:
    """One row per room, in the order of the arrows."""
    return table(
        ("room", "what", "may use"),
        (
            (
                f"`{name}`",
                _first_sentence(name),
                ", ".join(f"`{one}`" for one in _rooms() if one in allowed) or "nothing",
            )
            for name, allowed in _rooms().items()
        ),
    )


def arrows() -> str:
    """The rooms and their arrows as a picture; without arrows that follow from others."""
    drawn = {name: used - EVERYWHERE for name, used in _rooms().items() if name not in EVERYWHERE}
    lines = [
        f"    {user.replace('.', '_')}[{user}] --> {used.replace('.', '_')}[{used}]"
        for user, wanted in drawn.items()
        for used in drawn
        if used in wanted and not any(used in _reach(one, drawn) for one in wanted - {used})
    ]
    return "```mermaid\nflowchart RL\n" + "\n".join(lines) + "\n```\n"


def _reach(name: str, drawn: dict[str, set[str]]) -> set[str]:
    return drawn[name] | {far for one in drawn[name] for far in _reach(one, drawn)}


def _rooms() -> dict[str, set[str]]:
    """What `tests/test_architecture.py` allows; it holds that the code keeps to it."""
    tree = ast.parse((ROOT / "tests" / "test_architecture.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ROOMS":
            assert isinstance(node.value, ast.Dict)
            pairs = zip(node.value.keys, node.value.values, strict=True)
            return {ast.literal_eval(key): _names(value) for key, value in pairs if key}
    raise SystemExit("tests/test_architecture.py has no ROOMS")


def _names(node: ast.expr) -> set[str]:
    """The names of a set; ``set()`` is no literal."""
    return set() if isinstance(node, ast.Call) else set(ast.literal_eval(node))


def _first_sentence(name: str) -> str:
    place = ROOT / "bench" / Path(*name.split("."))
    path = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    return " ".join(_docstring(path).split("\n\n")[0].split())


def _docstring(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""


PARTS: dict[str, Callable[[], str]] = {
    "budgets": budgets,
    "default-protocols": default_protocols,
    "protocols": protocols,
    "methods": methods,
    "exit-codes": exit_codes,
    "cache-kinds": cache_kinds,
    "commands": commands,
    "card-keys": card_keys,
    "other-card-keys": other_card_keys,
    "record-fields": record_fields,
    "protocol-texts": protocol_texts,
    "examples": examples,
    "rooms": rooms,
    "arrows": arrows,
}

if __name__ == "__main__":
    sys.exit(main())
