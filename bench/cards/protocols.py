"""Protocol cards."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from bench.cards.base import Card, MetricName, Name
from bench.metrics.table import METRICS


class SliceRange(Card):
    """Which slices of a volume count; both ends are in it.

    Attributes:
        first: the lowest.
        last: the highest.
        unit: ``input`` numbers the slices of the input's own grid from 0, from the feet to the
            head; a prepared slice counts if its centre is in such a slice. ``share`` is the share
            of the way from the lowest prepared slice (0) to the highest (1); of a range without
            any slice the nearest one to its middle counts.
    """

    first: float = Field(ge=0)
    last: float = Field(ge=0)
    unit: Literal["input", "share"] = "input"

    @model_validator(mode="after")
    def _rising(self) -> SliceRange:
        if self.first > self.last:
            raise ValueError(f"first ({self.first:g}) must not be above last ({self.last:g})")
        if self.unit == "share" and self.last > 1:
            raise ValueError(f"with unit = 'share' last must be at most 1 (found {self.last:g})")
        return self


class ProtocolCard(Card):
    """How raw maps and scores become numbers.

    Steps are applied to maps in this order: resize, smooth, make signed maps absolute, erode the
    mask, give everything outside it the lowest value inside, median; then slices outside the
    range are left out. Kernels and sizes are in
    pixels of the (resized) image, unless they say otherwise. A protocol that looks at no maps
    applies none of them. Scores of images are standardised first,
    then matched or pooled into a subject's.

    Attributes:
        paper: whom it follows, in a few words; empty where it is this project's own.
        source: where others use it, and what is known to differ.
        level: ``pixel`` ranks pixels, ``image`` images, ``subject`` subjects: a subject's score is
            the mean of the highest `top_images` of its images' scores, and it is abnormal if one
            of its images is.
        pool: ``pooled`` ranks all cases of all test subjects together; ``subject`` ranks
            within each subject and averages over the subjects that have both classes;
            ``image`` the same for images.
        region: ``foreground`` uses pixels of the foreground mask only, ``whole`` all pixels.
        score: of an image: the detector's own, or the map's maximum, mean or mean of the highest
            `top` over the region. For ``map-top`` the own score stands in where the method gives
            no maps at all, so that it has a place in the table.
        top: share of the region's pixels, rounded up, that ``map-top`` averages over.
        top_images: share of a subject's images, rounded up.
        standardise: ``position``: from an image's score the mean is subtracted and the result
            divided by the standard deviation of the scores of normal validation images at like
            position: within `position_mm`, or the nearest 10 where that is more.
        match: ``position``: an abnormal image is compared with the normal test images within
            `position_mm` of its position alone. The AUROC is the mean over abnormal images of the
            share of those with a lower score, ties half: the area under the covariate-adjusted
            ROC curve of Janes and Pepe 2009 (Biometrika 96), with placement values within a window
            of the position. Abnormal images without such a normal one are left out and counted.
        position_mm: half width of these windows along the slice axis of the common grid.
        size: side that images are resized to: maps linearly, masks and labels to the nearest.
        smoothing: standard deviation of a Gaussian, as a share of the image's longer side, that
            smooths maps within each image's foreground (normalised convolution: what lies outside
            does not count); outside it maps stay as they are. 0 smooths nothing.
        absolute: whether signed maps become absolute ``after`` smoothing, so that errors of both
            signs cancel, or ``before``. Unsigned maps are smoothed as they are.
        slices: which slices of a volume count, of validation images too; None means all.
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
    paper: str = ""
    source: str = ""
    level: Literal["pixel", "image", "subject"]
    pool: Literal["pooled", "subject", "image"]
    region: Literal["foreground", "whole"] = "foreground"
    score: Literal["detector", "map-max", "map-mean", "map-top"] = "detector"
    top: float = Field(default=0.01, gt=0, le=1)
    top_images: float = Field(default=0.1, gt=0, le=1)
    standardise: Literal["position"] | None = None
    match: Literal["position"] | None = None
    position_mm: float = Field(default=6.0, gt=0)
    metrics: list[MetricName] = Field(default=["ap", "auroc"], min_length=1)
    size: int | None = Field(default=None, ge=1)
    smoothing: float = Field(default=0.0, ge=0, le=0.2)
    absolute: Literal["after", "before"] = "after"
    slices: SliceRange | None = None
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
        if self.level != "pixel" and self.pool == "image":
            raise ValueError("pool = 'image' needs level = 'pixel'")
        if self.level == "subject" and self.pool != "pooled":
            raise ValueError("level = 'subject' needs pool = 'pooled'")
        if self.standardise and self.level == "pixel":
            raise ValueError("standardise needs level = 'image' or 'subject'")
        if self.match and (self.level, self.pool, self.metrics) != ("image", "pooled", ["auroc"]):
            raise ValueError("match needs level = 'image', pool = 'pooled' and metrics = ['auroc']")
        regional = [name for name in self.metrics if METRICS[name].needs_regions]
        if self.level != "pixel" and regional:
            raise ValueError(f"{', '.join(regional)} count regions, so need level = 'pixel'")
        return self

    @property
    def needs_maps(self) -> bool:
        """Whether it looks at maps, and not at the detector's own scores alone."""
        return self.level == "pixel" or self.score != "detector"

    @property
    def id(self) -> str:
        """``name@version``, as it stands beside every number."""
        return f"{self.name}@{self.version}"
