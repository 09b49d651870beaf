"""The record of a cell, however it ended. Light: the parent of the workers writes some too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.data.prepare.version import preparation_fingerprint
from bench.execution.context import RunContext
from bench.execution.provenance import provenance
from bench.planning.plan import Cell
from bench.registry.plugins import PluginCard
from bench.store.records import (
    Cost,
    ErrorClass,
    Learning,
    ProtocolNumbers,
    Record,
    RecordedFinding,
    Status,
    Subjects,
    TrainedOn,
    TruthCounts,
)


def unfinished(
    cell: Cell,
    context: RunContext,
    status: Status,
    reason: str,
    error_class: ErrorClass | None,
    *,
    device: str,
) -> Record:
    """The record of a cell without numbers."""
    return make_record(
        cell, context, device=device, status=status, reason=reason, error_class=error_class
    )


def make_record(
    cell: Cell,
    context: RunContext,
    *,
    device: str,
    status: Status,
    reason: str | None = None,
    error_class: ErrorClass | None = None,
    protocols: dict[str, ProtocolNumbers] | None = None,
    cost: Cost | None = None,
    learning: Learning | None = None,
    adapted: list[str] | None = None,
    truth: dict[str, TruthCounts] | None = None,
    trained_on: TrainedOn | None = None,
    signed_maps: bool = False,
    findings: Sequence[RecordedFinding] = (),
) -> Record:
    """Put a record together from what is known of the cell and how it ended.

    ``findings`` are those that only the run makes; those of the plan are in the cell.
    """
    fit = cell.fit
    return Record(
        key=cell.key,
        fit_key=fit.key,
        dataset=cell.dataset.name,
        dataset_version=cell.dataset.version,
        task=cell.task,
        method=fit.method.name,
        method_version=fit.method.version,
        config=cell.settings,
        resolved_config=fit.config,
        train_on=cell.train_on,
        budget=fit.budget.name,
        budget_values=fit.budget.key_values(),
        seed=fit.seed,
        deterministic=fit.method.deterministic,
        device=device,
        status=status,
        reason=reason,
        error_class=error_class,
        protocols=protocols or {},
        subjects=Subjects(
            train=[one.subject for one in fit.train.present],
            validation=[one.subject for one in fit.validation.present],
            test=[one.subject for one in cell.test.present],
            test_expected=cell.test.expected,
        ),
        truth=truth or {},
        trained_on=trained_on,
        findings=[
            RecordedFinding(
                severity="warning" if one.severity == "warning" else "info",
                where=one.where,
                problem=one.problem,
                remedy=one.remedy,
            )
            for one in cell.findings
        ]
        + [*findings],
        learning=learning,
        adapted=adapted or [],
        kept=context.keep if status == "done" else "none",
        signed_maps=signed_maps and context.keep == "maps",
        cost=cost,
        fingerprints={
            "training": fit.fingerprint,
            "test": cell.fingerprint,
            "preparation": preparation_fingerprint(fit.preparation),
            **({"method": fit.method.sources} if isinstance(fit.method, PluginCard) else {}),
        },
        provenance=provenance(context.command, fit.method) | _where_from(cell),
    )


def _where_from(cell: Cell) -> dict[str, Any]:
    """Where the user's files are: the method's, for `bench show`, those of its settings.

    Of registered datasets also how their files were made.
    """
    fit = cell.fit
    found: dict[str, Any] = {"setting_files": dict(fit.files)} if fit.files else {}
    if isinstance(fit.method, PluginCard) and fit.method.file:
        found["method_file"] = fit.method.address
    if cell.registered:
        found["registered"] = {name: how.model_dump() for name, how in cell.registered.items()}
    return found
