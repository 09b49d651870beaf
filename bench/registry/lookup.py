"""Finds one card by its name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TypeVar

from bench.cards import Budget, Card, DatasetCard, MethodCard, ProtocolCard, Task
from bench.errors import CardError, UnknownName, UsageError, quoted
from bench.registry import plugins
from bench.registry.all_cards import (
    broken_datasets,
    load_budgets,
    load_datasets,
    load_methods,
    load_protocols,
)

C = TypeVar("C", bound=Card)


def method(name: str) -> MethodCard:
    """The card of a method, by name or as ``path/to/file.py:Class`` (see `registry.plugins`)."""
    known = load_methods()
    if not plugins.is_path(name):
        # Unlike `Path.is_file` it raises nothing on a name that is too long for any file.
        if name not in known and os.path.isfile(f"{name}.py"):
            raise UnknownName("method", name, known, hint=f"for your file say ./{name}.py")
        return _named("method", name, known)
    card = plugins.read_file(name)
    if card.name in known:
        raise CardError(
            f"method {name!r} is named {card.name!r}, as another method is",
            hint="give its card, or without a card its class, another name",
        )
    return card


def dataset(name: str) -> DatasetCard:
    """The card of a dataset, by name.

    Raises:
        CardError: it has a fault.
        UnknownName: there is none.
    """
    broken = broken_datasets().get(name)
    if broken is not None:
        raise broken
    return _named("dataset", name, load_datasets())


def protocol(name: str) -> ProtocolCard:
    """A protocol by ``name@version``, or by name alone: then its highest version."""
    known = load_protocols()
    versions = [card for card in known.values() if card.name == name]
    if versions:
        return max(versions, key=lambda card: card.version)
    return _named("protocol", name, known)


MOST_STEPS = 10_000_000


def budget(name: str) -> Budget:
    """A budget by name; ``smoke@400`` is ``smoke`` with 400 steps.

    Raises:
        UnknownName: there is none.
        UsageError: what follows the ``@`` is not a number of steps.
    """
    base, at, steps = name.partition("@")
    found = _named("budget", base, load_budgets())
    if not at:
        return found
    digits = steps.lstrip("0") if steps.isascii() and steps.isdigit() else ""
    if not digits or len(digits) > len(str(MOST_STEPS)) or int(digits) > MOST_STEPS:
        raise UsageError(
            f"budget {quoted(name)}: after the @ stands a number of steps from 1 to "
            f"{MOST_STEPS:,}, as in {base}@{found.steps}"
        )
    count = int(digits)
    # Under one name, so that its cells are those of the budget itself.
    return found if count == found.steps else _with_steps(found, count)


def _with_steps(base: Budget, steps: int) -> Budget:
    return base.model_copy(update={"name": f"{base.name}@{steps}", "steps": steps})


def known_budget(name: str) -> Budget | None:
    """A budget by name as `budget` gives it; None where there is none."""
    try:
        return budget(name)
    except (UnknownName, UsageError):
        return None


def all_tasks() -> dict[str, Task]:
    """Every task by its full name, ``dataset/task``."""
    return {
        f"{card.name}/{name}": one
        for card in load_datasets().values()
        for name, one in card.tasks.items()
    }


def _named(kind: str, name: str, known: Mapping[str, C]) -> C:
    if name not in known:
        raise UnknownName(kind, name, known, hint=f"bench list {kind}s")
    return known[name]
