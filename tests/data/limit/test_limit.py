"""Known lesions in normal volumes: right size, place and contrast, and nothing else changes."""

import nibabel as nib
import numpy as np
import pytest

from bench.cards import DatasetCard, parse_card
from bench.cards.insertions import Insertions
from bench.data.files import LabelValues, SubjectFiles
from bench.data.limit.insert import place_lesions, with_lesions
from bench.data.limit.make import Design, limit_card, make_limit, read_insertions
from bench.errors import DataError
from fakes import tiny

VOXEL = np.array([2.0, 1.0, 1.5])


@pytest.fixture(scope="module")
def head():
    """An ellipsoid of 80 mm with texture, and where it is."""
    shape = np.round(90 / VOXEL).astype(int)
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij"))
    inside = (grid**2).sum(axis=0) < 0.8
    texture = np.random.default_rng(0).uniform(80, 120, inside.shape)
    return np.where(inside, texture, 0).astype(np.float32), inside


def grown(head, seed=0):
    return place_lesions(head[1], VOXEL, [15.0, 9.0, 5.0], np.random.default_rng(seed))


def test_lesions_have_the_volume_that_was_asked_for_and_keep_apart(head):
    lesions = grown(head)
    for one in lesions:
        volume = one.filled.sum() * VOXEL.prod()
        asked = 4 / 3 * np.pi * (one.diameter_mm / 2) ** 3
        assert volume == pytest.approx(asked, abs=VOXEL.prod())
        assert one.share[one.filled].min() >= 0.5
        assert head[1][one.box][one.filled].all()
    for i, one in enumerate(lesions):
        for other in lesions[:i]:
            apart = np.linalg.norm((np.array(one.centre) - other.centre) * VOXEL)
            assert apart > (one.diameter_mm + other.diameter_mm) / 2 + 12


@pytest.mark.parametrize("contrast", [0.5, -0.5])
def test_contrast_is_a_share_of_the_volumes_range(head, contrast):
    data, inside = head
    (largest, *_) = lesions = grown(head)
    made = with_lesions(data, inside, lesions, contrast)
    low, first, last = np.percentile(data[inside], [1, 5, 95])
    core = largest.share > 0.999
    moved = data[largest.box][core] + contrast * (last - first)
    expected = moved if contrast > 0 else np.maximum(moved, low)
    assert made[largest.box][core] == pytest.approx(expected, abs=0.1)
    outside = np.ones(data.shape, bool)
    for one in lesions:
        outside[one.box] = False
    assert np.array_equal(made[outside], data[outside])
    assert np.array_equal(made > 0, inside)  # no voxel becomes background


def test_a_head_without_room_is_refused(head):
    with pytest.raises(DataError, match="finds no place"):
        place_lesions(head[1], VOXEL, [85.0], np.random.default_rng(0))


@pytest.fixture
def normal(tmp_path):
    root = tiny.make_volumes(tmp_path / "data")
    return SubjectFiles(
        dataset="tiny",
        subject="n4",
        paths={"T1": root / "n4" / "T1.nii.gz"},
        label=root / "n4" / "lesion.nii.gz",
        values=LabelValues(),
    )


def design(seed=0):
    return Design(tiny.card(), "validation", "T1", dark=True, seed=seed, contrasts=(0.2, 0.8))


def made(normal, folder, seed=0):
    return make_limit(design(seed), [normal], folder, folder.parent)


def read(path):
    return nib.load(path).get_fdata()


def test_the_twin_is_the_volume_and_copies_differ_from_it_at_lesions_alone(normal, tmp_path):
    found = made(normal, tmp_path / "limit")
    assert [one.subject for one in found.copies] == ["tiny-n4-c0200", "tiny-n4-c0800"]
    assert found == read_insertions(tmp_path / "limit")
    folder = tmp_path / "limit"
    twin, source = read(folder / "tiny-n4-twin" / "image.nii.gz"), nib.load(normal.paths["T1"])
    # The source runs from right to left; canonical axes turn it, and the crop keeps its box.
    turned = nib.as_closest_canonical(source).get_fdata()
    assert sorted(twin[twin > 0]) == pytest.approx(sorted(turned[turned > 0]), rel=1e-3)
    assert not read(folder / "tiny-n4-twin" / "lesion.nii.gz").any()
    copy, label = (read(folder / "tiny-n4-c0800" / f"{one}.nii.gz") for one in ("image", "lesion"))
    assert (copy[label > 0] < twin[label > 0]).mean() > 0.95
    assert label.sum() == sum(one.voxels for one in found.copies[1].lesions)
    affine = nib.load(folder / "tiny-n4-c0800" / "image.nii.gz").affine
    for one in found.copies[1].lesions:
        at = np.rint(np.linalg.inv(affine) @ [*one.centre_mm, 1])[:3].astype(int)
        assert label[tuple(at)] == 1
        assert one.contrast == -0.8


def test_the_seed_decides_places_and_bytes(normal, tmp_path):
    first, again, other = (
        made(normal, tmp_path / name, seed) for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert first == again != other

    def files(name):
        return {
            path.relative_to(tmp_path / name).as_posix(): path.read_bytes()
            for path in sorted((tmp_path / name).rglob("*.nii.gz"))
        }

    assert files("a") == files("b")
    assert files("a") != files("c")


def test_a_volume_with_lesions_of_its_own_is_refused(normal, tmp_path):
    from dataclasses import replace

    folder = normal.label.parent.parent / "p1"
    ill = replace(
        normal, subject="p1", paths={"T1": folder / "T1.nii.gz"}, label=folder / "lesion.nii.gz"
    )
    with pytest.raises(DataError, match="p1 has lesions of its own"):
        made(ill, tmp_path / "limit")
    assert read_insertions(tmp_path / "limit") is None


def test_the_card_names_all_subjects_and_is_a_card(normal, tmp_path):
    import tomllib

    found = made(normal, tmp_path / "limit")
    card = parse_card(tomllib.loads(limit_card(design(), found)), DatasetCard, where="made")
    assert card.name == "tiny-limit-t1-0"
    assert card.splits["test"].subjects == ["tiny-n4-c0200", "tiny-n4-c0800", "tiny-n4-twin"]
    assert card.tasks["find"].train_on == "tiny"
    assert card.preparation == tiny.card().preparation
    assert "seed 0" in card.description


def test_a_damaged_note_is_named(tmp_path):
    (tmp_path / "insertions.json").write_text("{")
    with pytest.raises(DataError, match=r"insertions\.json cannot be read"):
        read_insertions(tmp_path)
    assert Insertions.model_fields["seed"].annotation is int
