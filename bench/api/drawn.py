"""What is drawn of a store: the HTML report and figures for papers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.api.chosen import chosen_part
from bench.api.main_guard import require_guard
from bench.api.places import Folder, Names, as_list, current_of, open_store, write_text
from bench.cores import usable_cores
from bench.display import display_for

if TYPE_CHECKING:
    from bench.cli.strata import Strata
    from bench.planning.staleness import Current
    from bench.report import Cards, Report, SummaryRow, Table, Which
    from bench.report.figures.chart import Chart
    from bench.report.figures.views import Views
    from bench.report.tables.multiverse import Told
    from bench.store.store import Store


def html(
    out: Path | str,
    results: Folder = None,
    *,
    protocol: str | None = None,
    rows: Which = "measured",
    task: Names = (),
    method: Names = (),
    metric: Names = (),
    budget: Names = (),
    data_dir: Folder = None,
) -> Path:
    """Write the HTML report of a store, as ``bench report --format html``.

    Args:
        out: the file; it needs no network and no other file.
        results: the run store.
        protocol: the only one to report; None shows each task's headline protocol.
        rows: published rows of which something was ``measured``, ``all``, ``none``, or
            ``published`` for these alone.
        task: only these tasks; as all filters, empty for all.
        method: only these methods.
        metric: only these metrics; the first orders the tables.
        budget: only these budgets.
        data_dir: where data are, to see which records are of today's files.

    Returns:
        The file.

    Raises:
        SystemExit: a script calls this at its top level, see `bench.api`.
        StoreError: the store does not exist.
        UnknownName: a name that no record has, or no such protocol or metric.
        UsageError: a protocol without the metrics, or the file cannot be written.
    """
    from bench.report import build_report

    require_guard("bench.html")
    part = chosen_part(
        current_of(results, data_dir),
        tasks=task,
        methods=method,
        metrics=metric,
        budgets=budget,
        protocol=protocol,
    )
    made = build_report(
        part.current.records,
        part.cards,
        part.published,
        protocol=part.protocol,
        which=rows,
        older=part.current.older,
        tasks=as_list(task),
    )
    store = open_store(results)
    text = html_text(store, part.current, part.cards, made, protocol=part.protocol, which=rows)
    return write_text(Path(out), text)


def figures(
    folder: Path | str,
    results: Folder = None,
    *,
    protocol: str | None = None,
    task: Names = (),
    method: Names = (),
    metric: Names = (),
    budget: Names = (),
    data_dir: Folder = None,
) -> list[Path]:
    """Write all charts of a store to a folder, as ``bench report --figures``.

    Args:
        folder: is made where it does not exist.
        results: the run store.
        protocol: the only one to draw; None draws each task's headline protocol.
        task: only these tasks; as all filters, empty for all.
        method: only these methods.
        metric: only these metrics.
        budget: only these budgets.
        data_dir: where data are, to see which records are of today's files.

    Returns:
        The files: each chart as PDF and as PNG.

    Raises:
        SystemExit: a script calls this at its top level, see `bench.api`.
        StoreError: the store does not exist.
        UnknownName: a name that no record has, or no such protocol or metric.
        UsageError: a protocol without the metrics, or the folder cannot be written.
    """
    require_guard("bench.figures")
    part = chosen_part(
        current_of(results, data_dir),
        tasks=task,
        methods=method,
        metrics=metric,
        budgets=budget,
        protocol=protocol,
    )
    return write_figures(
        Path(folder), open_store(results), part.current, part.cards, protocol=part.protocol
    )


def html_text(
    store: Store,
    current: Current,
    cards: Cards,
    made: Report,
    *,
    protocol: str | None,
    which: Which,
    strata: Strata | None = None,
) -> str:
    """The HTML report of a store.

    Args:
        store: the run store.
        current: what is reported of it.
        cards: where words come from.
        made: the report for people, whose published rows and methods by tasks the page shows.
        protocol: shown in place of each task's headline protocol.
        which: ``published`` leaves out everything but the published rows.
        strata: shown in sections of their own.
    """
    from bench.report import METHODS_BY_TASKS, summarise
    from bench.report.html import make_content, to_html

    published = [table for table in made.tables if table.name == "published"]
    across = next((table for table in made.tables if table.name == METHODS_BY_TASKS), None)
    if which == "published":
        return to_html(
            make_content([], [], cards, further=published, broken=broken_of(store, current))
        )
    rows: Sequence[SummaryRow] = made.rows
    if protocol is not None:
        rows = summarise(current.records, cards.datasets, cards.protocols, older=current.older)
    return to_html(
        make_content(
            current.records,
            rows,
            cards,
            further=published,
            across=across,
            strata=_with_charts(strata) if strata else (),
            views=views_of(store, current, cards, protocol, rows),
            multiverse=multiverse_of(store, current, cards),
            protocol=protocol,
            broken=broken_of(store, current),
            stale=len(current.older),
        )
    )


def write_figures(
    folder: Path,
    store: Store,
    current: Current,
    cards: Cards,
    *,
    protocol: str | None,
    charts: Sequence[Chart] | None = None,
) -> list[Path]:
    """Write every chart of a report to a folder; the files, a PDF and a PNG of each.

    ``charts`` are written in place of the usual ones.

    Raises:
        UsageError: the folder cannot be written.
    """
    from bench.report import summarise
    from bench.report.figures.charts import all_charts
    from bench.report.figures.multiverse_chart import multiverse_charts
    from bench.report.figures.paper import save_charts

    if charts is not None:
        return save_charts(charts, folder)
    rows = summarise(current.records, cards.datasets, cards.protocols, older=current.older)
    views = views_of(store, current, cards, protocol, rows)
    drawn = all_charts(rows, cards, views, protocol)
    drawn += multiverse_charts(multiverse_of(store, current, cards))
    return save_charts(drawn, folder)


def _with_charts(strata: Strata) -> list[tuple[Table, list[Chart]]]:
    """Each table with the charts made of it, which bear its name."""
    return [
        (table, [one for one in strata.charts if one.name.startswith(f"{table.name}-")])
        for table in strata.tables
    ]


def broken_of(store: Store, current: Current) -> list[tuple[str, str]]:
    """File within the store, and problem."""
    return [(one.path.relative_to(store.root).as_posix(), one.problem) for one in current.broken]


def multiverse_of(store: Store, current: Current, cards: Cards) -> list[Told]:
    """What the store keeps of `bench multiverse`; empty where it was never called."""
    from bench.report.rows.multiverse import verses
    from bench.report.tables.multiverse import tell
    from bench.store.multiverse import read_multiverse

    kept = read_multiverse(store, current.records).by_cell
    return [tell(one, cards) for one in verses(current.records, kept)]


def views_of(
    store: Store, current: Current, cards: Cards, protocol: str | None, rows: Sequence[SummaryRow]
) -> Views:
    """What is drawn of the kept predictions of a store."""
    from bench.report.figures.charts import curve_lines
    from bench.report.figures.views import draw_cells, wanted_cells

    wanted = wanted_cells(
        current.records, cards, store, protocol, curves_of=curve_lines(rows, cards, protocol)
    )
    with display_for() as bars:
        return draw_cells(
            wanted,
            store,
            processes=usable_cores(),
            progress=lambda done, total: bars.files(done, total, "drawing"),
        )
