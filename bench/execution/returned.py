"""What to say of a detector whose ``predict`` returns something else than a prediction."""

from __future__ import annotations

from bench.errors import an, counted


def in_place_of_prediction(found: object) -> str:
    """What ``predict`` returned instead of a `Prediction`, and what is expected."""
    if found is None:
        what = "None (is a `return` missing?)"
    elif isinstance(found, (tuple, list)):
        kinds = ", ".join(type(one).__name__ for one in found[:4])
        what = f"{an(type(found).__name__)} of {counted(len(found), 'value')} ({kinds})"
    else:
        what = an(type(found).__name__)
    return (
        f"`predict` returned {what}, expected one bench.detector.Prediction: "
        "return Prediction(maps, scores)"
    )
