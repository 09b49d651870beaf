"""Puts the pages of the site together below ``build/site/pages``: a part of ``make site``.

Files keep the places that they have in the repository, so links between them hold. Made here are a
page per method and per data set, from their cards, and the JSON Schemas of cards and records.
"""

from __future__ import annotations

import importlib
import inspect
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from generate import ROOT, attributes, table
from pydantic import BaseModel
from typer.testing import CliRunner

from bench import registry
from bench.cards import DatasetCard, MethodCard, Task
from bench.cards.layouts import Layout
from bench.cards.splits import Bucket, Part, Split
from bench.cli import app
from bench.cli.schema import Kind

PAGES = ROOT / "build" / "site" / "pages"
COPIED = (
    "*.md",
    "docs/**/*.md",
    "docs/**/*.png",
    "docs/*.css",
    "docs/*.js",
    "methods/**/*.md",
    "datasets/*.md",
    "results/*.md",
    "tests/*.md",
)
LINK = re.compile(r"\[([^\]]*)\]\(([^)\s#:]+)(#[^)\s]*)?\)")
# The sentence of docs/reference/cards.md after which the schemas are linked.
SCHEMAS = (
    "`bench schema KIND` prints the JSON Schema (draft 2020-12) of a card, a suite or a record."
)
# The first cell of a row that names a method in a table.
METHOD_ROW = re.compile(r"^\| `([\w-]+)` \|", re.MULTILINE)


def main() -> None:
    """Write all pages anew; what an earlier call left is removed first."""
    shutil.rmtree(PAGES, ignore_errors=True)
    for pattern in COPIED:
        for path in sorted(ROOT.glob(pattern)):
            content = path.read_bytes()
            if path.suffix == ".md":
                content = with_targets(path, content.decode()).encode()
            write(path.relative_to(ROOT).as_posix(), content)
    listed = (PAGES / "docs" / "methods.md").read_text(encoding="utf-8")
    write("docs/methods.md", METHOD_ROW.sub(r"| [`\1`](methods/\1.md) |", listed).encode())
    for method in registry.load_methods().values():
        write(f"docs/methods/{method.name}.md", method_page(method).encode())
    datasets = registry.load_datasets()
    write("docs/datasets.md", datasets_page(datasets).encode())
    for dataset in datasets.values():
        write(f"docs/datasets/{dataset.name}.md", dataset_page(dataset).encode())
    for kind in Kind:
        schema = CliRunner().invoke(app, ["schema", kind])
        write(f"docs/reference/{kind}.schema.json", schema.stdout.encode())
    links = ", ".join(f"[{kind}]({kind}.schema.json)" for kind in Kind)
    text = (PAGES / "docs" / "reference" / "cards.md").read_text(encoding="utf-8")
    assert SCHEMAS in text, "docs/reference/cards.md has no place for the links to the schemas"
    write("docs/reference/cards.md", text.replace(SCHEMAS, f"{SCHEMAS} Here: {links}.").encode())


def write(place: str, content: bytes) -> None:
    """Write one file of the site, by its place in the repository."""
    path = PAGES / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def with_targets(page: Path, text: str) -> str:
    """A page's text; the files that it links to are copied, folders are no longer linked to."""

    def look(link: re.Match[str]) -> str:
        target = (page.parent / link[2]).resolve()
        if target.is_dir():
            return link[1]
        if target.suffix == ".ipynb":
            return link[0].replace(".ipynb", ".md")  # made by docs/notebooks.py
        if target.is_file() and target.suffix != ".md":
            write(target.relative_to(ROOT).as_posix(), target.read_bytes())
        return link[0]

    return LINK.sub(look, text)


def method_page(card: MethodCard) -> str:
    """The page of a method."""
    facts = {
        "family": card.family,
        "gives": ", ".join(card.outputs),
        "channels": ", ".join(map(str, card.channels)) or "any number",
        "cost": card.cost,
        "extra": f"`pip install 'medical-anomaly-bench[{','.join(card.extras)}]'`"
        if card.extras
        else "",
        "seed": "changes nothing" if card.deterministic else "changes its numbers",
        "stands in tables unasked": {None: "", "all": "all"}.get(
            card.yardstick, f"tasks on {card.yardstick}"
        ),
        "paper": card.paper,
        "class": f"`{card.class_path}`",
        "version of the card": str(card.version),
    }
    settings = table(("setting", "default", "meaning"), _settings(card)) if card.config else ""
    return (
        f"# {card.title}\n\n{card.description}\n\n"
        f"{_facts(card.name, facts)}\n"
        + (f"## Settings\n\n{settings}\n" if settings else "It has no settings.\n\n")
        + "## Run it\n\n```bash\n"
        f"bench run --method {card.name} --task phantom/glioma-t2 --budget smoke\n"
        f"bench test-method {card.name}\n```\n\n"
        "What methods reached and what they cost: [the line-up](../lineup.md). How they differ: "
        "[README of the methods](../../methods/README.md).\n"
    )


def _settings(card: MethodCard) -> Iterator[tuple[str, str, str]]:
    meanings: dict[str, str] = {}
    if card.config_schema:
        module, _, name = card.config_schema.partition(":")
        model: type[BaseModel] = getattr(importlib.import_module(module), name)
        for base in reversed(inspect.getmro(model)):
            meanings |= attributes(base)
    for name, value in card.config.items():
        yield (
            f"`{name}`",
            f"`{value}`",
            meanings.get(name, "").replace("|", "\\|").replace("``", "`"),
        )


def datasets_page(cards: Mapping[str, DatasetCard]) -> str:
    """The list of all data sets."""
    rows = (
        (f"[`{name}`](datasets/{name}.md)", card.title, ", ".join(card.tasks) or "a source only")
        for name, card in cards.items()
    )
    return (
        "# Data sets\n\nWhat `bench list datasets` knows. How files are laid out and split: "
        "[README of the data sets](../datasets/README.md). One of your own: "
        f"[Adding a dataset](adding-a-dataset.md).\n\n{table(('card', 'what', 'tasks'), rows)}"
    )


def dataset_page(card: DatasetCard) -> str:
    """The page of a data set."""
    facts = {
        "licence": card.licence,
        "citation": card.citation,
        "homepage": f"<{card.homepage}>" if card.homepage else "",
        "subjects in the published set": str(card.published_subjects or ""),
        "how to get it": card.obtain or _how_to_get(card),
        "version of the card": str(card.version),
    }
    layouts = "".join(
        f"- {one.title}:\n" + "".join(f"    - {key}: `{path}`\n" for key, path in _paths(one))
        for one in card.layouts
    )
    splits = table(
        ("split", "subjects", "slices", "rule"),
        ((f"`{n}`", _subjects(one), one.slices, one.rule) for n, one in card.splits.items()),
    )
    return (
        f"# {card.title}\n\n{card.description}\n\n{_facts(card.name, facts)}\n"
        f"## Files\n\nOne of these layouts, below the folder `{card.name}`:\n\n{layouts}\n"
        f"## Splits\n\n{splits}\n" + _tasks(card)
    )


def _how_to_get(card: DatasetCard) -> str:
    if card.generator:
        return "it is made on first use, in the cache"
    return f"`bench data get {card.name}`" if card.downloads else ""


def _paths(layout: Layout) -> Iterator[tuple[str, str]]:
    yield from layout.images.items()
    if layout.label:
        yield "label", layout.label
    if layout.mask:
        yield "mask", layout.mask


def _subjects(split: Split) -> str:
    chosen = split.subjects
    if isinstance(chosen, list):
        return ", ".join(chosen)
    if isinstance(chosen, Bucket):
        return f"buckets {', '.join(map(str, chosen.take))} of {chosen.of}"
    return f"the publisher's {chosen.part}" if isinstance(chosen, Part) else chosen


def _tasks(card: DatasetCard) -> str:
    if not card.tasks:
        return "It has no tasks: others learn from it.\n"

    def row(name: str, task: Task) -> tuple[str, ...]:
        full = f"{card.name}/{name}"
        known_by = f"{task.headline.metric} by {task.headline.protocol}"
        source = task.default_source(full)
        return f"`{full}`", task.title, ", ".join(task.channels), source, task.test, known_by

    rows = (row(name, task) for name, task in card.tasks.items())
    header = ("task", "title", "channels", "learns from", "tests on", "known by")
    first = f"{card.name}/{next(iter(card.tasks))}"
    return (
        f"## Tasks\n\n{table(header, rows)}\n## Run it\n\n```bash\n"
        f"bench data check {card.name}\n"
        f"bench run --method gaussian --task {first} --budget smoke\n```\n"
    )


def _facts(name: str, facts: dict[str, str]) -> str:
    """A table of what a card says; empty values are left out."""
    known = {key: " ".join(value.split()).replace("|", "\\|") for key, value in facts.items()}
    return table(("card", f"`{name}`"), ((key, value) for key, value in known.items() if value))


if __name__ == "__main__":
    main()
