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

# The rooms in the order in which data goes through them: a room imports only what stands before
# it, and of these only what is listed. Loose modules of `bench` are rooms of one file.
ROOMS = {
    "_version": set(),
    "errors": set(),
    "faults": set(),
    "metrics.table": set(),
    "keys": set(),
    "atomic": set(),
    "checksums": set(),
    "cores": set(),
    "installed": set(),
    "geometry": set(),
    "data.progress": set(),
    "cards": {"errors", "faults", "metrics.table"},
    "detector": {"cards"},
    "metrics": {"cores", "errors", "metrics.table"},
    "stats": {"errors"},
    "registry": {"errors", "faults", "installed", "cards", "detector"},
    "data.arrays": set(),
    "data.lesion_counts": set(),
    "data.files": {"errors", "cards"},
    "data.read": {"errors", "installed", "data.arrays", "data.files"},
    "data.findings": {"errors"},
    "data.cache": {"checksums", "errors", "keys", "geometry", "data.arrays", "data.lesion_counts",
                   "data.files", "data.read"},
    "data.phantom": {"errors", "data.cache"},
    "data.find": {"errors", "cards", "data.cache", "data.files", "data.findings", "data.read"},
    "data.prepare": {"atomic", "errors", "keys", "geometry", "cards", "data.arrays",
                     "data.lesion_counts", "data.cache", "data.files", "data.findings",
                     "data.read"},
    "data.check": {"errors", "cards", "data.arrays", "data.lesion_counts", "data.cache",
                   "data.files", "data.findings", "data.find", "data.read", "data.prepare"},
    "data.limit": {"atomic", "errors", "cards", "data.arrays", "data.files", "data.read",
                   "data.phantom"},
    "data.register": {"atomic", "errors", "keys", "cards", "data.arrays", "data.cache",
                      "data.files", "data.find", "data.read"},
    "data.fetch": {"errors", "cards", "data.cache"},
    "data.new_card": {"atomic", "errors", "cards", "data.read"},
    "data.show": {"atomic", "errors", "cards", "data.cache", "data.files", "data.find",
                  "data.prepare"},
    "store": {"checksums", "errors", "faults", "keys", "geometry"},
    "upkeep": {"_version", "atomic", "checksums", "errors", "store"},
    "planning": {"errors", "keys", "cards", "registry", "data.cache", "data.files", "data.findings",
                 "data.find", "data.prepare", "store"},
    "protocol": {"errors", "cards", "metrics.table", "metrics", "stats", "store"},
    "execution": {"_version", "checksums", "errors", "geometry", "cards", "detector", "registry",
                  "data.cache", "data.files", "data.find", "data.prepare", "store", "planning",
                  "protocol", "stats"},
    "executors": {"atomic", "cores", "errors", "installed", "cards", "registry", "data.cache",
                  "data.files", "data.find", "store", "planning", "execution"},
    "display": {"metrics.table", "planning", "executors"},
    "conformance": {"errors", "cards", "detector", "registry", "execution"},
    "report.rows": {"errors", "metrics.table", "keys", "cards", "stats", "store"},
    "report.tables": {"errors", "metrics.table", "keys", "cards", "stats", "store", "report.rows"},
    "report.formats": {"errors", "report.rows", "report.tables"},
    "report.figures": {"atomic", "errors", "metrics.table", "cards", "stats", "store", "protocol",
                       "report.rows", "report.tables"},
    "report.html": {"errors", "metrics.table", "store", "report.rows", "report.tables",
                    "report.figures"},
    "report": {"errors", "cards", "store", "report.rows", "report.tables", "report.formats",
               "report.html"},
    "report.site": {"_version", "errors", "store", "upkeep", "report.rows", "report.tables",
                    "report.formats", "report.figures", "report.html", "report"},
    "gate": {"_version", "atomic", "errors", "faults", "metrics.table", "store", "report.rows",
             "report.tables", "report"},
}  # fmt: skip
# Types of a line or two that any room may use.
EVERYWHERE = {"data.progress"}
# The command line and the public API may use every room; no room uses them.
TOP = {"cli", "api", "__init__", "__main__"}


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


def room(parts: tuple[str, ...]) -> str:
    """The room of a module, given its name below `bench` in parts."""
    name = parts[0]
    if len(parts) > 1 and f"{name}.{parts[1]}" in ROOMS:
        return f"{name}.{parts[1]}"
    return name


def room_of(path: Path) -> str:
    parts = path.relative_to(ROOT / "bench").with_suffix("").parts
    return room(tuple(one for one in parts if one != "__init__") or ("__init__",))


@pytest.mark.parametrize("path", BENCH, ids=lambda path: str(path.relative_to(ROOT)))
def test_arrows_between_rooms(path):
    name = room_of(path)
    if name in TOP or path == ROOT / "bench" / "data" / "__init__.py":
        return
    taken = {
        room(tuple(one.split(".")[1:])) for one in imports(path) if one.startswith("bench.")
    } - {name}
    # `from bench import registry` gives names of the package too: only rooms count.
    rooms = {one for one in taken if one in ROOMS or one in TOP}
    assert rooms <= ROOMS[name] | EVERYWHERE


def test_the_rooms_stand_in_order():
    for place, (name, allowed) in enumerate(ROOMS.items()):
        assert allowed <= set(list(ROOMS)[:place]), name


def test_every_module_is_in_a_room():
    known = {*ROOMS, *TOP, "data"}
    assert {room_of(path) for path in BENCH} <= known


FAMILIES = {path.name for path in (ROOT / "methods").iterdir() if path.is_dir()} - {"shared"}


@pytest.mark.parametrize("path", METHODS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_family_of_methods_imports_another(path):
    family = path.relative_to(ROOT / "methods").parts[0]
    taken = {one.split(".")[1] for one in imports(path) if one.startswith("methods.")}
    assert taken & FAMILIES <= {family}


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


def test_no_two_test_files_have_one_name():
    names = [one.name for one in (ROOT / "tests").rglob("test_*.py")]
    twice = sorted({one for one in names if names.count(one) > 1})
    assert not twice, f"pytest imports only one of {twice}"


def test_datasets_hold_no_python():
    assert not list((ROOT / "datasets").rglob("*.py"))


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["run", "--help"], ["list"], ["list", "methods", "--json"]],
    ids=" ".join,
)
def test_light_commands_import_nothing_heavy(arguments):
    loaded = modules_after(arguments)
    assert "typer" in loaded
    assert not loaded & HEAVY


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (["--help"], {"pydantic", "numpy", "bench.registry", "bench.cli.run"}),
        # Typer itself takes pydantic to read a command that is named.
        (["data", "--help"], {"numpy", "bench.registry", "bench.cli.data.check"}),
    ],
    ids=["bench", "data"],
)
def test_the_help_of_a_group_imports_no_command(arguments, unwanted):
    assert not modules_after(arguments) & (HEAVY | unwanted)


def modules_after(arguments):
    """The modules that a command has imported when it ends."""
    code = (
        "import sys; sys.argv = ['bench', *sys.argv[1:]]\n"
        "from bench.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "print('\\nMODULES', *sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    return set(done.stdout.rsplit("MODULES", 1)[1].split())
