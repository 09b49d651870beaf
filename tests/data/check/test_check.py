import shutil

import nibabel
import numpy as np
import pytest

from bench.data.check.dataset import check_dataset
from bench.registry import load_datasets
from fakes.brain_files import ball, brain, card, is_inside, subject, write

GENERATOR = "bench.data.phantom.brain.generate:generate"
LESION = ball((10, 5, 3), 5)


@pytest.fixture(autouse=True)
def _small_brains(monkeypatch):
    """The brains of `brain_files` have an eighth of a litre."""
    monkeypatch.setattr("bench.data.check.volumes._SMALLEST_BRAIN_L", 0.1)


def person(number):
    """A brain with folds of its own."""

    def field(mm):
        folds = np.sin(mm[0] / (4 + number) + number) * np.cos(mm[1] / (9 - number))
        return brain(mm) * (1 + 0.5 * folds)

    return field


def write_person(folder, number, label=LESION):
    subject(folder / "toy", f"s{number}", label=label, modalities=("T1", "T2"),
            field=person(number))  # fmt: skip
    write(folder / f"toy/s{number}_T2.nii.gz", lambda mm: person(number)(mm) ** 2)


@pytest.fixture
def toy(tmp_path):
    """Two faultless subjects."""
    for number in (1, 2):
        write_person(tmp_path, number)
    return tmp_path


def findings(folder, severity=None, **changes):
    changes = {"splits": {"test": {"subjects": ["s1", "s2"], "rule": ""}}} | changes
    found = check_dataset(card(**changes), folder, folder / "cache")
    order = ["error", "warning", "info"]
    assert [one.severity for one in found] == sorted(
        [one.severity for one in found], key=order.index
    )
    return [one for one in found if severity in (None, one.severity)]


def only(folder, severity, **changes):
    """The one finding of this severity; nothing is worse."""
    found = [one for one in findings(folder, **changes) if one.severity != "info"]
    assert [one.severity for one in found] == [severity], found
    assert found[0].remedy
    return found[0]


def test_a_faultless_dataset(toy):
    (info,) = findings(toy)
    assert info.severity == "info"
    assert "2 subjects" in info.problem


def test_no_folder_is_one_error(tmp_path):
    assert "no folder" in only(tmp_path, "error").problem
    assert "--data-dir" in only(tmp_path, "error").remedy


def test_a_truncated_file(toy):
    path = toy / "toy/s1_T1.nii.gz"
    path.write_bytes(path.read_bytes()[:-500])
    found = only(toy, "error")
    assert found.where == str(path)
    assert "truncated" in found.problem


@pytest.mark.parametrize(("value", "said"), [(np.nan, "NaN"), (0, "zero everywhere")])
def test_nan_and_all_zero(toy, value, said):
    write(toy / "toy/s2_T2.nii.gz", lambda mm: person(2)(mm) * value)
    assert said in only(toy, "error").problem


def test_a_label_on_another_grid(toy):
    write(toy / "toy/s1_label.nii.gz", LESION, voxel=(2, 2, 4), dtype=np.uint8)
    found = only(toy, "error")
    assert "another grid" in found.problem
    assert "nearest" in found.remedy


def test_a_label_with_several_values(toy):
    write(toy / "toy/s1_label.nii.gz", lambda mm: LESION(mm) + ball((10, 5, 3), 2)(mm))
    assert "0, 1, 2" in only(toy, "warning").problem


def test_an_empty_label_and_one_outside(toy):
    write(toy / "toy/s1_label.nii.gz", lambda mm: 0 * mm[0])
    assert "empty" in only(toy, "warning").problem
    write(toy / "toy/s1_label.nii.gz", lambda mm: LESION(mm) + ball((30, 0, 0), 2)(mm) > 0)
    assert "outside the foreground" in only(toy, "warning").problem
    write(toy / "toy/s1_label.nii.gz", ball((29, 0, 0), 4))
    assert "a shifted label" in only(toy, "error").problem


def test_modalities_on_two_grids(toy):
    write(toy / "toy/s1_T2.nii.gz", lambda mm: 5 * brain(mm), voxel=(1, 2, 2))
    (toy / "toy/s1_label.nii.gz").unlink()
    found = [one for one in findings(toy, "warning") if "channels" in one.problem]
    assert len(found) == 1


def test_absent_subjects_and_modalities_are_warnings(toy):
    splits = {"test": {"subjects": ["s1", "s2", "s3"], "rule": ""}}
    assert "1 of 3 subjects is absent: s3" in only(toy, "warning", splits=splits).problem
    (toy / "toy/s2_T2.nii.gz").unlink()
    assert "no T2 ({subject}_T2.nii.gz): s2" in only(toy, "warning").problem


def test_the_same_image_under_two_names(toy):
    shutil.copy(toy / "toy/s1_T1.nii.gz", toy / "toy/s2_T1.nii.gz")
    found = only(toy, "error")
    assert "s1_T1" in found.where
    assert "s2_T1" in found.problem


def test_a_subject_on_both_sides(toy):
    splits = {
        "train": {"subjects": ["s1"], "rule": ""},
        "test": {"subjects": ["s1", "s2"], "rule": ""},
    }
    found = only(toy, "error", splits=splits)
    assert found.where == "task t1"
    assert "s1" in found.problem
    other = {"t1": {"title": "", "channels": ["T1"], "train_on": "ixi"}}
    assert not findings(toy, "error", splits=splits, tasks=other)
    rest = {"train": {"subjects": "rest", "rule": ""}, "test": {"subjects": "rest", "rule": ""}}
    assert "s1, s2" in only(toy, "error", splits=rest).problem


def test_two_files_for_one(toy):
    layout = card().layouts[0].model_dump() | {"images": {"T1": "{subject}_*T1.nii.gz"}}
    write(toy / "toy/s1_newT1.nii.gz", lambda mm: 9 * brain(mm))
    (found,) = findings(toy, "error", layouts=[layout])
    assert "2 files for T1" in found.problem
    assert found.where == "subject s1"


def test_a_skull_an_empty_mask_and_an_unknown_orientation(toy):
    layout = card().layouts[0].model_dump() | {
        "images": {"T1": "{subject}_T1.nii.gz"}, "mask": "{subject}_mask.nii.gz"
    }  # fmt: skip
    for number in (1, 2):
        write(toy / f"toy/s{number}_mask.nii.gz", is_inside, dtype=np.uint8)
    assert not findings(toy, "warning", layouts=[layout])
    write(toy / "toy/s2_mask.nii.gz", lambda mm: 0 * mm[0], dtype=np.uint8)
    assert "mask is empty" in findings(toy, "error", layouts=[layout])[0].problem
    header = {"layouts": [layout | {"mask": None}]}
    head = np.random.default_rng(0).random((100, 100, 100), dtype=np.float32) + 1
    image = nibabel.Nifti1Image(head, None)
    image.header.set_zooms((2, 2, 2))
    nibabel.save(image, toy / "toy/s1_T1.nii.gz")
    problems = " ".join(one.problem for one in findings(toy, "warning", **header))
    assert "sform_code and qform_code" in problems
    assert "fills 100 % of the volume" in findings(toy, "error", **header)[0].problem
    head[:40] = 0
    image = nibabel.Nifti1Image(head, np.diag([2.0, 2, 2, 1]))
    nibabel.save(image, toy / "toy/s1_T1.nii.gz")
    problems = " ".join(one.problem for one in findings(toy, "warning", **header))
    assert "4.8 l, more than a brain" in problems


def test_what_many_files_share_is_one_finding(toy):
    for number in range(3, 8):
        write_person(toy, number, label=lambda mm: 0 * mm[0])
    found = only(toy, "warning")
    assert "s3_label" in found.where
    assert found.where.endswith(", and 2 more")


def test_a_generated_dataset_need_not_be_made(tmp_path):
    splits = {"test": {"subjects": ["s1", "s2"], "rule": ""}}
    (found,) = findings(tmp_path, splits=splits, generator=GENERATOR)
    assert (found.severity, found.where) == ("info", "split test")
    assert "bench data prepare toy" in found.remedy


def test_progress_is_told(toy):
    told = []
    check_dataset(card(), toy, toy / "cache", lambda *one: told.append(one))
    assert told == [(1, 2, "checking toy"), (2, 2, "checking toy")]


@pytest.mark.parametrize(
    ("name", "subjects"), [("mslub", "2 subjects"), ("oasis1-healthy", "16 subjects")]
)
def test_the_real_volumes_have_no_error(shared_data, tmp_path, name, subjects):
    found = check_dataset(load_datasets()[name], shared_data, tmp_path)
    assert not [one for one in found if one.severity == "error"]
    assert any(subjects in one.problem for one in found if one.severity == "info")
    outside = [one for one in found if "outside the foreground" in one.problem]
    assert [one.problem.split()[0] for one in outside] == (["3"] if name == "mslub" else [])


def test_every_double_is_named(toy):
    for number in range(3, 12):
        shutil.copy(toy / "toy/s1_T1.nii.gz", toy / f"toy/s{number}_T1.nii.gz")
    found = [one for one in findings(toy, "error") if "the same image as" in one.problem]
    assert len(found) == 1
    assert all(f"s{n}_T1" in found[0].where + found[0].problem for n in (1, *range(3, 12)))


def test_many_at_once_find_the_same_in_the_same_order(toy):
    for number in range(3, 8):
        write_person(toy, number)
    (toy / "toy/s4_T1.nii.gz").write_bytes(b"no volume")
    write(toy / "toy/s6_label.nii.gz", lambda mm: LESION(mm + 3) * 2, axes="LPS")
    toy_card = card(splits={"test": {"subjects": "all", "rule": ""}})
    one = check_dataset(toy_card, toy, toy / "cache")
    assert any(found.severity == "error" for found in one)
    assert check_dataset(toy_card, toy, toy / "cache", jobs=4) == one


def test_axes_that_are_not_at_right_angles(toy):
    for path in sorted((toy / "toy").glob("s1_*")):
        image = nibabel.load(path)
        tilted = image.affine.copy()
        tilted[1, 2] += 0.2 * tilted[2, 2]
        nibabel.save(nibabel.Nifti1Image(image.get_fdata(), tilted), path)
    found = findings(toy, "warning")
    (one,) = found  # for both files
    assert "s1_T1.nii.gz" in one.where
    assert "s1_T2.nii.gz" in one.where
    assert one.problem == "the axes of the volume are not at right angles (a tilted gantry?)"


REGISTERED = {
    "source": "raw",
    "steps": ["N4", "affine"],
    "brain": "template",
    "voxel_mm": 1,
    "versions": {"SimpleITK": "2.5"},
}
HEAD = "subject,dice,lesions,lesions_lost,odd,failed\n"


def of_registration(folder, table):
    """What is found beside the findings of the same files without a registration."""
    if table is not None:
        (folder / "toy/registration.csv").write_text(table)
    usual = findings(folder)
    return [one for one in findings(folder, registered=REGISTERED) if one not in usual]


def test_outliers_failures_and_lost_lesions_of_a_registration(toy):
    rows = "s1,0.96,3,0,,\ns2,0.60,5,2,it overlaps by Dice 0.60,\ns3,,,,,a damaged file\n"
    found = of_registration(toy, HEAD + rows)
    assert [(one.severity, one.where, one.problem) for one in found] == [
        ("warning", "subject s2", "its registration is odd: it overlaps by Dice 0.60"),
        (
            "warning",
            "registration.csv",
            "1 of 3 subjects could not be registered: s3; the first: a damaged file",
        ),
        (
            "warning",
            "registration.csv",
            "lost in the registration: 2 of 8 lesions, which have no voxel within the brain mask; "
            "of subjects s2",
        ),
        (
            "info",
            "registration.csv",
            "2 subjects of raw registered (N4, affine; SimpleITK 2.5); brain masks overlap the "
            "template's by Dice 0.78 (0.60 to 0.96)",
        ),
    ]
    assert found[0].remedy == "look at s2/registered.png; `exclude` in the card leaves it out"


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        (None, "does not exist"),
        ("subject,dice\ns1,0.9\n", "has no column 'lesions', 'lesions_lost', 'odd', 'failed'"),
        (HEAD + "s1,much,,,,\n", "dice is 'much', expected a number"),
        (HEAD + "s1,nan,,,,\n", "dice is 'nan', expected a number"),
        (HEAD + "s1,0.9,1,1e999,,\n", "lesions_lost is '1e999', expected a number"),
    ],
)
def test_a_table_of_a_registration_that_cannot_be_used(toy, table, problem):
    (one,) = of_registration(toy, table)
    assert one.severity == "warning"
    assert problem in one.problem
    assert one.remedy == "bench data register raw"
