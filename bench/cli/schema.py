"""``bench schema``: the JSON Schemas of records, cards and suites."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pydantic import BaseModel


class Kind(StrEnum):
    """Files that have a schema."""

    record = "record"
    dataset = "dataset"
    method = "method"
    protocol = "protocol"
    row = "row"
    suite = "suite"


def schema(
    kind: Annotated[
        Kind, typer.Argument(help="Of which file; a row is a published one (results/published).")
    ],
) -> None:
    """Print the JSON Schema (draft 2020-12) of a cell's record, a card or a suite.

    Example: bench schema record > record.schema.json
    """
    content = _model(kind).model_json_schema(mode="validation")
    typer.echo(
        json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **content}, indent=1)
    )


def _model(kind: Kind) -> type[BaseModel]:
    from bench import cards
    from bench.planning.suite import Suite
    from bench.store.records import Record

    models: dict[Kind, type[BaseModel]] = {
        Kind.record: Record,
        Kind.dataset: cards.DatasetCard,
        Kind.method: cards.MethodCard,
        Kind.protocol: cards.ProtocolCard,
        Kind.row: cards.PublishedRow,
        Kind.suite: Suite,
    }
    return models[kind]
