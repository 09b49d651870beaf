"""NIfTI, Analyze and FreeSurfer files whose damage or whose guesses no decoder tells."""

import bz2
import gzip
import shutil
import struct
from pathlib import Path

import nibabel
import numpy as np
import pytest
from nibabel.testing import data_path

from bench.data.prepare.export import write_volume
from bench.data.read.volumes import open_volume, read_volume
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


# --- formats that nibabel reads and does not write: files of its own tests ---


def example(name, folder):
    """A copy of nibabel's example, with the file of its voxels."""
    found = sorted(Path(data_path).glob(f"{name.rpartition('.')[0]}.*"))
    if not found:
        pytest.skip("this nibabel does not bring its examples")
    for one in found:
        shutil.copy(one, folder)
    return folder / name


@pytest.mark.parametrize("name", ["scaled+tlrc.HEAD", "scaled+tlrc.BRIK", "minc1_1_scale.mnc"])
def test_afni_and_minc_are_read_as_nibabel_reads_them(tmp_path, name):
    path = example(name, tmp_path)
    volume = read_volume(path)
    image = nibabel.as_closest_canonical(nibabel.load(path))
    wanted = image.get_fdata().reshape(volume.shape)
    np.testing.assert_array_equal(volume.data, wanted.astype(np.float32))
    np.testing.assert_allclose(volume.affine, image.affine)
    assert volume.oriented
    write_volume(tmp_path / "map.nii.gz", np.ones(volume.stored_shape, np.float32), like=path)
    np.testing.assert_allclose(open_volume(tmp_path / "map.nii.gz").affine, volume.stored_affine)


def test_a_packed_afni_file_is_held_against_its_checksum(tmp_path):
    path = example("scaled+tlrc.HEAD", tmp_path)
    voxels = tmp_path / "scaled+tlrc.BRIK"
    content = bytearray(gzip.compress(voxels.read_bytes()))
    voxels.unlink()
    packed = tmp_path / "scaled+tlrc.BRIK.gz"
    packed.write_bytes(content)
    assert read_volume(path).data.any()
    content[-6] ^= 1
    packed.write_bytes(content)
    with pytest.raises(DataError, match="is truncated or damaged"):
        read_volume(path)


def test_par_rec_is_read_and_several_time_points_are_refused(tmp_path):
    path = example("phantom_EPI_asc_CLEAR_2_1.PAR", tmp_path)
    whole = nibabel.load(path)
    with pytest.raises(DataError, match=r"has shape \(64, 64, 9, 3\), expected one volume"):
        read_volume(path)
    # Only the first time point: its lines, and its images renumbered.
    lines, images, voxels = [], [], path.with_suffix(".REC").read_bytes()
    for line in path.read_text().splitlines():
        words = line.split()
        if len(words) > 20 and words[0].isdigit():
            if words[2] != "1":
                continue
            at = int(words[6]) * 64 * 64 * 2
            words[6] = str(len(images))
            images.append(voxels[at : at + 64 * 64 * 2])
            line = " ".join(words)
        elif "Max. number of dynamics" in line:
            line = line.partition(":")[0] + ": 1"
        lines.append(line)
    (tmp_path / "one.PAR").write_text("\n".join(lines))
    (tmp_path / "one.REC").write_bytes(b"".join(images))
    opened = open_volume(tmp_path / "one.PAR")
    values = np.concatenate([part for _, part in opened.slabs(4)], axis=2)
    np.testing.assert_array_equal(values, whole.get_fdata()[..., 0].astype(np.float32))
    np.testing.assert_allclose(opened.affine, whole.affine)


def test_a_library_that_is_not_installed_is_named(tmp_path, monkeypatch):
    def missing(*_, **__):
        raise ModuleNotFoundError("No module named 'h5py'", name="h5py")

    monkeypatch.setattr(nibabel, "load", missing)
    (tmp_path / "a.mnc").write_bytes(b"\x89HDF")
    with pytest.raises(DataError, match="only be read with h5py, which is not installed") as caught:
        read_volume(tmp_path / "a.mnc")
    assert caught.value.hint == "pip install h5py, or convert the file to .nii.gz"
