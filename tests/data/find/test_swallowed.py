"""A folder of labels that the pattern of the images takes as well is said."""

import shutil

import numpy as np
import pytest

from bench.data.check.dataset import check_dataset
from bench.data.find.faults import file_findings
from bench.data.find.index import index_dataset
from bench.data.find.swallowed import swallowed_findings
from bench.planning.plan import make_plan
from fakes import field, tiny

WHOLE = {"foreground": "whole"}
LAYOUT = {"kind": "images", "id": "{part}-{class}-{image}",
          "images": {"I": "{part}/{class}/{image}.png"}, "normal": ["good"],
          "abnormal": ["bad"]}  # fmt: skip
SAID = (
    "2 images in masks hold few values, and 1 of them shares a name with another image, as labels"
    " do: masks/bad/bad0.png, masks/bad/bad1.png"
)


def mvtec(root):
    for number in range(2):
        field.png(root / f"own/train/good/t{number}.png", field.picture(number, False)[0])
        field.png(root / f"own/test/good/t{number}.png", field.picture(number + 20, False)[0])
        image, label = field.picture(number + 40, True)
        name = ("bad0", "scan 1 (2)")[number]
        field.png(root / f"own/test/bad/{name}.png", image)
        field.png(root / f"own/masks/bad/bad{number}.png", label)


def found(card, root):
    index = index_dataset(card, root, root)
    return [one.problem for one in swallowed_findings(index.root, index.matches[0])]


def test_masks_that_count_as_images_are_said(tmp_path):
    mvtec(tmp_path)
    card = field.card(LAYOUT, field.PARTS, WHOLE)
    assert found(card, tmp_path) == [SAID]
    (source,) = make_plan(field.request(card), data_dir=tmp_path, cache=tmp_path / "c").sources
    assert SAID in [one.problem for one in source.findings if one.severity == "warning"]
    assert SAID in [one.problem for one in check_dataset(card, tmp_path, tmp_path / "c")]


def test_images_of_one_name_are_not_labels(tmp_path):
    mvtec(tmp_path)
    (tmp_path / "own/test/bad/scan 1 (2).png").rename(tmp_path / "own/test/bad/bad1.png")
    named = field.card({**LAYOUT, "label": "masks/{class}/{image}.png"}, field.PARTS, WHOLE)
    assert found(named, tmp_path) == []
    shutil.rmtree(tmp_path / "own/masks")
    assert found(field.card(LAYOUT, field.PARTS, WHOLE), tmp_path) == []


def test_what_a_lesion_free_split_drops_by_labels_is_counted(tmp_path):
    layout = {"kind": "images", "subject": r"P\d", "images": {"I": "scans/{subject}-{image}.png"},
              "label": "masks/{subject}-{image}.png"}  # fmt: skip
    bad = {("P1", 0), ("P2", 0), ("P2", 1)}
    for place in np.ndindex(3, 2):
        one = (f"P{place[0] + 1}", place[1])
        image, label = field.picture(7 * place[0] + place[1], one in bad)
        field.png(tmp_path / f"own/scans/{one[0]}-{one[1]}.png", image)
        field.png(tmp_path / f"own/masks/{one[0]}-{one[1]}.png", label)
    splits = {
        "train": {"subjects": ["P1", "P2"], "slices": "lesion-free", "rule": ""},
        "test": {"subjects": ["P3"], "rule": ""},
    }
    card = field.card(layout, splits, WHOLE)
    said = [one.problem for one in check_dataset(card, tmp_path, tmp_path) if "split" in one.where]
    assert said == [
        "3 images of 2 subjects have a lesion in the label and are left out, because the split is"
        " lesion-free: P1, P2; 1 of them has no other image"
    ]


@pytest.mark.parametrize("kind", ["images", "volumes"])
def test_a_bucket_whose_rule_sees_no_labels_is_a_warning(tmp_path, kind):
    pictures = {"kind": "images", "id": "{image}", "images": {"I": "scans/{image}.png"},
                "label": "masks/{image}.png"}  # fmt: skip
    volumes = {"images": {"T1": "{subject}_t1.nii.gz"}, "label": "{subject}_seg.nii.gz"}
    for number in range(4):
        image, label = field.picture(number, number > 1)
        field.png(tmp_path / f"own/scans/P{number}.png", image)
        field.png(tmp_path / f"own/masks/P{number}.png", label)
        scan, _, lesion = field.brain(number, number > 1)
        tiny.write_volume(tmp_path / f"own/P{number}_t1.nii.gz", scan, field.AFFINE)
        tiny.write_volume(tmp_path / f"own/P{number}_seg.nii.gz", lesion.astype("u1"), field.AFFINE)
    layout = pictures if kind == "images" else volumes
    preparation = WHOLE if kind == "images" else {"spacing_mm": [3, 3, 3], "grid": [64, 64, 20]}

    def said(layout, abnormal):
        bucket = {"of": 2, "take": [0], "abnormal": abnormal}
        splits = {
            "train": {"subjects": bucket, "rule": ""},
            "test": {"subjects": "rest", "rule": ""},
        }
        index = index_dataset(field.card(layout, splits, preparation), tmp_path, tmp_path)
        found = file_findings(index, index.matches[0], ["train", "test"])
        return [(one.severity, one.where, one.problem) for one in found]

    assert said(layout, "none") == [
        (
            "warning",
            "split train",
            "abnormal = 'none' sees no labels, only classes: 4 of 4 subjects have a label and no"
            " class, and are divided by ids alone: P0, P1, P2, and 1 more",
        )
    ]
    assert said(layout, "divided") == []
    if kind == "volumes":
        for number in (0, 1):
            (tmp_path / f"own/P{number}_seg.nii.gz").unlink()
        known = said({**layout, "unlabelled": "healthy"}, "none")
        assert [severity for severity, _, _ in known] == ["info"]


def test_what_no_split_uses_is_a_warning_of_the_check(tmp_path):
    mvtec(tmp_path)
    (tmp_path / "own/spare/good").mkdir(parents=True)
    for name in ("spare/good/x", "test/good/x"):
        (tmp_path / f"own/{name}.png").write_bytes(b"no picture")
    card = field.card(LAYOUT, field.PARTS, WHOLE)
    found = {
        one.where.rpartition("own/")[2]: (one.severity, one.problem.endswith("(in no split)"))
        for one in check_dataset(card, tmp_path, tmp_path)
        if "not an image" in one.problem
    }
    assert found == {"spare/good/x.png": ("warning", True), "test/good/x.png": ("error", False)}
