"""What a layout finds: the files of subjects, of volumes and of 2-D images."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bench.cards import Layout
from bench.errors import CardError

# An id becomes part of file names in the run store, so it must be harmless there.
_SAFE_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
_UNSAFE = re.compile(r"[^A-Za-z0-9_.+-]+")


@dataclass(frozen=True)
class LabelValues:
    """Which values of a label mean what.

    Attributes:
        lesion: values that are lesion; all but 0 where none are given.
        ignore: values that are neither lesion nor normal.
    """

    lesion: tuple[int, ...] = ()
    ignore: tuple[int, ...] = ()

    @property
    def named(self) -> bool:
        """Whether the card says which values count, so that odd ones beside them are no fault."""
        return bool(self.lesion) or any(one < 0 for one in self.ignore)

    @property
    def note(self) -> str:
        """As a part of a role, and so of keys; empty where all but 0 are lesion."""
        parts = {"lesion": self.lesion, "ignore": self.ignore}
        return "".join(
            f" {name}={','.join(map(str, values))}" for name, values in parts.items() if values
        )


@dataclass(frozen=True)
class ImageFiles:
    """One 2-D image of a subject, in one or several modalities.

    Attributes:
        name: unique within the subject.
        paths: file per modality.
        label: label image, if there is one.
        mask: given foreground mask, if there is one.
        abnormal: what its class says; None where only a label can tell.
        part: the folder or array that the publisher put it in, empty where there is none.
        row: its place in the arrays of an ``.npz``; None for a file of its own.
        more_labels: further label images, which are put together with the first.
    """

    name: str
    paths: dict[str, Path]
    label: Path | None = None
    mask: Path | None = None
    abnormal: bool | None = None
    part: str = ""
    row: int | None = None
    more_labels: tuple[Path, ...] = ()

    @property
    def labels(self) -> tuple[Path, ...]:
        """All label images."""
        return (*_given(self.label), *self.more_labels)

    def lacks(self, role: str) -> bool:
        """Whether a file is missing; images of a normal class need no label."""
        if role == "label":
            return self.label is None and self.abnormal is not False
        if role == "mask":
            return self.mask is None
        return role not in self.paths

    @property
    def lacks_truth(self) -> bool:
        """Whether nothing says if it is abnormal: no label, no class."""
        return self.label is None and self.abnormal is None

    def where(self, path: Path) -> str:
        """How to call it in messages: by its file, and by its place in an array."""
        return str(path) if self.row is None else f"{path}, {self.part} image {self.name}"

    @property
    def files(self) -> tuple[Path, ...]:
        """All files."""
        return (*self.paths.values(), *self.labels, *_given(self.mask))


@dataclass(frozen=True)
class SubjectFiles:
    """The files of one subject: a volume, or 2-D images.

    Attributes:
        dataset: name of the card.
        subject: id within the dataset; letters, digits and ``_.+-`` only.
        paths: volume per modality, only those that are there; empty for a subject of 2-D images.
        label: label volume, if there is one.
        mask: given foreground mask of the volume, if there is one.
        image_files: 2-D images in the order of their names; empty for a volume.
        values: what the values of the labels mean.
        labels_mean_lesions: the card says that a volume without a label has no lesion.
        pixel_labels: the dataset has labels of pixels, so that a 2-D image of a normal class
            without one is normal in every pixel, and an abnormal one is unknown in every pixel.
        more_labels: further label volumes, which are put together with the first.
    """

    dataset: str
    subject: str
    paths: dict[str, Path]
    label: Path | None = None
    mask: Path | None = None
    image_files: tuple[ImageFiles, ...] = ()
    values: LabelValues = LabelValues()
    labels_mean_lesions: bool = False
    pixel_labels: bool = False
    more_labels: tuple[Path, ...] = ()

    @property
    def labels(self) -> tuple[Path, ...]:
        """All label volumes."""
        return (*_given(self.label), *self.more_labels)

    @property
    def healthy(self) -> bool:
        """Whether it is a volume that the card calls healthy because it has no label."""
        return self.labels_mean_lesions and not self.image_files and self.label is None

    @property
    def kind(self) -> Literal["volume", "image"]:
        """What its files hold; a DICOM file of an image stands alone, one of a volume does not."""
        return "image" if self.image_files else "volume"

    @property
    def files(self) -> tuple[Path, ...]:
        """All files, sorted."""
        given = (*self.labels, *_given(self.mask))
        inner = [path for one in self.image_files for path in one.files]
        return tuple(sorted({*self.paths.values(), *given, *inner}))

    @property
    def unlabelled(self) -> tuple[ImageFiles, ...]:
        """Abnormal 2-D images whose pixels nobody labelled, in a dataset that has labels."""
        if not self.pixel_labels:
            return ()
        return tuple(one for one in self.image_files if one.abnormal and one.label is None)

    @property
    def truth_by_rule(self) -> bool:
        """Whether the truth of pixels follows from the card where no image has a label file."""
        if not self.image_files:
            return self.healthy
        none = all(one.label is None for one in self.image_files)
        return self.pixel_labels and (none or bool(self.unlabelled))

    @property
    def modality_of(self) -> dict[Path, str]:
        """The modality of each file that holds one image and nothing else."""
        own = [one.paths for one in self.image_files if one.row is None]
        return {path: name for paths in (self.paths, *own) for name, path in paths.items()}

    @property
    def modalities(self) -> tuple[str, ...]:
        """Modalities that every image of the subject has."""
        if not self.image_files:
            return tuple(self.paths)
        return tuple(
            name
            for name in self.image_files[0].paths
            if all(name in one.paths for one in self.image_files)
        )

    def lacks(self, role: str) -> bool:
        """Whether a file is missing; ``role`` is a modality, ``label`` or ``mask``."""
        if self.image_files:
            return any(one.lacks(role) for one in self.image_files)
        if role == "label":
            return self.label is None and not self.healthy
        return (self.mask if role == "mask" else self.paths.get(role)) is None

    @property
    def lacks_truth(self) -> bool:
        """Whether nothing says of any image if it is abnormal: no label, no class, no rule."""
        if self.image_files:
            return all(one.lacks_truth for one in self.image_files)
        return self.lacks("label")

    def roles(self, channels: Sequence[str], *, with_label: bool) -> Iterator[tuple[str, Path]]:
        """The files that a selection uses, each with its role.

        Args:
            channels: modalities, all present.
            with_label: whether the truth is used.

        Yields:
            ``("image 0 T1", path)``, ``("label", path)``, ``("mask", path)``; for 2-D images the
            role holds also the image's name, its class where the truth is used, and its row.
        """
        if not self.image_files:
            yield from _roles(self, channels, with_label, "", self.values.note)
        for one in self.image_files:
            truth = f" abnormal={one.abnormal}" if with_label else ""
            row = f" row={one.row} part={one.part}" if one.row is not None else ""
            note = f" of {one.name}{truth}{row}"
            yield from _roles(one, channels, with_label, note, self.values.note)


def _given(path: Path | None) -> tuple[Path, ...]:
    return () if path is None else (path,)


def _roles(
    files: SubjectFiles | ImageFiles,
    channels: Sequence[str],
    with_label: bool,
    note: str,
    values: str,
) -> Iterator[tuple[str, Path]]:
    for position, channel in enumerate(channels):
        yield f"image {position} {channel}{note}", files.paths[channel]
    if with_label:
        for place, path in enumerate(files.labels):
            yield f"label{f' {place}' if place else ''}{note}{values}", path
    if files.mask is not None:
        yield f"mask{note}", files.mask


@dataclass(frozen=True)
class Unread:
    """A file that fits a pattern but has a suffix that bench does not read.

    Attributes:
        role: a modality, ``label`` or ``mask``.
        subject: id of the subject it would belong to; empty for a label or a mask.
        part: as in `ImageFiles`.
        abnormal: as in `ImageFiles`.
    """

    path: Path
    role: str
    subject: str = ""
    part: str = ""
    abnormal: bool | None = None


@dataclass(frozen=True)
class Match:
    """What one layout finds in a folder.

    Attributes:
        subjects: files by subject id, sorted by id.
        doubles: files of which only one was expected, by (subject id, role); a role is a
            modality, ``label`` or ``mask``. They are in none of ``subjects``.
        left_out: ids of what a subject has beyond its first visit, by subject id.
        strays: files that fit a pattern but have none of the classes of the layout.
        unread: files that fit a pattern but have a suffix that is not read.
        companions: texts, tables and the like that fit a pattern.
        shared_labels: labels that fit more than one image, with the names of these images.
        orphans: labels and masks that fit no image.
        table_rows: images of a table of classes for which there is no file.
        excluded: for each entry of the card's ``exclude``, how many subjects and files it took.
    """

    layout: Layout
    subjects: dict[str, SubjectFiles]
    doubles: dict[tuple[str, str], tuple[Path, ...]] = field(default_factory=dict)
    left_out: dict[str, tuple[str, ...]] = field(default_factory=dict)
    strays: tuple[Path, ...] = ()
    unread: tuple[Unread, ...] = ()
    companions: tuple[Path, ...] = ()
    shared_labels: dict[Path, tuple[str, ...]] = field(default_factory=dict)
    orphans: tuple[Path, ...] = ()
    table_rows: tuple[str, ...] = ()
    excluded: dict[str, int] = field(default_factory=dict)

    def patterns(self, channels: Sequence[str], *, with_label: bool) -> dict[str, str]:
        """The pattern of each file that a selection needs, by role."""
        needed = {channel: self.layout.images[channel] for channel in channels}
        if with_label and self.layout.label is not None:
            needed["label"] = self.layout.label
        if self.layout.mask is not None:
            needed["mask"] = self.layout.mask
        return needed

    def missing(self, subject: str, channels: Sequence[str], *, with_label: bool) -> list[str]:
        """The roles that a subject has no file for; a label only where nothing else says it."""
        needed = self.patterns(channels, with_label=with_label)
        files = self.subjects.get(subject)
        if files is None:
            return [*needed]
        return [
            role for role in needed if (files.lacks_truth if role == "label" else files.lacks(role))
        ]


def safe_id(name: str, where: str) -> str:
    """A subject's id that can be part of a file name: the name itself wherever it can be.

    Other characters than letters, digits and ``_.+-`` become ``_``, and a short hash of the whole
    name keeps names apart that would then be the same: ``scan 1 (2)`` is ``scan_1_2_-6c5f8ad2``.

    Args:
        name: from a file's path, a table or a card.
        where: for the message.

    Raises:
        CardError: the name is empty.
    """
    name = unicodedata.normalize("NFC", name)  # macOS stores letters and accents apart
    if not name or "/" in name:
        raise CardError(
            f"{where}: subject id {name!r} is {'a path' if name else 'empty'}, expected letters,"
            " digits and other signs without /",
            hint="correct the ids, `id` or the patterns of the card",
        )
    if _SAFE_ID.fullmatch(name):
        return name
    # Of a name that is not UTF-8 text, its own bytes.
    sha = hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:8]
    return f"{_UNSAFE.sub('_', name).lstrip('.+-') or '_'}-{sha}"
