"""The source files of a method that does not come with bench: what its fit key covers."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path

# What a plug-in imports of the harness is held by the harness's own versions.
_HARNESS = ("bench", "methods")


def digest(files: list[Path], root: Path) -> str:
    """sha256 of the names and bytes of files, the names as seen from a folder."""
    found = hashlib.sha256()
    for path in files:
        found.update(f"{path.relative_to(root).as_posix()}\0".encode())
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def source_files(start: Path, root: Path, only: str | None = None) -> list[Path]:
    """A file and all files below ``root`` that it imports, also through others.

    Args:
        start: where to begin.
        root: where modules are looked up.
        only: the top-level package to stay in; None follows whatever is below ``root``.
    """
    found: set[Path] = set()
    todo = [start]
    while todo:
        path = todo.pop()
        if path not in found:
            found.add(path)
            todo += _imported(path, root, only)
    return sorted(found)


def _imported(path: Path, root: Path, only: str | None) -> Iterator[Path]:
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return  # its bytes count all the same, and the import tells what is wrong
    for node in ast.walk(tree):
        for name in _names(node, path, root):
            parts = name.split(".")
            if (only is None and parts[0] in _HARNESS) or (only is not None and parts[0] != only):
                continue
            for depth in range(1, len(parts) + 1):
                place = root.joinpath(*parts[:depth])
                for one in (place / "__init__.py", place.with_name(f"{place.name}.py")):
                    if one.is_file():
                        yield one


def _names(node: ast.AST, path: Path, root: Path) -> list[str]:
    """The modules that an import statement may mean."""
    if isinstance(node, ast.Import):
        return [one.name for one in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    base = [node.module] if node.module else []
    if node.level:
        anchor = path.parents[node.level - 1]
        if not anchor.is_relative_to(root):
            return []
        base = [*anchor.relative_to(root).parts, *base]
    return [".".join(base), *(".".join([*base, one.name]) for one in node.names)]
