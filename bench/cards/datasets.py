"""Dataset cards: where files lie, what they mean, how they are split and prepared."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    Tag,
    model_serializer,
    model_validator,
)

from bench.cards.base import Card, Name
from bench.cards.layouts import Layout
from bench.cards.registration import Registration
from bench.cards.splits import Split, shared_subjects
from bench.cards.subject_table import SubjectTable
from bench.cards.tasks import Task


class Preparation(Card):
    """How volumes become images; the same for training and test. Part of every key.

    Attributes:
        spacing_mm: voxel size (x, y, z) of the common grid.
        grid: number of voxels (x, y, z) of the common grid; x equals y (square images).
        percentiles: foreground percentiles of the volume that become 0 and 1; values beyond
            stay beyond.
        min_foreground: least share of a slice's pixels that must be foreground for the first
            and the last kept slice; all slices between them are kept.
        background: value of the voxels around the brain, where no mask is given; without it 0,
            or the one other value that fills most of the volume's border.
    """

    spacing_mm: tuple[float, float, float]
    grid: tuple[int, int, int]
    percentiles: tuple[float, float] = (1.0, 99.0)
    min_foreground: float = Field(default=0.05, gt=0, lt=1)
    background: float | None = Field(default=None, allow_inf_nan=False)

    @model_serializer(mode="wrap")
    def _without_what_is_not_said(self, inner: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Keys of cards that do not state a background stay as they were.
        content: dict[str, Any] = inner(self)
        if self.background is None:
            content.pop("background", None)
        return content

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
    """How 2-D images become squares of one size, and how they are scaled. Part of every key.

    Attributes:
        foreground: ``whole`` image, or ``non-zero`` pixels, which are those that are not
            background: 0, or the one colour of the image's border; a given mask goes before both.
        colour: ``grey`` (colour files become their luminance) or ``rgb`` (three channels that
            share one scale, so that hues stay).
        percentiles: foreground percentiles of the image that become 0 and 1; values beyond
            stay beyond.
        fit: how an image that is not square fills the square: ``pad`` keeps its shape and leaves
            the rest empty; ``stretch`` fills the square with the whole image; ``crop-to-content``
            fills it with the box around the foreground or, where all is foreground, around what
            is bright. Lesions outside that box are counted as lost.
    """

    foreground: Literal["whole", "non-zero"]
    colour: Literal["grey", "rgb"] = "grey"
    percentiles: tuple[float, float] = (1.0, 99.0)
    fit: Literal["pad", "stretch", "crop-to-content"] = "pad"

    @model_serializer(mode="wrap")
    def _without_what_is_not_said(self, inner: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Keys of cards that do not state a fit stay as they were.
        content: dict[str, Any] = inner(self)
        if self.fit == "pad":
            content.pop("fit", None)
        return content

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


class Mirror(Card):
    """A public git repository with a dataset's files.

    Attributes:
        url: of the repository, by HTTPS.
        folders: those in it that the layouts know; they go into the dataset's folder.
    """

    url: str = Field(pattern=r"^https?://[^\s-]\S*$")
    folders: list[str] = Field(min_length=1)

    @model_validator(mode="after")
    def _inside(self) -> Mirror:
        for one in self.folders:
            if one.startswith(("/", "-")) or ".." in one.split("/"):
                raise ValueError(f"folder {one!r} of the mirror must be relative, without ..")
        return self


class DatasetCard(Card):
    """A dataset: where files lie, what they mean, licence and citation.

    Attributes:
        obtain: what to do to get the files, where `bench data get` may not fetch them.
        downloads: files that `bench data get` fetches.
        mirror: where `bench data get --mirror` takes the files.
        published_subjects: how many subjects the published set has, for splits of ``all``: where
            fewer are there, tables say "10 of 1251".
        exclude: subjects or files that do not belong to the dataset: ids, or paths below its
            folder, where ``*`` stands for anything.
        generator: ``module:function`` of an embedded dataset; its files are made in the cache.
        subjects_table: a file with what is known of each subject, for reports to group by.
        registered: where it comes from and how, of a dataset that `bench data register` made.
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
    mirror: Mirror | None = None
    synthetic: bool = False
    published_subjects: int | None = Field(default=None, ge=1)
    exclude: list[str] = Field(default_factory=list)
    generator: str | None = None
    layouts: list[Layout] = Field(min_length=1)
    splits: dict[Name, Split] = Field(min_length=1)
    subjects_table: SubjectTable | None = None
    registered: Registration | None = None
    preparation: _Preparation | None = None
    tasks: dict[Name, Task] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> DatasetCard:
        names = [one.name for one in self.layouts]
        twice = next((one for one in names if names.count(one) > 1), None)
        if twice is not None:
            raise ValueError(f"two layouts are named {twice!r}")
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
            shared = shared_subjects(learn[0], learn[1])
            if shared:
                raise ValueError(f"subjects in both train and validation: {shared}")
        return self
