"""Records, numbers, predictions and tables of a store, from Python."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bench.api.chosen import chosen_part
from bench.api.places import Folder, Names, all_cards, as_list, current_of, predictions_of
from bench.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from bench.cards import ProtocolCard
    from bench.report import Layout, Report, Table, Which
    from bench.store.predictions import Role, SubjectPrediction
    from bench.store.records import ProtocolNumbers, Record


def load_records(results: Folder = None, *, stale: bool = False) -> list[Record]:
    """The current records of a store, with per-subject numbers, costs and provenance.

    Args:
        results: the run store.
        stale: also those of older files, cards or versions; they come last.

    Raises:
        StoreError: the store does not exist.
    """
    current = current_of(results)
    return [*current.records, *(current.older if stale else ())]


def load_results(
    results: Folder = None, *, protocol: str | None = None, stale: bool = False
) -> pd.DataFrame:
    """The numbers of a store, averaged over seeds.

    Args:
        results: the run store.
        protocol: only this one; None gives all.
        stale: also numbers of older files, cards or versions, in rows with status ``stale``.

    Returns:
        One line per task, method, config, train_on, budget, protocol and metric, with the columns
        of ``bench report --format csv``; ``config`` is a dict. What is unknown is NaN or None.
    """
    import pandas as pd

    from bench import registry
    from bench.report import summarise
    from bench.report.rows.columns import COSTS, JSON_KEYS, LEARNED

    current = current_of(results, by_subject=False)
    rows = summarise(
        current.records,
        registry.load_datasets(),
        registry.load_protocols(),
        protocol=registry.protocol(protocol).id if protocol else None,
        older=current.older,
        show_older=stale,
    )
    columns = [key for key in JSON_KEYS if key not in ("cost", "learned")]
    lines = [
        [
            *(getattr(row, key) for key in columns),
            *(row.cost[key] for key in COSTS),
            *((row.learned or {}).get(key) for key in LEARNED),
        ]
        for row in rows
    ]
    return pd.DataFrame(lines, columns=[*columns, *COSTS, *LEARNED])


def read_predictions(
    record: Record | str, results: Folder = None, *, role: Role = "test"
) -> Iterator[SubjectPrediction]:
    """The raw maps and scores of a cell, with the truth, one subject at a time.

    Args:
        record: of `run` or `load_records`, or a cell's key.
        results: the run store.
        role: ``test``, or ``validation`` for the normal images thresholds are calibrated on.

    Raises:
        StoreError: they were not kept, or a file is missing or damaged.
    """
    from bench.store.predictions import read_predictions as read

    return read(predictions_of(record, results), role)


def apply_protocol(
    protocol: str | ProtocolCard, record: Record | str, results: Folder = None
) -> ProtocolNumbers:
    """Turn kept predictions into the numbers of any protocol, without training.

    Args:
        protocol: ``name@version``, or a card of your own.
        record: as `read_predictions`.
        results: the run store; it is not changed.

    Raises:
        UnknownName: no such protocol.
        StoreError: as `read_predictions`.
    """
    from bench import registry
    from bench.protocol import apply_protocol as apply
    from bench.protocol.held import held
    from bench.store.predictions import read_roles

    card = registry.protocol(protocol) if isinstance(protocol, str) else protocol
    with held(read_roles(predictions_of(record, results))) as subjects:
        return apply(card, subjects)


def make_report(
    results: Folder = None,
    *,
    protocol: str | None = None,
    rows: Which = "measured",
    task: Names = (),
    method: Names = (),
    metric: Names = (),
    budget: Names = (),
    layout: Layout = "tasks",
    average_over: Names = (),
    stale: bool = False,
    data_dir: Folder = None,
) -> Report:
    """The tables of ``bench report``.

    Args:
        results: the run store.
        protocol: the only one to report; None shows each task's headline protocol.
        rows: published rows of which something was ``measured``, ``all``, ``none``, or
            ``published`` for these alone.
        task: only these tasks; as all filters, empty for all. Tables compare what is kept alone.
        method: only these methods.
        metric: only these metrics; the first orders the tables.
        budget: only these budgets.
        layout: a table per task, or one of ``methods-by-tasks`` in the order of ``task``.
        average_over: tasks of the average of methods by tasks; empty for all, if alike.
        stale: also older numbers, in lines that say so.
        data_dir: where data are, to see which records are of today's files.

    Raises:
        StoreError: the store does not exist.
        UnknownName: a name that no record has, or no such protocol or metric.
        UsageError: a protocol without the metrics, or an average of other tasks or layouts.
    """
    from bench.report import build_report

    if as_list(average_over) and layout != "methods-by-tasks":
        raise UsageError("average_over is a column of layout='methods-by-tasks': say that too")
    part = chosen_part(
        current_of(results, data_dir, by_subject=False),
        tasks=task,
        methods=method,
        metrics=metric,
        budgets=budget,
        protocol=protocol,
    )
    return build_report(
        part.current.records,
        part.cards,
        part.published,
        protocol=part.protocol,
        which=rows,
        older=part.current.older,
        show_older=stale,
        layout=layout,
        tasks=as_list(task),
        average_over=as_list(average_over),
    )


def compare(
    first: str,
    second: str,
    results: Folder = None,
    *,
    protocol: str | None = None,
    metric: str | None = None,
) -> Table:
    """Two methods on the same subjects, as ``bench compare``.

    Args:
        first: a method's name, or its line in a table.
        second: another.
        results: the run store.
        protocol: whose numbers to compare; None takes each task's headline protocol.
        metric: one of the protocol's; None as the tables.

    Returns:
        Difference, interval, effect, test and subjects needed, a line per task. A notebook shows
        it as a table, ``print`` as Markdown; `render_table` writes it in other formats.

    Raises:
        UsageError: no task has both methods.
        UnknownName: no such protocol.
    """
    from bench import registry
    from bench.report import ShownTable, duel_table

    table = duel_table(
        current_of(results).records,
        first,
        second,
        cards=all_cards(),
        protocol=registry.protocol(protocol).id if protocol else None,
        metric=metric,
    )
    return ShownTable(**vars(table))


def render_table(what: Report | Table | Sequence[Table], format: str = "markdown") -> str:
    """Write tables as text.

    Args:
        what: of `make_report`, or `Table` objects of your own.
        format: ``markdown`` or ``latex``; of a report also ``csv`` and ``json``.

    Raises:
        UnknownName: another format.
        UsageError: ``csv`` or ``json`` of something else than a report.
    """
    from bench.report import Report, Table, render

    if isinstance(what, Report):
        return render(what, format)
    if format in ("csv", "json"):
        raise UsageError(
            f"{format} is made of a report's rows; a Table can be markdown or latex",
            hint="pass what make_report gives",
        )
    tables = (what,) if isinstance(what, Table) else tuple(what)
    return render(Report(tables=tables, rows=()), format)
