"""Metrics: arrays in, floats out. They know neither tasks nor subjects' data.

Argument order is scikit-learn's: ``(labels, scores)``. Functions are imported on first use, so
that `bench.metrics.table`, which cards and reports read, brings no numpy with it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bench.errors import MetricError, UndefinedMetric

if TYPE_CHECKING:
    from bench.metrics.candidates import froc, lesion_sensitivity
    from bench.metrics.overlap import best_dice, dice_at
    from bench.metrics.ranking import ap_and_auroc, auroc, average_precision, fpr_at_tpr
    from bench.metrics.regions import aupro, calibrated_threshold, lesion_f1, oracle_lesion_f1

_HOME = {
    "ap_and_auroc": "ranking",
    "aupro": "regions",
    "auroc": "ranking",
    "average_precision": "ranking",
    "best_dice": "overlap",
    "calibrated_threshold": "regions",
    "dice_at": "overlap",
    "fpr_at_tpr": "ranking",
    "froc": "candidates",
    "lesion_f1": "regions",
    "lesion_sensitivity": "candidates",
    "oracle_lesion_f1": "regions",
}

__all__ = [
    "MetricError",
    "UndefinedMetric",
    "ap_and_auroc",
    "aupro",
    "auroc",
    "average_precision",
    "best_dice",
    "calibrated_threshold",
    "dice_at",
    "fpr_at_tpr",
    "froc",
    "lesion_f1",
    "lesion_sensitivity",
    "oracle_lesion_f1",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any public function
    if name not in _HOME:
        raise AttributeError(f"module 'bench.metrics' has no attribute {name!r}")
    return getattr(import_module(f"bench.metrics.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
