"""The record of a cell: what was run, what it cost, and the numbers per protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from bench.errors import printable
from bench.keys import canonical_json
from bench.store.replicates import Resampled

SCHEMA_VERSION = 1

Status = Literal["done", "skipped", "failed"]
ErrorClass = Literal["out_of_memory", "timeout", "killed", "method", "data"]


# Sums of floats may end a rounding error above 1.
_ROUNDING = 1e-9


def _clean(value: object) -> object:
    return printable(value) if isinstance(value, str) else value


def _must_be_json(value: dict[str, Any]) -> dict[str, Any]:
    try:
        canonical_json(value)
    except (TypeError, RecursionError) as error:
        raise ValueError(f"must hold plain JSON: {error}") from error
    return value


Fraction = Annotated[float, Field(ge=-_ROUNDING, le=1 + _ROUNDING)]
"""All metrics and shares: from 0 to 1, not in percent."""
Count = Annotated[int, Field(ge=0, le=2**63 - 1)]
Amount = Annotated[float, Field(ge=0)]
Text = Annotated[str, BeforeValidator(_clean)]
"""Words that a method or a decoder may have written: bounded, without control characters."""
JsonObject = Annotated[dict[str, Any], AfterValidator(_must_be_json)]


class _Part(BaseModel):
    """Numbers are held to their ranges on writing and on reading alike."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Interval(_Part):
    """What holds of a number with 95 %, by bootstrap over subjects."""

    low: Fraction
    high: Fraction

    @model_validator(mode="after")
    def _rising(self) -> Interval:
        if self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}")
        return self


class SubjectNumbers(_Part):
    """One subject's share of a protocol's numbers.

    Attributes:
        cases: pixels or images that were ranked.
        positives: how many of them are lesion.
        metrics: value per metric; absent where it is undefined (one class only).
        degenerate: the subject's scores are constant, so its numbers say nothing of the method.
    """

    cases: Count
    positives: Count
    metrics: dict[str, Fraction] = {}
    degenerate: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> SubjectNumbers:
        refuse_more_positives(self.cases, self.positives)
        return self


class HealthyVolume(_Part):
    """What a method marks in subjects without lesions, above a threshold of validation images.

    Attributes:
        mean_ml: over these subjects.
        low_ml: lower end of the mean's 95 % interval; None with too few subjects.
        high_ml: its upper end.
        per_subject: ml by subject.
    """

    mean_ml: Amount
    low_ml: Amount | None = None
    high_ml: Amount | None = None
    per_subject: dict[str, Amount]


class NumbersHead(_Part):
    """What `ProtocolNumbers` says first; a light reader passes over the rest of it.

    Attributes:
        status: ``not applicable`` comes with a reason and without numbers.
        metrics: fractions from 0 to 1.
        prevalence: share of positives among the ranked cases, the chance level of AP.
        cases: pixels or images that were ranked.
        positives: how many of them are lesion.
        subjects: how many subjects entered the number.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    status: Literal["done", "not applicable"]
    reason: Text | None = None
    metrics: dict[str, Fraction] = {}
    prevalence: Fraction | None = None
    cases: Count = 0
    positives: Count = 0
    subjects: Count = 0

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        refuse_more_positives(self.cases, self.positives)
        return self


ONE_CLASS = "one class only"
"""The reason in ``left_out`` for what cannot have a number of its own, where numbers are means."""


class ProtocolNumbers(NumbersHead):
    """What one protocol makes of one cell's predictions.

    Attributes:
        intervals: 95 % interval over subjects, per metric; absent where fewer than two subjects
            can be resampled. Where `resampled` is None, an older bench made percentile intervals.
        resampled: bootstrap replicates of the metrics; None in records of older versions.
        degenerate: the scores are constant, so the numbers say nothing of the method.
        averaged_over: how many subjects or images (as the protocol pools) the number is the mean
            of; None where all cases are ranked together, and in records of older versions.
        left_out: what did not enter the number: per reason, the subject and how much of it.
        healthy: false positives in healthy subjects, by the share of the pixels of normal
            validation images that exceed the threshold (``0.01``); empty where the protocol sets
            none, without volumes or such subjects, and in records of older versions.
        per_subject: the same by subject, also for subjects with one class only.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    intervals: dict[str, Interval] = {}
    resampled: Resampled | None = None
    degenerate: bool = False
    averaged_over: Count | None = None
    left_out: dict[str, list[Text]] = {}
    healthy: dict[str, HealthyVolume] = {}
    per_subject: dict[str, SubjectNumbers] = {}


def refuse_more_positives(cases: int, positives: int) -> None:
    """Raise a ValueError where more cases are positive than there are."""
    if positives > cases:
        raise ValueError(f"{positives} positives among {cases} cases")


class Cost(_Part):
    """What the cell cost.

    Attributes:
        fit_seconds: of the fit, also where the cell loaded a shared one.
        fit_cpu_seconds: processor time of the fit, over all its threads; None where a fit went
            on from a checkpoint, and in records of an older bench.
        fit_shared: the fit was already in the store.
        predict_ms_per_image: wall time of ``predict``.
        peak_rss_mb: the worker's peak resident memory.
        peak_gpu_mb: peak allocated GPU memory; None on a CPU.
        parameters: trainable numbers of the detector; None where it has no such notion.
    """

    fit_seconds: Amount
    fit_shared: bool
    predict_ms_per_image: Amount
    peak_rss_mb: Amount
    peak_gpu_mb: Amount | None = None
    parameters: Count | None = None
    fit_cpu_seconds: Amount | None = None


class Learning(_Part):
    """How well a detector rebuilds held-out normal images, beside what has learned nothing.

    Errors are mean absolute differences over all foreground pixels and channels.

    Attributes:
        images: normal validation images that were looked at.
        error: of the detector's reconstructions.
        constant_error: of each image's own foreground median.
        mean_image_error: of the mean of the training images.
    """

    images: Count
    error: Amount
    constant_error: Amount
    mean_image_error: Amount

    @property
    def trained(self) -> bool:
        """Whether the error is below both others."""
        return self.error < min(self.constant_error, self.mean_image_error)


class Subjects(_Part):
    """Which subjects entered the cell, and how many the split names."""

    train: list[str]
    validation: list[str]
    test: list[str]
    test_expected: Count


class TrainedOn(_Part):
    """What the detector learned from: subjects that gave at least one image, and their images.

    Validation images are not among them.
    """

    subjects: Count
    images: Count


class TruthCounts(_Part):
    """What of one test subject's lesions preparation kept; see `bench.data.lesion_counts.Truth`."""

    lesions: Count
    lesions_kept: Count
    voxels: Count
    voxels_kept: Count
    slices: Count
    slices_kept: Count
    volume_ml: Amount | None = None
    volume_kept_ml: Amount | None = None


class RecordedFinding(_Part):
    """What was odd about the files of the cell; see `bench.data.findings.Finding`."""

    severity: Literal["warning", "info"]
    where: Text
    problem: Text
    remedy: Text


class RecordHead(_Part):
    """What going on with a run needs of a record: which cell it is, and how it ended.

    Read from a record's file in a tenth of the time of the whole: it is JSON from end to end and
    these fields are checked, all others are passed over. Who uses other numbers reads the whole.

    Attributes:
        key: cell key.
        fit_key: key of the fit it used.
        task: full name, ``dataset/name``.
        config: only the settings that differ from the card's defaults.
        budget: name of the budget.
        kept: what was kept of the predictions.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    schema_version: int = SCHEMA_VERSION
    key: str
    fit_key: str
    task: str
    method: str
    config: JsonObject = {}
    train_on: str
    budget: str
    seed: Count
    status: Status
    reason: Text | None = None
    error_class: ErrorClass | None = None
    kept: Literal["maps", "scores", "none"] = "maps"
    protocols: Mapping[str, NumbersHead] = {}


class Record(RecordHead):
    """One cell. Written once, whole.

    Attributes:
        resolved_config: every setting.
        budget_values: the values of the budget.
        truth: by test subject, what of its lesions preparation kept; empty without pixel labels
            and in records of an older bench.
        trained_on: how much was learned from; None without a fit and in records of an older bench.
        signed_maps: the kept maps are signed, see `bench.detector.Prediction`; False where there
            are none and in records of an older bench.
        findings: what was odd about the files, in the words of `bench data check`.
        learning: whether the detector has learned more than a constant; None where it does not
            reconstruct images, where there are no validation images, and in records of an older
            bench.
        adapted: what was changed to make the cell possible (grey to RGB, batches in pieces), and
            that nothing says whether it has learned.
        fingerprints: sha256 of training and test files.
        provenance: versions, host, git commit, time, command; part of no key.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    dataset: str
    dataset_version: Count
    method_version: Count
    resolved_config: JsonObject = {}
    budget_values: dict[str, Count]
    deterministic: bool
    device: str
    protocols: dict[str, ProtocolNumbers] = {}
    subjects: Subjects
    truth: dict[str, TruthCounts] = {}
    trained_on: TrainedOn | None = None
    findings: list[RecordedFinding] = []
    learning: Learning | None = None
    adapted: list[Text] = []
    signed_maps: bool = False
    cost: Cost | None = None
    fingerprints: dict[str, str] = Field(default_factory=dict)
    provenance: JsonObject = Field(default_factory=dict)

    def without_subjects(self) -> Record:
        """This record, its numbers by subject dropped: for reading thousands of them."""
        for numbers in self.protocols.values():
            numbers.per_subject.clear()
        return self

    def __repr__(self) -> str:
        """One line: a whole record would fill screens, and a list of them a notebook."""
        cell = f"cell {self.key[:12]}"
        return f"<Record {self.method} on {self.task}, seed {self.seed}: {self.status}, {cell}>"

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from bench.store.notebook import record_to_html

        return record_to_html(self)
