"""``bench detect-limit``: the smallest lesion that a method finds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench import registry
from bench.cards import DEFAULT_BUDGET
from bench.cli import options as o
from bench.errors import BenchError, UsageError, counted, in_words

if TYPE_CHECKING:
    from bench.cards.insertions import Insertions
    from bench.data.limit.make import Design
    from bench.stats.detection import Fitted

PROTOCOL = "detection-limit@1"
TASK = "find"


def detect_limit(
    method: o.Methods,
    source: Annotated[
        str, typer.Option("--source", help="Dataset to learn from, and of the normal volumes.")
    ],
    channel: Annotated[str, typer.Option("--channel", help="Modality of the volumes.")] = "T1",
    split: Annotated[
        str, typer.Option("--split", help="The split whose normal volumes get lesions.")
    ] = "validation",
    volumes: Annotated[
        int | None, typer.Option("--volumes", min=1, help="Only the first N volumes; default: all.")
    ] = None,
    dark: Annotated[
        bool | None,
        typer.Option("--dark/--bright", help="Lesions against tissue; default: dark in T1."),
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Seed of the lesions' places and shapes.")
    ] = 0,
    budget: o.BudgetName = DEFAULT_BUDGET,
    seeds: o.Seeds = None,
    settings: o.Settings = [],  # noqa: B006 - Typer copies it
    device: o.DeviceOption = o.Device.auto,
    jobs: o.Jobs = None,
    format: o.Tables = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Draw the curves to a PNG or PDF file.")
    ] = None,
    data_dir: o.DataDir = None,
    results: o.Results = o.DEFAULT_RESULTS,
) -> None:
    """Size and contrast of the lesions that each method finds in half of the cases.

    Puts lesions of known size and contrast into normal volumes that no method has learned from,
    and keeps each volume's lesion-free twin: position, anatomy and prevalence are the same on both
    sides. Writes the data set to DATA_DIR/NAME and its card to ./datasets/NAME.toml once, runs the
    methods on it like any other, and tells their limits at one false positive per volume.

    Example: bench detect-limit -m gaussian -m ae --source phantom --channel T2 --data-dir data
    """
    if data_dir is None:
        raise UsageError(
            "the data set with the lesions needs a folder", hint="say --data-dir DIR or BENCH_DATA"
        )
    from bench.cli.execution import execute, run_options
    from bench.cli.tables import show
    from bench.data.limit.make import Design
    from bench.planning.request import RunArguments, check_request
    from bench.report import Report, render
    from bench.report.tables.limit import limit_table

    is_dark = channel.upper().startswith("T1") if dark is None else dark
    design = Design(registry.dataset(source), split, channel, is_dark, seed)
    insertions = _made(design, data_dir, volumes)
    arguments = RunArguments(
        method=method, task=[f"{design.name}/{TASK}"], budget=budget, seeds=seeds, set=settings
    )
    options = run_options(results, data_dir, device, jobs, o.KeepOption.maps, force=False)
    code = execute([check_request(arguments)], options, with_tables=False)
    fits = _fits(design, insertions, results, data_dir)
    title = f"{design.source.title}, {channel}: the smallest lesion found"
    report = Report((limit_table(title, design.name, fits),), ())
    if format is None:
        show(report)
    else:
        typer.echo(render(report, format.value), nl=False)
    if out is not None:
        from bench.report.figures.limit_chart import limit_chart
        from bench.report.figures.paper import save_chart

        save_chart(limit_chart(title, design.name, fits), out)
        typer.echo(f"written: {out}", err=True)
    raise typer.Exit(code)


def _made(design: Design, data_dir: Path, volumes: int | None) -> Insertions:
    """The data set and its card; made where they are not there."""
    from bench import atomic
    from bench.cores import usable_cores
    from bench.data.cache.folder import cache_dir
    from bench.data.find.index import index_dataset
    from bench.data.find.selection import select
    from bench.data.limit.make import limit_card, make_limit, read_insertions
    from bench.display import display_for

    folder = data_dir / design.name
    found = read_insertions(folder)
    card = Path("datasets") / f"{design.name}.toml"
    if found is None:
        index = index_dataset(design.source, data_dir, cache_dir())
        with display_for() as bars:
            chosen = select(
                index,
                design.split,
                [design.channel],
                need_label=False,
                progress=bars.files,
                processes=usable_cores(),
            ).present[:volumes]
            found = make_limit(
                design,
                chosen,
                folder,
                cache_dir(),
                lambda done, total: bars.files(done, total, "putting lesions into volumes"),
            )
        typer.echo(
            f"written: {folder}, {counted(len(found.copies), 'copy')} with lesions", err=True
        )
    else:
        _require_same(design, found, folder, volumes)
    if not card.is_file():
        card.parent.mkdir(exist_ok=True)
        atomic.write_text(card, limit_card(design, found))
        typer.echo(f"written: {card}", err=True)
    registry.load_datasets.cache_clear()
    return found


def _require_same(design: Design, found: Insertions, folder: Path, volumes: int | None) -> None:
    """Refuse a data set that was made with other options; its name says source, channel and seed.

    Raises:
        UsageError: it was.
    """
    dark = found.copies[0].lesions[0].contrast < 0
    count = len({one.volume for one in found.copies})
    if (found.split, dark, count) != (design.split, design.dark, volumes or count):
        raise UsageError(
            f"{folder} was made of {counted(count, 'volume')} of split {found.split!r} with "
            f"{'dark' if dark else 'bright'} lesions",
            hint=f"give the same options, another --seed, or remove {folder} and its card",
        )


def _fits(
    design: Design, insertions: Insertions, results: Path, data_dir: Path
) -> dict[str, Fitted]:
    """The limit of every done cell of the data set's task, by its label, best first."""
    from bench.api.places import all_cards
    from bench.cli.tables import read_current
    from bench.execution.detection import limit_of
    from bench.report import summarise
    from bench.report.rows.pick import pick_lines
    from bench.report.tables import wording
    from bench.store.store import Store

    store, cards = Store(results), all_cards()
    records = read_current(store, data_dir).records
    mine = [one for one in records if one.task == f"{design.name}/{TASK}"]
    lines = [one for one in pick_lines(mine) if one.done]
    label = {row.line: wording.line_label(row, cards) for row in summarise(mine, {}, {})}
    budgets = {one.first.budget for one in lines}
    fits = {}
    for line in lines:
        for record in line.done:
            more = [record.budget] if len(budgets) > 1 else []
            more += [f"seed {record.seed}"] if len(line.done) > 1 else []
            name = ", ".join([label[line.key], *more])
            try:
                fits[name] = limit_of(store, record, insertions, registry.protocol(PROTOCOL))
            except BenchError as error:
                typer.echo(f"{name} is left out: {in_words(error)}", err=True)
    if not fits:
        raise UsageError("no method has kept maps of this data set", hint="bench report")
    return dict(sorted(fits.items(), key=lambda one: -one[1].found))
