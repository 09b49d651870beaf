"""The best, the median and the worst subject of a cell where none has a value of its own.

A subject with images of one class only has no AUROC or AP. What can be said of its image is how it
stands among the images of the other class.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cards import ProtocolCard
from bench.store.predictions import SubjectPrediction, read_predictions, shown_image

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

RANKED_RIGHT = "ranked right"


def ranked_right(folder: Path, protocol: ProtocolCard) -> dict[str, float]:
    """Of each subject, how right the protocol ranks it, or the image that stands for it.

    Of an abnormal one it is the share of all normal test images with a lower score, of a normal one
    the share of all abnormal images with a higher score; ties count half. Over all images of one
    class the mean of these is the AUROC (Hanley and McNeil, Radiology 143, 1982).

    Args:
        folder: the cell's predictions.
        protocol: whose scores count.

    Returns:
        By subject, 0 to 1; empty where the protocol does not rank all images, or all subjects,
        together by their scores alone, where it does not apply, or where one class is missing.

    Raises:
        StoreError: a prediction file is damaged.
        MetricError: a map or score is NaN or infinite.
    """
    import numpy as np

    from bench.protocol.cases import NotApplicable, cases_of
    from bench.protocol.held import held
    from bench.protocol.postprocess import processed_passes

    together = protocol.level != "pixel" and protocol.pool == "pooled"
    if not together or protocol.match or protocol.standardise or protocol.slices is not None:
        return {}
    shown: dict[str, tuple[bool, float]] = {}
    of_class: dict[bool, list[npt.NDArray[np.float32]]] = {False: [], True: []}
    try:
        with held(read_predictions(folder, "test")) as kept:
            at = {one.subject: shown_image(one.masks, one.labels) for one in kept()}
            with processed_passes(protocol, kept) as passes:
                for one in passes():
                    every = cases_of(protocol, one)
                    for abnormal, scores in of_class.items():
                        scores.append(every.scores[every.labels == abnormal])
                    for single in _standing_for(one, protocol, at[one.subject]):
                        case = cases_of(protocol, single)
                        if case.total:
                            shown[one.subject] = bool(case.labels[0]), float(case.scores[0])
    except NotApplicable:
        return {}
    sorted_scores = {kind: np.sort(np.concatenate(some)) for kind, some in of_class.items() if some}
    if len(sorted_scores) < 2 or not all(some.size for some in sorted_scores.values()):
        return {}
    return {
        subject: _right(score, sorted_scores[not abnormal], abnormal=abnormal)
        for subject, (abnormal, score) in shown.items()
    }


def _standing_for(
    one: SubjectPrediction, protocol: ProtocolCard, at: int
) -> Iterator[SubjectPrediction]:
    """The subject as a whole where subjects are ranked, else the image that is shown of it."""
    from bench.protocol.cases import images_of

    if protocol.level == "subject":
        yield one
    else:
        yield from (single for n, single in enumerate(images_of(one)) if n == at)


def _right(score: float, others: npt.NDArray[np.float32], *, abnormal: bool) -> float:
    below = (others.searchsorted(score, "left") + others.searchsorted(score, "right")) / 2
    share = float(below) / len(others)
    return share if abnormal else 1 - share
