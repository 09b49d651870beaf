"""Detector classes that are given as classes, also those of a notebook.

Cells run in other processes, and a fit is loaded again in another session, so a class must be
found in a file. A class of a notebook is written to one, in the run store: with the imports,
functions, classes and plain values of the notebook that it uses. It is not pickled: a pickle runs
code of whoever wrote the store, its bytes differ between versions of Python, so that no key could
follow from it, and nobody can read it.
"""

from __future__ import annotations

import ast
import hashlib
import linecache
import math
import symtable
import sys
from collections.abc import Iterator
from pathlib import Path, PurePath
from types import FunctionType, ModuleType
from typing import Any

from bench.api.places import write_text
from bench.errors import UsageError, an
from bench.registry import plugins

FOLDER = "_classes"
"""The folder of a run store with the files of notebooks' classes."""

_HEAD = '"""Written by bench from a notebook."""\n\nfrom __future__ import annotations\n'


def card_of(found: type, results: Path) -> plugins.PluginCard:
    """The card of a detector class; its fit key follows from the class's source.

    Args:
        found: of a module, of the script that runs, or of a notebook.
        results: the run store, which takes the file of a notebook's class.

    Raises:
        UsageError: the class's source is not known, or it uses something of the notebook that
            cannot be written to a file.
        MethodError: it is not a detector.
    """
    module = sys.modules.get(found.__module__)
    file = getattr(module, "__file__", None)
    if "." in found.__qualname__:
        raise UsageError(
            f"class {found.__qualname__} is defined inside of a function or a class",
            hint="define it at the top level of the module or notebook",
        )
    if file is None or found.__module__ == "__main__":
        file = file if file and Path(file).suffix == ".py" else str(_written(found, results))
    elif "." in found.__module__:
        return plugins.card_of_module(found)
    return plugins.read_file(f"{Path(file).resolve()}:{found.__name__}")


def _written(found: type, results: Path) -> Path:
    """The file of a notebook's class; the same text is the same file."""
    text = source_with_needs(found)
    name = hashlib.sha256(text.encode()).hexdigest()[:16]
    path = results / FOLDER / name / f"{plugins.kebab(found.__name__).replace('-', '_')}.py"
    return path if path.is_file() else write_text(path, text)


def source_with_needs(found: type) -> str:
    """The source of a notebook's class as a module: with what it uses of the notebook.

    Raises:
        UsageError: as `card_of`.
    """
    imports: dict[str, None] = {}
    parts: dict[str, str] = {}
    _collect(found.__name__, found, found.__name__, imports, parts)
    return "\n".join([_HEAD, *sorted(imports), "", "", "\n\n\n".join(parts.values()), ""])


def _collect(
    name: str, value: object, owner: str, imports: dict[str, None], parts: dict[str, str]
) -> None:
    """Write a value of the notebook, after all that it uses itself."""
    if name in parts:
        return
    if isinstance(value, ModuleType):
        imports[f"import {value.__name__} as {name}"] = None
    elif isinstance(value, type | FunctionType) and value.__module__ != "__main__":
        imports[_import_of(name, value, owner)] = None
    elif isinstance(value, type | FunctionType):
        text = _source_of(value)
        parts[name] = ""  # it may use itself
        for one, used in _used(text):
            _collect(one, used, value.__name__, imports, parts)
        del parts[name]  # what it uses stands above it
        parts[name] = text
    else:
        parts[name] = f"{name} = {_literal(name, value, owner, imports)}"


def _import_of(name: str, value: type | FunctionType, owner: str) -> str:
    home = sys.modules.get(value.__module__)
    if getattr(home, value.__qualname__, None) is not value:
        raise _unwritable(name, value, owner)
    return f"from {value.__module__} import {value.__qualname__} as {name}"


def _literal(name: str, value: object, owner: str, imports: dict[str, None]) -> str:
    """A plain value as Python writes it."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({str(value)!r})"
    if isinstance(value, PurePath):
        imports["import pathlib"] = None
        return f"pathlib.Path({str(value)!r})"
    if value is None or type(value) in (bool, int, float, str, bytes):
        return repr(value)
    if type(value) is dict:
        pairs = [
            f"{_literal(name, key, owner, imports)}: {_literal(name, one, owner, imports)}"
            for key, one in value.items()
        ]
        return f"{{{', '.join(pairs)}}}"
    if type(value) in (list, tuple):
        items: list[Any] = list(value)  # type: ignore[call-overload]
        inner = ", ".join(_literal(name, one, owner, imports) for one in items)
        if type(value) is list:
            return f"[{inner}]"
        return f"({inner}{',' if len(items) == 1 else ''})"
    raise _unwritable(name, value, owner)


def _unwritable(name: str, value: object, owner: str) -> UsageError:
    return UsageError(
        f"{owner} uses {name!r} of the notebook, {an(type(value).__name__)}, which cannot be "
        "written to a file",
        hint=f"make {name} inside of the class, or write class and {name} to a file with "
        "%%writefile mine.py and give method='mine.py:Class'",
    )


def _used(text: str) -> Iterator[tuple[str, object]]:
    """What a definition uses of the notebook: name and value. Builtins and locals are no part."""
    namespace = vars(sys.modules["__main__"])
    top = symtable.symtable(f"from __future__ import annotations\n{text}", "<notebook>", "exec")
    todo, seen = [top], set()
    while todo:
        table = todo.pop()
        todo += table.get_children()
        for one in table.get_symbols():
            outer = table is top and not one.is_assigned() and not one.is_imported()
            if one.is_referenced() and (outer or one.is_global()) and one.get_name() in namespace:
                seen.add(one.get_name())
    for name in sorted(seen):
        yield name, namespace[name]


def _source_of(value: type | FunctionType) -> str:
    """The text of a class or function that was defined at the top level of a cell."""
    functions = [value] if isinstance(value, FunctionType) else [
        one for one in vars(value).values() if isinstance(one, FunctionType)
    ]  # fmt: skip
    for function in functions:
        lines = linecache.getlines(function.__code__.co_filename)
        try:
            tree = ast.parse("".join(lines))
        except (SyntaxError, ValueError):
            continue
        for node in reversed(tree.body):
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == value.__name__:
                start = min([node.lineno, *(one.lineno for one in node.decorator_list)])
                return "".join(lines[start - 1 : node.end_lineno]).rstrip()
    raise UsageError(
        f"the source of {value.__name__} is not known",
        hint="write it to a file with %%writefile mine.py and give method='mine.py:Class'",
    )
