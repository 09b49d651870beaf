"""Where a new score stands: among the cell's normal validation images, and at the threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench import registry
from bench.cards import ProtocolCard
from bench.detector import BoolArray, FloatArray
from bench.protocol.calibration import calibrated_thresholds
from bench.protocol.held import held
from bench.protocol.postprocess import processed, processed_passes
from bench.store.predictions import SubjectPrediction, read_predictions
from bench.store.records import Record
from bench.store.store import Store

CALIBRATED = "lesion_f1"
"""The metric whose threshold is taken where the protocol itself has none."""


@dataclass(frozen=True)
class Standing:
    """What a cell's normal validation images say of a score and of a map.

    Attributes:
        scores: (N,) float32, of the normal validation images, sorted; empty where none was kept.
        protocol: whose steps a map goes through before the threshold.
        rate: share of the pixels of normal validation images that exceed the threshold.
        threshold: in the unit of the maps; None without kept maps.
    """

    scores: npt.NDArray[np.float32]
    protocol: ProtocolCard
    rate: float = 0.01
    threshold: float | None = None

    def percentile(self, score: float) -> float | None:
        """Percent of the normal validation images with a lower score, ties half; None without."""
        if not self.scores.size:
            return None
        below = np.searchsorted(self.scores, np.float32(score), "left")
        up_to = np.searchsorted(self.scores, np.float32(score), "right")
        return float(50.0 * (int(below) + int(up_to)) / self.scores.size)

    def above(self, prediction: SubjectPrediction) -> BoolArray | None:
        """(S, H, W) bool, where the protocol's map exceeds the threshold; None without one."""
        if self.threshold is None or prediction.maps is None or self.protocol.size is not None:
            return None
        seen = processed(self.protocol, prediction)
        maps: FloatArray | None = seen.unsigned_maps
        if maps is None:
            return None
        return np.asarray((maps > np.float32(self.threshold)) & seen.masks)


def standing_of(store: Store, record: Record) -> Standing:
    """Read the kept predictions of a cell's normal validation images.

    The threshold is the protocol's of the task's headline; where that ranks no pixels, of the
    record's first protocol that does.

    Raises:
        StoreError: a file is damaged.
    """
    known = registry.load_protocols()
    task = registry.all_tasks().get(record.task)
    names = [*([task.headline.protocol] if task else []), *record.protocols]
    cards = [known[name] for name in names if name in known]
    pixel = [one for one in cards if one.level == "pixel" and one.slices is None]
    card = pixel[0] if pixel else registry.protocol("pixel-pooled")
    folder = store.prediction_folder(record.key)
    asking = card.model_copy(update={"metrics": [CALIBRATED]})
    with held(read_predictions(folder, "validation")) as normal:
        kept = [one.scores for one in normal()]
        with processed_passes(asking, normal) as passes:
            found = calibrated_thresholds(asking, passes)
    scores = np.sort(np.concatenate(kept)) if kept else np.empty(0, np.float32)
    if not found:
        return Standing(scores, card)
    rate = min(found)
    return Standing(scores, card, rate, found[rate])
