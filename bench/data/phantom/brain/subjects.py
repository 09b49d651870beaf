"""Who the phantom's subjects are. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bench.errors import DataError, allowed

GENERATOR_VERSION: int = 1
"""Raised whenever a subject would come out differently; part of every random stream."""

Kind = Literal["normal", "ms", "glioma"]

# (group, kind, number of subjects, start of the sequence that spreads lesion loads)
_GROUPS: tuple[tuple[str, Kind, int, float], ...] = (
    ("train", "normal", 24, 0.0),
    ("val", "normal", 6, 0.0),
    ("tune-ms", "ms", 4, 0.3),
    ("tune-glioma", "glioma", 4, 0.3),
    ("tune-normal", "normal", 2, 0.0),
    ("test-ms", "ms", 8, 0.0),
    ("test-glioma", "glioma", 8, 0.0),
    ("test-normal", "normal", 4, 0.0),
    ("fresh-ms", "ms", 8, 0.15),
    ("fresh-glioma", "glioma", 8, 0.15),
    ("fresh-normal", "normal", 4, 0.0),
    ("large-glioma", "glioma", 64, 0.0),
    ("large-normal", "normal", 8, 0.0),
)


@dataclass(frozen=True)
class PhantomSubject:
    """One subject of the phantom.

    Attributes:
        name: id, group and number.
        kind: which lesions it has.
        rank: 0 to 1, where its lesion load stands among those of its kind.
    """

    name: str
    kind: Kind
    rank: float


def _all() -> dict[str, PhantomSubject]:
    found = {}
    for group, kind, count, start in _GROUPS:
        for number in range(1, count + 1):
            name = f"{group}-{number:02d}"
            found[name] = PhantomSubject(name, kind, _spread(number, start))
    return found


def _spread(number: int, start: float) -> float:
    """The golden-ratio sequence, which covers [0, 1) evenly however far it runs.

    A handful of subjects then holds small and large lesion loads alike, and the load of each
    still follows from its own number only.
    """
    return (start + number * 0.6180339887498949) % 1.0


SUBJECTS: dict[str, PhantomSubject] = _all()
"""All subjects by id."""


def subject_of(name: str) -> PhantomSubject:
    """The subject of an id.

    Raises:
        DataError: there is none.
    """
    if name not in SUBJECTS:
        raise DataError(
            f"the phantom has no subject {name!r}; {allowed(name, SUBJECTS)}",
            hint="list only ids of bench/data/phantom/brain/subjects.py in the card",
        )
    return SUBJECTS[name]
