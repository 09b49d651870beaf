"""The wheel, in a clean environment and an empty folder: everything it needs is inside."""

import importlib.util
import json
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import bench
from bench.cli import app
from conftest import ROOT, skip_or_fail
from fakes.phantom import make_phantom_cache

CARDS = {
    "datasets/*.toml": "bench/_resources/datasets",
    "results/published/*.toml": "bench/_resources/published",
    "bench/protocols/*.toml": "bench/protocols",
    "bench/suites/*.toml": "bench/suites",
    "bench/**/*.j2": None,
    "bench/**/*.css": None,
    "bench/**/*.js": None,
    "bench/templates/*.txt": None,
    "methods/**/*.toml": None,
}


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    """Wheel and source distribution."""
    if importlib.util.find_spec("hatchling") is None:
        skip_or_fail("hatchling is not installed")
    folder = tmp_path_factory.mktemp("dist")
    build("wheel", ROOT, folder)
    build("sdist", ROOT, folder)
    return folder


def build(kind, source, folder):
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(folder)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def names(wheel):
    return sorted(zipfile.ZipFile(wheel).namelist())


def test_cards_rows_protocols_templates_and_types_are_in_the_wheel(dist):
    (wheel,) = dist.glob("*.whl")
    inside = set(names(wheel))
    for pattern, place in CARDS.items():
        found = sorted(ROOT.glob(pattern))
        assert found, pattern
        for path in found:
            name = f"{place}/{path.name}" if place else path.relative_to(ROOT).as_posix()
            assert name in inside
    assert {"bench/py.typed", "methods/py.typed", "bench/budgets.toml"} <= inside
    top = {name.split("/")[0] for name in inside}
    assert {one for one in top if not one.endswith(".dist-info")} == {"bench", "methods"}
    assert not [name for name in inside if "__pycache__" in name or "/runs/" in name]


def test_the_source_distribution_gives_the_same_wheel(dist, tmp_path):
    (source,) = dist.glob("*.tar.gz")
    subprocess.run(["tar", "xzf", source, "-C", tmp_path], check=True)
    (unpacked,) = tmp_path.iterdir()
    build("wheel", unpacked, tmp_path / "again")
    (wheel,) = dist.glob("*.whl")
    (again,) = (tmp_path / "again").glob("*.whl")
    assert names(again) == names(wheel)


@pytest.fixture(scope="module")
def python(dist, tmp_path_factory):
    """The interpreter of a new environment with the wheel, and with this one's dependencies."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=False, symlinks=True)
    new = folder / "bin" / "python"
    (wheel,) = dist.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(new)]
    install = [*pip, "install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(install, check=True, env={**os.environ, "PIP_CONFIG_FILE": os.devnull})
    # Added after the wheel and searched after it; .pth files in there, such as that of the
    # editable install, are not followed.
    site = subprocess.run(
        [new, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    Path(site, "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return new


@pytest.fixture(scope="session")
def phantom_cache(tmp_path_factory):
    return make_phantom_cache(tmp_path_factory)


def in_empty_folder(folder, *command, **more):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")} | more
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_works_without_a_checkout(python, tmp_path, phantom_cache):
    where = "import bench, methods; print(bench.__file__, methods.__file__)"
    for path in in_empty_folder(tmp_path, python, "-c", where).split():
        assert Path(path).is_relative_to(python.parent.parent)
    command = python.parent / "bench"

    listed = json.loads(in_empty_folder(tmp_path, command, "list", "--json"))
    assert {"random", "proxyano"} <= {one["name"] for one in listed["methods"]}
    assert {"phantom", "mslub"} <= {one["name"] for one in listed["datasets"]}
    assert all(listed[kind] for kind in ("tasks", "protocols", "budgets", "rows"))

    asked = ["-m", "random", "-m", "intensity", "-t", "phantom/glioma-t1", "-b", "smoke"]
    asked += ["--no-yardsticks"]
    in_empty_folder(tmp_path, command, "run", *asked, BENCH_CACHE=str(phantom_cache))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results"]
    records = list((tmp_path / "results" / "runs" / "phantom" / "glioma-t1").glob("*/*.json"))
    assert len(records) == 2

    report = in_empty_folder(tmp_path, python, "-m", "bench", "report", "--rows", "all")
    assert "phantom/glioma-t1" in report
    assert "MSLUB T1" in report
    page = in_empty_folder(tmp_path, command, "report", "--format", "html")
    assert "</html>" in page
    assert json.loads(records[0].read_text())["provenance"]["bench"] == bench.__version__


def test_the_version_has_one_source(python, tmp_path):
    assert in_empty_folder(tmp_path, python.parent / "bench", "--version").split() == [
        "bench",
        bench.__version__,
    ]
    ask = "from importlib.metadata import version; print(version('medical-anomaly-bench'))"
    assert in_empty_folder(tmp_path, python, "-c", ask).strip() == bench.__version__
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "version" not in project
    assert "version" in project["dynamic"]


def test_only_python_versions_that_nox_tests_are_claimed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    claimed = {
        one.rsplit(" ", 1)[1] for one in project["classifiers"] if re.search(r":: 3\.\d+$", one)
    }
    tested = set(re.findall(r'"(3\.\d+)"', (ROOT / "noxfile.py").read_text()))
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    assert claimed
    assert claimed == tested == set(re.findall(r'"(3\.\d+)"', workflow))


def commands():
    """Every command with its path of names."""

    def walk(group, path):
        for name, command in sorted(group.commands.items()):
            if hasattr(command, "commands"):
                yield from walk(command, (*path, name))
            else:
                yield (*path, name)

    return list(walk(typer.main.get_command(app), ()))


@pytest.mark.parametrize("path", commands(), ids=" ".join)
def test_help_of_every_command_has_an_example(path):
    done = CliRunner().invoke(app, [*path, "--help"])
    assert done.exit_code == 0
    text = " ".join(done.stdout.split())
    assert re.search(rf"Examples?: .*\bbench {' '.join(path)}\b", text)


def test_python_m_bench_is_bench():
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"bench {bench.__version__}\n"


@pytest.mark.parametrize(
    ("line", "offered"),
    [("bench che", "check"), ("bench run --budget=smoke --method prox", "proxyano")],
)
def test_the_shell_completes(line, offered):
    environment = {
        **os.environ,
        "_BENCH_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split()) - 1),
    }
    code = "import sys; sys.argv = ['bench']; from bench.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert offered in done.stdout.split()
