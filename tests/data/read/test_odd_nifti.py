"""NIfTI, Analyze and FreeSurfer files whose damage or whose guesses no decoder tells."""

import bz2
import gzip
import struct

import nibabel
import numpy as np
import pytest

from bench.data.read.volumes import read_volume
from bench.errors import DataError

AFFINE = np.diag([1.0, 2, 3, 1])
# Noise, so that a flipped bit changes a value and not the length of what is unpacked.
VALUES = np.random.default_rng(0).integers(1, 20_000, (20, 20, 20)).astype(np.int16)
UNITS, PIXDIM, OFFSET, CODES = 123, 80, 108, 252


def saved(path, values=VALUES, kind=nibabel.Nifti1Image, affine=AFFINE):
    nibabel.save(kind(values, affine), path)
    return path


def edited(path, at, layout, *values):
    content = bytearray(path.read_bytes())
    struct.pack_into(layout, content, at, *values)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("name", "kind"),
    [("v.nii.gz", nibabel.Nifti1Image), ("v.mgz", nibabel.MGHImage),
     ("v.nii.bz2", nibabel.Nifti1Image)],
)  # fmt: skip
@pytest.mark.parametrize("how", ["one bit in the middle", "the checksum", "cut behind the voxels"])
def test_a_packed_file_is_held_against_its_checksum(tmp_path, name, kind, how):
    path = saved(tmp_path / name, kind=kind)
    content = bytearray(path.read_bytes())
    np.testing.assert_array_equal(read_volume(path).data, VALUES)
    if how == "cut behind the voxels":
        content = content[:-3]
    else:
        content[len(content) // 2 if "middle" in how else -6] ^= 4
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"{name} (is truncated or|cannot be read)"):
        read_volume(path)


def test_zeros_behind_a_packed_file_are_padding(tmp_path):
    path = saved(tmp_path / "v.nii.gz")
    path.write_bytes(path.read_bytes() + bytes(1000))
    np.testing.assert_array_equal(read_volume(path).data, VALUES)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress])
def test_voxels_that_the_header_does_not_count_are_not_dropped(tmp_path, pack):
    suffix = {bytes: "", gzip.compress: ".gz", bz2.compress: ".bz2"}[pack]
    whole = saved(tmp_path / "v.nii").read_bytes()
    path = tmp_path / f"w.nii{suffix}"
    path.write_bytes(pack(whole + bytes(799)))  # less than a slice
    np.testing.assert_array_equal(read_volume(path).data, VALUES)
    path.write_bytes(pack(whole + whole[352:]))
    said = r"holds 16000 bytes behind the 20 x 20 x 20 voxels .* 20 times as many as a slice"
    with pytest.raises(DataError, match=said):
        read_volume(path)


def test_the_tail_of_a_freesurfer_file_is_no_voxel(tmp_path):
    path = saved(tmp_path / "v.mgh", kind=nibabel.MGHImage)
    path.write_bytes(path.read_bytes() + bytes(5000))
    np.testing.assert_array_equal(read_volume(path).data, VALUES)


def test_a_header_is_not_read_as_voxels(tmp_path):
    path = edited(saved(tmp_path / "v.nii"), OFFSET, "<f", 0)
    with pytest.raises(DataError, match="begin at byte 0, which is within the header of 348"):
        read_volume(path)


@pytest.mark.parametrize(("unit", "name"), [(1, "metres"), (3, "micrometres"), (11, "micro")])
def test_lengths_in_other_units_are_refused(tmp_path, unit, name):
    path = edited(saved(tmp_path / "v.nii"), UNITS, "<B", unit)
    with pytest.raises(DataError, match=f"counts lengths in {name}"):
        read_volume(path)


@pytest.mark.parametrize("unit", [0, 2, 10])
def test_millimetres_or_nothing_said_are_millimetres(tmp_path, unit):
    path = edited(saved(tmp_path / "v.nii"), UNITS, "<B", unit)
    assert read_volume(path).voxel_mm.tolist() == [1, 2, 3]


def test_voxels_of_no_size_are_not_taken_for_one_millimetre(tmp_path):
    path = edited(saved(tmp_path / "v.nii"), PIXDIM, "<3f", 0, 0, 0)
    assert read_volume(path).voxel_mm.tolist() == [1, 2, 3]  # the sform says it itself
    edited(path, CODES, "<2h", 0, 0)
    with pytest.raises(DataError, match="says voxels of 0 x 0 x 0 mm"):
        read_volume(path)


def test_freesurfer_without_a_place_is_refused(tmp_path):
    path = edited(saved(tmp_path / "v.mgh", kind=nibabel.MGHImage), 28, ">h", 0)
    with pytest.raises(DataError, match=r"how large they are \(goodRASFlag is 0\)"):
        read_volume(path)


def test_a_plain_analyze_pair_does_not_say_where_its_axes_point(tmp_path):
    saved(tmp_path / "v.img", kind=nibabel.AnalyzeImage)
    assert not read_volume(tmp_path / "v.hdr").oriented
    saved(tmp_path / "w.img", kind=nibabel.Spm99AnalyzeImage)
    assert (tmp_path / "w.mat").is_file()
    assert read_volume(tmp_path / "w.hdr").oriented
