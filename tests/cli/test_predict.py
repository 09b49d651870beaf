"""`bench predict`: a fitted detector on new images, and back onto the grid of their files."""

import csv
import json
import os
import shutil

import nibabel as nib
import numpy as np
import pytest
import tifffile
from PIL import Image

from bench import registry
from bench.data.prepare.export import to_image
from bench.metrics import calibrated_threshold
from bench.protocol.postprocess import processed
from bench.store.predictions import read_predictions, read_subject
from bench.store.store import Store
from fakes import tiny
from fakes.here import Here

FOREGROUND = np.zeros((48, 80), bool)
FOREGROUND[4:40, 10:] = True
PICTURES = """
name = "photos"
title = "Photos"
version = 1
description = "Made by a test"
licence = "CC0-1.0"
citation = "none"

[[layouts]]
name = "own"
title = "as here"
kind = "images"
id = "{class}-{image}"
images = { PHOTO = "{class}/{image}.png" }
mask = "masks/{class}/{image}.png"
normal = ["good"]
abnormal = ["bad"]

[splits.train]
subjects = ["good-a", "good-b", "good-c"]
rule = "first"
[splits.test]
subjects = ["good-d", "bad-e"]
rule = "last"

[preparation]
foreground = "whole"
colour = "COLOUR"

[tasks.photo]
title = "Photo"
channels = ["PHOTO"]
protocols = ["image@1"]
headline = { protocol = "image@1", metric = "auroc" }
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory, session_cache):
    """A folder with a run on volumes and one on pictures; cells by task and method."""
    folder = tmp_path_factory.mktemp("place")
    tiny.make_volumes(folder / "data")
    tiny.write_card(folder)
    make_photos(folder, "photos", "grey")
    make_photos(folder, "colours", "rgb")
    os.environ["BENCH_CACHE"] = str(session_cache)
    done = tiny.bench(
        folder, "run", "--method", "gaussian", "--task", "tiny/t1", "--task", "tiny/both",
        "--task", "photos/photo", "--task", "colours/photo", "--budget", "smoke",
        "--data-dir", "data",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


def make_photos(folder, name, colour):
    text = PICTURES.replace("COLOUR", colour).replace('"photos"', f'"{name}"')
    if name == "colours":
        text = text.replace('mask = "masks/{class}/{image}.png"\n', "")
    (folder / "datasets" / f"{name}.toml").write_text(text)
    rng = np.random.default_rng(0)
    for path in ("good/a", "good/b", "good/c", "good/d", "bad/e"):
        file = folder / "data" / name / f"{path}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        shape = (48, 80, 3) if colour == "rgb" else (48, 80)
        photo = rng.integers(60, 120, shape, dtype=np.uint8)
        if path == "bad/e":
            photo[20:30, 50:66] = 250
        Image.fromarray(photo).save(file)
        if name == "photos":
            mask = folder / "data" / name / "masks" / f"{path}.png"
            mask.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(FOREGROUND.astype(np.uint8)).save(mask)


def cell(place, task, method="gaussian"):
    (path,) = (place / "results/runs" / task / method).glob("*.json")
    return path.stem


@pytest.fixture
def bench(monkeypatch):
    return Here(monkeypatch)


@pytest.fixture
def predict(bench, place):
    def call(task, *arguments, out="out", where=None):
        key = cell(place, task)
        return bench(where or place, "predict", "--cell", key, *arguments, "--out", out)

    return call


def kept(place, task, subject):
    found = read_subject(
        Store(place / "results/runs").prediction_folder(cell(place, task)), "test", subject
    )
    assert found is not None
    return found


def scores(folder):
    with (folder / "scores.csv").open() as handle:
        return list(csv.DictReader(handle))


# --- volumes ------------------------------------------------------------------------------------


def test_a_tested_file_gets_the_maps_and_scores_that_the_cell_kept(place, predict):
    files = ["data/tiny/p1/T1.nii.gz", "data/tiny/p2/T1.nii.gz"]
    done = predict("tiny/t1", *files, out="same")
    assert done.returncode == 0, done.stderr
    assert "2 images: foreground: all voxels that are not background (no mask" in done.stderr
    rows = scores(place / "same")
    for subject, file in (("p1", files[0]), ("p2", files[1])):
        was = kept(place, "tiny/t1", subject)
        mine = [row for row in rows if row["image"] == f"{subject}_T1"]
        assert [int(row["slice"]) for row in mine] == list(range(len(was.scores)))
        assert np.array_equal(np.float32([row["score"] for row in mine]), was.scores)
        written = nib.load(place / "same" / f"{subject}_T1_map.nii.gz")
        source = nib.load(place / file)
        assert np.array_equal(written.affine, source.affine)
        assert written.shape == source.shape
        assert written.get_data_dtype() == np.float32
        # The very values of the kept map, brought to the file's grid by hand.
        expected, inside = by_hand(was, source)
        found = np.asarray(written.dataobj)
        assert np.abs(found - expected).max() < 1e-5
        mask = nib.load(place / "same" / f"{subject}_T1_foreground.nii.gz")
        assert np.array_equal(np.asarray(mask.dataobj) == 1, inside)
        assert np.array_equal(inside, np.asarray(source.dataobj) != 0)
        assert (place / "same" / f"{subject}_T1_overlay.png").stat().st_size > 5000


def by_hand(was, source):
    """Each voxel of the file: weighted mean of the eight prepared voxels around it."""
    place = was.geometry
    inward = np.linalg.inv(place.affine) @ source.affine
    maps = was.unsigned_maps
    expected = np.zeros(source.shape, np.float32)
    inside = np.zeros(source.shape, bool)
    for index in np.ndindex(*source.shape):
        row, column, level = (inward @ [*index, 1])[:3]
        total = weight = 0.0
        for corner in np.ndindex(2, 2, 2):
            r, c, s = (
                int(np.floor(at + 1e-9)) + d
                for at, d in zip((row, column, level), corner, strict=True)
            )
            share = max(0.0, 1 - abs(row - r)) * max(0.0, 1 - abs(column - c))
            share *= max(0.0, 1 - abs(level - s))
            k = s - place.slices[0]
            there = 0 <= k < len(maps) and 0 <= r < 64 and 0 <= c < 64
            if share and there and was.masks[k, r, c]:
                total += share * maps[k, r, c]
                weight += share
        inside[index] = weight >= 0.5
        expected[index] = total / weight if weight >= 0.5 else 0
    return expected, inside


def test_a_mask_that_is_given_is_used(place, predict):
    source = nib.load(place / "data/tiny/p1/T1.nii.gz")
    inside = np.asarray(source.dataobj) != 0
    inside[:, :14] = False
    tiny.write_volume(place / "half.nii.gz", inside.astype(np.uint8))
    done = predict("tiny/t1", "data/tiny/p1/T1.nii.gz", "--mask", "half.nii.gz", out="masked")
    assert done.returncode == 0, done.stderr
    assert "T1: foreground: half.nii.gz" in done.stderr
    mask = np.asarray(nib.load(place / "masked/T1_foreground.nii.gz").dataobj) == 1
    assert (mask != inside).mean() < 0.01  # no prepared voxel lies upon one of the file here


def test_channels_are_joined_by_commas(place, predict):
    pair = "data/tiny/p1/T1.nii.gz,data/tiny/p1/T2.nii.gz"
    done = predict("tiny/both", pair, out="both")
    assert done.returncode == 0, done.stderr
    was = kept(place, "tiny/both", "p1")
    found = np.float32([row["score"] for row in scores(place / "both")])
    assert np.array_equal(found, was.scores)
    both = predict("tiny/t1", pair)
    assert both.returncode == 2
    assert "2 files, but the detector takes 1 channel: T1" in both.stderr
    lone = predict("tiny/both", "data/tiny/p1/T1.nii.gz")
    assert lone.returncode == 2
    assert "1 file, but the detector takes 2 channels: T1, T2" in lone.stderr


# --- pictures -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["photos", "colours"])
def test_pictures_get_a_tiff_on_their_own_pixels(place, predict, name):
    """The card of photos names a mask beside each image, the card of colours does not."""
    done = predict(f"{name}/photo", f"data/{name}/bad/e.png", out=name)
    assert done.returncode == 0, done.stderr
    told = {"photos": "masks/bad/e.png", "colours": "the whole image (no mask was given)"}
    assert done.stderr.splitlines()[0].endswith(told[name])
    found = tifffile.imread(place / name / "e_map.tiff")
    assert found.shape == (48, 80)
    assert found.dtype == np.float32
    (row,) = scores(place / name)
    was = kept(place, f"{name}/photo", "bad-e")
    assert (row["image"], row["slice"]) == ("e", "")
    assert np.float32(row["score"]) == was.scores[0]
    expected, inside = to_image(was.unsigned_maps[0], was.masks[0], (48, 80))
    assert np.array_equal(found, expected)
    assert found[22:28, 52:64].mean() > 1.3 * np.median(found[inside])
    written = np.asarray(Image.open(place / name / "e_foreground.png")) > 0
    assert np.array_equal(written, inside)
    truth = FOREGROUND if name == "photos" else np.ones((48, 80), bool)
    assert (written != truth).sum() <= 36 + 70  # 64 prepared pixels for 80: half a pixel of rim
    assert (place / name / "e_overlay.png").is_file()


def test_an_image_that_lies_elsewhere_has_the_rule_of_the_preparation(place, predict):
    shutil.copy(place / "data/photos/bad/e.png", place / "lone.png")
    done = predict("photos/photo", "lone.png", out="lone")
    assert "lone: foreground: the whole image (no mask was given)" in done.stderr
    assert np.asarray(Image.open(place / "lone/lone_foreground.png")).min() == 255


# --- wrong input --------------------------------------------------------------------------------


def test_wrong_input_is_told_before_anything_is_written(place, bench, tmp_path):
    good = "data/tiny/p1/T1.nii.gz"
    (place / "broken.nii.gz").write_bytes(b"no volume")
    cases = [
        (["--cell", "zzzz", good], "no cell has a key that begins with 'zzzz'"),
        (
            ["--cell", cell(place, "tiny/t1"), "nowhere.nii.gz"],
            "the file nowhere.nii.gz does not exist",
        ),
        (["--cell", cell(place, "tiny/t1"), good, "broken.nii.gz"], "cannot be read as a volume"),
        (["--cell", cell(place, "tiny/t1"), good, good], "an image is given twice"),
        (["--cell", cell(place, "tiny/t1"), good, "--mask", "a", "--mask", "b"], "2 --mask for 1"),
        (["--cell", cell(place, "photos/photo"), good], "cannot be read as a 2-D image"),
        (["--cell", cell(place, "colours/photo"), "data/photos/bad/e.png"], "is grey, but"),
    ]
    for arguments, said in cases:
        done = bench(place, "predict", *arguments, "--out", tmp_path / "out")
        assert done.returncode == 2, done.stderr
        assert said in done.stderr
        assert "Traceback" not in done.stderr
        assert not (tmp_path / "out").exists()


def test_an_input_is_never_written_over(place, bench, tmp_path):
    mask = tmp_path / "T1_foreground.nii.gz"
    image = nib.load(place / "data/tiny/p1/T1.nii.gz")
    tiny.write_volume(mask, (image.get_fdata() > 0).astype(np.uint8))
    before = mask.read_bytes()
    done = bench(place, "predict", "--cell", cell(place, "tiny/t1"), "data/tiny/p1/T1.nii.gz",
                 "--mask", mask, "--out", tmp_path)  # fmt: skip
    assert done.returncode == 2
    assert "is an input and would be overwritten" in done.stderr
    assert mask.read_bytes() == before


def test_a_fit_that_was_not_kept_or_is_of_another_card_is_refused(place, predict, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(place, copy, ignore=shutil.ignore_patterns("same", "both", "masked"))
    card = copy / "datasets/tiny.toml"
    text = card.read_text()
    card.write_text(text.replace("grid = [32, 32, 24]", "grid = [34, 34, 24]"))
    done = predict("tiny/t1", "data/tiny/p1/T1.nii.gz", where=copy)
    assert done.returncode == 2
    assert "belongs to another state of: the preparation of 'tiny'" in done.stderr
    card.write_text(text)
    shutil.rmtree(copy / "results/runs/_fits")
    done = predict("tiny/t1", "data/tiny/p1/T1.nii.gz", where=copy)
    assert done.returncode == 2
    assert "is not in results/runs: removed" in done.stderr


def test_labels_and_other_modalities_in_a_folder_are_not_judged_as_images(place, predict):
    done = predict("tiny/t1", "data/tiny/p1", out="whole-folder")
    assert done.returncode == 0, done.stderr
    assert {row["image"] for row in scores(place / "whole-folder")} == {"T1"}
    skipped = json.loads((place / "whole-folder/scores.json").read_text())["skipped"]
    assert skipped == {
        "images of T2, not T1": ["data/tiny/p1/T2.nii.gz"],
        "labels of other images": ["data/tiny/p1/lesion.nii.gz"],
    }
    assert "skipped: 1 file (labels of other images)" in done.stderr


# --- folders, and where a score stands ------------------------------------------------------------


def test_a_folder_gives_each_image_and_counts_what_it_skips(place, predict, tmp_path):
    folder = tmp_path / "scans"
    folder.mkdir()
    for name in ("p1", "p2"):
        shutil.copy(place / f"data/tiny/{name}/T1.nii.gz", folder / f"{name}.nii.gz")
    (folder / "notes.txt").write_text("no image")
    (folder / "broken.nii.gz").write_bytes(b"no volume")
    out = place / "from-folder"
    done = predict("tiny/t1", folder, out="from-folder")
    assert done.returncode == 1, "one file cannot be prepared"
    assert "skipped: 1 file (not read as volumes)" in done.stderr
    assert "skipped: 1 file (cannot be prepared)" in done.stderr
    found = json.loads((out / "scores.json").read_text())
    assert found["skipped"]["not read as volumes"] == [str(folder / "notes.txt")]
    assert {one["image"] for one in found["images"]} == {"p1", "p2"}
    again = predict("tiny/t1", f"{folder}/p*.nii.gz", out="from-pattern")
    assert again.returncode == 0
    assert scores(place / "from-pattern") == scores(out)
    nothing = predict("tiny/t1", f"{folder}/*.mha", out="none")
    assert nothing.returncode == 2
    assert "holds no file that can be read as a volume" in nothing.stderr


def test_each_score_has_its_percentile_and_the_calibrated_threshold(place, predict):
    file = "data/tiny/p1/T1.nii.gz"
    assert predict("tiny/t1", file, out="placed").returncode == 0
    found = json.loads((place / "placed/scores.json").read_text())
    folder = Store(place / "results/runs").prediction_folder(cell(place, "tiny/t1"))
    normal = list(read_predictions(folder, "validation"))
    scored = np.concatenate([one.scores for one in normal])
    for one in found["images"]:
        lower = np.sum(scored < np.float32(one["score"]))
        ties = np.sum(scored == np.float32(one["score"]))
        assert one["percentile"] == pytest.approx(100 * (lower + ties / 2) / len(scored))
    assert found["normal_validation_images"] == len(scored)
    card = registry.protocol(found["threshold"]["protocol"])
    pixels = np.concatenate([processed(card, one).maps[one.masks] for one in normal])
    value = found["threshold"]["value"]
    assert value == pytest.approx(calibrated_threshold(pixels, rate=0.01))
    assert np.mean(pixels > value) <= 0.01
    tested = read_subject(folder, "test", "p1")
    above = (processed(card, tested).maps > np.float32(value)) & tested.masks
    shares = [
        one["above_threshold"] for one in found["images"] if one["above_threshold"] is not None
    ]
    expected = [a.sum() / m.sum() for a, m in zip(above, tested.masks, strict=True) if m.any()]
    assert shares == pytest.approx(expected)
