"""Copies of the real volumes, damaged on purpose: each damage is found and named."""

import shutil

import nibabel
import numpy as np
import pytest

from bench.data.check.dataset import check_dataset
from bench.data.find.index import index_dataset
from bench.data.find.leaks import refuse_overlap
from bench.data.find.selection import select
from bench.errors import SplitError
from bench.registry import load_datasets

MNI = "mslub/cross_sectional/MNI"
T1 = "T1_N4_noneck_reduced_winsor_regtoFLAIR_brain_N4_regtoMNI.nii.gz"
LABEL = "GOLD_STANDARD_N4_noneck_reduced_winsor_regtoFLAIR_regtoMNI.nii.gz"


@pytest.fixture(autouse=True)
def _quick_writing(monkeypatch):
    monkeypatch.setattr(nibabel.openers.Opener, "default_compresslevel", 1)


@pytest.fixture
def mslub(shared_data, tmp_path):
    """T1 and label of the two real patients."""
    for patient in ("07", "19"):
        folder = tmp_path / MNI / f"patient{patient}"
        folder.mkdir(parents=True)
        for name in (T1, LABEL):
            shutil.copy(shared_data / MNI / f"patient{patient}" / name, folder)
    return tmp_path


@pytest.fixture
def oasis(shared_data, tmp_path):
    """Six of the real healthy adults."""
    folder = tmp_path / "oasis1-healthy"
    folder.mkdir()
    for path in sorted((shared_data / "oasis1-healthy").glob("*.nii.gz"))[:6]:
        shutil.copy(path, folder)
    return tmp_path


def findings(name, folder, severity):
    found = check_dataset(load_datasets()[name], folder, folder / "cache")
    lacking = (" absent: ", "have no ", "no subject that is there")
    return [
        one
        for one in found
        if one.severity == severity and not any(part in one.problem for part in lacking)
    ]


def only(name, folder, severity):
    found = findings(name, folder, severity)
    assert len(found) == 1, [(a.where, a.problem) for a in found]
    (one,) = found
    assert one.remedy
    return one


def change(path, edit, affine=None):
    image = nibabel.load(path)
    data = edit(image.get_fdata(dtype=np.float32))
    changed = nibabel.Nifti1Image(data, image.affine if affine is None else affine(image.affine))
    nibabel.save(changed, path)


def test_the_copies_are_sound(mslub, oasis):
    assert not findings("mslub", mslub, "error")
    assert not findings("oasis1-healthy", oasis, "error")
    assert not findings("oasis1-healthy", oasis, "warning")


def test_a_truncated_volume(mslub):
    path = mslub / MNI / "patient07" / T1
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found = only("mslub", mslub, "error")
    assert found.where == str(path)
    assert "truncated" in found.problem


def test_a_shifted_label(mslub):
    path = mslub / MNI / "patient19" / LABEL
    change(path, lambda data: np.roll(data, 60, axis=1))
    found = only("mslub", mslub, "error")
    assert found.where == str(path)
    assert "a shifted label" in found.problem


def test_a_label_shifted_by_its_header(mslub):
    path = mslub / MNI / "patient19" / LABEL
    change(path, lambda data: data, affine=lambda one: one + np.eye(4, k=3) * 5)
    found = only("mslub", mslub, "error")
    assert found.where == str(path)
    assert "5.00 mm apart" in found.problem


def test_a_nan_slab(mslub):
    path = mslub / MNI / "patient07" / T1

    def slab(data):
        data[:, :, 80:85] = np.nan
        return data

    change(path, slab)
    found = only("mslub", mslub, "error")
    assert found.where == str(path)
    assert "198380 NaN" in found.problem


@pytest.mark.parametrize(("scale", "said"), [(0.4, "less than a brain"), (2, "more than a brain")])
def test_a_wrong_affine(mslub, scale, said):
    path = mslub / MNI / "patient07" / T1
    (mslub / MNI / "patient07" / LABEL).unlink()
    change(path, lambda data: data, affine=lambda one: one * [[scale], [scale], [scale], [1]])
    found = [one for one in findings("mslub", mslub, "warning") if one.where == str(path)]
    assert [said in one.problem for one in found] == [True]


def test_a_wrong_affine_among_many(oasis):
    path = oasis / "oasis1-healthy/OASIS1-1002_T1_brain.nii.gz"
    change(path, lambda data: data, affine=lambda one: one * [[1], [1], [2], [1]])
    found = findings("oasis1-healthy", oasis, "warning")
    assert {one.where for one in found} == {str(path)}
    assert any(
        "voxel volume (mm3) is 2; the median of the other T1 images is 1" in one.problem
        for one in found
    )


def test_a_turned_volume_among_many(oasis):
    path = oasis / "oasis1-healthy/OASIS1-1003_T1_brain.nii.gz"
    image = nibabel.as_closest_canonical(nibabel.load(path))
    nibabel.save(image, path)
    found = only("oasis1-healthy", oasis, "warning")
    assert "point to RAS, those of the other T1 images to LAS" in found.problem


def test_a_twin_under_a_second_name(oasis):
    folder = oasis / "oasis1-healthy"
    shutil.copy(folder / "OASIS1-1000_T1_brain.nii.gz", folder / "OASIS1-1014_T1_brain.nii.gz")
    found = only("oasis1-healthy", oasis, "error")
    assert "OASIS1-1000" in found.where
    assert "the same image as" in found.problem
    assert "OASIS1-1014" in found.problem


def test_a_disguised_twin(oasis):
    """Brighter, noisy, cropped and compressed anew: other bytes, the same person."""
    folder = oasis / "oasis1-healthy"
    path = folder / "OASIS1-1014_T1_brain.nii.gz"
    shutil.copy(folder / "OASIS1-1000_T1_brain.nii.gz", path)

    def disguise(data):
        noise = np.random.default_rng(0).normal(0, 0.1 * data.std(), data.shape)
        return np.where(data != 0, 1.3 * data + 20 + noise, 0)[1:, :, 1:].astype(np.float32)

    change(path, disguise)
    found = only("oasis1-healthy", oasis, "warning")
    assert "suspiciously similar" in found.problem
    assert "OASIS1-1000" in found.where
    assert "OASIS1-1014" in found.problem


def test_a_skull_where_the_card_says_stripped(shared_data, oasis):
    head = next(iter(sorted((shared_data / "ixi/T1").glob("*-T1.nii.gz"))))
    shutil.copy(head, oasis / "oasis1-healthy/OASIS1-1009_T1_brain.nii.gz")
    problems = [one.problem for one in findings("oasis1-healthy", oasis, "warning")]
    assert any("more than a brain: skull" in one for one in problems)


def test_a_subject_in_two_splits(mslub):
    card = load_datasets()["mslub"]
    splits = dict(card.splits)
    splits["held-out"] = splits["held-out"].model_copy(
        update={"subjects": [*splits["held-out"].subjects, "07"]}
    )
    split_twice = card.model_copy(update={"splits": splits})
    found = check_dataset(split_twice, mslub, mslub / "cache")
    errors = [one for one in found if one.severity == "error"]
    assert {one.where for one in errors} == {"tasks t2, flair"}
    assert "split 'train' and in split 'held-out': 07" in errors[0].problem
    index = index_dataset(split_twice, mslub, mslub / "cache")
    sides = [select(index, side, ["T1"], need_label=True) for side in ("train", "held-out")]
    with pytest.raises(SplitError, match="subject '07' of 'mslub' is in training and in test"):
        refuse_overlap(sides[0], None, sides[1], {})
