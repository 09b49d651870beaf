"""One line of a table with everything behind it: records, commands, pictures, other stores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from bench.report.figures.views import CellView
from bench.report.html.content import GalleryLine
from bench.report.html.overview import Overview, OverviewRow, order
from bench.report.rows.pick import LineKey
from bench.report.rows.provenance import CellFacts
from bench.report.site.addresses import Addresses
from bench.report.site.labs import Conflict, Lab

Key = tuple[str, LineKey]
"""Name of the store, and line."""


@dataclass(frozen=True)
class SiteLine:
    """What the page of a line shows.

    Attributes:
        rows: the line under every protocol, that of the headline first.
        cells: of its seeds.
        view: None where nothing could be drawn.
        elsewhere: the same line in other stores, by its headline, and how their cells compare.
        conflicts: of its cells.
    """

    lab: Lab
    page: str
    rows: tuple[OverviewRow, ...]
    cells: tuple[CellFacts, ...]
    view: CellView | None
    elsewhere: tuple[tuple[OverviewRow, str], ...]
    conflicts: tuple[Conflict, ...]

    @property
    def head(self) -> OverviewRow:
        """The line under its task's headline protocol."""
        return self.rows[0]

    @property
    def overview(self) -> Overview:
        """All its numbers, none of them hidden; they stand on the page itself."""
        shown = (replace(one, page="", store="", headline=True) for one in self.rows)
        return Overview(tuple(shown))

    @property
    def gallery(self) -> GalleryLine:
        """Its pictures; only where there are some."""
        assert self.view is not None
        return GalleryLine(self.head.label, self.view)

    @property
    def drawn_seed(self) -> int:
        """Of the cell that the pictures show."""
        assert self.view is not None
        key = self.view.key
        return next(one.record.seed for one in self.cells if one.record.key == key)

    @property
    def no_pictures(self) -> tuple[str, str]:
        """Why there are no pictures, and the command that makes some; empty where there are."""
        if self.view is not None and self.view.pictures:
            return "", ""
        if self.view is not None and self.view.problem:
            return f"No pictures: {self.view.problem}", ""
        done = [one for one in self.cells if one.record.status == "done"]
        if not done:
            return "No pictures: no cell of this line is done.", ""
        if self.view is not None:
            return (
                "No pictures: no maps were kept, or no test subject has a number of its own.",
                "",
            )
        return (
            "No pictures: the store keeps no predictions of this line. This makes them again:",
            f"{done[0].command} --keep maps --force",
        )


def rows_of(labs: Sequence[Lab], conflicts: Sequence[Conflict], at: Addresses) -> list[OverviewRow]:
    """The overview rows of all stores, each with its store and the addresses of its pages."""
    disputed = {(lab.name, key) for lab, key in _disputed(conflicts)}
    found = []
    for lab in labs:
        doubtful = {
            line.key
            for line in lab.lines
            if any((lab.name, one.key) in disputed for one in line.done)
        }
        found += [
            replace(
                row,
                store=lab.name,
                page=at.line(lab.name, row.first.line),
                task_page=at.task(row.first.task),
                conflict=row.first.line in doubtful,
            )
            for row in lab.content.overview.rows
        ]
    return sorted(found, key=order)


def site_lines(
    labs: Sequence[Lab], rows: Sequence[OverviewRow], conflicts: Sequence[Conflict]
) -> Iterator[SiteLine]:
    """Every line of every store."""
    by_line: dict[Key, list[OverviewRow]] = {}
    for row in rows:
        by_line.setdefault((row.store, row.first.line), []).append(row)
    keys = {lab.name: _keys(lab) for lab in labs}
    for lab in labs:
        facts = {(one.record.task, one.record.key): one for one in lab.content.provenance.cells}
        cells = {
            line.key: tuple(facts[one.task, one.key] for one in (*line.done, *line.undone))
            for line in lab.lines
        }
        for (store, line), mine in by_line.items():
            if store != lab.name:
                continue
            mine.sort(key=lambda row: not row.headline)
            elsewhere = tuple(
                (other, _compared(keys[store][line], keys[lab_.name].get(line, set())))
                for lab_ in labs
                if lab_ is not lab
                for other in by_line.get((lab_.name, line), [])
                if other.headline
            )
            own = {one.record.key for one in cells[line]}
            yield SiteLine(
                lab=lab,
                page=mine[0].page,
                rows=tuple(mine),
                cells=cells[line],
                view=lab.views.get(line),
                elsewhere=elsewhere,
                conflicts=tuple(
                    one
                    for one in conflicts
                    if lab in (one.first, one.second) and one.record.key in own
                ),
            )


def _disputed(conflicts: Sequence[Conflict]) -> Iterator[tuple[Lab, str]]:
    for one in conflicts:
        yield one.first, one.record.key
        yield one.second, one.record.key


def _keys(lab: Lab) -> Mapping[LineKey, set[str]]:
    """Keys of the finished cells of every line."""
    return {line.key: {one.key for one in line.done} for line in lab.lines}


def _compared(ours: set[str], theirs: set[str]) -> str:
    """What equal keys say: files, versions, settings and seed are the same."""
    if not ours or not theirs:
        return "not finished in both"
    if ours & theirs:
        return "the same cells" if ours == theirs else "some cells are the same"
    return "other files, versions or seeds"
