"""``bench power``: how many patients a comparison needs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options as o
from bench.errors import UsageError


def power(
    method: o.TwoMethods,
    task: o.OnlyTasks = [],  # noqa: B006
    protocol: o.ComparedProtocol = None,
    metric: o.ComparedMetric = None,
    format: o.Tables = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Draw the curves to a PNG or PDF file.")
    ] = None,
    data_dir: o.DataDir = None,
    results: o.Results = o.DEFAULT_RESULTS,
) -> None:
    """How many patients would show the difference of two methods, and what so many can show.

    From the spread of the difference between the patients of the store; runs nothing.

    Examples: bench power --method proxyano --method ae;
    bench power -m proxyano -m ae --task phantom/ms-t2 --out power.png
    """
    first, second, chosen = o.compared(method, protocol, metric)
    from bench.api.places import all_cards
    from bench.cli.tables import read_current, show
    from bench.report import Report
    from bench.report.tables.duels import duels
    from bench.report.tables.power import power_table
    from bench.store.store import Store

    store = Store(results)
    store.must_exist()
    records = read_current(store, data_dir).records
    found = duels(records, first, second, cards=all_cards(), protocol=chosen, metric=metric)
    known = sorted({one.first.task for one in found})
    unknown = sorted(set(task) - set(known))
    if unknown:
        raise UsageError(
            f"{first} and {second} were not both measured on {', '.join(unknown)}; "
            f"they were on: {', '.join(known)}"
        )
    kept = [one for one in found if not task or one.first.task in task]
    show(Report((power_table(kept, first, second),), ()), format)
    if out is not None:
        from bench.report.figures.paper import save_chart
        from bench.report.figures.power_chart import power_chart

        save_chart(power_chart(kept, first, second), out)
        typer.echo(f"written: {out}", err=True)
