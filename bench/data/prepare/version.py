"""The version of the preparation, on its own so that keys can be made without its imports."""

from __future__ import annotations

from bench.cards import AnyPreparation
from bench.keys import key_of

PREPARATION_VERSION = 2
"""Raised whenever the arrays of `bench.data.prepare.subject` change; part of every key."""


def preparation_fingerprint(preparation: AnyPreparation) -> str:
    """One sha256 of what decides how files become arrays."""
    return key_of([PREPARATION_VERSION, preparation.model_dump(mode="json")])
