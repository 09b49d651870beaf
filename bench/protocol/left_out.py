"""What a protocol leaves out of a number, counted and named."""

from __future__ import annotations

from collections.abc import Sequence

from bench.errors import counted, counted_of
from bench.protocol.cases import Cases
from bench.store.records import ONE_CLASS

OUTSIDE = "lesion pixels outside the foreground"
NO_FOREGROUND = "no foreground"
NO_SLICE = "no slice in the protocol's range"
NO_LABEL = "abnormal images without a label"
IGNORED = "images with ignored pixels and no lesion"
UNMATCHED = "no normal image at like position"


class LeftOut:
    """What did not enter a number.

    Attributes:
        found: per reason, what was left out: ``p1`` (the whole subject) or ``p1: 3 of 40 images``.
    """

    def __init__(self) -> None:
        self.found: dict[str, list[str]] = {}

    def not_ranked(self, cases: Sequence[Cases], subject: str) -> None:
        """Count the parts of one subject that are not ranked.

        Args:
            cases: of the subject, in one part or one per image.
            subject: its id.
        """
        outside = sum(one.positives_outside for one in cases)
        if outside:
            of = outside + sum(one.positives for one in cases)
            self._add(OUTSIDE, f"{subject}: {outside} of {of} lesion pixels")
        images = sum(one.images_without_score for one in cases)
        total = sum(one.total for one in cases)
        unlabelled = sum(one.images_without_label for one in cases)
        if unlabelled:
            self._add(NO_LABEL, f"{subject}: {counted(unlabelled, 'image')}")
        ignored = sum(one.images_ignored for one in cases)
        if ignored:
            self._add(IGNORED, f"{subject}: {counted(ignored, 'image')}")
        if unlabelled or (ignored and not total):
            pass  # that is why nothing of it is ranked
        elif not any(one.stack for one in cases):
            self._add(NO_SLICE, subject)
        elif not total:
            self._add(NO_FOREGROUND, subject)
        elif images:
            of = sum(one.images for one in cases)
            self._add(NO_FOREGROUND, f"{subject}: {counted_of(images, of, 'image')}")

    def unmatched(self, subject: str, number: int, of: int) -> None:
        """Count a subject's abnormal images without a normal one at like position."""
        if number:
            self._add(UNMATCHED, f"{subject}: {counted_of(number, of, 'abnormal image')}")

    def one_class(self, subject: str, number: int, of: int, pool: str) -> None:
        """Count the subject, or its images, that have one class only and so no value."""
        if number and pool == "subject":
            self._add(ONE_CLASS, subject)
        elif number:
            self._add(ONE_CLASS, f"{subject}: {counted_of(number, of, 'image')}")

    def _add(self, reason: str, what: str) -> None:
        self.found.setdefault(reason, []).append(what)
