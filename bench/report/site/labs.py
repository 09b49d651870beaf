"""The stores of a site, side by side: their names, and where two of them disagree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path

from bench.report.figures.views import Views
from bench.report.html import Content
from bench.report.rows.pick import Line, pick_lines
from bench.report.rows.published import PublishedLine
from bench.report.rows.summary import SummaryRow
from bench.store.records import Record
from bench.store.store import Store
from bench.upkeep.merging import conflict_of


@dataclass(frozen=True)
class Lab:
    """One store and what a report makes of it.

    Attributes:
        name: no other store of the site has it.
        records: the current ones.
        older: the stale ones; they are in no number.
        rows: of `summarise`, with all protocols.
        content: what its HTML report would show.
        views: what was drawn of kept predictions.
        published: rows of papers of which something was measured.
    """

    name: str
    store: Store
    records: Sequence[Record]
    older: Sequence[Record]
    rows: Sequence[SummaryRow]
    content: Content
    views: Views
    published: Sequence[PublishedLine]

    @cached_property
    def lines(self) -> list[Line]:
        """Its records in lines, as the rows are averaged."""
        return pick_lines(self.records)


@dataclass(frozen=True)
class Conflict:
    """A cell of which two stores say different things."""

    first: Lab
    second: Lab
    record: Record
    words: str


def store_names(folders: Sequence[Path]) -> list[str]:
    """Short names of stores: the shortest ends of their paths that tell them apart.

    >>> store_names([Path("/a/lab-one/runs"), Path("/b/lab-two/runs")])
    ['lab-one', 'lab-two']
    >>> store_names([Path("/a/runs")])
    ['runs']
    """
    parts = [one.resolve().parts[1:] or ("store",) for one in folders]
    while len(parts) > 1 and len({one[-1] for one in parts}) == 1 and min(map(len, parts)) > 1:
        parts = [one[:-1] for one in parts]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(one[-length:]) for one in parts]
        if len(set(names)) == len(names):
            break
    return names


def conflicts_of(labs: Sequence[Lab]) -> list[Conflict]:
    """The cells of which two stores have different numbers; current and done ones alone."""
    found = []
    for first, second in combinations(labs, 2):
        theirs = {(one.task, one.method, one.key): one for one in second.records}
        for ours in first.records:
            other = theirs.get((ours.task, ours.method, ours.key))
            if other is None:
                continue
            words = conflict_of(ours, other, (f"in {first.name}", f"in {second.name}"))
            if words is not None:
                found.append(Conflict(first, second, ours, words))
    return found
