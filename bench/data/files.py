"""What a layout finds: the files of subjects, of volumes and of 2-D images."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.cards import Layout
from bench.errors import CardError

# An id becomes part of file names in the run store, so it must be harmless there.
_SAFE_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")


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
    """

    name: str
    paths: dict[str, Path]
    label: Path | None = None
    mask: Path | None = None
    abnormal: bool | None = None
    part: str = ""
    row: int | None = None

    def lacks(self, role: str) -> bool:
        """Whether a file is missing; images of a normal class need no label."""
        if role == "label":
            return self.label is None and self.abnormal is not False
        if role == "mask":
            return self.mask is None
        return role not in self.paths

    @property
    def files(self) -> tuple[Path, ...]:
        """All files."""
        given = [one for one in (self.label, self.mask) if one is not None]
        return (*self.paths.values(), *given)


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
    """

    dataset: str
    subject: str
    paths: dict[str, Path]
    label: Path | None = None
    mask: Path | None = None
    image_files: tuple[ImageFiles, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """All files, sorted."""
        given = [one for one in (self.label, self.mask) if one is not None]
        inner = [path for one in self.image_files for path in one.files]
        return tuple(sorted({*self.paths.values(), *given, *inner}))

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
        return {"label": self.label, "mask": self.mask}.get(role, self.paths.get(role)) is None

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
            yield from _roles(self, channels, with_label, "")
        for one in self.image_files:
            truth = f" abnormal={one.abnormal}" if with_label else ""
            row = f" row={one.row} part={one.part}" if one.row is not None else ""
            yield from _roles(one, channels, with_label, f" of {one.name}{truth}{row}")


def _roles(
    files: SubjectFiles | ImageFiles, channels: Sequence[str], with_label: bool, note: str
) -> Iterator[tuple[str, Path]]:
    for position, channel in enumerate(channels):
        yield f"image {position} {channel}{note}", files.paths[channel]
    if with_label and files.label is not None:
        yield f"label{note}", files.label
    if files.mask is not None:
        yield f"mask{note}", files.mask


@dataclass(frozen=True)
class Match:
    """What one layout finds in a folder.

    Attributes:
        subjects: files by subject id, sorted by id.
        doubles: files of which only one was expected, by (subject id, role); a role is a
            modality, ``label`` or ``mask``. They are in none of ``subjects``.
        left_out: ids of what a subject has beyond its first visit, by subject id.
        strays: files that fit a pattern but bear no class of the layout.
    """

    layout: Layout
    subjects: dict[str, SubjectFiles]
    doubles: dict[tuple[str, str], tuple[Path, ...]] = field(default_factory=dict)
    left_out: dict[str, tuple[str, ...]] = field(default_factory=dict)
    strays: tuple[Path, ...] = ()

    def patterns(self, channels: Sequence[str], *, with_label: bool) -> dict[str, str]:
        """The pattern of each file that a selection needs, by role."""
        needed = {channel: self.layout.images[channel] for channel in channels}
        if with_label and self.layout.label is not None:
            needed["label"] = self.layout.label
        if self.layout.mask is not None:
            needed["mask"] = self.layout.mask
        return needed

    def missing(self, subject: str, channels: Sequence[str], *, with_label: bool) -> list[str]:
        """The roles that a subject has no file for."""
        needed = self.patterns(channels, with_label=with_label)
        files = self.subjects.get(subject)
        return [role for role in needed if files is None or files.lacks(role)]


def check_id(subject: str, where: str) -> str:
    """Refuse an id that could not be part of a file name.

    Raises:
        CardError: it has other characters than letters, digits and ``_.+-``.
    """
    if not _SAFE_ID.fullmatch(subject):
        raise CardError(
            f"{where}: subject id {subject!r} may hold only letters, digits and _.+- and must"
            " not begin with a sign",
            hint="narrow the regular expression `subject` of the card's layout",
        )
    return subject
