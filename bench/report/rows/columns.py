"""The columns of ``bench report --format csv`` and the keys of ``--format json``.

Each is an attribute of `bench.report.rows.summary.SummaryRow`; a cost is one of a record's costs.
The baseline of the gate holds such rows too.
"""

from __future__ import annotations

JSON_KEYS = (
    "task",
    "method",
    "config",
    "train_on",
    "budget",
    "seeds",
    "protocol",
    "metric",
    "value",
    "sd",
    "low",
    "high",
    "prevalence",
    "subjects",
    "status",
    "train_subjects",
    "train_images",
    "cost",
    "learned",
)
LEARNED = ("error_to_constant", "error_to_mean_image", "trained")
"""Parts of ``learned``: error on held-out normal images divided by those of a constant and of the
mean training image, and whether both are below 1 in every seed; see `bench.execution.learning`."""
COSTS = ("fit_seconds", "predict_ms_per_image", "peak_rss_mb", "peak_gpu_mb", "parameters")
