"""Imports a user's file, and finds the detector class in it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from bench.errors import MethodError, UnknownName, UsageError, in_words
from bench.registry.located import innermost
from bench.registry.sources import source_files

if TYPE_CHECKING:  # NumPy does not belong into the start of the command line
    from bench.detector import Detector

_CONTRACT = ("fit", "predict", "save", "load")


def import_file(file: Path, sources: str) -> ModuleType:
    """A user's file as a module; a file whose source has changed becomes a new one.

    Args:
        file: absolute.
        sources: sha256 of it and of what it imports from its own folder.

    Raises:
        MethodError: it cannot be imported.
    """
    name = f"_bench_plugin_{file.stem}_{sources[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    # Last, so that the modules in the file's folder hide no installed package.
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))
    _require_own_helpers(file)
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise MethodError(f"{file} cannot be imported as a Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        named = isinstance(error, SyntaxError)  # its own text says file and line
        at = "" if named else innermost(error, source_files(file, file.parent), file.parent)
        raise MethodError(
            f"{file} cannot be imported: {in_words(error, at=at)}",
            hint=f"python {file} shows where",
        ) from error
    return module


def _require_own_helpers(file: Path) -> None:
    """Make sure that a file imports the modules of its own folder, as its key says.

    Raises:
        MethodError: an installed module, or one of another plug-in's folder, would come first.
    """
    importlib.invalidate_caches()
    for own in source_files(file, file.parent):
        top = own.relative_to(file.parent).parts[0].removesuffix(".py")
        loaded = getattr(sys.modules.get(top), "__file__", None)
        if loaded and Path(loaded).is_relative_to(file.parent):
            del sys.modules[top]  # of an earlier state of the file
        spec = importlib.util.find_spec(top) if own != file else None
        if spec is None:
            continue
        found = [spec.origin] if spec.origin else [*(spec.submodule_search_locations or [])]
        for one in map(Path, found):
            folder = one.parents[1] if one.name == "__init__.py" else one.parent
            if folder != file.parent:
                raise MethodError(
                    f"{file} imports {top!r}, but the one in {folder} would be taken",
                    hint="rename the module in the folder of the file; of two methods with "
                    "helpers of one name, run one after the other",
                )


def detector_class(module: ModuleType, wanted: str | None, file: Path) -> type[Detector]:
    """The detector class of an imported file: the one that is named, else its only one.

    Raises:
        UsageError: none is named, and the file does not have exactly one.
        UnknownName: it has no class of this name.
        MethodError: the class lacks a method of a detector.
    """
    classes = {
        name: one
        for name, one in vars(module).items()
        if isinstance(one, type) and one.__module__ == module.__name__
    }
    detectors = {name: one for name, one in classes.items() if not _lacking(one)}
    if wanted is None:
        if len(detectors) != 1:
            names = ", ".join(detectors) or "none"
            raise UsageError(
                f"{file} has {len(detectors)} detectors ({names}); name the one to use",
                hint=f"--method {file.name}:Class",
            )
        return next(iter(detectors.values()))
    if wanted not in classes:
        raise UnknownName(f"class in {file}:", wanted, detectors or classes)
    require_detector(classes[wanted], str(file))
    return classes[wanted]


def require_detector(found: type, where: str) -> None:
    """Refuse a class that lacks a method of a detector.

    Raises:
        MethodError: it names what is missing.
    """
    lacking = ", ".join(_lacking(found))
    if lacking:
        raise MethodError(
            f"{where}: class {found.__name__} is not a detector, it lacks {lacking}",
            hint="bench new method NAME writes a template",
        )


def _lacking(one: type) -> list[str]:
    return [name for name in _CONTRACT if not callable(getattr(one, name, None))]
