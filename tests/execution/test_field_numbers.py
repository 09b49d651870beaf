"""Numbers from end to end on data sets as they are in the field, against scikit-learn."""

import numpy as np
import pytest
from PIL import Image

from bench import registry
from bench.data.cache.folder import cache_dir
from bench.data.prepare.subject import PreparationRequest, prepare_subject
from bench.execution.context import RunContext
from bench.execution.run import run_cell
from bench.planning.dropped import dropped_lines
from bench.planning.plan import make_plan
from bench.report import build_report, render
from bench.report.rows.cards import Cards
from fakes import field, tiny

WHOLE = {"foreground": "whole"}
CUBES = {"spacing_mm": [3, 3, 3], "grid": [64, 64, 20]}
MVTEC = {
    "kind": "images",
    "id": "{part}-{class}-{image}",
    "images": {"I": "{part}/{class}/{image}.*"},
    "label": "masks/{class}/{image}.*",
    "normal": ["good"],
    "abnormal": ["bad"],
}
VOLUMES = {"images": {"T1": "{subject}_t1.nii.gz"}, "label": "{subject}_seg*.nii.gz",
           "subject": r"P\d+"}  # fmt: skip
PEOPLE = {
    "train": {"subjects": ["P1", "P2"], "rule": ""},
    "test": {"subjects": ["P3", "P4", "P5"], "rule": ""},
}


def run(card, folder):
    plan = make_plan(field.request(card), data_dir=folder, cache=cache_dir())
    context = RunContext(
        results=folder / "runs", cache=cache_dir(), device="cpu", keep="maps", command="test"
    )
    record = run_cell(plan.cells[0], context, lambda done, total, note: None)
    assert record.status == "done", record.reason
    return record


def pooled(record):
    numbers = record.protocols["pixel-pooled@1"]
    assert numbers.status == "done", numbers.reason
    return numbers.metrics["ap"], numbers.metrics["auroc"]


def caption(record, card):
    cards = Cards({"own": card}, registry.load_methods(), registry.load_protocols())
    return render(build_report([record], cards), "markdown")


def pictures(root, *, bad=2):
    """Masks of abnormal images only, as MVTec has them; what is to be ranked."""
    items = []
    for number in range(2):
        field.png(root / f"train/good/t{number}.png", field.picture(number, False)[0])
    for kind, count in (("good", 2), ("bad", bad)):
        for number in range(count):
            image, label = field.picture(number + (40 if kind == "bad" else 20), kind == "bad")
            field.png(root / f"test/{kind}/{kind}{number}.png", image)
            if kind == "bad":
                field.png(root / f"masks/bad/bad{number}.png", label)
            everywhere = np.ones(image.shape, dtype=bool)
            items.append((image, everywhere, everywhere, label))
    return items


def people(root, write):
    """Five brains, the last two with a lesion; ``write`` makes labels and says what counts."""
    items = []
    for number in range(1, 6):
        image, inside, lesion = field.brain(number, number > 3)
        tiny.write_volume(root / f"P{number}_t1.nii.gz", image, field.AFFINE)
        ignored = write(number, inside, lesion)
        if number > 2:
            items.append((image, inside, field.enough(inside) & ~ignored, lesion))
    return items


def label_file(root, number, array, suffix=""):
    path = root / f"P{number}_seg{suffix}.nii.gz"
    tiny.write_volume(path, array.astype(np.uint8), field.AFFINE)


def beside(inside, lesion):
    """Other pathology, as the WMH challenge labels it 2."""
    return np.roll(lesion, -20, axis=0) & inside


def test_normal_images_need_no_label(tmp_path):
    card = field.card(MVTEC, field.PARTS, WHOLE)
    right = field.expected(pictures(tmp_path / "own"))
    record = run(card, tmp_path)
    assert pooled(record) == pytest.approx(right, abs=1e-6)
    assert right == pytest.approx((0.5339, 0.9860), abs=1e-4)
    assert sum(one.voxels for one in record.truth.values()) == 152
    assert record.findings == []


def test_an_abnormal_image_without_a_label_is_left_out_of_pixels_and_named(tmp_path):
    card = field.card(MVTEC, field.PARTS, WHOLE)
    items = pictures(tmp_path / "own", bad=3)
    (tmp_path / "own/masks/bad/bad2.png").unlink()
    record = run(card, tmp_path)
    assert pooled(record) == pytest.approx(field.expected(items[:-1]), abs=1e-6)
    assert record.protocols["pixel-pooled@1"].left_out == {
        "abnormal images without a label": ["test-bad-bad2: 1 image"]
    }
    assert record.protocols["image@1"].left_out == {}  # its class is known
    problem = "1 of 3 abnormal images has no label: test-bad-bad2"
    assert [(one.severity, one.problem) for one in record.findings] == [("warning", problem)]
    assert problem in caption(record, card)


def test_a_patient_with_normal_images_only_needs_no_label(tmp_path):
    root = tmp_path / "own"
    items = []
    for number in range(3):
        field.png(root / f"good/P1-{number}.png", field.picture(number, False)[0])
        for seed, kind, subject in ((20, "good", "P3"), (40, "bad", "P4")):
            image, label = field.picture(seed + number, kind == "bad")
            field.png(root / f"{kind}/{subject}-{number}.png", image)
            if kind == "bad":
                field.png(root / f"masks/{subject}-{number}.png", label)
            everywhere = np.ones(image.shape, dtype=bool)
            items.append((image, everywhere, everywhere, label))
    layout = {
        "kind": "images",
        "subject": r"P\d",
        "images": {"I": "{class}/{subject}-{image}.png"},
        "label": "masks/{subject}-{image}.png",
        "normal": ["good"],
        "abnormal": ["bad"],
    }
    splits = {
        "train": {"subjects": ["P1"], "slices": "lesion-free", "rule": ""},
        "test": {"subjects": ["P3", "P4"], "rule": ""},
    }
    record = run(field.card(layout, splits, WHOLE), tmp_path)
    right = field.expected(items)
    assert pooled(record) == pytest.approx(right, abs=1e-6)
    assert right == pytest.approx((0.3553, 0.9657), abs=1e-4)


def test_a_card_names_the_value_that_is_lesion(tmp_path):
    root = tmp_path / "own"

    def write(number, inside, lesion):
        label_file(root, number, np.where(lesion, 1, 2 * beside(inside, lesion)))
        return np.zeros_like(inside)

    root.mkdir()
    items = people(root, write)
    record = run(field.card({**VOLUMES, "lesion": [1]}, PEOPLE, CUBES), tmp_path)
    assert pooled(record) == pytest.approx(field.expected(items), abs=1e-6)
    assert sum(one.voxels for one in record.truth.values()) == 336
    assert [one.problem for one in record.findings] == [
        "2 of 3 subjects: values 0, 1, 2; those that the card does not name count as normal: 2:"
        " P4, P5"  # in the words of the check
    ]


def test_ignored_values_are_not_ranked(tmp_path):
    root = tmp_path / "own"

    def write(number, inside, lesion):
        label_file(root, number, np.where(lesion, 1, 2 * beside(inside, lesion)))
        return beside(inside, lesion)

    root.mkdir()
    items = people(root, write)
    assert sum(int((~one[2] & field.enough(one[1])).sum()) for one in items) > 100
    record = run(field.card({**VOLUMES, "ignore": [2]}, PEOPLE, CUBES), tmp_path)
    assert pooled(record) == pytest.approx(field.expected(items), abs=1e-6)
    assert sum(one.voxels for one in record.truth.values()) == 336


def test_a_missing_label_means_healthy_and_two_labels_are_merged(tmp_path):
    root = tmp_path / "own"

    def write(number, inside, lesion):
        first = lesion.copy()
        first[:40] = False
        if lesion.any():
            label_file(root, number, first, "_a")
            label_file(root, number, lesion & ~first, "_b")
        return np.zeros_like(inside)

    root.mkdir()
    items = people(root, write)
    layout = {**VOLUMES, "merge_labels": True, "unlabelled": "healthy"}
    card = field.card(layout, PEOPLE, CUBES)
    record = run(card, tmp_path)
    assert pooled(record) == pytest.approx(field.expected(items), abs=1e-6)
    assert record.truth["P3"].voxels == 0
    assert record.truth["P4"].lesions == record.truth["P5"].lesions == 1
    assert record.protocols["pixel-subject@1"].averaged_over == 2
    said = "3 of 5 subjects have no label, which the card calls healthy: P1, P2, P3"
    assert [(one.severity, one.problem) for one in record.findings] == [("info", said)]


def test_images_with_ignored_values_only_are_neither_normal_nor_abnormal(tmp_path):
    """A card without classes: 1 is lesion, 2 is other pathology."""
    layout = {"kind": "images", "id": "{image}", "images": {"I": "scans/{image}.png"},
              "label": "masks/{image}.png", "ignore": [2]}  # fmt: skip
    splits = {
        "train": {"subjects": ["t0", "t1"], "slices": "lesion-free", "rule": ""},
        "test": {"subjects": ["good", "bad", "other"], "rule": ""},
    }
    items = []
    for seed, name in enumerate(("t0", "t1", "good", "bad", "other")):
        image, label = field.picture(seed, name in ("t1", "bad", "other"))
        field.png(tmp_path / f"own/scans/{name}.png", image)
        kinds = label.astype(np.uint8) * (2 if name == "other" else 1)
        field.png(tmp_path / f"own/masks/{name}.png", kinds)
        if not name.startswith("t"):
            everywhere = np.ones(image.shape, dtype=bool)
            ignored = label & (name == "other")
            items.append((image, everywhere, ~ignored, label & ~ignored))
    record = run(field.card(layout, splits, WHOLE), tmp_path)
    assert pooled(record) == pytest.approx(field.expected(items), abs=1e-6)
    numbers = record.protocols["image@1"]
    assert numbers.left_out == {"images with ignored pixels and no lesion": ["other: 1 image"]}
    assert (numbers.cases, numbers.positives) == (2, 1)
    (said,) = record.findings
    assert (said.severity, said.where) == ("info", "own, split train")
    assert said.problem == (
        "1 image of 1 subject has a label that is not empty and is left out, because the split"
        " is lesion-free: t1"
    )
    assert said.problem in caption(record, field.card(layout, splits, WHOLE))


def test_run_record_and_caption_say_what_share_is_foreground_where_it_is_unusual(tmp_path):
    own = tmp_path / "data/own"
    pictures(own)
    for path in own.glob("t*/*/*.png"):  # the background of a JPEG scan: dark, and never 0
        noise = np.random.default_rng(1).integers(1, 4, (64, 64))
        image = np.asarray(Image.open(path)).astype(int) * (
            np.hypot(*np.mgrid[-32:32, -32:32]) < 20
        )
        Image.fromarray(np.where(image, image, noise).astype(np.uint8)).save(path)
    card = field.card(MVTEC, field.PARTS, {"foreground": "non-zero"})
    record = run(card, tmp_path / "data")
    said = "the foreground is 100 % of the image in 4 of 4 subjects, expected 2 to 95 %"
    assert any(one.problem.startswith(said) for one in record.findings)
    assert said in caption(record, card)


def test_slices_that_a_lesion_free_split_drops_are_in_plan_record_and_caption(tmp_path):
    (tmp_path / "own").mkdir()
    people(tmp_path / "own", lambda number, inside, lesion: write_seg(tmp_path, number, lesion))
    splits = {
        "train": {"subjects": ["P1", "P4"], "slices": "lesion-free", "rule": ""},
        "test": {"subjects": ["P3", "P5"], "rule": ""},
    }
    card = field.card(VOLUMES, splits, CUBES)
    record = run(card, tmp_path)
    cell = make_plan(field.request(card), data_dir=tmp_path, cache=cache_dir()).cells[0]
    whole, normal = (
        prepare_subject(
            cell.fit.train.present[1],
            PreparationRequest(["T1"], card.preparation, 64, lesion_free=only, with_label=True),
            cache_dir(),
        )
        for only in (False, True)
    )
    dropped = len(whole.images) - len(normal.images)
    assert dropped >= field.brain(4, True)[2].any(axis=(0, 1)).sum() > 0
    said = (
        f"{dropped} slices of 1 subject have a label that is not empty and are left out, because"
        " the split is lesion-free: P4"
    )
    assert said in [one.problem for one in record.findings]
    assert said in caption(record, card)
    assert dropped_lines([cell], cache_dir()) == [f"own, split train: {said}"]


def write_seg(root, number, lesion):
    path = root / f"own/P{number}_seg.nii.gz"
    tiny.write_volume(path, lesion.astype(np.uint8), field.AFFINE)
    return np.zeros(lesion.shape, dtype=bool)
