"""All cards of each kind: built-in ones, those of installed packages, and a user's."""

from __future__ import annotations

import importlib.util
import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TypeVar

from bench.cards import (
    Budget,
    Card,
    DatasetCard,
    MethodCard,
    ProtocolCard,
    PublishedRow,
    parse_card,
    read_card,
)
from bench.errors import CardError, MethodError, allowed
from bench.registry import plugins, resources
from bench.registry.own_modules import require_modules_of

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
        name = tomllib.loads(path.read_text(encoding="utf-8-sig")).get("name")
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
