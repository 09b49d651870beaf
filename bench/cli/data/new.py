"""``bench data new``: a card from flags, or by asking in a terminal."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bench import registry
from bench.cli import completion
from bench.cli import options as o
from bench.errors import UsageError


class FileKind(StrEnum):
    """What the files hold."""

    volumes = "volumes"
    images = "images"


class Unlabelled(StrEnum):
    """What a missing label means."""

    unknown = "unknown"
    healthy = "healthy"


class Colour(StrEnum):
    """Channels of 2-D images."""

    grey = "grey"
    rgb = "rgb"


def new(
    name: Annotated[str, typer.Argument(help="Name of the card, and of the folder of its files.")],
    kind: Annotated[FileKind | None, typer.Option("--kind", help="What the files are.")] = None,
    image: Annotated[
        list[str],
        typer.Option(
            "--image",
            help="MODALITY=PATTERN below the dataset's folder, such as T1={subject}_t1.nii.gz or "
            "OCT={class}/{subject}-{image}.png; repeatable.",
        ),
    ] = [],  # noqa: B006 - Typer copies it
    label: Annotated[str | None, typer.Option("--label", help="Pattern of lesion labels.")] = None,
    unlabelled: Annotated[
        Unlabelled | None,
        typer.Option("--unlabelled", help="What a missing label means; unknown, if not given."),
    ] = None,
    mask: Annotated[str | None, typer.Option("--mask", help="Pattern of foreground masks.")] = None,
    subject: Annotated[
        str | None, typer.Option("--subject", help="Regular expression of {subject}.")
    ] = None,
    normal: Annotated[
        list[str], typer.Option("--normal", help="A {class} without lesions; repeatable.")
    ] = [],  # noqa: B006
    abnormal: Annotated[
        list[str], typer.Option("--abnormal", help="A {class} with lesions; repeatable.")
    ] = [],  # noqa: B006
    train_on: Annotated[
        str | None,
        typer.Option(
            "--train-on",
            help="Dataset to learn from; else it is split.",
            autocompletion=completion.datasets,
        ),
    ] = None,
    colour: Annotated[Colour, typer.Option("--colour", help="Colour of 2-D images.")] = Colour.grey,
    title: Annotated[str, typer.Option("--title", help="As tables name it.")] = "",
    licence: Annotated[str, typer.Option("--licence", help="Licence of the data.")] = "not stated",
    citation: Annotated[str, typer.Option("--citation", help="Paper of the data.")] = "none",
    data_dir: o.DataDir = None,
) -> None:
    """Write ./datasets/NAME.toml for your own images or volumes; asks what no option says.

    Where DIR/NAME exists, the pattern that fits most of its files is proposed.

    Example: bench data new mine --kind volumes --image T1={subject}_t1.nii.gz
    """
    from bench.data.new_card import Answers, notes, proposed_pattern, write_card

    asking = sys.stdin.isatty()
    if kind is None:
        kind = FileKind(_ask(asking, "--kind", "volumes or images?", "volumes"))
    if not image:
        example = "T1={subject}_t1.nii.gz" if kind == "volumes" else "OCT={class}/{image}.png"
        found = data_dir and proposed_pattern(
            data_dir / name, "volume" if kind == "volumes" else "image"
        )
        if found:
            example = f"{example.partition('=')[0]}={found}"
        image = _ask(asking, "--image", "MODALITY=PATTERN, several by blanks?", example).split()
        label = label or _ask(asking, "--label", "pattern of labels, or empty?", "") or None
    if "{class}" in " ".join(image) and not (normal or abnormal):
        normal = _ask(asking, "--normal", "classes without lesions?", "good").split()
        abnormal = _ask(asking, "--abnormal", "classes with lesions?", "bad").split()
    if train_on is not None:
        registry.dataset(train_on)
    answers = Answers(
        name=name,
        kind=kind.value,
        images=dict(_pattern(one) for one in image),
        label=label,
        unlabelled=None if unlabelled is None else unlabelled.value,
        mask=mask,
        subject=subject,
        normal=normal,
        abnormal=abnormal,
        train_on=train_on,
        colour=colour.value,
        title=title,
        licence=licence,
        citation=citation,
    )
    typer.echo(write_card(answers, Path("datasets"), set(registry.load_datasets())))
    for note in notes(answers):
        typer.echo(f"note: {note}", err=True)
    typer.echo(f"next: bench data check {name} --data-dir DIR   (files in DIR/{name})", err=True)


def _ask(asking: bool, option: str, question: str, default: str) -> str:
    if not asking:
        raise UsageError(
            f"{option} is missing",
            hint=f"give {option}, such as {default}, or answer the questions in a terminal"
            if default
            else f"give {option}, or answer the questions in a terminal",
        )
    return str(typer.prompt(question, default=default))


def _pattern(text: str) -> tuple[str, str]:
    modality, equals, pattern = text.partition("=")
    if not (modality and equals and pattern):
        raise UsageError(f"--image {text!r} must look like MODALITY=PATTERN")
    return modality, pattern
