"""Typed models of the TOML cards: datasets, methods, protocols, budgets and published rows.

A card says what something is; no card runs anything. Unknown keys are refused with the nearest
allowed one.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bench.errors import CardError, allowed

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
MetricName = Literal["ap", "auroc", "oracle_dice", "aupro", "lesion_f1", "oracle_lesion_f1"]


class Card(BaseModel):
    """Base of all cards: unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


# --- datasets ---------------------------------------------------------------------------------


class Layout(Card):
    """One way the files of a dataset can lie on disk.

    Patterns are relative to the dataset's folder; ``{subject}`` stands for the subject's id and
    ``*`` for anything within one path part.

    Attributes:
        subject: regular expression of a subject id.
        images: pattern per modality.
        label: pattern of the label volume; non-zero is lesion.
        mask: pattern of a given foreground mask; without one the foreground is ``!= 0``.
    """

    name: Name
    title: str
    subject: str = r"[^/]+?"
    images: dict[str, str] = Field(min_length=1)
    label: str | None = None
    mask: str | None = None


class Split(Card):
    """Subjects of one side of a split.

    Attributes:
        subjects: ids, or ``"rest"``: all that are present and in no other split with a list.
        slices: ``lesion-free`` keeps only the slices without any label voxel.
        rule: how the ids were chosen, in words.
    """

    subjects: list[str] | Literal["rest"]
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
        if not 0 <= self.percentiles[0] < self.percentiles[1] <= 100:
            raise ValueError("percentiles must rise within 0 to 100")
        return self


class Headline(Card):
    """The number a task is known by."""

    protocol: str
    metric: MetricName


class Task(Card):
    """Test images, training source, protocols and headline of one table row.

    Attributes:
        channels: modalities that become the channels of an image, in order.
        test: name of the split to test on.
        train_on: dataset to learn from (its splits ``train`` and ``validation``); None means
            the task's own dataset.
        protocols: ``name@version`` of all protocols to apply.
    """

    title: str
    channels: list[str] = Field(min_length=1)
    test: Name = "test"
    train_on: Name | None = None
    protocols: list[str] = [
        "pixel-pooled@1",
        "pixel-subject@1",
        "image@1",
        "image-max@1",
        "image-mean@1",
    ]
    headline: Headline = Headline(protocol="pixel-pooled@1", metric="ap")


class DatasetCard(Card):
    """A dataset: where files lie, what they mean, licence and citation.

    Attributes:
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
    synthetic: bool = False
    generator: str | None = None
    layouts: list[Layout] = Field(min_length=1)
    splits: dict[Name, Split] = Field(min_length=1)
    preparation: Preparation | None = None
    tasks: dict[Name, Task] = {}

    @model_validator(mode="after")
    def _consistent(self) -> DatasetCard:
        for name, task in self.tasks.items():
            if task.test not in self.splits:
                raise ValueError(
                    f"task {name!r} tests on split {task.test!r}, which is not in [splits]"
                )
            if self.preparation is None:
                raise ValueError(f"task {name!r} needs a [preparation]")
        learn = [self.splits[side] for side in ("train", "validation") if side in self.splits]
        ids = [one for split in learn if split.subjects != "rest" for one in split.subjects]
        twice = sorted({one for one in ids if ids.count(one) > 1})
        if twice:
            raise ValueError(f"subjects in both train and validation: {', '.join(twice)}")
        return self


# --- methods ----------------------------------------------------------------------------------


class MethodCard(Card):
    """A method: class path, version, what it needs and what it can do.

    Attributes:
        class_path: ``module:Class``; imported only in the worker.
        version: raised whenever the method's source changes its numbers; part of the fit key.
        channels: numbers of channels it accepts; empty means any.
        deterministic: the seed changes nothing, so one seed is run.
        config: every setting with its default; the allowed keys of ``--set``.
        config_schema: ``module:Model`` of a pydantic model that checks a config without
            importing torch; None checks the types of the defaults only.
    """

    name: Name
    title: str
    class_path: str = Field(alias="class", pattern=r"^[\w.]+:\w+$")
    version: int = Field(ge=1)
    family: Literal[
        "trivial", "classical", "autoencoder", "proxy", "diffusion", "features", "adversarial"
    ]
    description: str
    paper: str = ""
    extras: list[str] = []
    outputs: list[Literal["map", "score"]] = ["map", "score"]
    channels: list[int] = []
    deterministic: bool = False
    cost: Literal["none", "low", "medium", "high"] = "low"
    config: dict[str, Any] = {}
    config_schema: str | None = None


# --- budgets ----------------------------------------------------------------------------------


class Budget(Card):
    """How much may be spent. Cuts training, never test subjects.

    Attributes:
        image_size: side of the square images in pixels.
        training_subjects: at most so many training subjects (the first by id); 0 means all.
        steps: optimiser steps of trained methods.
        batch_size: images per step.
        width: channels of the first layer of networks.
        threads: CPU threads of one cell; fixed, because sums depend on it.
        seeds: default number of seeds; not part of any key.
        timeout_minutes: a cell that runs longer is stopped; not part of any key.
    """

    name: Name
    image_size: int = Field(ge=16)
    training_subjects: int = Field(ge=0)
    steps: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    width: int = Field(ge=1)
    threads: int = Field(ge=1)
    seeds: int = Field(ge=1)
    timeout_minutes: float = Field(gt=0)

    def key_values(self) -> dict[str, int]:
        """The values that can change a number; the name and the number of seeds cannot."""
        left_out = {"name", "seeds", "timeout_minutes"}
        return {k: v for k, v in self.model_dump().items() if k not in left_out}


# --- protocols --------------------------------------------------------------------------------


class ProtocolCard(Card):
    """How raw maps and scores become numbers.

    Steps are applied in this order: resize, erode the mask, give everything outside it the
    lowest value inside, median. Kernels and sizes are in pixels of the (resized) image.

    Attributes:
        source: where others use it, and what is known to differ.
        level: ``pixel`` ranks pixels, ``image`` ranks images.
        pool: ``pooled`` ranks all cases of all test subjects together; ``subject`` ranks
            within each subject and averages over the subjects that have both classes;
            ``image`` the same for images.
        region: ``foreground`` uses pixels of the foreground mask only, ``whole`` all pixels.
        score: of an image: the detector's own, or the map's maximum or mean over the region.
        size: side that images are resized to: maps linearly, masks and labels to the nearest.
        erosion: how often the foreground mask loses its rim (4 or 6 neighbours).
        erosion_dimensions: 2 within each image, 3 on the subject's stack.
        median: odd side of the median filter's window.
        median_dimensions: as ``erosion_dimensions``.
        min_component: predicted components with fewer pixels are dropped (lesion metrics).
        component_dimensions: of lesions and components; None means the stack where there is
            one, else the image.
    """

    name: Name
    version: int = Field(ge=1)
    title: str
    description: str
    source: str = ""
    level: Literal["pixel", "image"]
    pool: Literal["pooled", "subject", "image"]
    region: Literal["foreground", "whole"] = "foreground"
    score: Literal["detector", "map-max", "map-mean"] = "detector"
    metrics: list[MetricName] = Field(default=["ap", "auroc"], min_length=1)
    size: int | None = Field(default=None, ge=1)
    erosion: int = Field(default=0, ge=0)
    erosion_dimensions: Literal[2, 3] = 2
    median: int = Field(default=1, ge=1)
    median_dimensions: Literal[2, 3] = 3
    min_component: int = Field(default=0, ge=0)
    component_dimensions: Literal[2, 3] | None = None

    @model_validator(mode="after")
    def _possible(self) -> ProtocolCard:
        if self.median % 2 == 0:
            raise ValueError("median must be odd")
        if self.level == "image" and (
            self.pool == "image" or {"aupro", "lesion_f1", "oracle_lesion_f1"} & {*self.metrics}
        ):
            raise ValueError("pool = 'image' and region metrics need level = 'pixel'")
        return self

    @property
    def id(self) -> str:
        """``name@version``, as it stands beside every number."""
        return f"{self.name}@{self.version}"


# --- published rows ---------------------------------------------------------------------------


class PublishedValue(Card):
    """One method's published number.

    Attributes:
        value: in the unit of the paper, percent.
        method: name as published.
        ours: name of our method that re-implements it, if there is one.
    """

    method: str
    value: float
    ours: Name | None = None


class PublishedRow(Card):
    """One line of a published table, kept as data.

    Attributes:
        order: position in the printed table.
        tasks: our tasks that measure the same thing; several are averaged.
        protocol: our protocol to set beside it, ``name@version``.
        not_comparable: why not, or None where the two may be compared.
    """

    name: Name
    order: int
    title: str
    metric: MetricName
    tasks: list[str]
    protocol: str
    values: list[PublishedValue] = Field(min_length=1)
    source: str = Field(min_length=1)
    known: str
    unknown: str
    not_comparable: str | None = None


# --- reading ----------------------------------------------------------------------------------

C = TypeVar("C", bound=Card)


def read_card(path: Path, model: type[C]) -> C:
    """Read one card.

    Args:
        path: a TOML file.
        model: the type of card expected.

    Raises:
        CardError: the file is no TOML, has an unknown key or a wrong value; every fault is
            named in one message.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CardError(f"{path} is not valid TOML: {error}") from error
    except OSError as error:
        raise CardError(f"{path} cannot be read: {error.strerror or error}") from error
    return parse_card(content, model, where=str(path))


def parse_card(content: dict[str, Any], model: type[C], *, where: str) -> C:
    """Check the content of a card; `read_card` with the file already read."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        faults = "; ".join(_fault(model, one) for one in error.errors())
        raise CardError(f"{where}: {faults}") from error


def _fault(model: type[BaseModel], error: Any) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
    place = ".".join(str(part) for part in error["loc"])
    if error["type"] != "extra_forbidden":
        found = "" if error["type"] == "missing" else f" (found {error['input']!r:.80})"
        return f"{place or 'card'}: {error['msg']}{found}"
    owner = _model_at(model, error["loc"][:-1])
    keys = [field.alias or name for name, field in owner.model_fields.items()]
    return f"unknown key {place!r}; {allowed(str(error['loc'][-1]), keys)}"


def _model_at(model: type[BaseModel], location: tuple[int | str, ...]) -> type[BaseModel]:
    """The model that a path of keys leads to, for naming its allowed keys."""
    current = model
    for part in location:
        field = current.model_fields.get(str(part))
        if field is None:
            continue  # an index into a list or a key of a mapping: the model stays
        inner = _inner_model(field.annotation)
        current = inner or current
    return current


def _inner_model(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - any type form
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _inner_model(argument)
        if found is not None:
            return found
    return None
