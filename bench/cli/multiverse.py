"""``bench multiverse``: how far the order of methods hangs on choices of evaluation."""

from __future__ import annotations

import typer

from bench.cli import options as o
from bench.cores import usable_cores
from bench.display import display_for
from bench.errors import UnknownName, UsageError, counted
from bench.store.records import Record


def multiverse(
    task: o.OnlyTasks = [],  # noqa: B006
    method: o.OnlyMethods = [],  # noqa: B006
    format: o.Tables = None,
    figures: o.Figures = None,
    out: o.OutFile = None,
    jobs: o.Processes = None,
    data_dir: o.DataDir = None,
    results: o.Results = o.DEFAULT_RESULTS,
) -> None:
    """Every combination of smoothing, mask, slices, pooling, score and metric, from kept maps.

    Says how often each pair of methods changes places, how often both orders are shown, and which
    choice turns most. Numbers are kept in the store: the next call computes what is new, and
    bench report --format html has them on its page.

    Examples: bench multiverse; bench multiverse --format latex --out multiverse.tex;
    bench multiverse --figures figures
    """
    from bench.api.places import all_cards, write_text
    from bench.cli.tables import read_current, show
    from bench.execution.multiverse import make_multiverse
    from bench.report import Report, render
    from bench.report.rows.multiverse import verses
    from bench.report.tables.multiverse import multiverse_tables, tell
    from bench.store.multiverse import read_multiverse
    from bench.store.store import Store

    store, cards = Store(results), all_cards()
    store.must_exist()
    records = chosen(read_current(store, data_dir, by_subject=False).records, task, method)
    with display_for() as bars:
        made = make_multiverse(
            store,
            records,
            processes=jobs or usable_cores(),
            progress=lambda done, total: bars.files(done, total, "multiverse"),
        )
    for line in made.problems:
        typer.echo(line, err=True)
    typer.echo(
        f"{counted(made.made, 'cell')} computed, {made.bytes / 1e6:.1f} MB written; "
        f"{made.without_maps} without kept maps",
        err=True,
    )
    found = verses(records, read_multiverse(store, records).by_cell)
    if not found:
        raise UsageError(
            "no task has two methods with kept maps and lesions to compare",
            hint="bench run --keep maps, with two methods or more",
        )
    told = [tell(one, cards) for one in found]
    if figures is not None:
        from bench.report.figures.multiverse_chart import multiverse_charts
        from bench.report.figures.paper import save_charts

        written = save_charts(multiverse_charts(told), figures)
        typer.echo(f"written: {counted(len(written), 'file')} in {figures}", err=True)
    report = Report(tuple(multiverse_tables(told, cards)), ())
    if format is None and out is None:
        show(report)
    else:
        text = render(report, (format or o.TableForm.markdown).value)
        if out is None:
            typer.echo(text, nl=False)
        else:
            typer.echo(f"written: {write_text(out, text)}", err=True)
    raise typer.Exit(1 if made.problems else 0)


def chosen(records: list[Record], tasks: list[str], methods: list[str]) -> list[Record]:
    """The records of some tasks and methods; of all where none is named.

    Raises:
        UnknownName: a task or a method has no records.
    """
    for kind, named, known in (
        ("task", tasks, {one.task for one in records}),
        ("method", methods, {one.method for one in records}),
    ):
        for name in named:
            if name not in known:
                raise UnknownName(f"{kind} with records", name, sorted(known), hint="bench report")
    return [
        one
        for one in records
        if (not tasks or one.task in tasks) and (not methods or one.method in methods)
    ]
