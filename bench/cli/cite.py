"""``bench cite``: BibTeX of what a store's numbers rest on."""

from __future__ import annotations

import typer

from bench.cli import options as o


def cite(
    task: o.OnlyTasks = [],  # noqa: B006
    method: o.OnlyMethods = [],  # noqa: B006
    out: o.OutFile = None,
    data_dir: o.DataDir = None,
    results: o.Results = o.DEFAULT_RESULTS,
) -> None:
    """Print BibTeX of the data sets, methods, protocols and packages behind a store's numbers.

    Example: bench cite --task mslub/t1 --out bench.bib
    """
    from bench.api.places import all_cards, write_text
    from bench.cli.tables import read_current, require_records
    from bench.report.citing import to_bibtex
    from bench.report.rows.chosen import Chosen
    from bench.store.store import Store

    store = Store(results)
    store.must_exist()
    found, cards = read_current(store, data_dir, by_subject=False), all_cards()
    require_records(store, found)
    kept = Chosen(task, method)
    kept.check([*found.records, *found.older], cards, None)
    text = to_bibtex(kept.records(found.records), cards)
    if out is None:
        typer.echo(text, nl=False)
    else:
        typer.echo(f"written: {write_text(out, text)}", err=True)
