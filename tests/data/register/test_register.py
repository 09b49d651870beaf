"""Registration: known affines are found, originals stay, a second run does nothing again."""

import csv
import tomllib

import nibabel
import numpy as np
import pytest
from scipy.ndimage import affine_transform

from bench.cards import DatasetCard
from bench.data.files import SubjectFiles
from bench.data.find.index import index_dataset
from bench.data.register.dataset import TABLE, mni_card, outliers, register_dataset
from bench.data.register.subject import Registered
from fakes.brain_files import card

pytest.importorskip("SimpleITK")
from bench.data.register.affine import Template

VOXEL = 4
SPOT = np.array([24.0, 20.0, 20.0])  # in MNI space, in white matter


def moved(folder, name, degrees=8.0, scale=0.92, shift=(9, -12, 14)):
    """The template's brain elsewhere, uneven in brightness, with a lesion at SPOT."""
    template = Template.load(VOXEL)
    angle = np.deg2rad(degrees)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    place = np.diag([scale, scale, scale, 1]) @ turn
    place[:3, 3] = shift
    affine = place @ template.affine  # where its voxels are now
    index = np.stack(np.meshgrid(*[np.arange(n) for n in template.brain.shape], indexing="ij"))
    mm = np.einsum("ij,jxyz->ixyz", template.affine[:3, :3], index)
    mm += template.affine[:3, 3, None, None, None]
    lesion = np.linalg.norm(mm - SPOT[:, None, None, None], axis=0) <= 7
    uneven = 1 + 0.004 * mm[1]
    values = (template.brain * template.mask * uneven * 400).astype(np.float32)
    folder.mkdir(parents=True, exist_ok=True)
    # In a grid of its own: axes turned, other voxels.
    own = np.array([[-3.5, 0, 0, 100], [0, 0, 4, -130], [0, 3.5, 0, -90], [0, 0, 0, 1.0]])
    there = np.linalg.inv(affine) @ own
    shape = (58, 56, 66)
    for what, array, order in (("T1", values, 1), ("label", lesion.astype(np.float32), 0)):
        placed = affine_transform(array, there[:3, :3], there[:3, 3], shape, order=order)
        kind = np.uint8 if what == "label" else np.float32
        nibabel.save(
            nibabel.Nifti1Image(placed.astype(kind), own), folder / f"{name}_{what}.nii.gz"
        )


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A registered dataset of one good subject and one damaged."""
    data = tmp_path_factory.mktemp("data")
    moved(data / "toy", "s1")
    (data / "toy" / "s2_T1.nii.gz").write_bytes(b"no volume")
    before = {one.name: one.read_bytes() for one in (data / "toy").iterdir()}
    told = []
    outcome = register_dataset(
        card(), data, data / "cache", lambda *step: told.append(step), voxel_mm=VOXEL
    )
    return data, before, told, outcome


def test_a_known_affine_is_found(done):
    data, _, told, outcome = done
    (one,) = outcome.done
    assert one.dice > 0.9
    assert one.growth == pytest.approx(1 / 0.92**3, rel=0.06)
    template = Template.load(VOXEL)
    folder = data / "toy-mni" / "s1"
    image = nibabel.load(folder / "T1.nii.gz")
    np.testing.assert_allclose(image.affine, template.affine)
    inside = template.mask & (nibabel.load(folder / "brainmask.nii.gz").get_fdata() > 0)
    assert np.corrcoef(image.get_fdata()[inside], template.brain[inside])[0, 1] > 0.8
    label = np.argwhere(nibabel.load(folder / "label.nii.gz").get_fdata() > 0)
    centre = template.affine[:3, :3] @ label.mean(axis=0) + template.affine[:3, 3]
    assert np.linalg.norm(centre - SPOT) < VOXEL
    assert one.lesions_ml == pytest.approx(4 / 3 * np.pi * 7**3 / 1000, rel=0.5)
    assert told[-1] == (2, 2, "registering")


def test_originals_stay_and_failures_are_named(done):
    data, before, _, outcome = done
    assert {one.name: one.read_bytes() for one in (data / "toy").iterdir()} == before
    assert list(outcome.failed) == ["s2"]
    assert "s2_T1.nii.gz" in outcome.failed["s2"]
    with (data / "toy-mni" / TABLE).open() as table:
        (row,) = csv.DictReader(table)
    assert row["subject"] == "s1"
    assert (data / "toy-mni/s1/registered.png").read_bytes().startswith(b"\x89PNG")


def test_a_second_run_does_only_what_changed(done):
    data, _, _, outcome = done
    path = data / "toy-mni/s1/T1.nii.gz"
    made = path.stat().st_mtime_ns
    again = register_dataset(card(), data, data / "cache", voxel_mm=VOXEL)
    assert again.done == outcome.done
    assert path.stat().st_mtime_ns == made


def test_the_card_of_the_result_finds_its_files(done):
    data, *_ = done
    subjects = list(index_dataset(card(), data, data / "cache").subjects.values())
    made = DatasetCard.model_validate(tomllib.loads(mni_card(card(), subjects, set())))
    assert made.name == "toy-mni"
    found = index_dataset(made, data, data / "cache").subjects["s1"]
    assert found.paths["T1"] == data / "toy-mni/s1/T1.nii.gz"
    assert found.label == data / "toy-mni/s1/label.nii.gz"
    assert found.mask == data / "toy-mni/s1/brainmask.nii.gz"


def test_tasks_learn_from_what_is_registered_too():
    one = card(tasks={"t1": {"title": "T", "channels": ["T1"], "train_on": "ixi"}})
    subjects = [SubjectFiles("toy", "s1", {})]
    for known, source in ((set(), "ixi"), ({"ixi-mni"}, "ixi-mni")):
        content = tomllib.loads(mni_card(one, subjects, known).replace("images = {}", ""))
        assert content["tasks"]["t1"]["train_on"] == source


def test_outliers_are_named():
    usual = [Registered(f"s{n}", 0.95, 1.1 + 0.01 * n, None, 1.0) for n in range(6)]
    assert outliers(usual) == {}
    odd = [*usual, Registered("x", 0.7, 1.1, None, 1.0), Registered("y", 0.95, 2.5, None, 1.0)]
    found = outliers(odd)
    assert found["x"] == "its brain overlaps the template's by Dice 0.70"
    assert found["y"].startswith("it grew 2.50 times")
