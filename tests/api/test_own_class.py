"""Detector classes that are given as classes: of a notebook, a script and a module."""

import os
import subprocess
import sys

import pytest

from conftest import ROOT
from fakes import tiny

DETECTOR = '''
class Level:
    """Distance to a level."""

    CONFIG = {"gain": 1.0}

    def __init__(self, config):
        self.gain = config["gain"]

    def fit(self, normal, run):
        self.level = float(normal.images.mean(dtype=np.float64)) + OFFSET

    def predict(self, images):
        maps = distance(images.images.mean(axis=1), self.level) * np.float32(self.gain)
        return Prediction(maps, maps.max(axis=(1, 2)))

    def save(self, folder):
        (folder / "level.json").write_text(json.dumps(self.level))

    def load(self, folder):
        self.level = json.loads((folder / "level.json").read_text())
'''
IMPORTS = """
import json
import numpy as np
import bench
from bench.detector import Prediction
"""
NEEDS = '''
OFFSET = SHIFT = 0.25

def distance(images, level):
    """Of each pixel."""
    return np.abs(images - np.float32(level))
'''
RUN = """
(record,) = bench.run(Level, task="tiny/t1", budget="smoke", data_dir="data", {more})
print(record.status, record.method, record.fit_key, record.reason or "")
"""


@pytest.fixture
def place(tmp_path):
    tiny.write_card(tmp_path)
    tiny.make_volumes(tmp_path / "data")
    return tmp_path


def python(place, *arguments):
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    return subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=place, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": paths}, check=False,
    )  # fmt: skip


def notebook(place, *cells):
    (place / "cells.py").write_text("# %%\n".join(cells))
    return python(place, "-m", "fakes.cells_of_a_notebook", "cells.py")


def test_a_class_of_a_notebook_runs_with_what_it_uses_and_is_keyed_by_its_source(place):
    secret = "SECRET = 'not used, so not written'\n"
    run = RUN.format(more="")
    first = notebook(place, IMPORTS, NEEDS, DETECTOR, secret + run)
    assert first.returncode == 0, first.stderr
    status, method, key = first.stdout.split()
    assert (status, method) == ("done", "level")
    (file,) = (place / "results/runs/_classes").rglob("*.py")
    text = file.read_text()
    assert text.index("OFFSET = 0.25") < text.index("class Level:")
    assert "def distance(images, level):" in text
    assert "import numpy as np" in text
    assert "SECRET" not in text
    assert "SHIFT" not in text

    again = notebook(place, IMPORTS, "x = 1\n", NEEDS, DETECTOR, run)
    assert again.stdout.split() == ["done", "level", key], "other cells are no part of the class"
    other = notebook(place, IMPORTS, NEEDS.replace("0.25", "0.5"), DETECTOR, run)
    assert other.stdout.split()[2] != key


def test_a_fit_of_a_notebooks_class_is_loaded_in_another_process(place):
    assert notebook(place, IMPORTS, NEEDS, DETECTOR, RUN.format(more="")).returncode == 0
    image = next((place / "data/tiny").rglob("T1.nii.gz"))
    done = tiny.bench(place, "predict", str(image), "--cell", "tiny/t1:level", "--out", "maps")
    assert done.returncode == 0, done.stderr


def test_what_cannot_be_written_is_named_with_the_way_out(place):
    cells = (IMPORTS, NEEDS.replace("= 0.25", "= np.zeros(3)"), DETECTOR, RUN.format(more=""))
    done = notebook(place, *cells)
    assert done.returncode == 1
    assert "Level uses 'OFFSET' of the notebook, an ndarray, which cannot be written" in done.stderr


def test_a_class_of_a_script_runs_below_the_guard(place):
    body = "\n    ".join(RUN.format(more="").strip().splitlines())
    (place / "script.py").write_text(
        f'{IMPORTS}{NEEDS}{DETECTOR}\nif __name__ == "__main__":\n    {body}\n'
    )
    done = python(place, "script.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[:2] == ["done", "level"]
    assert not (place / "results/runs/_classes").exists()


def test_a_script_without_the_guard_gets_one_sentence(place):
    (place / "script.py").write_text(f"{IMPORTS}{NEEDS}{DETECTOR}{RUN.format(more='')}")
    done = python(place, "script.py")
    assert done.returncode == 1
    (sentence,) = done.stderr.splitlines()
    assert 'calls bench.run at its top level; put the call below `if __name__ == "__main__":`' in (
        sentence
    )
    assert "script.py, line" in sentence
    assert done.stdout == ""
    assert not (place / "results").exists()


def test_a_function_that_is_called_at_the_top_level_is_no_guard(place):
    (place / "script.py").write_text(
        "import bench\n\n\ndef go():\n    bench.run('random', task='tiny/t1')\n\n\ngo()\n"
    )
    done = python(place, "script.py")
    assert done.returncode == 1
    assert "script.py, line 8, calls bench.run" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_class_of_a_package_is_keyed_by_its_source(place):
    (place / "mine").mkdir()
    (place / "mine/__init__.py").write_text("")
    (place / "mine/needs.py").write_text(f"import numpy as np\n{NEEDS}")
    (place / "mine/level.py").write_text(
        f"{IMPORTS}from mine.needs import OFFSET, distance\n{DETECTOR}"
    )
    body = "\n    ".join(RUN.format(more="").strip().splitlines())
    script = f"import bench\nfrom mine.level import Level\nif __name__ == '__main__':\n    {body}\n"
    (place / "script.py").write_text(script)
    keys = []
    for offset in ("0.25", "0.25", "0.5"):
        (place / "mine/needs.py").write_text(f"import numpy as np\n{NEEDS.replace('0.25', offset)}")
        done = python(place, "script.py")
        assert done.returncode == 0, done.stderr
        keys.append(done.stdout.split()[2])
    assert keys[0] == keys[1] != keys[2]
