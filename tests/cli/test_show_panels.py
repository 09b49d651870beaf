"""`bench show` with what lies between input and map, and of chosen subjects."""

import shutil

import numpy as np
import pytest
from PIL import Image

from bench.checksums import seal
from bench.report.figures import paper as figures
from bench.store.store import Store
from fakes import tiny
from fakes.here import Here

DETECTOR = """
import json
import numpy as np
from bench.detector import Prediction

class Mirror:
    def __init__(self, config):
        self.level = 0.0

    def fit(self, normal, run):
        self.level = float(normal.images.mean(dtype=np.float64))

    def predict(self, images):
        maps = np.abs(images.images.mean(axis=1) - np.float32(self.level))
        return Prediction(maps, maps.max(axis=(1, 2)))

    def explain(self, images):
        mean = images.images.mean(axis=1, keepdims=True)
        return {
            "inverse": (1 - images.images) * images.masks[:, None],
            "level": np.full_like(mean, self.level),
            "colours": np.concatenate([mean, 0 * mean, mean], axis=1),
        }

    def save(self, folder):
        (folder / "level.json").write_text(json.dumps(self.level))

    def load(self, folder):
        self.level = json.loads((folder / "level.json").read_text())
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with cells of a method that explains and of one that does not."""
    folder = tmp_path_factory.mktemp("place")
    tiny.make_volumes(folder / "data")
    tiny.write_card(folder)
    (folder / "mirror.py").write_text(DETECTOR)
    done = tiny.bench(
        folder, "run", "--method", "mirror.py:Mirror", "--method", "intensity", "--task",
        "tiny/t1", "--task", "tiny/both", "--budget", "smoke", "--data-dir", "data",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def show(monkeypatch, place):
    """Draws a cell; gives how the command ended and what was drawn."""
    here, drawn = Here(monkeypatch), []
    save = figures.save_gallery

    def watched(shown, *rest):
        drawn[:] = shown
        return save(shown, *rest)

    monkeypatch.setattr(figures, "save_gallery", watched)

    def call(task, *arguments, method="mirror", where=place):
        (path,) = (place / "results/runs" / task / method).glob("*.json")
        drawn.clear()
        done = here(where, "show", "--cell", path.stem, "--out", "cell.png", *arguments)
        return done, list(drawn)

    return call


def test_steps_stand_between_input_and_map(place, show):
    done, drawn = show("tiny/t1")
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == "written: cell.png"  # no data were asked for
    assert [one.standing for one in drawn] == ["best", "worst"]
    for one in drawn:
        assert list(one.steps) == ["inverse", "level", "colours"]
        assert np.array_equal(one.steps["inverse"], (1 - one.input) * one.inside)
        assert one.steps["level"].shape == one.map.shape
        assert one.steps["colours"].shape == (*one.map.shape, 3)
    wide = Image.open(place / "cell.png").size[0]
    show("tiny/t1", method="intensity")
    assert Image.open(place / "cell.png").size[0] < wide


def test_subjects_can_be_chosen_also_those_without_a_number(show):
    done, drawn = show("tiny/t1", "--subject", "p2", "--subject", "p1", "--subject", "p2")
    assert done.returncode == 0, done.stderr
    assert [(one.standing, one.subject) for one in drawn] == [("chosen", "p2"), ("chosen", "p1")]
    assert np.isnan(drawn[0].value)  # a healthy subject has no AP of its own
    assert 0 < drawn[1].value <= 1
    done, _ = show("tiny/t1", "--subject", "p9")
    assert done.returncode == 2
    assert "unknown test subject 'p9'; did you mean" in done.stderr


def test_several_channels_are_read_from_the_data_again(show):
    done, drawn = show("tiny/both", "--data-dir", "data")
    assert done.returncode == 0, done.stderr
    for one in drawn:
        inverse = one.steps["inverse"]
        assert np.abs(inverse - (1 - one.input) * one.inside).max() < 1e-3  # kept in float16
    done, drawn = show("tiny/both")
    assert done.returncode == 0
    assert "only input, map and truth are drawn: dataset 'tiny' needs a data folder" in done.stderr
    assert all(one.steps == {} for one in drawn)


def test_a_method_without_steps_is_drawn_as_it_was_without_a_word(show):
    done, drawn = show("tiny/t1", method="intensity")
    assert done.stderr.strip() == "written: cell.png"
    assert all(one.steps == {} for one in drawn)


@pytest.mark.parametrize("harm", ["no fit", "damaged", "changed", "gone", "raises"])
def test_without_its_fit_a_cell_is_drawn_as_before_and_says_why(place, show, tmp_path, harm):
    copy = tmp_path / "copy"
    shutil.copytree(place, copy)
    source = place / "mirror.py"
    text = source.read_text()
    fits = Store(copy / "results/runs").root / "_fits"
    said = {
        "no fit": "is not in results/runs: removed",
        "damaged": "is damaged",
        "changed": "belongs to another state of: the method's source",
        "gone": "mirror.py does not exist",
        "raises": "mirror failed: KeyError",
    }[harm]
    try:
        if harm == "no fit":
            shutil.rmtree(fits)
        elif harm == "damaged":
            for path in fits.rglob("level.json"):
                path.write_text("{")
        elif harm == "changed":
            source.write_text(text + "\n# changed\n")
        elif harm == "gone":
            source.unlink()
        else:
            for path in fits.rglob("level.json"):
                path.write_text('{"a": 1}')  # loads, and fails when it is used
                seal(path.parents[1])
        done, drawn = show("tiny/t1", where=copy)
    finally:
        source.write_text(text)
    assert done.returncode == 0, done.stderr
    assert f"only input, map and truth are drawn: {'mirror' if harm == 'raises' else ''}" in (
        done.stderr
    )
    assert said in done.stderr.replace("TypeError", "KeyError")
    assert [one.steps for one in drawn] == [{}, {}]
    assert (copy / "cell.png").is_file()


CLASSES = """
name = "own"
title = "x"
version = 1
description = "x"
licence = "x"
citation = "x"
synthetic = true
[[layouts]]
name = "own"
title = "x"
kind = "images"
id = "{class}-{image}"
normal = ["ok"]
abnormal = ["bad"]
images = { R = "{part}/{class}/{image}.png" }
[splits.train]
subjects = { part = "train" }
slices = "lesion-free"
rule = "x"
[splits.test]
subjects = { part = "test" }
rule = "x"
[preparation]
foreground = "whole"
[tasks.t]
title = "x"
channels = ["R"]
headline = { protocol = "image-mean@1", metric = "auroc" }
"""


def test_of_classes_only_the_best_median_and_worst_image_are_drawn(tmp_path, monkeypatch):
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets/own.toml").write_text(CLASSES)
    for name, bright in {"train/ok/1": 1, "train/ok/2": 2, "test/ok/3": 3, "test/ok/4": 12,
                         "test/bad/5": 8, "test/bad/6": 20}.items():  # fmt: skip
        path = tmp_path / f"data/own/{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        image = np.full((32, 32), 40, np.uint8)
        image[: bright + 2, :16] = 200
        Image.fromarray(image).save(path)
    here, drawn = Here(monkeypatch), []
    done = here(tmp_path, "run", "--method", "intensity", "--task", "own/t", "--budget",
                "smoke", "--data-dir", "data")  # fmt: skip
    assert done.returncode == 0, done.stderr
    save = figures.save_gallery
    monkeypatch.setattr(
        figures, "save_gallery", lambda shown, *rest: drawn.extend(shown) or save(shown, *rest)
    )
    done = here(tmp_path, "show", "--cell", "own/t:intensity", "--out", "cell.png")
    assert (done.returncode, done.stderr.strip()) == (0, "written: cell.png")
    assert [(one.standing, one.subject, one.abnormal, one.value) for one in drawn] == [
        ("best", "bad-6", True, 1.0),
        ("median", "ok-3", False, 1.0),
        ("worst", "ok-4", False, 0.5),
    ]
    assert all(one.input is not None for one in drawn)
    # The page shows the same, and says how they were chosen.
    done = here(tmp_path, "report", "--format", "html", "--out", "page.html", "--data-dir", "data")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "chosen by how right image-mean@1 ranks them" in page
    assert "best 100.00 %, median 100.00 %, worst 50.00 %" in page
    told = [page.count(f"<span>truth: {word}</span>") for word in ("abnormal", "normal")]
    assert told == [1, 2]
    # So does the page of the line on a site.
    done = here(tmp_path, "site", "results/runs", "--out", "site", "--data-dir", "data")
    assert done.returncode == 0, done.stderr
    lines = [one.read_text(encoding="utf-8") for one in (tmp_path / "site").rglob("*.html")]
    (shown,) = [one for one in lines if "<h1>intensity (trivial) on own/t</h1>" in one]
    assert "median and worst of seed 0. No subject has a value of its own, so each" in shown
    assert "chosen by how right image-mean@1 ranks them" in shown
