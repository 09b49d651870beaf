"""Fingerprints of the sources behind each method; `make lock-methods` writes them anew."""

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
    """The code without comments, docstrings and layout, which change no number."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            value = body[0].value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                body[0] = ast.Pass()
    return ast.unparse(tree)


def fingerprints() -> dict[str, dict[str, object]]:
    """Version and fingerprint per method."""
    cards = [read_card(path, MethodCard) for path in sorted((ROOT / "methods").rglob("*.toml"))]
    table = {}
    for card in cards:
        digest = hashlib.sha256()
        for path in sources(card.class_path.split(":")[0]):
            digest.update(f"{path.relative_to(ROOT)}\0{code_of(path)}\0".encode())
        digest.update(json.dumps(card.config, sort_keys=True).encode())
        table[card.name] = {"version": card.version, "sources": digest.hexdigest()}
    return dict(sorted(table.items()))


if __name__ == "__main__":
    LOCK.parent.mkdir(exist_ok=True)
    LOCK.write_text(json.dumps(fingerprints(), indent=1) + "\n", encoding="utf-8")
