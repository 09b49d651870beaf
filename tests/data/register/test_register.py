"""Registration: known affines are found, originals stay, a second run does nothing again."""

import csv
import tomllib
from importlib.metadata import version
from pathlib import Path

import nibabel
import numpy as np
import pytest
import tomlkit
from scipy.ndimage import affine_transform

from bench.cards import DatasetCard, read_card
from bench.data.files import LabelValues, SubjectFiles
from bench.data.find.index import index_dataset
from bench.data.find.registration import TABLE
from bench.data.read.volumes import read_volume
from fakes.brain_files import card
from fakes.here import bench_here

pytest.importorskip("SimpleITK")
import SimpleITK

from bench.data.register.affine import Template
from bench.data.register.dataset import (
    described,
    mni_card,
    outliers,
    register_dataset,
    updated_card,
)
from bench.data.register.subject import Registered, Steps, register_label

VOXEL = 4
HOW = described(card(), Steps(VOXEL))
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
        card(), data, data / "cache", lambda *step: told.append(step), steps=Steps(VOXEL)
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
    assert one.own_lesions_ml * one.growth == pytest.approx(one.lesions_ml, rel=0.3)
    assert (one.brain, one.lesions, one.lesions_lost) == ("foreground", 1, 0)
    assert told[-1] == (2, 2, "registering")


def test_originals_stay_and_failures_are_named(done):
    data, before, _, outcome = done
    assert {one.name: one.read_bytes() for one in (data / "toy").iterdir()} == before
    assert list(outcome.failed) == ["s2"]
    assert "s2_T1.nii.gz" in outcome.failed["s2"]
    with (data / "toy-mni" / TABLE).open() as table:
        row, lost = csv.DictReader(table)
    assert (row["subject"], row["failed"]) == ("s1", "")
    assert (lost["subject"], lost["dice"]) == ("s2", "")
    assert "s2_T1.nii.gz" in lost["failed"]
    assert (data / "toy-mni/s1/registered.png").read_bytes().startswith(b"\x89PNG")


def test_a_second_run_does_only_what_changed(done):
    data, _, _, outcome = done
    path = data / "toy-mni/s1/T1.nii.gz"
    made = path.stat().st_mtime_ns
    again = register_dataset(card(), data, data / "cache", steps=Steps(VOXEL))
    assert again.done == outcome.done
    assert path.stat().st_mtime_ns == made


def test_without_n4_brightness_stays_and_the_affine_is_the_same(done, tmp_path):
    data, *_ = done
    (tmp_path / "toy").mkdir()
    for one in (data / "toy").glob("s1_*"):
        (tmp_path / "toy" / one.name).write_bytes(one.read_bytes())
    plain = register_dataset(card(), tmp_path, tmp_path / "cache", steps=Steps(VOXEL, even=False))
    assert plain.how.steps == ["brain mask (given or template's)", "affine onto MNI152"]
    even, uneven = (root / "toy-mni/s1" for root in (data, tmp_path))
    masks = ("brainmask", "label")
    mask, label = (nibabel.load(even / f"{one}.nii.gz").get_fdata() for one in masks)
    for name, there in (("brainmask", mask), ("label", label)):
        np.testing.assert_array_equal(nibabel.load(uneven / f"{name}.nii.gz").get_fdata(), there)
    template = Template.load(VOXEL)
    inside = (mask > 0) & template.mask
    shade = 1 + 0.004 * (np.argwhere(inside) @ template.affine[1, :3] + template.affine[1, 3])
    shades = []
    for folder in (even, uneven):
        values = nibabel.load(folder / "T1.nii.gz").get_fdata()[inside] / template.brain[inside]
        shades.append(np.corrcoef(values, shade)[0, 1])
    assert shades[1] > 0.5 > abs(shades[0])


def test_results_from_before_n4_was_a_choice_stay_valid():
    assert Steps(2).key == {"voxel_mm": 2, "brain": "template"}
    assert Steps(2, even=False).key == {"voxel_mm": 2, "brain": "template", "even": False}


def test_the_card_of_the_result_finds_its_files(done):
    data, *_ = done
    subjects = list(index_dataset(card(), data, data / "cache").subjects.values())
    made = DatasetCard.model_validate(tomllib.loads(mni_card(card(), subjects, set(), HOW)))
    assert made.name == "toy-mni"
    found = index_dataset(made, data, data / "cache").subjects["s1"]
    assert found.paths["T1"] == data / "toy-mni/s1/T1.nii.gz"
    assert found.label == data / "toy-mni/s1/label.nii.gz"
    assert found.mask == data / "toy-mni/s1/brainmask.nii.gz"


def test_tasks_learn_from_what_is_registered_too():
    one = card(tasks={"t1": {"title": "T", "channels": ["T1"], "train_on": "ixi"}})
    subjects = [SubjectFiles("toy", "s1", {})]
    for known, source in ((set(), "ixi"), ({"ixi-mni"}, "ixi-mni")):
        content = tomllib.loads(mni_card(one, subjects, known, HOW).replace("images = {}", ""))
        assert content["tasks"]["t1"]["train_on"] == source


def test_the_command_writes_the_card_and_names_what_learns_from_other_files(done, tmp_path):
    data, *_ = done
    task = {"title": "T", "channels": ["T1"], "test": "test"}
    toy = card(tasks={"own": task, "t1": {**task, "train_on": "ixi"}})
    (tmp_path / "datasets").mkdir()
    content = toy.model_dump(mode="json", exclude_defaults=True, exclude_none=True, by_alias=True)
    (tmp_path / "datasets/toy.toml").write_text(tomlkit.dumps(content))
    asked = ("data", "register", "toy", "--data-dir", data, "--voxel", VOXEL, "--jobs", 1)
    first = bench_here(tmp_path, *asked, BENCH_CACHE=str(data / "cache"))
    assert first.returncode == 1
    assert "error: subject s2: " in first.stderr
    assert (
        "warning: toy-mni/t1 learns from ixi, which is not registered: bench data register ixi, "
        'then write train_on = "ixi-mni" in datasets/toy-mni.toml\n'
    ) in first.stderr
    path = tmp_path / "datasets/toy-mni.toml"
    mine = path.read_text().replace("N4", "something older").replace("version = 1", "version = 7")
    path.write_text(mine)
    again = bench_here(tmp_path, *asked, BENCH_CACHE=str(data / "cache"))
    assert again.stdout == first.stdout == f"{data / 'toy-mni' / TABLE}: 1 registered, 0 odd\n"
    made = read_card(path, DatasetCard)
    assert made.registered == HOW
    assert made.version == 7


def test_tasks_that_learn_from_files_evened_otherwise_are_named(done, tmp_path):
    data, *_ = done
    (tmp_path / "datasets").mkdir()
    task = {"title": "T", "channels": ["T1"], "test": "test"}
    unevened = described(card(), Steps(VOXEL, even=False)).model_copy(update={"source": "plain"})
    learner = card(tasks={"own": task, "t1": {**task, "train_on": "plain-mni"}})
    source = card(name="plain-mni", registered=unevened.model_dump())
    for one in (learner, source):
        content = one.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
        (tmp_path / f"datasets/{one.name}.toml").write_text(tomlkit.dumps(content))
    asked = ("data", "register", "toy", "--data-dir", data, "--voxel", VOXEL, "--jobs", 1)
    said = bench_here(tmp_path, *asked, BENCH_CACHE=str(data / "cache")).stderr
    assert [line for line in said.splitlines() if "learn" in line] == [
        "warning: toy-mni/t1 learns from plain-mni, which was registered without N4, and toy-mni "
        "with: bench data register plain --n4"
    ]


def test_a_card_says_where_its_files_come_from_and_how(done):
    data, *_, outcome = done
    subjects = list(index_dataset(card(), data, data / "cache").subjects.values())
    text = mni_card(card(), subjects, set(), outcome.how)
    made = DatasetCard.model_validate(tomllib.loads(text)).registered
    assert made == outcome.how
    assert made.source == "toy"
    assert made.steps == ["N4", "brain mask (given or template's)", "affine onto MNI152"]
    template = f"sha256 {Template.load(VOXEL).sha256[:12]}"
    assert made.versions == {
        "SimpleITK": SimpleITK.Version.VersionString(),
        "nilearn": version("nilearn"),
        "template": template,
    }
    newer = made.model_copy(update={"versions": {"SimpleITK": "99"}})
    again = DatasetCard.model_validate(tomllib.loads(updated_card("# mine\n" + text, newer)))
    assert again.registered == newer
    assert updated_card("# mine\n" + text, newer).startswith("# mine\n")


def test_healthy_subjects_stay_healthy_and_ignored_values_ignored():
    healthy = SubjectFiles("toy", "s1", {"T1": Path("x")}, labels_mean_lesions=True)
    (layout,) = tomllib.loads(mni_card(card(), [healthy], set(), HOW))["layouts"]
    assert layout["label"] == "{subject}/label.nii.gz"
    assert layout["unlabelled"] == "healthy"
    partly = SubjectFiles(
        "toy", "s1", {"T1": Path("x")}, Path("y"), values=LabelValues((2, 3), (5,))
    )
    (layout,) = tomllib.loads(mni_card(card(), [partly], set(), HOW))["layouts"]
    assert (layout["lesion"], layout["ignore"]) == ([1], [2])


def test_lesions_without_a_voxel_in_the_result_are_counted(tmp_path):
    affine = np.diag([1.0, 1, 1, 1])
    label = np.zeros((40, 40, 40), np.uint8)
    label[14:19, 14:19, 14:19] = 1  # holds the centre of a voxel of 8 mm
    label[20, 20, 20] = 1  # lies between the centres
    label[30:35, 30:35, 30:35] = 1  # outside the mask
    label[22:27, 14:19, 14:19] = 7  # neither lesion nor normal
    for name, array in (("T1", label + 1.0), ("label", label)):
        nibabel.save(
            nibabel.Nifti1Image(array.astype(np.float32), affine), tmp_path / f"{name}.nii"
        )
    files = SubjectFiles(
        "toy",
        "s1",
        {"T1": tmp_path / "T1.nii"},
        tmp_path / "label.nii",
        values=LabelValues((1,), (7,)),
    )
    mask = np.ones((5, 5, 5), dtype=bool)
    mask[4] = False
    grid = np.diag([8.0, 8, 8, 1])
    template = Template(np.zeros((5, 5, 5), np.float32), mask, grid)
    found = register_label(
        files, read_volume(files.paths["T1"]), tmp_path, SimpleITK.Transform(), template, mask
    )
    assert (found.count, found.lost) == (3, 2)
    assert found.own_ml == pytest.approx((125 + 1 + 125) / 1000)
    assert found.ml == pytest.approx(2 * 8**3 / 1000)
    written = nibabel.load(tmp_path / "label.nii.gz").get_fdata()
    assert {tuple(one): written[tuple(one)] for one in np.argwhere(written)} == {
        (2, 2, 2): 1,
        (3, 2, 2): 2,
        (4, 4, 4): 1,
    }


def went(subject, dice, growth, likeness=None):
    return Registered(subject, "given", dice, growth, None, None, None, None, 1.0, likeness)


def test_outliers_are_named():
    usual = [went(f"s{n}", 0.95, 1.1 + 0.01 * n) for n in range(6)]
    assert outliers(usual) == {}
    odd = [*usual, went("x", 0.7, 1.1), went("y", 0.95, 2.5)]
    found = outliers(odd)
    assert found["x"] == "its brain overlaps the template's by Dice 0.70"
    assert found["y"].startswith("it grew 2.50 times")


def test_a_brain_that_is_little_like_the_template_is_named():
    usual = [went(f"s{n}", None, 1.1, 1.03 + 0.001 * n) for n in range(6)]
    assert outliers(usual) == {}
    assert outliers([*usual, went("tumour", 0.95, 1.1, 1.007)]) == {}  # it overlaps
    found = outliers([*usual, went("lost", None, 1.1, 1.007), went("older", None, 1.1)])
    assert found == {
        "lost": "it is little like the template: mutual information 1.007, the others 1.032"
    }
    assert outliers([usual[0], went("lost", None, 1.1, 1.007)]) == {}  # too few to say
