"""The record of a cell: what was run, what it cost, and the numbers per protocol."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION = 1

Status = Literal["done", "skipped", "failed"]
ErrorClass = Literal["out_of_memory", "timeout", "killed", "method", "data"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Interval(_Part):
    """A percentile interval of a number, by bootstrap over subjects."""

    low: float
    high: float


class SubjectNumbers(_Part):
    """One subject's share of a protocol's numbers.

    Attributes:
        cases: pixels or images that were ranked.
        positives: how many of them are lesion.
        metrics: value per metric; absent where it is undefined (one class only).
    """

    cases: int
    positives: int
    metrics: dict[str, float] = {}


class ProtocolNumbers(_Part):
    """What one protocol makes of one cell's predictions.

    Attributes:
        status: ``not applicable`` comes with a reason and without numbers.
        metrics: fractions from 0 to 1.
        intervals: 95 % percentile interval over subjects, per metric; absent where fewer than
            two subjects can be resampled.
        prevalence: share of positives among the ranked cases, the chance level of AP.
        subjects: how many subjects entered the number.
        degenerate: the scores are constant, so the numbers say nothing of the method.
        per_subject: the same by subject, also for subjects with one class only.
    """

    status: Literal["done", "not applicable"]
    reason: str | None = None
    metrics: dict[str, float] = {}
    intervals: dict[str, Interval] = {}
    prevalence: float | None = None
    cases: int = 0
    positives: int = 0
    subjects: int = 0
    degenerate: bool = False
    per_subject: dict[str, SubjectNumbers] = {}


class Cost(_Part):
    """What the cell cost.

    Attributes:
        fit_seconds: of the fit, also where the cell loaded a shared one.
        fit_shared: the fit was already in the store.
        predict_ms_per_image: wall time of ``predict``.
        peak_rss_mb: the worker's peak resident memory.
        peak_gpu_mb: peak allocated GPU memory; None on a CPU.
        parameters: trainable numbers of the detector; None where it has no such notion.
    """

    fit_seconds: float
    fit_shared: bool
    predict_ms_per_image: float
    peak_rss_mb: float
    peak_gpu_mb: float | None = None
    parameters: int | None = None


class Subjects(_Part):
    """Which subjects entered the cell, and how many the split names."""

    train: list[str]
    validation: list[str]
    test: list[str]
    test_expected: int


class Record(_Part):
    """One cell. Written once, whole.

    Attributes:
        key: cell key.
        fit_key: key of the fit it used.
        task: full name, ``dataset/name``.
        config: only the settings that differ from the card's defaults.
        resolved_config: every setting.
        budget: name of the budget; its values stand in ``budget_values``.
        adapted: what the runner changed to make the input fit the method (grey to RGB).
        fingerprints: sha256 of training and test files.
        provenance: versions, host, git commit, time, command; part of no key.
    """

    schema_version: int = SCHEMA_VERSION
    key: str
    fit_key: str
    dataset: str
    dataset_version: int
    task: str
    method: str
    method_version: int
    config: dict[str, Any] = {}
    resolved_config: dict[str, Any] = {}
    train_on: str
    budget: str
    budget_values: dict[str, int]
    seed: int
    deterministic: bool
    device: str
    status: Status
    reason: str | None = None
    error_class: ErrorClass | None = None
    protocols: dict[str, ProtocolNumbers] = {}
    subjects: Subjects
    adapted: list[str] = []
    kept: Literal["maps", "scores", "none"] = "maps"
    cost: Cost | None = None
    fingerprints: dict[str, str] = Field(default_factory=dict)
    provenance: dict[str, Any] = Field(default_factory=dict)
