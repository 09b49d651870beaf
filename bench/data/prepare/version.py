"""The version of the preparation, on its own so that keys can be made without its imports."""

from __future__ import annotations

from bench.cards import AnyPreparation, ImagePreparation
from bench.keys import key_of

PREPARATION_VERSION = 2
"""Raised whenever the arrays of `bench.data.prepare.subject` change; part of every key."""


def version_of(preparation: AnyPreparation) -> int:
    """The version of a preparation.

    One more for ``foreground = "non-zero"`` of 2-D images: there, background was 0 whatever the
    border of an image showed.
    """
    non_zero = isinstance(preparation, ImagePreparation) and preparation.foreground == "non-zero"
    return PREPARATION_VERSION + int(non_zero)


def preparation_fingerprint(preparation: AnyPreparation) -> str:
    """One sha256 of what decides how files become arrays."""
    return key_of([version_of(preparation), preparation.model_dump(mode="json")])
