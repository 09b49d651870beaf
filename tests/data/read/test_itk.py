"""NRRD and MetaImage: the same voxels at the same places as NIfTI, and damage that is named."""

import gzip

import nibabel
import numpy as np
import pytest

from bench.data.cache.fingerprint import fingerprint_files
from bench.data.files import SubjectFiles
from bench.data.prepare.export import map_suffix, write_volume
from bench.data.read.formats import companions
from bench.data.read.volumes import open_volume, read_label_volume, read_volume
from bench.errors import DataError
from fakes.brain_files import brain, prepare, stored_affine, world

sitk = pytest.importorskip("SimpleITK")

SHAPE = (60, 66, 50)
SUFFIXES = [".nrrd", ".nhdr", ".mha", ".mhd"]


def written(path, values, affine, compress=False):
    """Write (I, J, K) at a RAS affine with ITK, whose axes are LPS."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(values.transpose(2, 1, 0)))
    lps = np.diag([-1.0, -1, 1, 1]) @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    sitk.WriteImage(image, str(path), compress)
    return path


def small(dtype=np.float32):
    return (np.arange(4 * 5 * 6).reshape(4, 5, 6) + 1).astype(dtype)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("compress", [False, True])
def test_a_brain_is_prepared_as_from_nifti(tmp_path, suffix, compress):
    affine = stored_affine(SHAPE, axes="LPS", voxel=(2, 2, 2), tilt=12)
    values = brain(world(SHAPE, affine)).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(values, affine), tmp_path / "a.nii.gz")
    path = written(tmp_path / f"a{suffix}", values, affine, compress)
    made = [
        prepare(SubjectFiles("toy", "s", {"T1": one}), tmp_path / "c", with_label=False)
        for one in (tmp_path / "a.nii.gz", path)
    ]
    # NIfTI keeps its affine in float32, so positions differ in the seventh digit.
    assert np.allclose(made[0].images, made[1].images, atol=1e-5)
    assert np.array_equal(made[0].masks, made[1].masks)
    assert np.allclose(made[0].geometry.affine, made[1].geometry.affine, atol=1e-4)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("axes", ["RAS", "LPS", "PIR", "SLA"])
def test_the_affine_is_that_of_the_nifti(tmp_path, suffix, axes):
    affine = stored_affine((4, 5, 6), axes=axes, voxel=(0.5, 0.7, 6.0), tilt=25)
    affine[:3, :3] = affine[:3, :3] @ [[1, 0.1, 0], [0, 1, 0.2], [0, 0, 1]]  # sheared
    opened = open_volume(written(tmp_path / f"a{suffix}", small(), affine))
    assert opened.shape == (4, 5, 6)
    assert opened.oriented
    assert np.allclose(opened.affine, affine, atol=1e-6)
    assert np.array_equal(np.concatenate([s for _, s in opened.slabs(4)], axis=2), small())


@pytest.mark.parametrize("space", ["right-anterior-superior", "left-anterior-superior"])
def test_other_spaces_of_nrrd_are_turned(tmp_path, space):
    path = written(tmp_path / "a.nrrd", small(), np.diag([2.0, 3, 4, 1]))
    text = path.read_bytes().replace(b"left-posterior-superior", space.encode())
    path.write_bytes(text)
    mirrored = [-1 if "left" in space else 1, 1, 1]
    stored = np.diag([-2.0, -3, 4])  # what the file says of its axes
    assert np.allclose(open_volume(path).affine[:3, :3], np.diag(mirrored) @ stored)


def test_files_that_do_not_say_where_axes_point(tmp_path):
    nrrd = tmp_path / "a.nrrd"
    head = "NRRD0004\ntype: float\ndimension: 3\nsizes: 4 5 6\nspacings: 1 2 3\nendian: little\n"
    voxels = small().tobytes(order="F")
    nrrd.write_bytes(f"{head}encoding: raw\n\n".encode() + voxels)
    mha = tmp_path / "a.mha"
    head = "ObjectType = Image\nNDims = 3\nDimSize = 4 5 6\nElementType = MET_FLOAT\n"
    mha.write_bytes(f"{head}ElementSpacing = 1 2 3\nElementDataFile = LOCAL\n".encode() + voxels)
    for path in (nrrd, mha):
        volume = read_volume(path)
        assert not volume.oriented
        assert volume.voxel_mm.tolist() == [1, 2, 3]


@pytest.mark.parametrize("suffix", [".mhd", ".nhdr"])
@pytest.mark.parametrize("compress", [False, True])
def test_the_voxels_beside_a_header_count_in_its_key(tmp_path, suffix, compress):
    path = written(tmp_path / f"a{suffix}", small(), np.eye(4), compress)
    (beside,) = companions(path)
    assert beside != path
    before = fingerprint_files([path], tmp_path / "c")
    content = bytearray(beside.read_bytes())
    content[-1] ^= 1
    beside.write_bytes(content)
    assert fingerprint_files([path], tmp_path / "c") != before
    beside.unlink()
    with pytest.raises(DataError, match="beside it, which does not exist"):
        read_volume(path)


@pytest.mark.parametrize("how", ["slice%02d.raw 1 6 1", "LIST"])
def test_slices_in_files_of_their_own_all_count(tmp_path, how):
    names = [f"slice{k + 1:02d}.raw" for k in range(6)]
    for k, name in enumerate(names):
        (tmp_path / name).write_bytes(small()[:, :, k].tobytes(order="F"))
    path = tmp_path / "a.mhd"
    listed = how if how != "LIST" else "\n".join(["LIST", *names])
    path.write_text(
        "ObjectType = Image\nNDims = 3\nDimSize = 4 5 6\nElementType = MET_FLOAT\n"
        "TransformMatrix = 1 0 0 0 1 0 0 0 1\nElementSpacing = 1 1 1\n"
        f"ElementDataFile = {listed}\n"
    )
    assert [one.name for one in companions(path)] == names
    assert np.array_equal(np.sort(read_volume(path).data, None), np.sort(small(), None))


@pytest.mark.parametrize("name", ["/etc/passwd", "../other.raw", "C:\\other.raw"])
def test_voxels_in_another_folder_are_refused(tmp_path, name):
    path = written(tmp_path / "a.mhd", small(), np.eye(4))
    path.write_text(path.read_text().replace("a.raw", name))
    with pytest.raises(DataError, match="expected one beside it"):
        read_volume(path)


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
@pytest.mark.parametrize("compress", [False, True])
def test_a_file_that_is_cut_short_is_named(tmp_path, suffix, compress):
    path = written(tmp_path / f"a{suffix}", small(), np.eye(4), compress)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match=rf"a{suffix} is truncated or damaged"):
        read_volume(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    "content", [b"", b"\0" * 500, b"NRRD0004\n", b"NDims = 3\n", b"NRRD0004\nsizes: a b\n\n"]
)
def test_what_is_no_volume_is_damage(tmp_path, suffix, content):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"damaged|expected"):
        read_volume(path)


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_a_header_that_promises_too_much_takes_no_memory(tmp_path, suffix):
    path = written(tmp_path / f"a{suffix}", small(), np.eye(4), compress=True)
    content = path.read_bytes().replace(b"4 5 6", b"40000 40000 2")
    path.write_bytes(content)
    with pytest.raises(DataError, match="promises 12800000000 bytes"):
        read_volume(path)


def test_several_values_per_voxel_are_refused(tmp_path):
    image = sitk.JoinSeries([sitk.GetImageFromArray(small())] * 2)
    vector = sitk.Compose([sitk.GetImageFromArray(small())] * 2)
    for one in (image, vector):
        for suffix in (".nrrd", ".mha"):
            sitk.WriteImage(one, str(tmp_path / f"a{suffix}"))
            with pytest.raises(DataError, match="expected one volume of three axes"):
                read_volume(tmp_path / f"a{suffix}")


def test_labels_are_read_with_their_values(tmp_path):
    path = written(tmp_path / "a.nrrd", small(np.uint8) % 3, np.eye(4))
    assert read_label_volume(path).values == (0, 1, 2)


@pytest.mark.parametrize(
    ("suffix", "own"), [(".nrrd", ".nrrd"), (".nhdr", ".nrrd"), (".mha", ".mha"), (".mhd", ".mha")]
)
def test_maps_go_back_in_the_format_of_the_input(tmp_path, suffix, own):
    affine = stored_affine((4, 5, 6), axes="PIR", voxel=(0.5, 0.7, 6.0), tilt=25)
    path = written(tmp_path / f"a{suffix}", small(), affine)
    assert map_suffix(path) == own
    for array in (small() / 7, small() > 60):
        write_volume(tmp_path / f"map{own}", array, like=path)
        back = open_volume(tmp_path / f"map{own}")
        assert np.allclose(back.affine, affine, atol=1e-6)
        ((_, values),) = back.slabs(6)
        assert np.array_equal(values, array.astype(np.float32))


def test_a_compressed_header_pair_needs_no_suffix_of_its_own(tmp_path):
    voxels = gzip.compress(small().tobytes(order="F"))
    (tmp_path / "voxels.gz").write_bytes(voxels)
    path = tmp_path / "a.nhdr"
    path.write_text(
        "NRRD0004\ntype: float\ndimension: 3\nspace: left-posterior-superior\nsizes: 4 5 6\n"
        "space directions: (1,0,0) (0,1,0) (0,0,1)\nendian: little\nencoding: gzip\n"
        "data file: voxels.gz\n"
    )
    assert np.array_equal(np.sort(read_volume(path).data, None), np.sort(small(), None))
    assert companions(path) == (tmp_path / "voxels.gz",)
