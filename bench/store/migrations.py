"""Brings records of older schema versions up to the present one, on reading."""

from __future__ import annotations

from typing import Any

from bench.errors import StoreError
from bench.store.records import SCHEMA_VERSION


def migrate(content: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever the file holds
    """Turn the content of a record file into that of the present schema.

    Raises:
        StoreError: it is not a record, or a newer bench wrote it.
    """
    version = content.get("schema_version") if isinstance(content, dict) else None
    if not isinstance(version, int):
        raise StoreError("not a record of bench: it has no schema_version")
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"written by a newer bench: schema {version}, this one reads up to {SCHEMA_VERSION}"
        )
    result: dict[str, Any] = content
    return result
