"""What all cards share: strict models, and reading them from TOML with readable faults."""

from __future__ import annotations

import datetime
import math
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from bench.errors import CardError, allowed, quoted
from bench.faults import in_plain_words
from bench.metrics.table import METRICS

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]


def _known_metric(name: str) -> str:
    if name not in METRICS:
        raise ValueError(f"unknown metric; {allowed(name, METRICS)}")
    return name


MetricName = Annotated[str, AfterValidator(_known_metric)]
"""One of `bench.metrics.table.METRICS`."""


class Card(BaseModel):
    """Base of all cards: unknown keys are errors, values never change, numbers are finite."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False
    )


C = TypeVar("C", bound=Card)
_MOST_BYTES = 10_000_000
_DEEPEST = 50
_LARGEST = 2**63 - 1


def read_card(path: Path, model: type[C]) -> C:
    """Read one card.

    Args:
        path: a TOML file.
        model: the type of card expected.

    Raises:
        CardError: the file is not TOML, or has an unknown key or a wrong value; every fault is
            named in one message.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise CardError(f"{path} has more than {_MOST_BYTES} bytes, which no card needs")
        # Windows begins a text with a mark of three bytes.
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise CardError(
            f"{path} is not valid TOML: it is not UTF-8 text", hint="save the card in UTF-8"
        ) from error
    # A ValueError is wrong TOML, or an integer of more than 4,300 digits.
    except ValueError as error:
        raise CardError(f"{path} is not valid TOML: {error}") from error
    except RecursionError as error:
        raise CardError(f"{path} is not valid TOML for a card: nested too deeply") from error
    except OSError as error:
        raise CardError(f"{path} cannot be read: {error.strerror or error}") from error
    return parse_card(content, model, where=str(path))


def parse_card(content: dict[str, Any], model: type[C], *, where: str) -> C:
    """Check the content of a card; `read_card` with the file already read."""
    _refuse(where, list(_odd_values(content)))
    try:
        return model.model_validate(content)
    except ValidationError as error:
        faults = [_fault(model, one) for one in error.errors()]
        _refuse(where, faults, error)
        raise


def _refuse(where: str, faults: list[str], cause: Exception | None = None) -> None:
    """Raise one `CardError` for all faults, each on a line of its own."""
    if faults:
        text = f" {faults[0]}" if len(faults) == 1 else "".join(f"\n  {one}" for one in faults)
        raise CardError(f"{where}:{text}") from cause


def _odd_values(content: object, place: str = "", depth: int = 0) -> Iterator[str]:
    """Values that no key can hold: keys are JSON with finite numbers, and TOML allows more."""
    if depth > _DEEPEST:
        yield f"{place}: nested more than {_DEEPEST} levels deep"
    elif isinstance(content, dict):
        for key, value in content.items():
            yield from _odd_values(value, f"{place}.{key}" if place else str(key), depth + 1)
    elif isinstance(content, list | tuple):
        for at, value in enumerate(content):
            yield from _odd_values(value, f"{place}.{at}", depth + 1)
    elif isinstance(content, float) and not math.isfinite(content):
        yield f"{place}: must be a finite number (found {content})"
    elif isinstance(content, int) and abs(content) > _LARGEST:
        yield f"{place}: must be at most 2**63 - 1 (found {quoted(content)})"
    elif isinstance(content, datetime.date | datetime.time):
        yield f"{place}: must not be a date or a time; put it in quotes (found {content})"


def _fault(model: type[BaseModel], error: Any) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] != "extra_forbidden":
        found = "" if error["type"] == "missing" else f" (found {error['input']!r:.80})"
        return f"{key or 'card'}: {in_plain_words(error)}{found}"
    owner = _model_at(model, error["loc"][:-1])
    keys = [field.alias or name for name, field in owner.model_fields.items()]
    return f"unknown key {key!r}; {allowed(str(error['loc'][-1]), keys)}"


def _model_at(model: type[BaseModel], location: tuple[int | str, ...]) -> type[BaseModel]:
    """The model that a path of keys leads to, for naming its allowed keys."""
    current, choices = model, [model]
    for part in location:
        field = current.model_fields.get(str(part))
        if field is not None:
            choices = _inner_models(field.annotation)
        # What is not a field is an index, a key of a mapping, or the model chosen from a union.
        named = [one for one in choices if one.__name__ == part]
        current = next(iter([*named, *choices]), current)
    return current


def _inner_models(annotation: Any) -> list[type[BaseModel]]:  # noqa: ANN401 - any type form
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    inner = getattr(annotation, "__args__", ())
    return [one for argument in inner for one in _inner_models(argument)]
