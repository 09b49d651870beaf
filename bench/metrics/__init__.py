"""Metrics: arrays in, floats out. They know neither tasks nor subjects' data.

Argument order is scikit-learn's: ``(labels, scores)``.
"""

from bench.errors import MetricError, UndefinedMetric
from bench.metrics.overlap import best_dice
from bench.metrics.ranking import auroc, average_precision, fpr_at_tpr
from bench.metrics.regions import aupro, calibrated_threshold, lesion_f1, oracle_lesion_f1

__all__ = [
    "MetricError",
    "UndefinedMetric",
    "aupro",
    "auroc",
    "average_precision",
    "best_dice",
    "calibrated_threshold",
    "fpr_at_tpr",
    "lesion_f1",
    "oracle_lesion_f1",
]
