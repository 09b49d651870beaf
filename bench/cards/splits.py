"""Splits: which subjects are on which side."""

from __future__ import annotations

import hashlib
import itertools
import math
from typing import Literal

from pydantic import Field, model_validator

from bench.cards.base import Card


class Bucket(Card):
    """Subjects by a rule that needs no list: the sha256 of the id, modulo ``of``.

    Attributes:
        of: number of buckets.
        take: those that belong to the split.
        abnormal: what becomes of subjects with an abnormal image: ``divided`` as the others,
            ``all`` of them whatever their bucket, or ``none``. Where every subject has one, all
            are divided, since nobody else is there to learn from.
    """

    of: int = Field(ge=2)
    take: list[int] = Field(min_length=1)
    abnormal: Literal["divided", "all", "none"] = "divided"

    @model_validator(mode="after")
    def _within(self) -> Bucket:
        if any(not 0 <= one < self.of for one in self.take):
            raise ValueError(f"take must lie within 0 to {self.of - 1}")
        return self

    def holds(self, subject: str) -> bool:
        """Whether a subject is in one of the buckets."""
        sha = hashlib.sha256(subject.encode()).hexdigest()
        return int(sha, 16) % self.of in self.take

    def meets(self, other: Bucket) -> bool:
        """Whether an id can be in both."""
        step = math.gcd(self.of, other.of)
        pairs = itertools.product(self.take, other.take)
        return any((one - two) % step == 0 for one, two in pairs)


class Part(Card):
    """All subjects of one ``{part}``, for publishers who split by folder and give no patients."""

    part: str


class Split(Card):
    """Subjects of one side of a split.

    Attributes:
        subjects: ids; ``"all"`` that are present; ``"rest"``: all that are present and in no
            other split with a rule of its own; a `Bucket` or a `Part`.
        slices: ``lesion-free`` keeps only the slices or images without any lesion.
        rule: how the ids were chosen, in words.
    """

    subjects: list[str] | Literal["all", "rest"] | Bucket | Part
    slices: Literal["all", "lesion-free"] = "all"
    rule: str


def shared_subjects(one: Split, other: Split) -> str:
    """What two splits share by their rules alone, in words; empty where nothing can be said."""
    first, second = one.subjects, other.subjects
    if isinstance(first, list) and isinstance(second, list):
        return ", ".join(sorted({*first} & {*second}))
    if isinstance(first, Bucket) and isinstance(second, Bucket):
        return "a bucket of one is in the other" if first.meets(second) else ""
    for bucket, ids in ((first, second), (second, first)):
        if isinstance(bucket, Bucket) and isinstance(ids, list):
            return ", ".join(sorted(filter(bucket.holds, ids)))
    if "all" in (first, second) or (first == second and not isinstance(first, list)):
        return "all of them"
    return ""
