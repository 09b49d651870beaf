"""The pages of a site and its files to download, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files

from bench.report.citing import to_bibtex
from bench.report.formats.json_csv import to_csv
from bench.report.html import BEST, Pictures, colour_bar, shell, template_environment
from bench.report.html.content import TaskSection
from bench.report.html.overview import Overview, OverviewRow
from bench.report.rows.cards import Cards
from bench.report.rows.provenance import unfinished
from bench.report.rows.summary import SummaryRow
from bench.report.site.addresses import Addresses
from bench.report.site.labs import Conflict, Lab, conflicts_of
from bench.report.site.lines import SiteLine, rows_of, site_lines
from bench.report.tables.published_table import published_table
from bench.report.tables.table import Table, shared_legend

Page = tuple[str, str]
"""Address within the site, and content."""

_HERE = "bench.report.site"
FILTERS = ("filters.js",)
WITH_PICTURES = ("filters.js", "pictures.js")


@dataclass(frozen=True)
class Site:
    """All that the pages are made of."""

    labs: Sequence[Lab]
    cards: Cards

    @cached_property
    def at(self) -> Addresses:
        """Where pages are."""
        return Addresses([lab.name for lab in self.labs])

    @cached_property
    def rows(self) -> list[OverviewRow]:
        """Of all stores, by task and protocol, the best first."""
        return rows_of(self.labs, self.conflicts, self.at)

    @cached_property
    def conflicts(self) -> list[Conflict]:
        """Cells of which two stores say different things."""
        return conflicts_of(self.labs)

    def chosen(self, keep: Callable[[SummaryRow], bool], *, headline: bool = False) -> Overview:
        """The rows that some page shows; ``headline`` leaves out other protocols."""
        return Overview(
            tuple(row for row in self.rows if keep(row.first) and (row.headline or not headline))
        )

    def sections(self, task: str) -> list[tuple[Lab, TaskSection]]:
        """What each store has of a task."""
        return [
            (lab, one) for lab in self.labs for one in lab.content.tasks if one.lines.task == task
        ]


def pages(labs: Sequence[Lab], cards: Cards) -> Iterator[Page]:
    """Write every page; the same bytes for the same stores in the same order.

    Args:
        labs: with names of their own, at least one.
        cards: where words and citations come from.
    """
    site, write = Site(labs, cards), _Writer()
    everything = site.chosen(lambda row: True, headline=True)
    tables = [one.table for lab in labs for one in lab.content.tasks]
    yield write(
        "index.html", "index.html.j2", site=site, view=everything, sentences=_legend(tables)
    )
    yield from _downloads(site, "leaderboard", lambda row: True)
    for name in everything.distinct("task"):
        yield _task_page(site, write, name)
        yield from _downloads(site, site.at.task(name), _is_task(name))
    for name in everything.distinct("method"):
        keep = _is_method(name)
        yield write(
            site.at.method(name), "method.html.j2", site=site, name=name, view=site.chosen(keep)
        )
        yield from _downloads(site, site.at.method(name), keep)
    for name in everything.datasets:
        keep = _is_dataset(name)
        view = site.chosen(keep, headline=True)
        yield write(site.at.dataset(name), "dataset.html.j2", site=site, name=name, view=view)
        yield from _downloads(site, site.at.dataset(name), keep)
    for lab in labs:
        yield _store_page(site, write, lab)
    for line in site_lines(labs, site.rows, site.conflicts):
        yield _line_page(site, write, line)


class _Writer:
    """Fills templates; every page gets links back to the root of the site."""

    def __init__(self) -> None:
        self._environment = template_environment(_HERE)
        self._style = (files(_HERE) / "site.css").read_text(encoding="utf-8")

    def __call__(
        self, address: str, template: str, scripts: Sequence[str] = FILTERS, **given: object
    ) -> Page:
        text = self._environment.get_template(template).render(
            root="../" * address.count("/"),
            address=address,
            **shell(*scripts, more_style=self._style),
            **{"sentences": (), **given},
        )
        return address, text


def _downloads(site: Site, page: str, keep: Callable[[SummaryRow], bool]) -> Iterator[Page]:
    """The rows of a page with all protocols as CSV, and the BibTeX of what they rest on."""
    stem = page.removesuffix(".html")
    rows = [(lab.name, row) for lab in site.labs for row in lab.rows if keep(row)]
    yield f"{stem}.csv", to_csv([row for _, row in rows], stores=[name for name, _ in rows])
    wanted = {(name, row.line) for name, row in rows}
    records = [
        record
        for lab in site.labs
        for line in lab.lines
        if (lab.name, line.key) in wanted
        for record in (*line.done, *line.undone)
    ]
    yield f"{stem}.bib", to_bibtex(records, site.cards)


def _task_page(site: Site, write: _Writer, name: str) -> Page:
    sections = site.sections(name)
    tables = [table for _, one in sections for table in (one.table, one.protocols) if table]
    return write(
        site.at.task(name),
        "task.html.j2",
        site=site,
        name=name,
        card=site.cards.task(name),
        view=site.chosen(_is_task(name)),
        sections=[
            (
                lab,
                one,
                [site.at.line(lab.name, row.line) for row in one.lines.lines],
                _by_label(site, lab, one),
            )
            for lab, one in sections
        ],
        sentences=_legend(tables),
    )


def _by_label(site: Site, lab: Lab, section: TaskSection) -> list[str]:
    """Addresses of the lines of the table with all protocols, which tells them by their labels."""
    if section.protocols is None:
        return []
    pages = {label: site.at.line(lab.name, line) for line, label in section.lines.label.items()}
    texts = [getattr(row[0], "text", "") for row in section.protocols.rows]
    return [pages.get(text, "") for text in texts]


def _store_page(site: Site, write: _Writer, lab: Lab) -> Page:
    published = published_table(lab.published, site.cards) if lab.published else None
    pages = {row.first.line: row.page for row in site.rows if row.store == lab.name}
    multiverse = lab.content.multiverse
    tables: list[Table] = [*([published] if published else [])]
    tables += multiverse.tables if multiverse else ()
    return write(
        site.at.store(lab.name),
        "store.html.j2",
        site=site,
        lab=lab,
        view=Overview(tuple(row for row in site.rows if row.store == lab.name and row.headline)),
        published=published,
        published_links=[
            "../" + pages[one.measured.line] if one.measured and one.measured.line in pages else ""
            for one in lab.published
        ],
        unfinished=unfinished(lab.content.provenance.cells),
        sentences=_legend(tables),
    )


def _line_page(site: Site, write: _Writer, line: SiteLine) -> Page:
    drawn = line.view is not None and bool(line.view.pictures)
    return write(
        line.page,
        "line.html.j2",
        WITH_PICTURES if drawn else FILTERS,
        site=site,
        line=line,
        records={
            one.record.key: "../../" + site.at.record(line.lab.name, one.record)
            for one in line.cells
        },
        pictures=Pictures(),
        colour_bar=colour_bar() if drawn else "",
    )


def _is_task(name: str) -> Callable[[SummaryRow], bool]:
    return lambda row: row.task == name


def _is_method(name: str) -> Callable[[SummaryRow], bool]:
    return lambda row: row.method == name


def _is_dataset(name: str) -> Callable[[SummaryRow], bool]:
    return lambda row: row.task.partition("/")[0] == name


def _legend(tables: Sequence[Table]) -> list[str]:
    return shared_legend(tables, BEST)
