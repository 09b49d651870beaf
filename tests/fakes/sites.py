"""Two stores of two labs as a site shows them, without any data or fit."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from bench.report import Cards, published_lines, summarise
from bench.report.html import make_content
from bench.report.rows.pick import LineKey
from bench.report.site import Lab
from bench.store.records import Record
from bench.store.store import Store
from fakes.report_samples import CARDS, ROWS, numbers, record
from fakes.report_views import a_view

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)> \"'{{ 7*7 }}"
DRAWN = LineKey("mslub/t1", "gaussian", "{}", "ixi", "quick")


def named(one: Record) -> Record:
    """The record with a key that is the name of a file, as real ones are."""
    key = hashlib.sha256(one.key.encode()).hexdigest()
    return one.model_copy(update={"key": key})


def of_one_lab() -> list[Record]:
    """Current records: two seeds, another setting, another task, one failure."""
    return [
        named(one)
        for one in (
            record("gaussian", 0.0311, drawn=1, test=30),
            record("ae", 0.0295, seed=0, drawn=2, test=30, provenance={"host": EVIL}),
            record("ae", 0.0305, seed=1, drawn=3, test=30),
            record("ae", 0.0211, config={"proxy": EVIL}),
            record("random", 0.0187, half=None),
            record("equalized", 0.51, task="odd/t1"),
            record("broken", status="failed", reason=EVIL, error_class="method"),
        )
    ]


def of_another_lab() -> list[Record]:
    """The same cells; one has another number, and one method is missing."""
    disputed = {"pixel-pooled@1": numbers(0.0401, auroc=0.6, half=0.004)}
    return [
        one.model_copy(update={"protocols": disputed}) if one.method == "gaussian" else one
        for one in of_one_lab()
        if one.method != "equalized"
    ]


def write_store(folder: Path, records: list[Record]) -> Store:
    store = Store(folder)
    store.open_for_writing()
    for one in records:
        store.write_record(one)
    return store


def make_lab(
    name: str,
    folder: Path,
    records: list[Record],
    older: Sequence[Record] = (),
    cards: Cards = CARDS,
) -> Lab:
    store = write_store(folder, [*records, *older])
    rows = summarise(records, cards.datasets, cards.protocols, older=older)
    views = {DRAWN: a_view(1)}
    if any(one.method == "gaussian" for one in records):
        key = next(one.key for one in records if one.method == "gaussian")
        views = {DRAWN: a_view(1, key)}
    content = make_content(
        records, rows, cards, views=views, broken=[("a/b/c.json", EVIL)], stale=len(older)
    )
    return Lab(
        name=name,
        store=store,
        records=records,
        older=older,
        rows=rows,
        content=content,
        views=views,
        published=published_lines(ROWS, rows, cards, "measured"),
    )


def two_labs(folder: Path) -> list[Lab]:
    older = [named(record("proxyano", 0.09))]
    return [
        make_lab("lab-a", folder / "lab-a" / "runs", of_one_lab(), older),
        make_lab("lab-b", folder / "lab-b" / "runs", of_another_lab()),
    ]
