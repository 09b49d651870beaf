"""Methods that do not come with bench: classes in a user's file."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench import registry
from bench.errors import CardError, MethodError, UnknownName, UsageError
from bench.registry import plugins
from conftest import ROOT
from fakes import tiny
from fakes.here import Here

ON_TINY = ("--task", "tiny/t1", "--budget", "smoke", "--data-dir", "data")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with data and a card."""
    folder = tmp_path_factory.mktemp("place")
    tiny.make_volumes(folder / "data")
    tiny.write_card(folder)
    return folder


@pytest.fixture
def here(monkeypatch):
    return Here(monkeypatch)


def test_a_template_is_conformant_as_generated_and_never_overwrites(tmp_path, here):
    made = here(tmp_path, "new", "method", "my_Own-method")
    assert made.returncode == 0, made.stderr
    assert made.stdout.split() == ["my_Own-method.py", "my_Own-method.toml"]
    assert "class MyOwnMethod:" in (tmp_path / "my_Own-method.py").read_text()
    again = here(tmp_path, "new", "method", "my_Own-method")
    assert again.returncode == 2
    assert "already exists" in again.stderr
    (tmp_path / "my_Own-method.py").unlink()
    assert here(tmp_path, "new", "method", "my_Own-method").returncode == 2  # its card is
    assert not (tmp_path / "my_Own-method.py").exists()
    (tmp_path / "my_Own-method.toml").unlink()
    here(tmp_path, "new", "method", "my_Own-method")
    done = here(tmp_path, "test-method", "my_Own-method.py", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    outcomes = json.loads(done.stdout)
    assert {one["status"] for one in outcomes} == {"passed"}
    assert {one["channels"] for one in outcomes} == {1, 3}


@pytest.mark.parametrize("name", ["ae", "AE", "torch", "class", "9lives", "a/b", "a b"])
def test_names_that_would_do_harm_are_refused(tmp_path, name, here):
    done = here(tmp_path, "new", "method", name)
    assert done.returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_the_template_is_formatted_and_typed(tmp_path, here):
    here(tmp_path, "new", "method", "tidy")
    for tool in (["ruff", "format", "--check"], ["ruff", "check"], ["mypy", "--strict"]):
        done = subprocess.run(
            [sys.executable, "-m", *tool, tmp_path / "tidy.py"],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_changed_file_is_fitted_anew(place, here):
    (place / "level.py").write_text(DETECTOR)
    (place / "level_helper.py").write_text("OFFSET = 0.0\n")
    options = (*ON_TINY, "--results", "changed")
    run = ("run", "--method", "level.py:Level", *options)

    def states(method="level.py:Level"):
        plan = here(place, "plan", "--method", method, *options, "--json")
        content = json.loads(plan.stdout)
        return content["cells"][0]["state"], content["new_fits"]

    assert states() == ("missing", 1)
    first = tiny.bench(place, *run)
    assert first.returncode == 0, first.stderr
    assert states() == ("done", 0)
    (place / "level_helper.py").write_text("OFFSET = 0.5\n")
    assert states() == ("stale", 1)
    second = tiny.bench(place, *run)
    assert second.returncode == 0, second.stderr
    records = [
        json.loads(path.read_text()) for path in (place / "changed/tiny/t1/level").glob("*.json")
    ]
    assert len({one["fit_key"] for one in records}) == 2
    rows = json.loads(here(place, "report", "--format", "json", "--results", "changed").stdout)
    assert {row["seeds"] for row in rows} == {1}  # the old one is stale
    moved = place / "elsewhere"
    moved.mkdir()
    for name in ("level.py", "level_helper.py"):
        shutil.copy(place / name, moved)
    assert states("elsewhere/level.py:Level") == ("done", 0)


DETECTOR = '''
"""A detector without a card."""
import json
import numpy as np
from bench.detector import Prediction
from level_helper import OFFSET

class Level:
    """Distance to a level.

    More words.
    """

    CONFIG = {"gain": 1.0}

    def __init__(self, config):
        self.gain = config["gain"]

    def fit(self, normal, run):
        self.level = float(normal.images.mean(dtype=np.float64)) + OFFSET

    def predict(self, images):
        maps = np.abs(images.images.mean(axis=1) - np.float32(self.level)) * np.float32(self.gain)
        return Prediction(maps, maps.max(axis=(1, 2)))

    def save(self, folder):
        (folder / "level.json").write_text(json.dumps(self.level))

    def load(self, folder):
        self.level = json.loads((folder / "level.json").read_text())

class Half:
    def fit(self, normal, run): ...
'''


@pytest.fixture
def level(tmp_path, monkeypatch):
    # Without the folders of files that other tests loaded in this process.
    others = tmp_path.parent
    kept = [one for one in sys.path if not Path(one or ".").is_relative_to(others)]
    monkeypatch.setattr(sys, "path", kept)
    monkeypatch.delitem(sys.modules, "level_helper", raising=False)
    (tmp_path / "level.py").write_text(DETECTOR)
    (tmp_path / "level_helper.py").write_text("OFFSET = 0.0\n")
    return tmp_path / "level.py"


def test_a_card_is_made_from_the_class(level):
    card = registry.method(f"{level}:Level")
    assert (card.name, card.title, card.family) == ("level", "Level", "other")
    assert card.description == "Distance to a level."
    assert card.config == {"gain": 1.0}
    assert card == registry.method(str(level))  # its only detector
    assert registry.load_class(card)({"gain": 2.0}).gain == 2.0
    with pytest.raises(UnknownName, match="did you mean 'gain'"):
        registry.resolve_config(card, {"gian": 2.0})


def test_an_edited_helper_is_imported_anew(level):
    first = registry.load_class(registry.method(f"{level}:Level"))({"gain": 1.0})
    (level.parent / "level_helper.py").write_text("OFFSET = 0.25  # edited\n")
    again = registry.load_class(registry.method(f"{level}:Level"))({"gain": 1.0})
    assert type(first) is not type(again)
    assert sys.modules["level_helper"].OFFSET == 0.25


def test_a_helper_that_an_installed_module_hides_is_refused(level):
    (level.parent / "numpy.py").write_text("array = None\n")
    with pytest.raises(MethodError, match="imports 'numpy', but the one in"):
        registry.method(f"{level}:Level")


def test_a_card_of_a_class_that_is_gone_is_told_of(level):
    level.with_suffix(".toml").write_text(
        'name = "carded"\ntitle = "T"\nclass = "level:Old"\nversion = 3\nfamily = "trivial"\n'
        'description = "d"\n'
    )
    with pytest.raises(CardError, match="names the class 'Old', which"):
        registry.method(f"{level}:Level")


def test_a_card_beside_the_file_goes_before(level):
    level.with_suffix(".toml").write_text(
        'name = "carded"\ntitle = "T"\nclass = "level:Level"\nversion = 3\nfamily = "trivial"\n'
        'description = "d"\nconfig_schema = "level:Settings"\n[config]\ngain = 2.0\n'
    )
    level.write_text(
        DETECTOR
        + "\nfrom pydantic import BaseModel, Field\nclass Settings(BaseModel):\n"
        + "    gain: float = Field(gt=0)\n"
    )
    card = registry.method(f"{level}:Level")
    assert (card.name, card.version, card.config) == ("carded", 3, {"gain": 2.0})
    with pytest.raises(UsageError, match=r"gain=-1\.0"):
        registry.resolve_config(card, {"gain": -1.0})


@pytest.mark.parametrize(
    ("spec", "kind", "said"),
    [
        ("level.py:Levle", UnknownName, "did you mean 'Level'"),
        ("levle.py:Level", UsageError, "did you mean 'level.py'"),
        ("level.py:Half", MethodError, "lacks predict, save, load"),
        ("level.txt:Level", UsageError, "neither the name of a card nor a path"),
    ],
)
def test_wrong_specs_say_what_would_be_right(level, spec, kind, said):
    with pytest.raises(kind, match=said):
        registry.method(f"{level.parent}/{spec}")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def broken(:\n", r"SyntaxError.*line 1"),
        ("x = 1\nimport nobody_has_this\n", r"nobody_has_this.*line 2"),
        ("raise SystemExit(3)\n", r"SystemExit"),
    ],
)
def test_a_file_that_cannot_be_imported_says_where(tmp_path, code, said):
    (tmp_path / "bad.py").write_text(code)
    with pytest.raises(MethodError, match=said):
        registry.method(f"{tmp_path}/bad.py:X")


def test_a_name_that_is_taken_is_refused(tmp_path, level):
    level.write_text(DETECTOR.replace("class Level", "class Gaussian"))
    with pytest.raises(CardError, match="'gaussian', as another method is"):
        registry.method(f"{level}:Gaussian")


def test_settings_that_json_does_not_have_are_refused(level):
    level.write_text(DETECTOR.replace('{"gain": 1.0}', '{"gain": {1, 2}}'))
    with pytest.raises(CardError, match="CONFIG may hold what JSON can"):
        registry.method(f"{level}:Level")


def test_a_file_that_changes_under_a_run_is_not_used(level):
    card = registry.method(f"{level}:Level")
    level.write_text(DETECTOR + "\n# other\n")
    with pytest.raises(MethodError, match="was changed after this run began"):
        registry.load_class(card)


def test_sources_follow_imports_within_the_folder_only(level):
    before = plugins.file_sources(level)
    (level.parent / "unrelated.py").write_text("x = 1\n")
    assert plugins.file_sources(level) == before
    (level.parent / "level_helper.py").write_text("import deeper\nOFFSET = 0.0\n")
    (level.parent / "deeper.py").write_text("y = 1\n")
    between = plugins.file_sources(level)
    (level.parent / "deeper.py").write_text("y = 2\n")
    assert len({before, between, plugins.file_sources(level)}) == 3


@pytest.mark.usefixtures("level")
def test_a_helper_is_never_that_of_another_plugin(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "own_words.py").write_text(f"NAME = {folder!r}\n")
        code = DETECTOR.replace("from level_helper import OFFSET", "import own_words")
        (tmp_path / folder / "level.py").write_text(code)
    plugins.read_file(f"{tmp_path}/one/level.py:Level")
    with pytest.raises(MethodError, match=r"imports 'own_words', but the one in .*one"):
        plugins.read_file(f"{tmp_path}/two/level.py:Level")


def test_broken_contracts_are_told_with_what_they_mean(tmp_path, level, here):
    level.write_text(DETECTOR.replace("json.loads((folder", "0.0 * json.loads((folder"))
    done = here(tmp_path, "test-method", "level.py:Level")
    assert done.returncode == 1
    assert "saving" in done.stdout
    assert "FAILED" in done.stdout
    assert "cells that share a fit would not agree" in done.stdout
    level.write_text(DETECTOR.replace("self.level = float", "1 / 0\n        self.level = float"))
    done = here(tmp_path, "test-method", "level.py:Level", "--json")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    failed = [one for one in found if one["status"] == "failed"]
    assert {one["check"] for one in failed} >= {"form", "repeatable", "saving", "few-images"}
    assert all(
        "ZeroDivisionError" in one["found"] and "level.py, line" in one["found"] for one in failed
    )


HELPER = """
import torch

OFFSET = 0.0


def broken(x):
    return torch.ones(2) @ torch.ones(3)  # fails inside of torch
"""


@pytest.mark.parametrize(
    ("old", "new", "at"),
    [
        ("self.level = float", "1 / 0; self.level = float",
         "level.py, line 20, in fit"),
        ("self.level = float", "broken(normal); self.level = float",
         "level_helper.py, line 8, in broken"),
        ("maps.max(axis=(1, 2)))", "maps.max(axis=1))", "level.py, line 22, in predict"),
        ('config["gain"]', 'config["no"]', "level.py, line 17, in __init__"),
    ],
)  # fmt: skip
def test_a_fault_in_a_file_is_located_in_the_users_line(place, level, here, old, new, at):
    (level.parent / "level_helper.py").write_text(HELPER)
    code = DETECTOR.replace("import OFFSET", "import OFFSET, broken")
    assert code.count(old) == 1
    level.write_text(code.replace(old, new))
    method = f"{level}:Level"
    results = ("--results", str(level.parent / "runs"))
    done = here(place, "run", "--method", method, *ON_TINY, *results)
    assert done.returncode == 1
    assert f"({at})" in done.stderr
    assert "Traceback" not in done.stderr
    done = here(place, "run", "--method", method, *ON_TINY, *results, "--debug")
    assert f"({at})" in done.stderr
    assert "Traceback (most recent call last):" in done.stderr
    done = here(place, "test-method", method)
    assert at in done.stdout
    assert "Traceback" not in done.stdout


def test_debug_shows_the_traceback_of_a_broken_contract(tmp_path, level, here):
    level.write_text(DETECTOR.replace("self.level = float", "1 / 0; self.level = float"))
    done = here(tmp_path, "test-method", "level.py:Level", "--debug")
    assert "Traceback (most recent call last):" in done.stdout
    assert f'File "{level}", line 20, in fit' in done.stdout
    found = json.loads(here(tmp_path, "test-method", "level.py:Level", "--json").stdout)
    assert "trace" not in found[0]


def test_two_methods_of_one_name_are_refused(place, level, here):
    (place / "twin").mkdir(exist_ok=True)
    shutil.copy(level, place / "twin" / "level.py")
    shutil.copy(level.parent / "level_helper.py", place / "twin")
    done = here(
        place, "run", "--method", f"{level}:Level", "--method", "twin/level.py:Level", *ON_TINY
    )
    assert done.returncode == 2
    assert "two of the methods are named 'level'" in done.stderr


def test_the_list_of_methods_is_readable_at_100_columns(tmp_path, here):
    lines = here(tmp_path, "list", "methods").stdout.splitlines()
    assert lines[0].split() == ["name", "family", "cost", "outputs", "extras", "paper"]
    assert max(map(len, lines)) <= 100
