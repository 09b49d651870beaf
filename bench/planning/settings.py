"""Settings of methods: which goes to which method, as values."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import registry
from bench.cards import MethodCard
from bench.errors import UnknownName, UsageError, quoted
from bench.keys import canonical_json

FILE_MARK = "sha256:"


@dataclass(frozen=True)
class Setting:
    """One wanted value.

    Attributes:
        method: the method it is for; None means every method.
        key: of the card's ``[config]``.
        value: as it came, not yet checked.
        written: the setting as its author wrote it, for messages.
    """

    method: str | None
    key: str
    value: Any
    written: str


@dataclass(frozen=True)
class MethodChoice:
    """A method with its settings.

    Attributes:
        settings: only what differs from the card's defaults.
        config: every setting; a file stands as `FILE_MARK` and the sha256 of its content.
        files: absolute path of each setting that is a file.
    """

    card: MethodCard
    settings: dict[str, Any]
    config: dict[str, Any]
    files: dict[str, str] = field(default_factory=dict)


def parse_settings(texts: Iterable[str]) -> list[Setting]:
    """The settings of ``--set [METHOD:]key=value`` and of a suite's ``set``.

    A value is read as JSON where it is JSON, else it is a string.

    Raises:
        UsageError: a text of another form.
    """
    return [_parsed(text) for text in texts]


def named_settings(values: Mapping[str, Any]) -> list[Setting]:
    """The settings of a Python call, by ``key`` or ``method:key``.

    Raises:
        UsageError: a name that is not a string, or an empty one.
    """
    odd = [name for name in values if not isinstance(name, str) or not name.rpartition(":")[2]]
    if odd:
        raise UsageError(f"the setting named {odd[0]!r} must be named key or method:key")
    return [
        Setting(*_split(name), value, f"settings={{{name!r}: {value!r}}}")
        for name, value in values.items()
    ]


def choose_settings(
    cards: Sequence[MethodCard],
    settings: Sequence[Setting],
    beside: Sequence[MethodCard] = (),
) -> tuple[MethodChoice, ...]:
    """Methods with their settings, checked.

    A setting without a method goes to every method, and must be a key of each.

    Args:
        cards: of the methods that were asked for.
        settings: as they were written.
        beside: methods that run too; they take only settings that name them.

    Returns:
        The methods that were asked for, then those beside.

    Raises:
        UnknownName: no such key, or a setting of a method that does not run.
        UsageError: a wrong value, or two methods of one name.
    """
    twice = [name for name, count in Counter(card.name for card in cards).items() if count > 1]
    if twice:
        raise UsageError(f"two of the methods are named {twice[0]!r}; run them one after the other")
    asked = [card.name for card in cards]
    wanted: dict[str, dict[str, Any]] = {card.name: {} for card in (*cards, *beside)}
    for setting in settings:
        if setting.method is not None and setting.method not in wanted:
            raise UnknownName(f"method in {setting.written}:", setting.method, wanted)
        for name in [setting.method] if setting.method is not None else asked:
            wanted[name][setting.key] = setting.value
    choices = []
    for card in (*cards, *beside):
        config, files = _by_content(card, registry.resolve_config(card, wanted[card.name]))
        defaults = registry.default_config(card)
        changed = {
            key: value
            for key, value in config.items()
            if canonical_json(value) != canonical_json(defaults[key])
        }
        choices.append(MethodChoice(card=card, settings=changed, config=config, files=files))
    return tuple(choices)


def file_content(path: Path) -> str:
    """What stands for a file in keys and records: `FILE_MARK` and the sha256 of its bytes.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        with path.open("rb") as handle:
            return FILE_MARK + hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error


def _by_content(card: MethodCard, config: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Every setting with files by their content, and the paths of these files.

    Raises:
        UsageError: a value looks like a path, but is not one of a file.
    """
    found, files = dict(config), {}
    for key in card.files:
        value = config[key]
        path = Path(str(value)).expanduser()
        if isinstance(value, str) and os.path.isfile(path):
            found[key], files[key] = file_content(path), str(path.resolve())
        elif isinstance(value, str) and (path.suffix or os.sep in value):
            raise UsageError(
                f"setting {card.name}:{key}={value!r} is not a file",
                hint=f"correct the path, or leave the default {card.config[key]!r}",
            )
    return found, files


def _parsed(text: str) -> Setting:
    name, equals, right = text.partition("=")
    if not equals or not name:
        raise UsageError(f"--set {quoted(text)} must look like key=value or METHOD:key=value")
    try:
        value = json.loads(right)
    except (ValueError, RecursionError):  # of 5,000 digits or 2,000 brackets too: a string
        value = right
    return Setting(*_split(name), value, f"--set {quoted(text)}")


def _split(name: str) -> tuple[str | None, str]:
    method, colon, key = name.rpartition(":")
    return (method if colon else None), key.strip()
