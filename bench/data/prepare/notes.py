"""What is odd about one subject's files and is seen only when they are read; no error."""

from __future__ import annotations

from collections.abc import Sequence

from bench.data.files import LabelValues
from bench.data.findings import some

Note = tuple[str, str]
"""A problem and its remedy, as a finding has them."""

UNORIENTED: Note = (
    "the header does not say where the axes point (sform_code and qform_code are 0)",
    "look with `bench data show` whether it is upright; else repair the header",
)
SHEARED: Note = (
    "the axes of the volume are not at right angles (a tilted gantry?)",
    "nothing; or resample it onto axes at right angles, if shapes matter: images are drawn as"
    " stored",
)
# More values than two and a few are the marks of a lossy or smoothed label.
_SHOWN = 10


def value_note(found: Sequence[float], values: LabelValues) -> Note | None:
    """What to say of a label that has values which the card does not explain.

    Args:
        found: values of the label, sorted.
        values: what the card says of them.
    """
    others = [one for one in found if one not in {0, *values.lesion, *values.ignore}]
    shown = ", ".join(f"{one:g}" for one in found[:_SHOWN]) + (", …" if len(found) > _SHOWN else "")
    if values.lesion and others:
        return (
            f"values {shown}; those that the card does not name count as normal:"
            f" {some([f'{one:g}' for one in others])}",
            "nothing, if they are normal; else name them in `lesion` or `ignore` of the layout",
        )
    if not values.lesion and len(others) > 1:
        rest = "all but 0 count as lesion"
        if values.ignore:
            rest = f"all but 0 and the ignored {', '.join(map(str, values.ignore))} are lesion"
        return (
            f"values {shown}, expected two; {rest}",
            "nothing, if all of them are lesion; else name the values in `lesion` or `ignore` of"
            " the card's layout, or write a binary label without loss",
        )
    return None
