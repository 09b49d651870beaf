"""`bench data check` knows what a card says of labels, and says what preparation keeps of them."""

import nibabel
import numpy as np
import pytest

from bench.cards import Task
from bench.data.check.dataset import check_dataset
from bench.data.find.index import index_dataset
from bench.data.prepare.subject import PreparationRequest, prepare_subject
from bench.errors import DataError
from fakes import field, tiny

CUBES = {"spacing_mm": [3, 3, 3], "grid": [64, 64, 20]}
WHOLE = {"foreground": "whole"}
PEOPLE = {"test": {"subjects": ["P4", "P5"], "rule": ""}}
VOLUMES = {"images": {"T1": "{subject}_t1.nii.gz"}, "label": "{subject}_seg*.nii.gz",
           "subject": r"P\d+"}  # fmt: skip
PICTURES = {"kind": "images", "id": "{image}", "images": {"I": "{class}/{image}.png"},
            "normal": ["good"], "abnormal": ["bad"], "label": "masks/{image}.png"}  # fmt: skip
ALL = {"test": {"subjects": "all", "rule": ""}}


def people(root, label=lambda inside, lesion: lesion):
    """Two brains with a lesion."""
    (root / "own").mkdir(parents=True, exist_ok=True)
    for number in (4, 5):
        image, inside, lesion = field.brain(number, True)
        tiny.write_volume(root / f"own/P{number}_t1.nii.gz", image, field.AFFINE)
        write_label(root, number, label(inside, lesion))


def write_label(root, number, array, suffix=""):
    path = root / f"own/P{number}_seg{suffix}.nii.gz"
    tiny.write_volume(path, array.astype(np.uint8), field.AFFINE)


def with_other(inside, lesion):
    """Other pathology is 2, as in the WMH challenge."""
    return np.where(lesion, 1, 2 * (np.roll(lesion, -20, axis=0) & inside))


def found(root, layout, *severities, splits=PEOPLE, preparation=CUBES, sizes=(64,)):
    card = field.card(layout, splits, preparation)
    findings = check_dataset(card, root, root / "cache", sizes=sizes)
    return [one.problem for one in findings if one.severity in severities]


def refused(root, layout, subject, preparation=CUBES, splits=PEOPLE):
    """What preparation says of a subject."""
    card = field.card(layout, splits, preparation)
    files = index_dataset(card, root, root / "cache").subjects[subject]
    request = PreparationRequest(
        [*files.modalities], card.preparation, 64, lesion_free=False, with_label=True
    )
    with pytest.raises(DataError) as error:
        prepare_subject(files, request, root / "cache")
    return str(error.value)


def test_a_card_that_names_the_values_is_believed(tmp_path):
    people(tmp_path, with_other)
    (said,) = found(tmp_path, VOLUMES, "warning")
    assert said == "values 0, 1, 2, expected two; all but 0 count as lesion"
    assert found(tmp_path, {**VOLUMES, "lesion": [1], "ignore": [2]}, "warning", "error") == []
    assert found(tmp_path, {**VOLUMES, "ignore": [2]}, "warning", "error") == []
    (said,) = found(tmp_path, {**VOLUMES, "lesion": [1]}, "warning")
    assert said == "values 0, 1, 2; those that the card does not name count as normal: 2"
    (said, _) = found(tmp_path, {**VOLUMES, "lesion": [1, 5], "ignore": [2, 3]}, "warning")
    assert said.startswith("no label has the value 5 that `lesion` names; the labels have 0, 1, 2")


def test_values_that_differ_between_subjects(tmp_path):
    people(tmp_path)
    write_label(tmp_path, 5, 2 * field.brain(5, True)[2])
    (said,) = found(tmp_path, VOLUMES, "warning")
    assert said.endswith("another value than those of others: 1, 2; all of them count as lesion")


def test_every_label_file_is_looked_at(tmp_path):
    people(tmp_path)
    write_label(tmp_path, 4, 3 * field.brain(4, True)[2] + 4 * field.brain(4, False)[1], "_b")
    layout = {**VOLUMES, "merge_labels": True}
    assert "values 0, 4, 7, expected two; all but 0 count as lesion" in found(
        tmp_path, layout, "warning"
    )


def test_lesions_are_counted_at_every_size(tmp_path):
    people(tmp_path)
    label = field.brain(4, True)[2].astype(np.uint8)
    label[0, 0, 10] = label[5, 0, 10] = 1  # outside the brain
    write_label(tmp_path, 4, label)
    voxels = int(label.sum() + field.brain(5, True)[2].sum())
    slices = sum(int(one.any(axis=(0, 1)).sum()) for one in (label, field.brain(5, True)[2]))
    infos = found(tmp_path, VOLUMES, "info", sizes=(64, 32))
    assert (
        f"labels of 2 subjects: 4 lesions, {voxels:,} voxels, {slices} abnormal slices; lesions"
        " kept by preparation: 2 at 32 px, 2 at 64 px"
    ) in infos
    warnings = found(tmp_path, VOLUMES, "warning", sizes=(64, 32))
    for size in (32, 64):
        assert f"2 lesions of 1 subject are lost at {size} px: P4 (2 of 3)" in warnings


def test_what_is_kept_is_what_preparation_keeps(tmp_path):
    people(tmp_path)
    card = field.card(VOLUMES, PEOPLE, CUBES)
    index = index_dataset(card, tmp_path, tmp_path / "cache")
    request = PreparationRequest(["T1"], card.preparation, 32, with_label=True)
    truths = [
        prepare_subject(one, request, tmp_path / "cache").truth for one in index.subjects.values()
    ]
    (said,) = [one for one in found(tmp_path, VOLUMES, "info", sizes=(32,)) if "lesions" in one]
    total = {
        name: sum(getattr(one, name) for one in truths)
        for name in ("lesions", "voxels", "slices", "lesions_kept")
    }
    assert said == (
        "labels of 2 subjects: {lesions} lesions, {voxels:,} voxels, {slices} abnormal slices;"
        " lesions kept by preparation: {lesions_kept} at 32 px".format(**total)
    )


@pytest.mark.parametrize(
    ("preparation", "said"),
    [
        ({**CUBES, "grid": [32, 32, 20]}, "outside the common grid"),
        ({**CUBES, "min_foreground": 0.9}, "no slice of"),
    ],
)
def test_brains_that_preparation_refuses(tmp_path, preparation, said):
    people(tmp_path)
    errors = found(tmp_path, VOLUMES, "error", preparation=preparation)
    assert len(errors) == 2
    assert said in errors[0]
    assert refused(tmp_path, VOLUMES, "P4", preparation) in errors


def test_a_brain_of_one_value(tmp_path):
    people(tmp_path)
    inside = field.brain(4, True)[1]
    tiny.write_volume(tmp_path / "own/P4_t1.nii.gz", 7.0 * inside, field.AFFINE)
    (error,) = found(tmp_path, VOLUMES, "error")
    assert "is constant in its foreground" in error
    assert error == refused(tmp_path, VOLUMES, "P4")


def pictures(root, label):
    for kind, seed in (("good", 20), ("bad", 40)):
        for number in range(2):
            image, lesion = field.picture(seed + number, kind == "bad")
            field.png(root / f"own/{kind}/{kind}{number}.png", image)
            if kind == "bad":
                field.png(root / f"own/masks/bad{number}.png", label(lesion))


def picture_findings(root, severity, **changes):
    options = {"splits": ALL, "preparation": WHOLE, "sizes": (64, 32)}
    return found(root, {**PICTURES, **changes}, severity, **options)


def test_images_are_counted_too(tmp_path):
    pictures(tmp_path, lambda lesion: lesion)
    assert picture_findings(tmp_path, "warning") == []
    (said,) = [one for one in picture_findings(tmp_path, "info") if "lesions" in one]
    assert said == (
        "labels of 2 subjects: 2 lesions, 152 pixels, 2 abnormal images; lesions kept by"
        " preparation: 2 at 32 px, 2 at 64 px"
    )


def test_an_image_with_ignored_values_only_is_named(tmp_path):
    pictures(tmp_path, lambda lesion: lesion.astype(np.uint8) * 2)
    warnings = picture_findings(tmp_path, "warning", lesion=[1], ignore=[2])
    said = "the label holds no lesion, and 76 pixels with ignored values"
    assert said in warnings


def test_an_image_that_preparation_refuses(tmp_path):
    pictures(tmp_path, lambda lesion: lesion)
    spot = np.zeros((64, 64), np.uint8)
    spot[3, 4] = 9  # its foreground is one pixel
    field.png(tmp_path / "own/good/good0.png", spot)
    options = {"splits": ALL, "preparation": {"foreground": "non-zero"}}
    (error,) = found(tmp_path, PICTURES, "error", **options)
    assert "is constant in its foreground" in error
    assert error == refused(tmp_path, PICTURES, "good0", options["preparation"], ALL)


def test_background_and_forms_are_judged_alike(tmp_path):
    people(tmp_path)
    image, inside, _ = field.brain(4, True)
    tiny.write_volume(tmp_path / "own/P4_t1.nii.gz", np.where(inside, image, -1024), field.AFFINE)
    assert found(tmp_path, VOLUMES, "error") == []  # one value at the border is background
    noise = np.random.default_rng(0).normal(-50, 3, image.shape)
    tiny.write_volume(tmp_path / "own/P4_t1.nii.gz", np.where(inside, image, noise), field.AFFINE)
    (error,) = found(tmp_path, VOLUMES, "error")
    assert "fills 100 % of the volume" in error
    assert "fills 100 % of the volume" in refused(tmp_path, VOLUMES, "P4")
    two = nibabel.Nifti1Image(image, field.AFFINE)
    two.set_sform(field.AFFINE, 1)
    two.set_qform(np.diag([3.0, 3.0, 4.0, 1.0]), 1)
    nibabel.save(two, tmp_path / "own/P4_t1.nii.gz")
    assert found(tmp_path, VOLUMES, "error") == [refused(tmp_path, VOLUMES, "P4")]


def test_a_table_of_pixels_without_pixel_labels_is_a_warning_with_the_line_to_add(tmp_path):
    pictures(tmp_path, lambda lesion: lesion)
    classes_only = {key: value for key, value in PICTURES.items() if key != "label"}
    card = field.card(classes_only, ALL, WHOLE)
    assert [one for one in check_dataset(card, tmp_path, tmp_path / "cache")
            if one.where.startswith("task")] == []  # fmt: skip
    silent = {"t": Task(title="t", channels=["I"])}
    found = check_dataset(card.model_copy(update={"tasks": silent}), tmp_path, tmp_path / "cache")
    (said,) = [one for one in found if one.where == "task t"]
    assert (said.severity, "pixel-pooled@2, which ranks pixels" in said.problem) == (
        "warning",
        True,
    )
    assert 'headline = { protocol = "image-top@1", metric = "auroc" }' in said.remedy
    labelled = field.card(PICTURES, ALL, WHOLE).model_copy(update={"tasks": silent})
    assert not [one for one in check_dataset(labelled, tmp_path, tmp_path / "cache")
                if one.where == "task t"]  # fmt: skip
