"""Fingerprints of the sources behind each method; `make lock-methods` writes them again."""

import ast
import hashlib
import json
from pathlib import Path

from bench.cards import MethodCard, read_card

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "tests" / "golden" / "method_sources.json"


def sources(module: str) -> list[Path]:
    """The module's file and, through its imports, every other file of `methods` it uses."""
    found: dict[str, Path] = {}
    todo = [module]
    while todo:
        name = todo.pop()
        path = ROOT / Path(*name.split("."))
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if name in found or not path.is_file():
            continue
        found[name] = path
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("methods"):
                todo += [node.module, *(f"{node.module}.{one.name}" for one in node.names)]
            elif isinstance(node, ast.Import):
                todo += [one.name for one in node.names if one.name.startswith("methods")]
    return sorted(found.values())


def code_of(path: Path) -> str:
    """The code without comments, docstrings and layout, which change no number.

    Nor does the place of a module or the order of imports: of what comes from `bench` or
    `methods`, only the names count.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imports = [one for one in tree.body if isinstance(one, ast.Import | ast.ImportFrom)]
    tree.body = [one for one in tree.body if one not in imports]
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            value = body[0].value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                body[0] = ast.Pass()
    lines = sorted(line for one in imports for line in _imported(one))
    return "\n".join([*lines, ast.unparse(tree)])


def _imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    home = node.module or "" if isinstance(node, ast.ImportFrom) else ""
    if home.split(".")[0] in ("bench", "methods"):
        home = home.split(".")[0]
    return [f"{home} {one.name} {one.asname or ''}" for one in node.names]


def fingerprints() -> dict[str, dict[str, object]]:
    """Version and fingerprint per method."""
    cards = [read_card(path, MethodCard) for path in sorted((ROOT / "methods").rglob("*.toml"))]
    table = {}
    for card in cards:
        digest = hashlib.sha256()
        codes = sorted(code_of(path) for path in sources(card.class_path.split(":")[0]))
        # A package's own docstring is the whole of most ``__init__`` files, moved or new.
        for code in codes:
            if code.strip() not in ("", "pass"):
                digest.update(f"{code}\0".encode())
        digest.update(json.dumps(card.config, sort_keys=True).encode())
        table[card.name] = {"version": card.version, "sources": digest.hexdigest()}
    return dict(sorted(table.items()))


if __name__ == "__main__":
    LOCK.parent.mkdir(exist_ok=True)
    LOCK.write_text(json.dumps(fingerprints(), indent=1) + "\n", encoding="utf-8")
