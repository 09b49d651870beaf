"""One name for one thing: no two classes of the methods share theirs."""

import ast
from collections import defaultdict
from pathlib import Path

METHODS = Path(__file__).resolve().parents[2] / "methods"


def test_no_two_classes_have_one_name():
    places = defaultdict(list)
    for path in sorted(METHODS.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                places[node.name].append(str(path.relative_to(METHODS)))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}
