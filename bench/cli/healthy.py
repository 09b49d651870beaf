"""``bench healthy``: what p-maps mark where nothing is wrong."""

from __future__ import annotations

import typer

from bench import registry
from bench.cli import options as o
from bench.errors import BenchError, UsageError, counted, in_words

PROTOCOL = "healthy@1"


def healthy(
    task: o.OnlyTasks = [],  # noqa: B006
    method: o.OnlyMethods = [],  # noqa: B006
    format: o.Tables = None,
    figures: o.Figures = None,
    out: o.OutFile = None,
    data_dir: o.DataDir = None,
    results: o.Results = o.DEFAULT_RESULTS,
) -> None:
    """Achieved against nominal rate of p-maps, and ml of false positives, in healthy test subjects.

    P-maps are calibrated on healthy validation images (bench predict --p-maps writes them), so the
    rate that they promise can be held against what they mark in test subjects without lesions;
    also across sources: bench run --train-on OTHER. From kept maps; runs nothing. For numbers in
    tables, of all normal pixels, apply protocol healthy@1; its volumes are shown here too.

    Example: bench healthy --figures figures
    """
    from bench.api.places import all_cards, write_text
    from bench.cli.multiverse import chosen
    from bench.cli.tables import read_current, show
    from bench.execution.healthy import healthy_side
    from bench.report import Report, render, summarise
    from bench.report.rows.pick import pick_lines
    from bench.report.tables import wording
    from bench.report.tables.healthy import HealthyLine, healthy_table
    from bench.stats.conformal import LEVELS
    from bench.store.store import Store

    store, cards = Store(results), all_cards()
    store.must_exist()
    records = chosen(read_current(store, data_dir).records, task, method)
    label = {row.line: wording.line_label(row, cards) for row in summarise(records, {}, {})}
    lines, without = [], 0
    for line in pick_lines(records):
        for record in line.done:
            more = [f"seed {record.seed}"] if len(line.done) > 1 else []
            name = ", ".join([label[line.key], *more])
            try:
                side = healthy_side(store, record, registry.protocol(PROTOCOL))
            except BenchError as error:
                typer.echo(f"{name} on {record.task} is left out: {in_words(error)}", err=True)
                continue
            without += not side.subjects
            if side.subjects:
                volumes = [one.marked_ml for one in side.subjects if one.marked_ml is not None]
                achieved = [one.achieved for one in side.subjects]
                numbers = record.protocols.get(PROTOCOL)
                lines.append(
                    HealthyLine(
                        record.task,
                        name,
                        record.train_on,
                        side.validation,
                        LEVELS,
                        achieved,
                        volumes,
                        numbers.healthy if numbers is not None else {},
                    )
                )
    if without:
        typer.echo(f"{counted(without, 'cell', 'have')} no test subject without lesions", err=True)
    if not lines:
        raise UsageError(
            "no cell has kept maps of healthy validation images and of healthy test subjects",
            hint="bench run --keep maps, on a task with healthy test subjects",
        )
    if figures is not None:
        from bench.report.figures.healthy_chart import healthy_charts
        from bench.report.figures.paper import save_charts

        written = save_charts(healthy_charts(lines), figures)
        typer.echo(f"written: {counted(len(written), 'file')} in {figures}", err=True)
    report = Report((healthy_table(lines, PROTOCOL),), ())
    if format is None and out is None:
        show(report)
        return
    text = render(report, (format or o.TableForm.markdown).value)
    if out is None:
        typer.echo(text, nl=False)
    else:
        typer.echo(f"written: {write_text(out, text)}", err=True)
