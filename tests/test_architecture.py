"""The direction of imports, the length of files and what starts with `bench --help`."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT

BENCH = sorted((ROOT / "bench").rglob("*.py"))
METHODS = sorted((ROOT / "methods").rglob("*.py"))
HEAVY = {"torch", "pandas", "sklearn", "skimage", "matplotlib", "scipy", "nibabel", "nilearn",
         "lightning_fabric", "anomalib", "monai"}  # fmt: skip

# room -> the rooms of bench it may import. What is not listed is not allowed.
CONTRACTS = {"errors", "cards", "detector", "records", "predictions", "keys"}
ARROWS = {
    "errors": set(),
    "resources": set(),
    "keys": set(),
    "cards": {"errors"},
    "detector": {"cards"},
    "records": set(),
    "predictions": {"errors"},
    "migrations": {"errors", "records"},
    "plugins": {"errors", "cards"},
    "registry": {"errors", "cards", "plugins", "resources"},
    "seeding": {"errors"},
    "provenance": set(),
    "locks": {"errors"},
    "metrics": {"errors", "metrics"},
    "stats": {"errors", "metrics"},
    "protocol": {"errors", "cards", "records", "predictions", "metrics", "stats"},
    "data": {"errors", "cards", "predictions", "keys", "data"},
    "store": {"errors", "records", "migrations"},
    "request": {"errors", "cards", "plugins", "registry", "keys"},
    "suite": {"errors", "cards", "request", "resources"},
    "plan": {"errors", "cards", "records", "keys", "locks", "plugins", "data", "request", "store"},
    "outcome": {"cards", "data", "plan", "plugins", "provenance", "records", "request"},
    "staleness": {"cards", "data", "plugins", "records", "registry"},
    "scoring": {"registry", "predictions", "protocol", "records"},
    "rescoring": {"errors", "locks", "records", "scoring", "store"},
    "conformance": CONTRACTS | {"registry", "seeding"},
    "testing": {"cards", "conformance", "detector", "errors"},
    "runner": CONTRACTS
    | {"registry", "seeding", "data", "locks", "outcome", "plan", "request", "scoring", "store"},
    "fitted": CONTRACTS | {"data", "plan", "plugins", "registry", "runner", "seeding", "store"},
    "worker": {"errors", "seeding", "data", "plan", "outcome", "runner"},
    "executors": {"data", "errors", "executors", "locks", "outcome", "plan", "store", "worker"},
    "gate": {"errors", "gate", "records", "report"},
    "report": {"errors", "cards", "keys", "records", "stats", "store", "report", "predictions",
               "protocol"},
}  # fmt: skip


def imports(path: Path, *, top_only: bool = False) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = _top_level(tree) if top_only else ast.walk(tree)
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _top_level(tree: ast.Module) -> list[ast.stmt]:
    """Statements that run on import; blocks for type checkers do not."""
    return [node for node in tree.body if not isinstance(node, ast.If)]


def room(path: Path) -> str:
    return path.relative_to(ROOT / "bench").parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", BENCH, ids=lambda path: str(path.relative_to(ROOT)))
def test_arrows_between_rooms(path):
    name = room(path)
    if name in ("cli", "__main__", "__init__", "api"):
        return  # the command line and the public API may use every room
    taken = {one.split(".")[1] for one in imports(path) if one.startswith("bench.")}
    rooms = {one for one in taken if (ROOT / "bench" / one).is_dir()
             or (ROOT / "bench" / f"{one}.py").is_file()}  # fmt: skip
    assert rooms - {name} <= ARROWS[name]


@pytest.mark.parametrize("path", BENCH, ids=lambda path: str(path.relative_to(ROOT)))
def test_bench_never_imports_methods(path):
    assert not {one for one in imports(path) if one.split(".")[0] == "methods"}


@pytest.mark.parametrize("path", METHODS, ids=lambda path: str(path.relative_to(ROOT)))
def test_methods_use_the_public_contract_only(path):
    allowed = {"bench.detector", "bench.errors", "bench.cards"}
    taken = {".".join(one.split(".")[:2]) for one in imports(path) if one.startswith("bench.")}
    assert taken <= allowed


@pytest.mark.parametrize("path", BENCH + METHODS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_is_longer_than_400_lines(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_datasets_hold_no_python():
    assert not list((ROOT / "datasets").rglob("*.py"))


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["run", "--help"], ["list"], ["list", "methods", "--json"]],
    ids=" ".join,
)
def test_light_commands_import_nothing_heavy(arguments):
    code = (
        "import sys; sys.argv = ['bench', *sys.argv[1:]]\n"
        "from bench.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "print('\\nMODULES', *sorted({name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.rsplit("MODULES", 1)[1].split())
    assert "typer" in loaded
    assert not loaded & HEAVY
