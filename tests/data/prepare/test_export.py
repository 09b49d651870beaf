"""Maps back onto the grid of the files that they were made of."""

import nibabel as nib
import numpy as np
import pytest

from bench.data.prepare.export import to_volume, write_volume
from bench.geometry import Geometry


def geometry(inward, shape, slices):
    """Prepared index (row, column, slice) to the index of a file with an odd affine."""
    angle = 0.3
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0],
                     [0, 0, 1]])  # fmt: skip
    own = np.eye(4)
    own[:3, :3] = turn @ np.diag([2.0, -1.0, 3.0])
    own[:3, 3] = [7.0, -11.0, 13.0]
    return Geometry((1.0, 1.0, 1.0), own @ inward, own, shape, np.asarray(slices))


def test_aligned_voxels_keep_their_very_values_whatever_the_axes():
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(3, 5, 4)).astype(np.float32)
    # Row r is y = 6 - r, column c is x = c + 2, slice s is z = s - 1; the stack begins at slice 4.
    inward = np.array([[0, 1, 0, 2], [-1, 0, 0, 6], [0, 0, 1, -1], [0, 0, 0, 1.0]])
    place = geometry(inward, (8, 9, 7), [4, 5, 6])
    found, inside = to_volume(maps, np.ones(maps.shape, bool), place)
    expected = np.zeros((8, 9, 7), np.float32)
    for k, r, c in np.ndindex(*maps.shape):
        expected[c + 2, 6 - r, k + 3] = maps[k, r, c]
    assert np.abs(found - expected).max() < 1e-5
    assert np.array_equal(inside, expected != 0)


def test_background_does_not_mix_into_the_rim_and_holes_stay_empty():
    maps = np.full((2, 4, 4), -5.0, np.float32)
    masks = np.zeros((2, 4, 4), bool)
    masks[:, 1:3, 1:3] = True
    maps[~masks] = 100.0  # what a detector says of background is not shown
    finer = np.array([[0, 2, 0, 0], [2, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    place = geometry(finer, (8, 8, 5), [1, 3])  # slice 2 was left out
    found, inside = to_volume(maps, masks, place)
    assert set(np.unique(found)) == {0.0, -5.0}
    assert np.array_equal(inside, found != 0)
    assert inside[..., 1].any()
    assert not inside[..., 2].any()
    assert inside[..., 3].any()


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image, nib.MGHImage])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_written_volumes_lie_where_their_source_does(tmp_path, kind, suffix):
    affine = geometry(np.eye(4), (3, 4, 5), [0]).input_affine.astype(np.float32)
    image = kind(np.ones((3, 4, 5), np.float32), affine)
    if kind is not nib.MGHImage:
        image.set_sform(affine, 4)
        image.header["cal_max"] = 7
    source = tmp_path / ("source.mgz" if kind is nib.MGHImage else "source.nii")
    nib.save(image, source)
    values = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
    write_volume(tmp_path / f"map{suffix}", values, source)
    found = nib.load(tmp_path / f"map{suffix}")
    assert np.allclose(found.affine, nib.load(source).affine, atol=1e-6)
    assert np.array_equal(np.asarray(found.dataobj), values)
    assert found.header["cal_max"] == 0
    if kind is not nib.MGHImage:
        assert int(found.header["sform_code"]) == 4


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_no_word_of_a_header_goes_into_a_map(tmp_path, kind):
    """Converters write scan dates there, and some the patient's name."""
    affine = geometry(np.eye(4), (3, 4, 5), [0]).input_affine
    source = kind(np.ones((3, 4, 5), np.int16), affine)
    source.header.set_intent("t test", (7,), name="Muster")
    source.header.set_xyzt_units("mm", "sec")
    for name, words in (("descrip", b"Muster^Erika"), ("aux_file", b"4711.txt")):
        source.header[name] = words
    if kind is nib.Nifti1Image:
        source.header["db_name"] = b"19640812"
    nib.save(source, tmp_path / "a.nii")
    values = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    write_volume(tmp_path / "map.nii", values, like=tmp_path / "a.nii")
    content = (tmp_path / "map.nii").read_bytes()
    assert not [one for one in (b"Muster", b"Erika", b"4711", b"19640812") if one in content[:600]]
    found = nib.load(tmp_path / "map.nii")
    assert type(found) is kind
    np.testing.assert_array_equal(found.get_fdata(), values)
    np.testing.assert_allclose(found.affine, affine, atol=1e-6)
    assert found.header.get_xyzt_units() == ("mm", "sec")
    assert found.header.get_intent()[0] == "none"
