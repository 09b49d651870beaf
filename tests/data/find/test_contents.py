"""The same image under two names, of two classes, or in two arrays."""

import shutil

import numpy as np
import pytest

from bench.data.check.dataset import check_dataset
from bench.data.find.faults import file_findings
from bench.data.find.index import index_dataset
from bench.data.find.selection import select
from bench.errors import DataError, SplitError
from bench.planning.plan import make_plan
from fakes import field, tiny

WHOLE = {"foreground": "whole"}
ROWS = {"kind": "medmnist", "images": {"X": "x.npz"}, "normal": ["0"], "abnormal": ["1"]}
MVTEC = {"kind": "images", "id": "{part}-{class}-{image}",
         "images": {"I": "{part}/{class}/{image}.png"}, "normal": ["good"],
         "abnormal": ["bad"]}  # fmt: skip


def arrays(root, *, train, test, kinds):
    (root / "own").mkdir(parents=True, exist_ok=True)
    np.savez(
        root / "own/x.npz",
        train_images=train,
        train_labels=np.zeros((len(train), 1), np.uint8),
        test_images=test,
        test_labels=np.array(kinds, np.uint8)[:, None],
    )


def pictures(*seeds):
    return np.stack([field.picture(seed, False)[0] for seed in seeds])


def errors(card, root):
    found = check_dataset(card, root, root / "cache")
    return [one.problem for one in found if one.severity == "error"]


def refused(card, root, kind):
    with pytest.raises(kind) as error:
        make_plan(field.request(card), data_dir=root, cache=root / "cache")
    return str(error.value)


def test_training_images_in_the_test_array(tmp_path):
    arrays(tmp_path, train=pictures(1, 2, 3), test=pictures(2, 5, 3), kinds=[0, 1, 0])
    card = field.card(ROWS, field.PARTS, WHOLE)
    said = refused(card, tmp_path, SplitError)
    assert said.startswith("2 images are on two sides:")
    path = tmp_path / "own/x.npz"
    for train, test in ((1, 0), (2, 2)):
        pair = f"{path}, train image 00000{train} (training) and {path}, test image 00000{test}"
        assert pair in said
    (found,) = errors(card, tmp_path)
    assert found.startswith("2 images are on two sides of a split: ")
    assert f"{path}, test image 000000 and {path}, train image 000001" in found


def test_one_image_of_two_classes_in_an_array(tmp_path):
    arrays(tmp_path, train=pictures(1, 2), test=pictures(4, 5, 4), kinds=[0, 1, 1])
    card = field.card(ROWS, field.PARTS, WHOLE)
    assert "of a normal and of an abnormal class" in refused(card, tmp_path, DataError)
    (found,) = errors(card, tmp_path)
    assert found.startswith("1 image is in a normal and in an abnormal class")
    excluding = card.model_copy(update={"exclude": ["test-000002"]})
    assert errors(excluding, tmp_path) == []
    assert make_plan(field.request(excluding), data_dir=tmp_path, cache=tmp_path / "cache").cells


def test_an_image_twice_on_one_side_of_an_array_is_a_warning(tmp_path):
    arrays(tmp_path, train=pictures(1, 2, 1), test=pictures(4, 5), kinds=[0, 1])
    card = field.card(ROWS, field.PARTS, WHOLE)
    found = [one for one in check_dataset(card, tmp_path, tmp_path) if one.severity != "info"]
    assert [one.severity for one in found] == ["warning"]
    assert found[0].problem.startswith("1 image is there twice")
    assert make_plan(field.request(card), data_dir=tmp_path, cache=tmp_path / "cache").cells


def test_one_file_in_two_classes(tmp_path):
    for number, name in enumerate(("train/good/t", "test/good/g", "test/bad/b")):
        field.png(tmp_path / f"own/{name}.png", field.picture(number, False)[0])
    field.png(tmp_path / "own/test/bad/c.png", field.picture(1, False)[0])  # is test/good/g
    card = field.card(MVTEC, field.PARTS, WHOLE)
    said = refused(card, tmp_path, DataError)
    assert "test/bad/c.png" in said
    assert "test/good/g.png" in said
    assert "of a normal and of an abnormal class" in said
    (found,) = errors(card, tmp_path)
    assert "of a normal and of an abnormal class" in found


def test_only_the_images_without_truth_are_left_out(tmp_path):
    layout = {"kind": "images", "subject": r"P\d", "images": {"I": "scans/{subject}-{image}.png"},
              "label": "masks/{subject}-{image}.png"}  # fmt: skip
    for subject in ("P1", "P2"):
        for number in range(3):
            image, label = field.picture(number, True)
            field.png(tmp_path / f"own/scans/{subject}-{number}.png", image)
            if (subject, number) != ("P2", 1):
                field.png(tmp_path / f"own/masks/{subject}-{number}.png", label)
    field.png(tmp_path / "own/scans/P3-0.png", field.picture(9, False)[0])
    card = field.card(layout, {"test": {"subjects": "all", "rule": ""}}, WHOLE)
    index = index_dataset(card, tmp_path, tmp_path)
    test = select(index, "test", ["I"], need_label=True)
    kept = {one.subject: [image.name for image in one.image_files] for one in test.present}
    assert kept == {"P1": ["0", "1", "2"], "P2": ["0", "2"]}
    assert test.absent == ("P3",)
    assert len(select(index, "test", ["I"], need_label=False).present) == 3
    said = [one.problem for one in file_findings(index, index.matches[0], ["test"])]
    assert said == [
        "1 image has no label and no class, though others of the same subjects have: P2/1"
    ]


VOLUMES = {"images": {"T1": "{subject}_t1.nii.gz", "T2": "{subject}_t2.nii.gz"},
           "label": "{subject}_seg.nii.gz"}  # fmt: skip
SIDES = {"train": {"subjects": ["a1", "a2"], "rule": ""},
         "test": {"subjects": ["b1", "b2"], "rule": ""}}  # fmt: skip


def volumes(root):
    """Two modalities of four subjects; gives the card."""
    (root / "own").mkdir(parents=True)
    for number, subject in enumerate(("a1", "a2", "b1", "b2")):
        image, _, lesion = field.brain(number, True)
        for modality, gain in (("t1", 1), ("t2", 2)):
            tiny.write_volume(root / f"own/{subject}_{modality}.nii.gz", gain * image, field.AFFINE)
        tiny.write_volume(root / f"own/{subject}_seg.nii.gz", lesion.astype(np.uint8), field.AFFINE)
    return field.card(VOLUMES, SIDES, {"spacing_mm": [3, 3, 3], "grid": [64, 64, 20]})


@pytest.mark.parametrize(
    ("first", "second"), [("b1_t1", "b2_t1"), ("a1_t2", "a2_t2"), ("b1_t1", "b1_t2")]
)
def test_one_volume_of_two_owners_on_one_side_is_refused_by_check_and_run(tmp_path, first, second):
    card = volumes(tmp_path)
    assert errors(card, tmp_path) == []
    assert make_plan(field.request(card), data_dir=tmp_path, cache=tmp_path / "cache").cells
    shutil.copy(tmp_path / f"own/{first}.nii.gz", tmp_path / f"own/{second}.nii.gz")
    (found,) = errors(card, tmp_path)
    assert found == f"the same image as {tmp_path / 'own' / second}.nii.gz"
    owners = [f"{name[3:].upper()} of {name[:2]}" for name in (first, second)]
    assert refused(card, tmp_path, DataError) == (
        f"{tmp_path / 'own' / first}.nii.gz ({owners[0]}) and"
        f" {tmp_path / 'own' / second}.nii.gz ({owners[1]}) are the same image"
    )


def test_a_picture_twice_on_one_side_is_the_same_warning_in_check_and_run(tmp_path):
    for number, name in enumerate(("train/good/t", "test/good/g", "test/bad/b")):
        field.png(tmp_path / f"own/{name}.png", field.picture(number, False)[0])
    shutil.copy(tmp_path / "own/test/bad/b.png", tmp_path / "own/test/bad/c.png")
    card = field.card(MVTEC, field.PARTS, WHOLE)
    checked = [one for one in check_dataset(card, tmp_path, tmp_path) if one.severity != "info"]
    plan = make_plan(field.request(card), data_dir=tmp_path, cache=tmp_path / "cache")
    planned = [one for one in plan.sources[0].findings if one.severity != "info"]
    assert checked == planned
    assert [one.problem for one in planned] == [
        f"1 image is there twice: {tmp_path}/own/test/bad/b.png and {tmp_path}/own/test/bad/c.png"
    ]
