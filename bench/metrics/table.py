"""The table of metrics: everything that the other rooms know of a metric.

To add a metric:

1. Write one function in this folder. A metric that ranks cases is a `bench.metrics.counts.Measure`
   (see ``AP`` in ranking.py): what a stretch of thresholds with its TP and FP contributes, and how
   contributions are joined. A metric of lesions takes the counts of
   `bench.metrics.regions.lesion_counts` (see ``f1_of_counts``).
   Counts at one threshold per pixel go the same way (see ``dice_of_counts`` in overlap.py).
2. Add one entry to `_ENTRIES` below.
3. Name it under ``metrics`` in a protocol card.

Nothing else changes: cards, protocols, tables, charts, comparisons and the gate read the entry.
Values are fractions from 0 to 1, since tables print percent.

This module imports no numpy, so that cards and reports stay light.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
        name: as in protocol cards, records and machine-readable reports.
        title: as tables print it.
        function: ``module:name`` within `bench.metrics`; a `Measure` where ``counts`` is ``cases``
            or ``regions``; where it is ``lesions`` or ``pixels``, a function of (..., 4) counts
            that gives (...) values; where it is ``candidates``, the numbers of false positives
            per scan, (K,), over which the sensitivity is averaged.
        counts: ``cases`` counts pixels or images, each alike; ``regions`` counts lesion pixels
            with the weight of one over the size of their lesion; ``lesions`` counts lesions and
            predicted components; ``pixels`` those on either side of one threshold;
            ``candidates`` lesions and the peaks of the map. All but ``cases`` need pixel labels
            and maps.
        threshold: of a metric of lesions or pixels: ``calibrated`` on normal validation images,
            or ``oracle``, the best one for the test labels.
        rate: share of the pixels of normal validation images above a calibrated threshold.
        higher_is_better: False turns every ranking round.
        chance: value of a random map; ``prevalence`` where it is the share of positives; None
            where it has no simple form.
    """

    name: str
    title: str
    function: str
    counts: Literal["cases", "regions", "lesions", "pixels", "candidates"] = "cases"
    threshold: Literal["calibrated", "oracle"] | None = None
    higher_is_better: bool = True
    chance: float | Literal["prevalence"] | None = None
    rate: float = 0.01

    @property
    def needs_regions(self) -> bool:
        """Whether it needs pixel labels and maps, whatever is ranked."""
        return self.counts != "cases"

    @property
    def needs_validation(self) -> bool:
        """Whether it needs normal validation images, to calibrate a threshold on."""
        return self.threshold == "calibrated"

    def chance_at(self, prevalence: float | None) -> float | None:
        """Value of a random map where this share of the cases is positive; None if unknown."""
        return prevalence if self.chance == "prevalence" else self.chance

    def load(self) -> Any:  # noqa: ANN401 - a Measure or a function, see `function`
        """What `function` names."""
        module, _, name = self.function.partition(":")
        return getattr(import_module(f"bench.metrics.{module}"), name)


_ENTRIES = (
    Metric("ap", "AP", "ranking:AP", chance="prevalence"),
    Metric("auroc", "AUROC", "ranking:AUROC", chance=0.5),
    Metric(
        "fpr_at_tpr", "FPR at 95 % TPR", "ranking:FPR_AT_TPR", higher_is_better=False, chance=0.95
    ),
    Metric("oracle_dice", "oracle Dice", "overlap:BEST_DICE"),
    Metric("dice_at_fpr1", "Dice at FPR 0.01", "overlap:dice_of_counts", "pixels", "calibrated"),
    Metric(
        "dice_at_fpr5",
        "Dice at FPR 0.05",
        "overlap:dice_of_counts",
        "pixels",
        "calibrated",
        rate=0.05,
    ),
    Metric(
        "achieved_fpr1",
        "achieved FPR at 0.01",
        "overlap:fpr_of_counts",
        "pixels",
        "calibrated",
        higher_is_better=False,
    ),
    Metric(
        "achieved_fpr5",
        "achieved FPR at 0.05",
        "overlap:fpr_of_counts",
        "pixels",
        "calibrated",
        higher_is_better=False,
        rate=0.05,
    ),
    # A random map finds lesions in proportion to the false positives: half of the limit.
    Metric("aupro", "AUPRO", "regions:AUPRO", counts="regions", chance=0.15),
    Metric("aupro5", "AUPRO to 0.05", "regions:AUPRO5", counts="regions", chance=0.025),
    Metric("lesion_f1", "lesion F1", "regions:f1_of_counts", "lesions", "calibrated"),
    Metric("oracle_lesion_f1", "oracle lesion F1", "regions:f1_of_counts", "lesions", "oracle"),
    Metric("froc", "FROC", "candidates:FROC_RATES", "candidates"),
    Metric("sensitivity_at_1fp", "sensitivity at 1 FP/scan", "candidates:ONE", "candidates"),
    Metric("sensitivity_at_4fp", "sensitivity at 4 FP/scan", "candidates:FOUR", "candidates"),
)
METRICS: Mapping[str, Metric] = {one.name: one for one in _ENTRIES}


def title_of(name: str) -> str:
    """How a metric is written in prose; its name in words where a record has an unknown one."""
    known = METRICS.get(name)
    return known.title if known else name.replace("_", " ")


def sign_of(name: str) -> int:
    """1 where higher is better, -1 where lower is: a value times this ranks upwards.

    A metric that this version does not know (in a record of another one) counts as higher is
    better.
    """
    known = METRICS.get(name)
    return 1 if known is None or known.higher_is_better else -1
