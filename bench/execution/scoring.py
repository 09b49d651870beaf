"""Applies protocols to the predictions in a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench import registry
from bench.protocol import apply_protocol
from bench.store.predictions import SubjectPrediction, read_predictions, require_subjects
from bench.store.records import ProtocolNumbers

Report = Callable[[str, int, int], None]


def score_folder(
    protocols: Sequence[str],
    folder: Path,
    test: Sequence[str],
    report: Report | None = None,
) -> dict[str, ProtocolNumbers]:
    """Numbers per protocol id.

    Args:
        protocols: ids, ``name@version``.
        folder: what `bench.store.predictions.write_prediction` filled.
        test: the test subjects that must be there, no more and no fewer.
        report: called with (phase, done, total).

    Raises:
        StoreError: a prediction file is damaged or missing.
    """
    require_subjects(folder, "test", test)

    def subjects() -> Iterator[SubjectPrediction]:
        yield from read_predictions(folder, "test")
        yield from read_predictions(folder, "validation")

    numbers = {}
    for done, name in enumerate(protocols):
        if report is not None:
            report("score", done, len(protocols))
        numbers[name] = apply_protocol(registry.protocol(name), subjects)
    return numbers
