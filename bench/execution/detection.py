"""The detection limit of a cell, from its kept maps."""

from __future__ import annotations

from collections.abc import Iterator

from bench.cards import ProtocolCard
from bench.cards.insertions import Insertions
from bench.errors import StoreError
from bench.protocol.detection import seen_of
from bench.stats.detection import Fitted, fit_limit
from bench.store.predictions import SubjectPrediction, read_predictions, require_whole
from bench.store.records import Record
from bench.store.store import Store


def limit_of(
    store: Store, record: Record, insertions: Insertions, protocol: ProtocolCard
) -> Fitted:
    """Fit what a cell finds.

    Args:
        store: the run store.
        record: of a done cell of the data set's task.
        insertions: what was put where.
        protocol: whose steps are applied to the maps.

    Raises:
        StoreError: predictions are missing or damaged, or have no maps.
        MetricError: a map value is NaN or infinite.
    """
    folder = store.prediction_folder(record.key)
    if not folder.is_dir():
        raise StoreError("no predictions were kept", hint="bench detect-limit --force")
    require_whole(folder, record)

    def test_subjects() -> Iterator[SubjectPrediction]:
        return read_predictions(folder, "test")

    seen, peaks = seen_of(protocol, test_subjects, insertions)
    return fit_limit(seen, peaks, sorted({one.contrast for one in seen}))
