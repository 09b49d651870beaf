"""``bench compare``: two methods on the same subjects."""

from __future__ import annotations

from bench.cli import options as o


def compare(
    method: o.TwoMethods,
    protocol: o.ComparedProtocol = None,
    metric: o.ComparedMetric = None,
    format: o.Tables = None,
    data_dir: o.DataDir = None,
    results: o.Results = o.DEFAULT_RESULTS,
) -> None:
    """Compare two methods as the tables do: difference, interval, effect, test, subjects needed.

    Example: bench compare --method proxyano --method ae
    """
    first, second, chosen = o.compared(method, protocol, metric)
    from bench.api.places import all_cards
    from bench.cli.tables import read_current, show
    from bench.report import Report, duel_table
    from bench.store.store import Store

    store = Store(results)
    store.must_exist()
    made = duel_table(
        read_current(store, data_dir).records,
        first,
        second,
        cards=all_cards(),
        protocol=chosen,
        metric=metric,
    )
    show(Report((made,), ()), format)
