"""Compare unsupervised anomaly detectors honestly.

The public API in one screen: names are imported on first use, so `import bench` stays light. What
a method needs is in `bench.detector`, metrics are in `bench.metrics`, errors in `bench.errors`.
Examples that run: the folder ``examples`` of the repository.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bench._version import __version__

if TYPE_CHECKING:
    from bench.api.drawn import figures, html
    from bench.api.predicting import predict
    from bench.api.results import (
        apply_protocol,
        compare,
        load_records,
        load_results,
        make_report,
        read_predictions,
        render_table,
    )
    from bench.api.runs import plan_run, run
    from bench.api.showing import show
    from bench.cards import DatasetCard, MethodCard, ProtocolCard
    from bench.detector import Detector, Images, NormalImages, Prediction, Run, Skip
    from bench.errors import BenchError
    from bench.executors import Event, FilesEvent
    from bench.report.tables.table import Column, Number, Table, Text
    from bench.store.predictions import SubjectPrediction
    from bench.store.records import ProtocolNumbers, Record

_HOME = {
    "BenchError": "bench.errors",
    "Column": "bench.report.tables.table",
    "DatasetCard": "bench.cards",
    "Detector": "bench.detector",
    "Event": "bench.executors",
    "FilesEvent": "bench.executors",
    "Images": "bench.detector",
    "MethodCard": "bench.cards",
    "NormalImages": "bench.detector",
    "Number": "bench.report.tables.table",
    "Prediction": "bench.detector",
    "ProtocolCard": "bench.cards",
    "ProtocolNumbers": "bench.store.records",
    "Record": "bench.store.records",
    "Run": "bench.detector",
    "Skip": "bench.detector",
    "SubjectPrediction": "bench.store.predictions",
    "Table": "bench.report.tables.table",
    "Text": "bench.report.tables.table",
    "apply_protocol": "bench.api.results",
    "compare": "bench.api.results",
    "figures": "bench.api.drawn",
    "html": "bench.api.drawn",
    "load_records": "bench.api.results",
    "load_results": "bench.api.results",
    "make_report": "bench.api.results",
    "plan_run": "bench.api.runs",
    "predict": "bench.api.predicting",
    "read_predictions": "bench.api.results",
    "render_table": "bench.api.results",
    "run": "bench.api.runs",
    "show": "bench.api.showing",
}

__all__ = [
    "BenchError",
    "Column",
    "DatasetCard",
    "Detector",
    "Event",
    "FilesEvent",
    "Images",
    "MethodCard",
    "NormalImages",
    "Number",
    "Prediction",
    "ProtocolCard",
    "ProtocolNumbers",
    "Record",
    "Run",
    "Skip",
    "SubjectPrediction",
    "Table",
    "Text",
    "__version__",
    "apply_protocol",
    "compare",
    "figures",
    "html",
    "load_records",
    "load_results",
    "make_report",
    "plan_run",
    "predict",
    "read_predictions",
    "render_table",
    "run",
    "show",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any public name
    if name not in _HOME:
        raise AttributeError(f"module 'bench' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
