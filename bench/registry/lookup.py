"""Finds cards by name, and loads a method's class only when it is needed."""

from __future__ import annotations

import importlib
import importlib.util
import os
import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from bench.cards import (
    Budget,
    Card,
    DatasetCard,
    MethodCard,
    ProtocolCard,
    PublishedRow,
    Task,
    parse_card,
    read_card,
)
from bench.cards.values import plain_value
from bench.errors import (
    CardError,
    MethodError,
    MissingExtra,
    UnknownName,
    UsageError,
    allowed,
    an,
    quoted,
)
from bench.faults import in_plain_words
from bench.installed import DISTRIBUTION, command_to_install
from bench.registry import plugins, resources
from bench.registry.own_modules import require_modules_of

if TYPE_CHECKING:  # NumPy does not belong into the start of the command line
    from bench.detector import DetectorClass

C = TypeVar("C", bound=Card)


_broken_datasets: dict[str, CardError] = {}


@cache
def load_datasets() -> Mapping[str, DatasetCard]:
    """All dataset cards by name that can be used: shipped ones, then those in ``./datasets``.

    What cannot be used stops only what needs it, see `broken_datasets`.
    """
    paths = [
        p for folder in resources.card_folders("datasets") for p in sorted(folder.glob("*.toml"))
    ]
    _broken_datasets.clear()
    return _unique(paths, _reader(DatasetCard), "dataset", lambda card: card.name, _broken_datasets)


def broken_datasets() -> dict[str, CardError]:
    """Dataset cards that cannot be used, by their names, and what is wrong with each."""
    load_datasets()
    return dict(_broken_datasets)


@cache
def load_methods() -> Mapping[str, MethodCard]:
    """All method cards by name: built-in ones, then those of installed plug-ins."""
    own = sorted(_builtin_methods().rglob("*.toml"))

    def read(path: Path) -> MethodCard:
        if path not in own:
            return plugins.read_installed(path)
        card = read_card(path, MethodCard)
        require_modules_of(card, {"methods"}, path)
        return card

    return _unique([*own, *plugins.installed_cards()], read, "method", lambda card: card.name)


@cache
def load_protocols() -> Mapping[str, ProtocolCard]:
    """All protocols by ``name@version``."""
    paths = sorted(resources.protocol_folder().glob("*.toml"))
    return _unique(paths, _reader(ProtocolCard), "protocol", lambda card: card.id)


@cache
def load_rows() -> tuple[PublishedRow, ...]:
    """All published rows in the order they are printed."""
    folders = resources.card_folders("published")
    paths = [path for folder in folders for path in sorted(folder.glob("*.toml"))]
    rows = _unique(paths, _read_row, "row", lambda row: row.name)
    return tuple(sorted(rows.values(), key=lambda row: (row.order, row.name)))


def _read_row(path: Path) -> PublishedRow:
    """A published row; its protocol computes its metric, else no run would ever fill it."""
    row, known = read_card(path, PublishedRow), load_protocols()
    if row.protocol not in known:
        raise CardError(
            f"{path}: unknown protocol {row.protocol!r}; {allowed(row.protocol, known)}",
            hint="bench list protocols",
        )
    metrics = known[row.protocol].metrics
    if row.metric not in metrics:
        raise CardError(
            f"{path}: protocol {row.protocol} does not compute {row.metric!r}; "
            f"{allowed(row.metric, metrics)}",
            hint="bench list protocols",
        )
    return row


@cache
def load_budgets() -> Mapping[str, Budget]:
    """All budgets by name, the cheapest first."""
    path = resources.budget_file()
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    return {
        name: parse_card({"name": name, **values}, Budget, where=f"{path}, [{name}]")
        for name, values in content.items()
    }


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


def load_class(card: MethodCard) -> DetectorClass:
    """Import a method's class; the heavy imports happen here.

    Raises:
        MissingExtra: an optional dependency is not installed.
        MethodError: the module has no such class, or a plug-in's source has changed.
    """
    if isinstance(card, plugins.PluginCard):
        in_file = plugins.load(card)
        if in_file is not None:
            return in_file
    module_name, class_name = card.class_path.split(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if not card.extras:
            raise MethodError(
                f"method {card.name!r}: {card.class_path} cannot be imported: {error}"
            ) from error
        extras = ",".join(card.extras)
        theirs = isinstance(card, plugins.PluginCard)
        owner = card.class_path.partition(".")[0] if theirs else DISTRIBUTION
        raise MissingExtra(
            f"method {card.name!r} needs {error.name!r}, which is not installed",
            hint=command_to_install(extras, owner),
        ) from error
    except Exception as error:  # a plug-in's module may raise anything
        raise MethodError(
            f"method {card.name!r}: {card.class_path} cannot be imported: "
            f"{type(error).__name__}: {error}",
            hint=f"python -c 'import {module_name}' shows where",
        ) from error
    found = getattr(module, class_name, None)
    if found is None:
        classes = [name for name, one in vars(module).items() if isinstance(one, type)]
        raise MethodError(
            f"method {card.name!r}: {module_name} has no class {class_name!r}; "
            f"{allowed(class_name, classes)}"
        )
    detector_class: DetectorClass = found
    return detector_class


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


def _named(kind: str, name: str, known: Mapping[str, C]) -> C:
    if name not in known:
        raise UnknownName(kind, name, known, hint=f"bench list {kind}s")
    return known[name]


def _unique(
    paths: list[Path],
    read: Callable[[Path], C],
    kind: str,
    name_of: Callable[[C], str],
    broken: dict[str, CardError] | None = None,
) -> dict[str, C]:
    """Cards by name; those with a fault go into ``broken``, or are raised where it is None."""
    found: dict[str, C] = {}
    origin: dict[str, Path] = {}
    for path in paths:
        try:
            card = read(path)
        except CardError as error:
            if broken is None:
                raise
            name = _name_in(path)
            broken[str(path) if name in broken else name] = error
            continue
        name = name_of(card)
        if name in found:
            if path.read_bytes() == origin[name].read_bytes():
                continue  # a second copy of the repository is not a second card
            double = CardError(
                f"two {kind} cards are named {name!r}: {origin[name]} and {path}",
                hint="give one of them another name",
            )
            if broken is None:
                raise double
            broken[name] = double
            continue
        found[name], origin[name] = card, path
    return {name: found[name] for name in sorted(found) if name not in (broken or ())}


def _name_in(path: Path) -> str:
    """The name that a card with a fault gives itself, else that of its file."""
    try:
        name = tomllib.loads(path.read_text(encoding="utf-8")).get("name")
    except (ValueError, OSError, RecursionError):
        name = None
    return name if isinstance(name, str) else path.stem


def _reader(model: type[C]) -> Callable[[Path], C]:
    return lambda path: read_card(path, model)


def _builtin_methods() -> Path:
    folder = _package_folder("methods")
    if not (folder / "proxyano" / "proxyano.toml").is_file():
        raise MethodError(
            f"the folder {folder} shadows the package 'methods' that comes with bench",
            hint="start bench from another folder, or rename that one",
        )
    return folder


def _package_folder(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise MethodError(f"no package named {name!r} can be imported to read method cards from")
    return Path(next(iter(spec.submodule_search_locations)))
