"""``bench compare``: two methods on the same subjects."""

from __future__ import annotations

from typing import Annotated

import typer

from bench import registry
from bench.cli import options as o
from bench.errors import UsageError


def compare(
    method: Annotated[
        list[str], typer.Option("--method", "-m", help="Give it twice: first and second.")
    ],
    protocol: Annotated[
        str, typer.Option("--protocol", "-p", help="Whose values per subject to compare.")
    ] = "pixel-subject@2",
    metric: Annotated[str, typer.Option("--metric", help="One of the protocol's metrics.")] = "ap",
    results: o.Results = o.DEFAULT_RESULTS,
) -> None:
    """Compare two methods by subject, with interval, effect size and a corrected test.

    Example: bench compare --method proxyano --method ae
    """
    if len(method) != 2:
        raise UsageError(f"--method must be given twice, not {len(method)} times")
    card = registry.protocol(protocol)
    if metric not in card.metrics:
        raise UsageError(f"{card.id} has no metric {metric!r}; it has: {', '.join(card.metrics)}")
    from bench.cli.tables import read_current, show
    from bench.report import Report, duel_table
    from bench.store.store import Store

    store = Store(results)
    store.must_exist()
    records = read_current(store).records
    first, second = method
    show(Report((duel_table(records, first, second, protocol=card.id, metric=metric),), ()))
