"""Dataset cards: where files lie, what they mean, how they are split and prepared."""

from __future__ import annotations

import hashlib
import itertools
import math
import re
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Discriminator, Field, Tag, model_validator

from bench.cards.base import Card, Name
from bench.cards.tasks import Task

_PLACE = re.compile(r"\{(\w+)\}")


class Table(Card):
    """A CSV file that holds the classes of images.

    Attributes:
        file: relative to the dataset's folder.
        image: column with what ``{image}`` stands for, with or without a suffix.
        label: column with the class.
    """

    file: str
    image: str
    label: str


class Layout(Card):
    """One way the files of a dataset can lie on disk.

    Patterns are relative to the dataset's folder; ``*`` stands for anything within one path
    part, and what stands in brackets may be absent: ``{part}/[img/]{image}.png``. Three kinds:

    - ``volumes``: ``{subject}`` is the subject's id. With ``{visit}`` a subject may have several
      volumes; the first by name that has the most files stands for the subject.
    - ``images``: 2-D images, any number of each subject. ``{image}`` tells the images of a
      subject apart, ``{class}`` is one of ``normal`` and ``abnormal``, ``{part}`` a folder that
      the publisher split by.
    - ``medmnist``: an ``.npz`` with arrays ``<part>_images`` and ``<part>_labels``. It has no
      patient ids: ``block`` consecutive images of a part stand for a subject.

    Attributes:
        subject: regular expression of ``{subject}``.
        image: regular expression of ``{image}``.
        id: the subject's id, made of ``{subject}``, ``{part}``, ``{class}`` and ``{image}``.
        images: pattern per modality.
        label: pattern of the label; non-zero is lesion. Images of a normal class need none.
        mask: pattern of a given foreground mask.
        normal: classes without lesions.
        abnormal: classes with lesions. Files of other classes do not belong to the dataset.
        table: where the classes stand, if not in ``{class}``.
        block: images that stand for a subject, ``medmnist`` only.
    """

    name: Name
    title: str
    kind: Literal["volumes", "images", "medmnist"] = "volumes"
    subject: str = r"[^/]+?"
    image: str = r"[^/]+?"
    id: str = "{subject}"
    images: dict[str, str] = Field(min_length=1)
    label: str | None = None
    mask: str | None = None
    normal: list[str] = Field(default_factory=list)
    abnormal: list[str] = Field(default_factory=list)
    table: Table | None = None
    block: int = Field(default=10, ge=1)

    @model_validator(mode="after")
    def _placeholders(self) -> Layout:
        known = {
            "volumes": {"subject", "visit"},
            "images": {"subject", "image", "class", "part"},
            "medmnist": set(),
        }[self.kind]
        patterns = [*self.images.values(), self.label or "", self.mask or ""]
        strange = sorted({n for one in patterns for n in _PLACE.findall(one)} - known)
        if strange:
            raise ValueError(
                f"layout {self.name!r}: a pattern of kind {self.kind!r} may hold"
                f" {', '.join(f'{{{one}}}' for one in sorted(known)) or 'no placeholder'},"
                f" not {', '.join(f'{{{one}}}' for one in strange)}"
            )
        if self.kind == "images":
            for one in self.images.values():
                lacking = sorted({*_PLACE.findall(self.id)} - {*_PLACE.findall(one)})
                if lacking:
                    raise ValueError(f"layout {self.name!r}: {one!r} lacks {{{lacking[0]}}} of id")
        if "{class}" in "".join(patterns) and not (self.normal or self.abnormal):
            raise ValueError(f"layout {self.name!r}: {{class}} needs normal or abnormal classes")
        return self

    @property
    def has_truth(self) -> bool:
        """Whether it says which images are abnormal, by labels or by classes."""
        return self.label is not None or bool(self.normal or self.abnormal)


class Bucket(Card):
    """Subjects by a rule that needs no list: the sha256 of the id, modulo ``of``.

    Attributes:
        of: number of buckets.
        take: those that belong to the split.
    """

    of: int = Field(ge=2)
    take: list[int] = Field(min_length=1)

    @model_validator(mode="after")
    def _within(self) -> Bucket:
        if any(not 0 <= one < self.of for one in self.take):
            raise ValueError(f"take must lie within 0 to {self.of - 1}")
        return self

    def holds(self, subject: str) -> bool:
        """Whether a subject is in one of the buckets."""
        sha = hashlib.sha256(subject.encode()).hexdigest()
        return int(sha, 16) % self.of in self.take

    def meets(self, other: Bucket) -> bool:
        """Whether an id can be in both."""
        step = math.gcd(self.of, other.of)
        pairs = itertools.product(self.take, other.take)
        return any((one - two) % step == 0 for one, two in pairs)


class Part(Card):
    """All subjects of one ``{part}``, for publishers who split by folder and give no patients."""

    part: str


class Split(Card):
    """Subjects of one side of a split.

    Attributes:
        subjects: ids; ``"all"`` that are present; ``"rest"``: all that are present and in no
            other split with a rule of its own; a `Bucket` or a `Part`.
        slices: ``lesion-free`` keeps only the slices or images without any lesion.
        rule: how the ids were chosen, in words.
    """

    subjects: list[str] | Literal["all", "rest"] | Bucket | Part
    slices: Literal["all", "lesion-free"] = "all"
    rule: str


class Preparation(Card):
    """How volumes become images; the same for training and test. Part of every key.

    Attributes:
        spacing_mm: voxel size (x, y, z) of the common grid.
        grid: number of voxels (x, y, z) of the common grid; x equals y (square images).
        percentiles: foreground percentiles of the volume that become 0 and 1; values beyond
            stay beyond.
        min_foreground: least share of a slice's pixels that must be foreground for the first
            and the last kept slice; all slices between them are kept.
    """

    spacing_mm: tuple[float, float, float]
    grid: tuple[int, int, int]
    percentiles: tuple[float, float] = (1.0, 99.0)
    min_foreground: float = Field(default=0.05, gt=0, lt=1)

    @model_validator(mode="after")
    def _square(self) -> Preparation:
        if self.grid[0] != self.grid[1] or self.spacing_mm[0] != self.spacing_mm[1]:
            raise ValueError("grid and spacing_mm must be square in x and y")
        _check_percentiles(self.percentiles)
        return self

    @property
    def channels_per_modality(self) -> int:
        """How many channels of an image one modality becomes."""
        return 1


class ImagePreparation(Card):
    """How 2-D images are padded to squares, resized and scaled. Part of every key.

    Attributes:
        foreground: ``whole`` image, or ``non-zero`` pixels; a given mask goes before both.
        colour: ``grey`` (colour files become their luminance) or ``rgb`` (three channels that
            share one scale, so that hues stay).
        percentiles: foreground percentiles of the image that become 0 and 1; values beyond
            stay beyond.
    """

    foreground: Literal["whole", "non-zero"]
    colour: Literal["grey", "rgb"] = "grey"
    percentiles: tuple[float, float] = (1.0, 99.0)

    @model_validator(mode="after")
    def _rising(self) -> ImagePreparation:
        _check_percentiles(self.percentiles)
        return self

    @property
    def channels_per_modality(self) -> int:
        """How many channels of an image one modality becomes."""
        return 3 if self.colour == "rgb" else 1


def _check_percentiles(percentiles: tuple[float, float]) -> None:
    if not 0 <= percentiles[0] < percentiles[1] <= 100:
        raise ValueError("percentiles must rise within 0 to 100")


def _which_preparation(content: Any) -> str:  # noqa: ANN401 - a table of TOML, or the model
    if isinstance(content, dict):
        return "Preparation" if {"grid", "spacing_mm"} & {*content} else "ImagePreparation"
    return type(content).__name__


AnyPreparation: TypeAlias = Preparation | ImagePreparation
_Preparation: TypeAlias = Annotated[
    Annotated[Preparation, Tag("Preparation")]
    | Annotated[ImagePreparation, Tag("ImagePreparation")],
    Discriminator(_which_preparation),
]


class Download(Card):
    """One file that `bench data get` fetches.

    Attributes:
        url: where it lies.
        hash: ``sha256:...``; ``md5:...`` where the publisher gives no better one.
        unpack: whether it is an archive (zip or tar) to be unpacked into the dataset's folder.
    """

    url: str
    hash: str = Field(pattern=r"^(sha256:[0-9a-f]{64}|md5:[0-9a-f]{32})$")
    unpack: bool = False


class DatasetCard(Card):
    """A dataset: where files lie, what they mean, licence and citation.

    Attributes:
        obtain: what to do to get the files, where `bench data get` may not fetch them.
        downloads: files that `bench data get` fetches.
        generator: ``module:function`` of an embedded dataset; its files are made in the cache.
        preparation: absent for datasets that only serve as training source: the task's
            dataset decides how both sides are prepared.
    """

    name: Name
    title: str
    version: int = Field(ge=1)
    description: str
    licence: str
    citation: str
    homepage: str = ""
    obtain: str = ""
    downloads: list[Download] = Field(default_factory=list)
    synthetic: bool = False
    generator: str | None = None
    layouts: list[Layout] = Field(min_length=1)
    splits: dict[Name, Split] = Field(min_length=1)
    preparation: _Preparation | None = None
    tasks: dict[Name, Task] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> DatasetCard:
        for name, task in self.tasks.items():
            if task.data is not None:
                continue
            if task.test not in self.splits:
                raise ValueError(
                    f"task {name!r} tests on split {task.test!r}, which is not in [splits]"
                )
            if self.preparation is None:
                raise ValueError(f"task {name!r} needs a [preparation]")
        learn = [self.splits[side] for side in ("train", "validation") if side in self.splits]
        if len(learn) == 2:
            twice = shared_subjects(learn[0], learn[1])
            if twice:
                raise ValueError(f"subjects in both train and validation: {twice}")
        return self


def shared_subjects(one: Split, other: Split) -> str:
    """What two splits share by their rules alone, in words; empty where nothing can be said."""
    first, second = one.subjects, other.subjects
    if isinstance(first, list) and isinstance(second, list):
        return ", ".join(sorted({*first} & {*second}))
    if isinstance(first, Bucket) and isinstance(second, Bucket):
        return "a bucket of one is in the other" if first.meets(second) else ""
    for bucket, ids in ((first, second), (second, first)):
        if isinstance(bucket, Bucket) and isinstance(ids, list):
            return ", ".join(sorted(filter(bucket.holds, ids)))
    if "all" in (first, second) or (first == second and not isinstance(first, list)):
        return "all of them"
    return ""
