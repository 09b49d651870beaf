"""Protocol cards."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from bench.cards.base import Card, MetricName, Name
from bench.metrics.table import METRICS


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
        if self.level == "image" and self.pool == "image":
            raise ValueError("pool = 'image' needs level = 'pixel'")
        regional = [name for name in self.metrics if METRICS[name].needs_regions]
        if self.level == "image" and regional:
            raise ValueError(f"{', '.join(regional)} count regions, so need level = 'pixel'")
        return self

    @property
    def id(self) -> str:
        """``name@version``, as it stands beside every number."""
        return f"{self.name}@{self.version}"
