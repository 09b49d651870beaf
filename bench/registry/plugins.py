"""Methods of a user's own: cards of installed packages, and classes in a file.

An installed package registers by an entry point. Its value is the package that has the cards in
its folder, or a module that has its card next to it::

    [project.entry-points."bench.methods"]
    mine = "my_package"

Every ``*.toml`` with a ``class`` below the package is a method card (of a module: the ``.toml`` in
the same folder that has its name), and each card names its class as the built-in ones do.

A file needs no package: ``--method path/to/file.py:Class``. Its card is ``file.toml`` in the same
folder, where that names the class; else it is made from the class: the name is the class's name
with hyphens (``MeanImage`` is ``mean-image``), the settings and their defaults are the dictionary
``CONFIG`` of the class (none without it), the description is the first line of its docstring,
all else is the default of a card, and the family is ``other``.

Nobody but its author holds a plug-in's version, so its source is part of the fit key: the bytes
of the class's file and of all files of the same package (for a single file: of the same folder)
that it imports. A plug-in whose source has changed is trained again, even after a changed comment;
one that was only moved to another folder is not.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import tomllib
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from bench.cards import MethodCard, parse_card, read_card
from bench.errors import CardError, MethodError, UsageError, allowed
from bench.registry.importing import detector_class, import_file, require_detector
from bench.registry.located import beginning, innermost
from bench.registry.own_modules import plugin_packages, require_modules_of
from bench.registry.sources import digest, source_files

if TYPE_CHECKING:  # NumPy does not belong into the start of the command line
    from bench.detector import Detector

GROUP = "bench.methods"

_PATH = re.compile(r"(?P<file>.+\.py)(?::(?P<name>\w*))?")
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class PluginCard(MethodCard):
    """The card of a method that does not come with bench.

    Attributes:
        file: absolute path of a user's file; None for an installed package.
        sources: sha256 of its source; part of the fit key.
    """

    file: str | None = None
    sources: str

    @property
    def address(self) -> str:
        """How ``--method`` names it from anywhere."""
        return f"{self.file}:{self.class_path.split(':')[1]}" if self.file else self.name


# --- installed packages -------------------------------------------------------------------------


def installed_cards() -> list[Path]:
    """The card files of all packages with an entry point of the group ``bench.methods``.

    Raises:
        CardError: an entry point leads to no card.
    """
    paths: list[Path] = []
    for point in entry_points(group=GROUP):
        found_at = module_path(point.module)
        if found_at is None:
            found: list[Path] = []
        elif found_at.is_dir():
            found = [one for one in sorted(found_at.rglob("*.toml")) if _is_card(one)]
        else:
            found = [one for one in [found_at.with_suffix(".toml")] if one.is_file()]
        if not found:
            owner = f" of {point.dist.name}" if point.dist else ""
            raise CardError(
                f"the plug-in {point.name!r}{owner} leads to {point.value!r}, where there is no "
                "method card; expected a package with *.toml files, or a module with its own one",
                hint="repair its entry point, or uninstall it",
            )
        paths += found
    return paths


def _is_card(path: Path) -> bool:
    """Whether a TOML file of a package means to be a card; a broken file counts, to be named."""
    try:
        return "class" in tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return True


def read_installed(path: Path) -> PluginCard:
    """Read the card of an installed plug-in.

    Raises:
        CardError: it is not a method card.
    """
    card = read_card(path, MethodCard)
    require_modules_of(card, plugin_packages(GROUP), path)
    return PluginCard(**_fields(card), sources=_installed_sources(card.class_path))


def _installed_sources(class_path: str) -> str:
    return digest(*installed_files(class_path))


def installed_files(class_path: str) -> tuple[list[Path], Path]:
    """The files of a class's package that its module imports, and the folder they are named from.

    Args:
        class_path: ``module:Class``. Without such a module there are no files: loading says so.
    """
    module = class_path.split(":")[0]
    found = module_path(module)
    if found is None or not found.exists():
        return [], Path()
    start = found / "__init__.py" if found.is_dir() else found
    root = start.parents[len(module.split(".")) - (0 if found.is_dir() else 1)]
    return source_files(start, root, only=module.split(".")[0]), root


def module_path(module: str) -> Path | None:
    """Folder of a package or file of a module, without importing it; None if there is none."""
    top, *rest = module.split(".")
    spec = importlib.util.find_spec(top)
    if spec is None:
        return None
    if not spec.submodule_search_locations:
        return Path(spec.origin) if spec.origin and not rest else None
    found = Path(next(iter(spec.submodule_search_locations))).joinpath(*rest)
    return found if found.is_dir() else found.with_suffix(".py")


# --- files --------------------------------------------------------------------------------------


def is_path(name: str) -> bool:
    """Whether ``--method`` names a file: names of cards hold neither dots nor slashes."""
    return any(one in name for one in "./\\")


def read_file(text: str) -> PluginCard:
    """The card of a method in a file; the file is imported.

    Args:
        text: ``path/to/file.py:Class``; the class may be left out where the card of the file
            names it, or where the file has one detector only.

    Raises:
        UsageError: no such file or class.
        MethodError: the file cannot be imported, or the class lacks a method of a detector.
        CardError: the TOML file of the same name is not a card.
    """
    file, wanted = _split(text)
    sources = file_sources(file)
    module = import_file(file, sources)
    card_file = file.with_suffix(".toml")
    card = read_card(card_file, MethodCard) if card_file.is_file() else None
    named = card.class_path.split(":")[1] if card else None
    if named is not None and not hasattr(module, named):
        raise CardError(f"{card_file} names the class {named!r}, which {file} does not have")
    found = detector_class(module, wanted or named, file)
    if card is None or named != found.__name__:
        card = _card_of_class(found, file)
    return PluginCard(**_fields(card), file=str(file), sources=sources)


def card_of_module(found: type) -> PluginCard:
    """The card of a detector class of a package that can be imported, made from the class.

    Raises:
        MethodError: it is not a detector.
        CardError: its ``CONFIG`` holds what JSON cannot.
    """
    require_detector(found, found.__module__)
    card = _card_of_class(found, Path(f"{found.__module__}.py"))
    class_path = f"{found.__module__}:{found.__name__}"
    fields = {**_fields(card), "class_path": class_path}
    return PluginCard(**fields, sources=_installed_sources(class_path))


def file_sources(file: Path) -> str:
    """sha256 of a file and of what it imports from its own folder."""
    return digest(source_files(file, file.parent), file.parent)


def load(card: PluginCard) -> type[Detector] | None:
    """The class of a method in a file; None for one of an installed package.

    Raises:
        MethodError: the source is another than when the card was read, or cannot be imported.
    """
    now = file_sources(Path(card.file)) if card.file else _installed_sources(card.class_path)
    if now != card.sources:
        raise MethodError(
            f"the source of method {card.name!r} was changed after this run began",
            hint="start the run again",
        )
    if card.file is None:
        return None
    file = Path(card.file)
    return detector_class(import_file(file, now), card.class_path.split(":")[1], file)


def own_files(card: MethodCard) -> tuple[list[Path], Path]:
    """The files of a method that does not come with bench, and the folder they are named from.

    Args:
        card: of any method; one that comes with bench has no files of a user's own.
    """
    if isinstance(card, PluginCard) and card.file:
        file = Path(card.file)
        return source_files(file, file.parent), file.parent
    if card.class_path.partition(".")[0] == "methods":
        return [], Path()
    return installed_files(card.class_path)


def place_of(error: BaseException, card: MethodCard) -> str:
    """Where in a user's own method an error arose.

    Returns:
        Such as ``mine.py, line 12, in fit``; empty where the error passed through none of the
        method's files, and for a method that comes with bench.
    """
    return innermost(error, *own_files(card))


def place_of_function(function: object, card: MethodCard) -> str:
    """Where a function of a user's own method begins, in the words of `place_of`."""
    return beginning(function, *own_files(card))


def module_of(card: MethodCard, name: str) -> ModuleType | None:
    """The user's file, if that is what a card means by a module's name."""
    if not isinstance(card, PluginCard) or not card.file:
        return None
    if name not in (card.class_path.split(":")[0], Path(card.file).stem):
        return None
    return import_file(Path(card.file), card.sources)


def kebab(name: str) -> str:
    """A class's or a file's name as the name of a card."""
    return _WORDS.sub("-", name).lower().replace("_", "-").strip("-")


def _split(text: str) -> tuple[Path, str | None]:
    match = _PATH.fullmatch(text)
    if match is None:
        raise UsageError(
            f"method {text!r} is neither the name of a card nor a path like file.py:Class",
            hint="bench list methods",
        )
    file = Path(match["file"]).expanduser().resolve()
    if not os.path.isfile(file):
        neighbours = [one.name for one in file.parent.glob("*.py")]
        raise UsageError(
            f"method {text!r}: {file} does not exist"
            + (f"; {allowed(file.name, neighbours)}" if neighbours else ""),
            hint=f"make one with: bench new method {file.stem}",
        )
    return file, match["name"] or None


def _card_of_class(found: type[Detector], file: Path) -> MethodCard:
    config = getattr(found, "CONFIG", {})
    where = f"{file}, class {found.__name__}"
    try:
        json.dumps(config, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise CardError(f"{where}: CONFIG may hold what JSON can: {error}") from error
    words = (found.__doc__ or "").strip().splitlines()
    content = {
        "name": kebab(found.__name__),
        "title": found.__name__,
        "class": f"{_identifier(file.stem)}:{found.__name__}",
        "version": 1,
        "family": "other",
        "description": words[0] if words else f"{found.__name__} of {file.name}",
        "config": config,
    }
    return parse_card(content, MethodCard, where=where)


def _identifier(stem: str) -> str:
    return re.sub(r"\W", "_", stem)


def _fields(card: MethodCard) -> dict[str, Any]:
    return {name: getattr(card, name) for name in MethodCard.model_fields}
