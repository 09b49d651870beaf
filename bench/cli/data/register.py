"""``bench data register``: the volumes of a dataset in MNI space, as a dataset of its own."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench import registry
from bench.cards import DatasetCard, read_card
from bench.cli import options as o
from bench.cli.data.options import DatasetName
from bench.cores import usable_cores
from bench.data.find.registration import N4, TABLE
from bench.display import display_for
from bench.errors import UsageError, counted_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.data.register.subject import Registered


class Brain(StrEnum):
    """Where the brain mask of an image with a skull comes from."""

    template = "template"
    hd_bet = "hd-bet"
    synthstrip = "synthstrip"


def register(
    name: DatasetName,
    data_dir: o.DataDir = None,
    voxel: Annotated[
        int, typer.Option("--voxel", min=1, max=4, help="Side of the result's voxels in mm.")
    ] = 1,
    brain: Annotated[
        Brain,
        typer.Option(
            "--brain",
            help="Where the brain mask of an image with a skull comes from: the given one or the "
            "template's, or a command that is installed (hd-bet, mri_synthstrip).",
        ),
    ] = Brain.template,
    even: Annotated[
        bool,
        typer.Option(
            "--n4/--no-n4",
            help="Whether N4 evens the brightness. It takes a part of a large bright lesion for "
            "uneven brightness: on gliomas, `gaussian` lost 26 to 30 points of AP on T2 and FLAIR "
            "by N4 alone, none by the affine. Leave it out where lesions are large and bright.",
        ),
    ] = True,
    jobs: o.Processes = None,
) -> None:
    """Bring a dataset's volumes into MNI space (N4, affine, brain mask), as dataset NAME-mni.

    The originals stay as they are. A second run does only what changed. Look at registered.png of
    each subject, and at registration.csv; exit 1 where a subject failed.

    Example: bench data register ixi --data-dir ~/data
    """
    card = registry.dataset(name)
    if data_dir is None:
        raise UsageError("the data folder is missing", hint="say --data-dir DIR or set BENCH_DATA")
    from bench.atomic import write_text
    from bench.data.cache.folder import cache_dir
    from bench.data.find.index import index_dataset
    from bench.data.register.dataset import mni_card, register_dataset, updated_card
    from bench.data.register.subject import Steps

    cache = cache_dir()
    steps = Steps(voxel, brain.value, even)
    with display_for() as progress:
        found = register_dataset(
            card, data_dir, cache, progress.files, jobs=jobs or usable_cores(), steps=steps
        )
    path = Path("datasets") / f"{name}-mni.toml"
    if path.exists():
        write_text(path, updated_card(path.read_text(encoding="utf-8"), found.how))
    else:
        subjects = list(index_dataset(card, data_dir, cache).subjects.values())
        known = {*registry.load_datasets()}
        write_text(path, mni_card(card, subjects, known, found.how))
    for subject, why in found.failed.items():
        typer.echo(f"error: subject {subject}: {why}", err=True)
    for subject, why in found.odd.items():
        typer.echo(f"warning: subject {subject}: {why}; look at {found.folder / subject}", err=True)
    _say_losses(found.done)
    _say_sources(read_card(path, DatasetCard), path)
    typer.echo(f"{found.folder / TABLE}: {len(found.done)} registered, {len(found.odd)} odd")
    typer.echo(f"next: bench data check {name}-mni   (card {path})", err=True)
    raise typer.Exit(bool(found.failed))


def _say_losses(done: Sequence[Registered]) -> None:
    lost = sum(one.lesions_lost or 0 for one in done)
    if lost:
        every = sum(one.lesions or 0 for one in done)
        typer.echo(f"warning: lost: {counted_of(lost, every, 'lesion')}, see {TABLE}", err=True)


def _say_sources(card: DatasetCard, path: Path) -> None:
    """Name the tasks that learn from a dataset which is not registered, or evened otherwise."""
    known = {**registry.load_datasets(), card.name: card}
    sources: dict[str, list[str]] = {}
    for name, task in card.tasks.items():
        sources.setdefault(task.train_on or card.name, []).append(f"{card.name}/{name}")
    for origin, tasks in sources.items():
        source = known.get(origin)
        if source is None:
            continue
        learn = f"warning: {', '.join(tasks)} learn{'s' * (len(tasks) == 1)} from {origin}"
        if source.registered is None:
            typer.echo(
                f"{learn}, which is not registered: bench data register {origin}, then write "
                f'train_on = "{origin}-mni" in {path}',
                err=True,
            )
        elif _evened(source) != _evened(card):
            option = "--n4" if _evened(card) else "--no-n4"
            typer.echo(
                f"{learn}, which was registered {_how(source)} N4, and {card.name} "
                f"{_how(card)}: bench data register {source.registered.source} {option}",
                err=True,
            )


def _evened(card: DatasetCard) -> bool:
    return card.registered is not None and N4 in card.registered.steps


def _how(card: DatasetCard) -> str:
    return "with" if _evened(card) else "without"
