"""The images that a user names for a detector: files, folders and patterns with wildcards."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from bench.cards import DatasetCard, Preparation
from bench.data.find.predict_files import Beside
from bench.data.read.dicom_series import one_per_series
from bench.data.read.formats import Kind, known_format
from bench.errors import DataError, UsageError


def given_images(
    texts: Sequence[str], card: DatasetCard, channels: Sequence[str], out: Path
) -> tuple[list[tuple[Path, ...]], list[bool], dict[str, list[Path]]]:
    """The files of each image.

    Args:
        texts: each a file, a folder (with all below it) or a pattern such as ``scans/*.nii.gz``;
            for several channels one of these per channel, joined by commas. Folders and patterns
            of several channels are paired in the order of their names.
        card: of the dataset whose images the detector knows.
        channels: modalities of the task, in order.
        out: files below it are no input.

    Returns:
        The files of each image, one per channel; whether each image was found in a folder or by
        a pattern; and the files that were skipped, by reason.

    Raises:
        DataError: a folder or pattern holds no image.
        UsageError: channels have different numbers of files.
    """
    kind: Kind = "volume" if isinstance(card.preparation, Preparation) else "image"
    images: list[tuple[Path, ...]] = []
    found: list[bool] = []
    skipped: dict[str, list[Path]] = {}
    for text in texts:
        parts = [text] if Path(text).exists() else text.split(",")
        if not any(_is_many(one) for one in parts):
            images.append(tuple(map(Path, parts)))
            found.append(False)
            continue
        sides = [
            _files(one, kind, card, channels[min(at, len(channels) - 1)], out, skipped)
            for at, one in enumerate(parts)
        ]
        if len({len(side) for side in sides}) > 1:
            counts = ", ".join(f"{len(s)} in {p}" for s, p in zip(sides, parts, strict=True))
            raise UsageError(f"the channels of {text} have different numbers of files: {counts}")
        if not sides[0]:
            what = "a volume" if kind == "volume" else "an image"
            raise DataError(
                f"{text} holds no file that can be read as {what}",
                hint="check the folder or the pattern",
            )
        images += zip(*sides, strict=True)
        found += [True] * len(sides[0])
    return images, found, skipped


def _is_many(text: str) -> bool:
    return Path(text).is_dir() or (glob.has_magic(text) and not Path(text).is_file())


def _files(
    text: str,
    kind: Kind,
    card: DatasetCard,
    channel: str,
    out: Path,
    skipped: dict[str, list[Path]],
) -> list[Path]:
    """The images of a folder or pattern, by name; what is skipped is noted."""
    if Path(text).is_dir():
        every = sorted(Path(text).rglob("*"))
    elif glob.has_magic(text):
        every = sorted(map(Path, glob.glob(text, recursive=True)))
    else:
        return [Path(text)]
    files = [one for one in every if one.is_file() and not one.name.startswith(".")]
    here = out.resolve()
    own = [one for one in files if one.resolve().is_relative_to(here)]
    odd = [one for one in files if known_format(one, kind) is None and one not in own]
    left = [one for one in files if one not in {*own, *odd}]
    around = Beside(card, channel)
    masks = {mask for one in left if (mask := around.mask(one)) is not None}
    beside = [one for one in left if Path(one).absolute() in masks or one in masks]
    roles = {one: around.other_role(one) for one in left if one not in beside}
    for reason, some in (
        ("of the output folder", own),
        (f"not read as {'volumes' if kind == 'volume' else 'images'}", odd),
        ("masks of other images", beside),
    ):
        if some:
            skipped.setdefault(reason, []).extend(some)
    for one, role in roles.items():
        if role is not None:
            skipped.setdefault(role, []).append(one)
    images = [one for one, role in roles.items() if role is None]
    return one_per_series(images) if kind == "volume" else images
