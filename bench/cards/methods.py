"""Method cards and budgets."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from bench.cards.base import Card, Name
from bench.errors import allowed


class MethodCard(Card):
    """A method: class path, version, what it needs and what it can do.

    Attributes:
        class_path: ``module:Class``; imported only in the worker.
        yardstick: it stands in the tables of ``all`` tasks, of those on single ``images`` or known
            by a number of images, or of those on ``volumes``, without being asked for; None: only
            where it is asked for. ``images`` and ``volumes`` only where a protocol ranks images.
        version: raised whenever the method's source changes its numbers; part of the fit key.
        channels: numbers of channels it accepts; empty means any.
        deterministic: the seed changes nothing, so one seed is run.
        micro_batches: its loss is a mean over images, none of which influences another. So where
            a GPU's memory does not suffice, a batch may be computed in pieces.
        config: every setting with its default; the allowed keys of ``--set``.
        config_schema: ``module:Model`` of a pydantic model that checks a config without
            importing torch; None checks the types of the defaults only.
        files: settings whose value may be the path of a file, such as pretrained weights. The
            file's content is part of the key and stands in the record, not its path.
    """

    name: Name
    title: str
    class_path: str = Field(alias="class", pattern=r"^[\w.]+:\w+$")
    version: int = Field(ge=1)
    family: Literal[
        "trivial",
        "classical",
        "autoencoder",
        "proxy",
        "diffusion",
        "features",
        "adversarial",
        "other",
    ]
    yardstick: Literal["all", "images", "volumes"] | None = None
    description: str
    paper: str = ""
    extras: list[str] = Field(default_factory=list)
    outputs: list[Literal["map", "score"]] = Field(default=["map", "score"])
    channels: list[int] = Field(default_factory=list)
    deterministic: bool = False
    micro_batches: bool = False
    cost: Literal["none", "low", "medium", "high"] = "low"
    config: dict[str, Any] = Field(default_factory=dict)
    config_schema: str | None = None
    files: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _files_are_settings(self) -> MethodCard:
        for key in self.files:
            if key not in self.config:
                raise ValueError(f"files: {key!r} is not a setting; {allowed(key, self.config)}")
        return self


DEFAULT_BUDGET = "quick"
"""The budget of a run that names none; `bench/budgets.toml` has all of them."""


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
