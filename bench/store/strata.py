"""A part of the test data and its numbers: made of kept predictions for a report, never kept."""

from __future__ import annotations

from dataclasses import dataclass

from bench.store.records import ProtocolNumbers, Record


@dataclass(frozen=True)
class Stratum:
    """A part of the test data, and a protocol's numbers of it.

    Attributes:
        name: as reports print it.
        subjects: test subjects with any image in it.
        images: of these subjects.
        lesions: connected lesions in it; None without pixel labels.
        abnormal: subjects with a positive case in it; None where there are no numbers.
        numbers: of the protocol; ``not applicable`` with the reason, where it has none.
    """

    name: str
    subjects: int
    images: int
    lesions: int | None
    abnormal: int | None
    numbers: ProtocolNumbers


@dataclass(frozen=True)
class StratifiedCell:
    """The strata of one cell, or why there are none.

    Attributes:
        protocol: ``name@version``.
        problem: in words; empty where there are strata.
    """

    record: Record
    protocol: str
    strata: tuple[Stratum, ...] = ()
    problem: str = ""
