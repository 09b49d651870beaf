"""The settings of a method: a card's defaults, and a user's values checked against them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from bench.cards import MethodCard
from bench.cards.values import plain_value
from bench.errors import CardError, UnknownName, UsageError, an, quoted
from bench.faults import in_plain_words
from bench.registry import plugins


def resolve_config(card: MethodCard, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The card's defaults with a user's settings, checked before anything runs.

    Args:
        card: the method.
        settings: wanted values by key.

    Raises:
        UnknownName: a key that the card's ``[config]`` does not have.
        UsageError: a value of a wrong type, or one that the method's schema refuses.
    """
    config = default_config(card)
    for key, value in settings.items():
        if key not in config:
            raise UnknownName(
                f"setting of method {card.name!r}:", key, config, hint="bench list methods"
            )
        plain = plain_value(f"{card.name}:{key}", value)
        config[key] = _typed(card.name, key, plain, config[key])
    if card.config_schema:
        _check_schema(card, config)
    return config


def default_config(card: MethodCard) -> dict[str, Any]:
    """Every setting of a method with its default, as JSON has the values.

    Raises:
        UsageError: a default that a record cannot hold; only a card made in Python can have one.
    """
    return {key: plain_value(f"{card.name}:{key}", value) for key, value in card.config.items()}


def _typed(name: str, key: str, value: object, default: object) -> object:
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return _float(name, key, value)
    if type(value) is not type(default):
        raise UsageError(
            f"setting {name}:{key}={quoted(value)} must be {an(type(default).__name__)}, "
            f"like its default {default!r}"
        )
    return value


def _float(name: str, key: str, value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        raise UsageError(f"setting {name}:{key} is too large for a float") from None


def _check_schema(card: MethodCard, config: dict[str, Any]) -> None:
    from pydantic import ValidationError

    module_name, _, class_name = str(card.config_schema).partition(":")
    try:
        module = plugins.module_of(card, module_name)
        if module is None and isinstance(card, plugins.PluginCard) and card.file:
            raise ImportError(f"it must be in {card.file}")
        module = module or importlib.import_module(module_name)
        schema = getattr(module, class_name)
    except (ImportError, AttributeError) as error:
        raise CardError(
            f"method {card.name!r}: config_schema {card.config_schema!r} cannot be found: {error}"
        ) from error
    try:
        schema.model_validate(config)
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, one['loc']))}={quoted(one['input'])}: {in_plain_words(one)}"
            if one["loc"]
            else in_plain_words(one)  # of several settings together: the input would be all of them
            for one in error.errors()
        ]
        text = f" {faults[0]}" if len(faults) == 1 else "".join(f"\n  {one}" for one in faults)
        raise UsageError(f"settings of method {card.name!r}:{text}") from error
