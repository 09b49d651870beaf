"""What is wrong with a value, in plain words; pydantic's own sentences are for programmers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Context = Mapping[str, Any]


def _bound(limit: float) -> str:
    """A limit as people write it; those of fractions allow for a rounding error."""
    return str(limit) if isinstance(limit, int) else f"{round(limit, 6) + 0:g}"


_WORDS: Mapping[str, Callable[[Context], str]] = {
    "missing": lambda _: "is missing",
    "extra_forbidden": lambda _: "is not known",
    "greater_than": lambda limit: f"must be more than {_bound(limit['gt'])}",
    "greater_than_equal": lambda limit: f"must be {_bound(limit['ge'])} or more",
    "less_than": lambda limit: f"must be less than {_bound(limit['lt'])}",
    "less_than_equal": lambda limit: f"must be {_bound(limit['le'])} or less",
    "finite_number": lambda _: "must be a finite number",
    "literal_error": lambda limit: f"must be {limit['expected']}",
    "enum": lambda limit: f"must be {limit['expected']}",
    "string_type": lambda _: "must be text",
    "string_too_short": lambda limit: f"must have {limit['min_length']} or more characters",
    "string_too_long": lambda limit: f"must have {limit['max_length']} or fewer characters",
    "string_pattern_mismatch": lambda limit: f"must match the pattern {limit['pattern']}",
    "int_type": lambda _: "must be a whole number",
    "int_parsing": lambda _: "must be a whole number",
    "int_from_float": lambda _: "must be a whole number",
    "float_type": lambda _: "must be a number",
    "float_parsing": lambda _: "must be a number",
    "bool_type": lambda _: "must be true or false",
    "bool_parsing": lambda _: "must be true or false",
    "list_type": lambda _: "must be a list",
    "tuple_type": lambda _: "must be a list",
    "dict_type": lambda _: "must be a table",
    "model_type": lambda _: "must be a table",
    "too_short": lambda limit: f"must have {limit['min_length']} or more entries",
    "json_invalid": lambda _: "is not JSON",
    "int_parsing_size": lambda _: "must be a smaller number",
    "too_long": lambda limit: f"must have {limit['max_length']} or fewer entries",
}


def in_plain_words(error: Any) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
    """What a value must be.

    Args:
        error: one of ``ValidationError.errors()``.

    Returns:
        Such as ``must be 0 or more``; what a model's own check says, word for word; pydantic's
        sentence where it has a kind of fault that no card and no record has today.
    """
    words = _WORDS.get(error["type"])
    if words is not None:
        return words(error.get("ctx", {}))
    return str(error["msg"]).removeprefix("Value error, ")


def first_in_plain_words(errors: Sequence[Any]) -> str:
    """The first fault with its place, and how many more there are: ``seed: must be 0 or more``.

    Args:
        errors: of ``ValidationError.errors()``, at least one.
    """
    first = errors[0]
    place = ".".join(map(str, first["loc"]))
    words = f"{place}: {in_plain_words(first)}" if place else f"it {in_plain_words(first)}"
    more = len(errors) - 1
    return words + (f" ({more} more fault{'s' * (more > 1)})" if more else "")
