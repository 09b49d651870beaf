"""Keys: sha256 over canonical JSON, so that a key means the same on every machine."""

from __future__ import annotations

import hashlib
import json


def canonical_json(value: object) -> str:
    """JSON with sorted keys, no white space, ASCII only and finite numbers only.

    Raises:
        ValueError: NaN or infinity.
        TypeError: a type that JSON does not have, a key that is no string included.
    """
    _refuse_odd_keys(value)
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=True
    )


def key_of(value: object) -> str:
    """sha256 of `canonical_json`, in hex."""
    return hashlib.sha256(canonical_json(value).encode("ascii")).hexdigest()


def _refuse_odd_keys(value: object) -> None:
    """json.dumps would turn the keys 1 and True into strings without a word."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise TypeError(f"keys of canonical JSON are strings, got {key!r}")
            _refuse_odd_keys(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _refuse_odd_keys(inner)
