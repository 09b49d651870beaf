"""``bench schema``: the JSON Schema of what bench writes."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated

import typer


class Written(StrEnum):
    """Files that have a schema."""

    record = "record"


def schema(
    kind: Annotated[Written, typer.Argument(help="Of which file.")],
) -> None:
    """Print the JSON Schema (draft 2020-12) of a cell's record.

    Example: bench schema record > record.schema.json
    """
    from bench.store.records import Record

    content = Record.model_json_schema(mode="validation")
    typer.echo(
        json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **content}, indent=1)
    )
