"""Reads records whose numbers by subject nobody wants: each is checked, none is kept.

A store of 10,000 cells has millions of them. Making an object of each takes half of the time of a
report that shows none, so they are checked as plain dictionaries here, of a protocol at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, NotRequired

from pydantic import AfterValidator, ConfigDict, Field, GetCoreSchemaHandler, with_config
from pydantic_core.core_schema import CoreSchema
from typing_extensions import TypedDict  # pydantic refuses that of typing on Python 3.11

from bench.store.records import (
    Count,
    Fraction,
    ProtocolNumbers,
    Record,
    SubjectNumbers,
    refuse_more_positives,
)


@with_config(ConfigDict(extra="forbid", allow_inf_nan=False))
class _Subject(TypedDict):
    """`SubjectNumbers` as a dictionary, in the same ranges."""

    cases: Count
    positives: Count
    metrics: NotRequired[dict[str, Fraction]]
    degenerate: NotRequired[bool]


def _none_of(subjects: dict[str, _Subject]) -> dict[str, SubjectNumbers]:
    """Nothing, once each subject's counts agree."""
    for one in subjects.values():
        if one["positives"] > one["cases"]:
            refuse_more_positives(one["cases"], one["positives"])
    return {}


@dataclass(frozen=True)
class _ReadAs:
    """A field that is read as another type than it is declared as."""

    type: Any

    def __get_pydantic_core_schema__(
        self,
        source: Any,  # noqa: ANN401 - as pydantic has it
        handler: GetCoreSchemaHandler,
    ) -> CoreSchema:
        return handler.generate_schema(self.type)


class _Numbers(ProtocolNumbers):
    per_subject: Annotated[
        dict[str, SubjectNumbers],
        _ReadAs(Annotated[dict[str, _Subject], AfterValidator(_none_of)]),
    ] = Field(default_factory=dict)


class RecordWithoutSubjects(Record):
    """A record that was checked as `Record` is, its numbers by subject left out."""

    protocols: Annotated[dict[str, ProtocolNumbers], _ReadAs(dict[str, _Numbers])] = Field(
        default_factory=dict
    )
