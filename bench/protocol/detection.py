"""What a method's maps say of lesions that were put into normal volumes, beside their twins."""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt

from bench.cards import ProtocolCard
from bench.cards.insertions import Insertions
from bench.errors import StoreError
from bench.metrics.candidates import find_candidates
from bench.protocol.held import Passes
from bench.protocol.postprocess import processed_passes
from bench.stats.detection import Seen
from bench.store.predictions import SubjectPrediction

Floats = npt.NDArray[np.float32]
Places = npt.NDArray[np.int64]

_BESIDE = np.array(list(product((-1, 0, 1), repeat=3)))  # a lesion and one voxel beside it


def seen_of(
    protocol: ProtocolCard, predictions: Passes, insertions: Insertions
) -> tuple[list[Seen], dict[str, Floats]]:
    """The map's highest value at each lesion and at the same place of its twin, and twins' peaks.

    Args:
        protocol: whose steps are applied to the maps.
        predictions: passes over the test subjects, with maps.
        insertions: what was put where.

    Returns:
        One entry per lesion; and per volume, the values of the peaks of its twin's map.

    Raises:
        StoreError: a copy or a twin is not among the predictions, or has no maps.
    """
    with processed_passes(protocol, predictions) as passes:
        by_subject = {one.subject: one for one in passes()}
        seen: list[Seen] = []
        peaks: dict[str, Floats] = {}
        for copy in insertions.copies:
            made, twin = (_known(by_subject, name) for name in (copy.subject, copy.twin))
            if copy.volume not in peaks:
                peaks[copy.volume] = _peaks(twin)
            centres = np.array([one.centre_mm for one in copy.lesions])
            for lesion, places in zip(copy.lesions, lesion_places(made, centres), strict=True):
                at = tuple(places.T)
                inside = made.masks[at]
                both = [_maps(one)[at][inside] for one in (made, twin)]
                score, before = (float(one.max()) if one.size else -np.inf for one in both)
                contrast = abs(lesion.contrast)
                seen.append(Seen(copy.volume, lesion.diameter_mm, contrast, score, before))
        by_subject.clear()  # Windows removes no file that is still mapped
    return seen, peaks


def lesion_places(
    prediction: SubjectPrediction, centres_mm: npt.NDArray[np.float64]
) -> list[Places]:
    """Per lesion (n, 3) indices into the stack: its voxels and those beside them.

    A voxel of the label belongs to the nearest centre. A lesion that preparation lost has the
    voxel at its centre, so it counts as one that can be missed.

    Args:
        prediction: of the copy; its label holds all of its lesions.
        centres_mm: (L, 3) in the world space of the input.
    """
    if prediction.geometry is None or prediction.labels is None:
        raise StoreError(f"subject {prediction.subject} has no volume or no labels")
    affine, slices = prediction.geometry.affine, prediction.geometry.slices
    inward = np.linalg.inv(affine)
    # The affine maps (row, column, slice of the common grid); arrays are (image, row, column).
    middle = (centres_mm @ inward[:3, :3].T + inward[:3, 3])[:, [2, 0, 1]]
    middle[:, 0] -= slices[0]
    voxels = np.argwhere(np.asarray(prediction.labels))
    on_grid = np.column_stack([voxels[:, 1], voxels[:, 2], slices[voxels[:, 0]]])
    world = on_grid @ affine[:3, :3].T + affine[:3, 3]
    away = np.linalg.norm(world[:, None] - centres_mm[None], axis=2)
    owner = away.argmin(axis=1) if len(voxels) else np.empty(0, np.int64)
    most = np.array(prediction.masks.shape) - 1
    found = []
    for at, centre in enumerate(middle):
        mine = np.concatenate([voxels[owner == at], np.rint(centre).astype(np.int64)[None]])
        around = (mine[:, None] + _BESIDE[None]).reshape(-1, 3)
        found.append(np.unique(np.clip(around, 0, most), axis=0))
    return found


def _peaks(twin: SubjectPrediction) -> Floats:
    """(P,) values of the peaks of a twin's map: every one is a false positive."""
    nothing = np.zeros(twin.masks.shape, dtype=np.bool_)
    inside = np.asarray(twin.masks)
    return find_candidates(nothing, _maps(twin), inside, dimensions=3).false.astype(np.float32)


def _known(by_subject: dict[str, SubjectPrediction], name: str) -> SubjectPrediction:
    if name not in by_subject:
        raise StoreError(
            f"there is no prediction of {name}", hint="run bench detect-limit again with --force"
        )
    return by_subject[name]


def _maps(one: SubjectPrediction) -> Floats:
    if one.maps is None:
        raise StoreError(f"no maps of {one.subject} were kept", hint="bench run --keep maps")
    return one.maps
