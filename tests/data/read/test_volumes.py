import gzip
from itertools import permutations, product

import nibabel
import numpy as np
import pytest

from bench.data.read import slabs, volumes
from bench.data.read.volumes import read_mask, read_volume, require_same_grid
from bench.errors import DataError, StoreError
from fakes.brain_files import brain, stored_affine, world, write

ALL_AXES = [
    "".join(codes) for order in permutations(["LR", "PA", "IS"]) for codes in product(*order)
]


RGB = [("R", "u1"), ("G", "u1"), ("B", "u1")]


def save(path, data, affine=None):
    affine = stored_affine(data.shape[:3]) if affine is None else affine
    nibabel.save(nibabel.Nifti1Image(data, affine), path)
    return path


@pytest.mark.parametrize("axes", ALL_AXES)
def test_all_48_orientations_become_canonical(tmp_path, axes):
    path = tmp_path / "v.nii.gz"
    stored = write(path, lambda mm: 1000 + mm[0] + 3 * mm[1] + 7 * mm[2], axes=axes)
    volume = read_volume(path)
    x, y, z = world(volume.data.shape, volume.affine)
    np.testing.assert_allclose(volume.data, 1000 + x + 3 * y + 7 * z, rtol=1e-5)
    assert (np.diag(volume.affine)[:3] > 0).all()
    np.testing.assert_allclose(volume.stored_affine, stored, atol=1e-5)
    assert volume.data.dtype == np.float32
    assert volume.oriented


def test_oblique_volume_keeps_its_own_axes(tmp_path):
    path = tmp_path / "v.nii.gz"
    write(path, axes="PSR", tilt=20, voxel=(2, 3, 4))
    volume = read_volume(path)
    np.testing.assert_allclose(
        volume.data, brain(world(volume.data.shape, volume.affine)), atol=1e-3
    )
    np.testing.assert_allclose(volume.voxel_mm, [2, 3, 4], rtol=1e-6)


def test_scale_factor_is_applied(tmp_path):
    image = nibabel.Nifti1Image(np.arange(60, dtype=np.uint8).reshape(3, 4, 5), np.eye(4))
    image.header.set_slope_inter(2.5, 10)
    nibabel.save(image, tmp_path / "v.nii")
    raw = nibabel.load(tmp_path / "v.nii")
    assert raw.dataobj.slope == 2.5
    np.testing.assert_allclose(read_volume(tmp_path / "v.nii").data, raw.get_fdata())


def test_negative_values_and_one_volume_series_are_legal(tmp_path):
    data = np.full((4, 5, 6, 1), -1, dtype=np.int16)
    volume = read_volume(save(tmp_path / "v.nii.gz", data))
    assert volume.data.shape == (4, 5, 6)
    assert volume.stored_shape == (4, 5, 6)
    assert volume.data.max() == -1


def test_header_without_orientation_is_seen(tmp_path):
    image = nibabel.Nifti1Image(np.ones((3, 4, 5), dtype=np.float32), None)
    nibabel.save(image, tmp_path / "v.nii")
    assert not read_volume(tmp_path / "v.nii").oriented


def _truncated(path):
    write(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _truncated_inside(path):
    write(path)
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:5000]))


def _flipped_bytes(path):
    write(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 64] = b"\xff" * 64
    path.write_bytes(bytes(content))


def _nan(path):
    data = np.ones((4, 5, 6), dtype=np.float32)
    data[1, 2, 3], data[0, 0, 0] = np.nan, np.inf
    save(path, data)


def _nan_behind(path):
    data = np.ones((20, 30, 40), dtype=np.float32)
    data[0, 0, [0, 20, 39]] = np.nan
    save(path, data)


def _huge_header(path):
    write(path)
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[42:48] = np.array([32767] * 3, dtype="<i2").tobytes()
    path.write_bytes(gzip.compress(bytes(content)))


def _singular(path):
    image = nibabel.Nifti1Image(np.ones((4, 5, 6), dtype=np.float32), np.eye(4))
    image.header.set_sform(np.zeros((4, 4)), code=1)
    image.header["srow_x"] = [1, 0, 0, 0]
    nibabel.save(image, path)
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[280:328] = np.zeros(12, dtype="<f4").tobytes()
    path.write_bytes(gzip.compress(bytes(content)))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_truncated, "truncated or damaged"),
        (_truncated_inside, "truncated or damaged"),
        (_flipped_bytes, "truncated or damaged"),
        (lambda path: path.write_text("no volume"), "cannot be read"),
        (lambda path: path.write_bytes(b""), "cannot be read"),
        (lambda path: None, "cannot be read"),
        (_nan, "2 NaN or infinite"),
        (lambda path: save(path, np.zeros((4, 5, 6), dtype=np.float32)), "zero everywhere"),
        (lambda path: save(path, np.ones((4, 5, 6, 2), dtype=np.float32)), "(4, 5, 6, 2)"),
        (lambda path: save(path, np.ones((4, 5), dtype=np.float32), np.eye(4)), "three axes"),
        (lambda path: save(path, np.ones((4, 5, 6), dtype=np.complex64)), "grey"),
        (lambda path: save(path, np.ones((4, 5, 6), dtype=RGB)), "grey"),
        (_huge_header, "its header promises"),
        (_singular, "affine"),
    ],
)  # fmt: skip
def test_untrustworthy_files_are_refused_by_name(tmp_path, make, said):
    path = tmp_path / "bad.nii.gz"
    make(path)
    with pytest.raises(DataError) as caught:
        read_volume(path)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)
    assert caught.value.hint


def test_label_stored_along_other_axes_lies_on_the_same_grid(tmp_path):
    write(tmp_path / "i.nii.gz", axes="LAS")
    write(tmp_path / "l.nii.gz", lambda mm: brain(mm) != 0, axes="PSR", dtype=np.uint8)
    image = read_volume(tmp_path / "i.nii.gz")
    mask = read_mask(tmp_path / "l.nii.gz", image)
    assert mask.data.dtype == bool
    np.testing.assert_array_equal(mask.data, image.data != 0)


def test_header_rounding_is_no_other_grid(tmp_path):
    data = np.ones((20, 20, 20), dtype=np.float32)
    affine = stored_affine(data.shape)
    one = read_volume(save(tmp_path / "a.nii", data, affine))
    shifted = affine.copy()
    shifted[0, 3] += 0.01
    require_same_grid(read_volume(save(tmp_path / "b.nii", data, shifted)), one)


@pytest.mark.parametrize("change", ["shift", "spacing", "shape", "turn"])
def test_other_grids_are_refused_with_both_names(tmp_path, change):
    data = np.ones((20, 20, 20), dtype=np.float32)
    affine = stored_affine(data.shape)
    image = read_volume(save(tmp_path / "image.nii", data, affine))
    other = affine.copy()
    if change == "shift":
        other[1, 3] += 1
    elif change == "spacing":
        other[2, 2] *= 1.05
    elif change == "turn":
        other = stored_affine(data.shape, tilt=3)
    else:
        data = data[:, :, 1:]
    path = save(tmp_path / "label.nii", data, other)
    with pytest.raises(DataError, match="another grid") as caught:
        read_mask(path, image)
    assert "image.nii" in str(caught.value)
    assert "label.nii" in str(caught.value)
    assert "nearest" in (caught.value.hint or "")


def test_empty_label_is_legal(tmp_path):
    image = read_volume(save(tmp_path / "i.nii", np.ones((4, 5, 6), dtype=np.float32)))
    path = save(tmp_path / "l.nii", np.zeros((4, 5, 6), dtype=np.uint8))
    assert not read_mask(path, image).data.any()


@pytest.fixture
def small_memory(monkeypatch):
    """A volume of a few slices is too large."""
    monkeypatch.setattr(slabs, "_IN_MEMORY_BYTES", 0)
    for module in (slabs, volumes):
        monkeypatch.setattr(module, "PART_VOXELS", 2000)


@pytest.mark.parametrize("axes", ["RAS", "LPI", "PSR", "IRA", "ALS"])
@pytest.mark.parametrize("name", ["v.nii", "v.nii.gz"])
def test_slab_by_slab_is_the_same_volume(tmp_path, small_memory, monkeypatch, axes, name):
    write(tmp_path / name, axes=axes, dtype=np.int16)
    cut = read_volume(tmp_path / name, scratch=tmp_path / "scratch")
    assert len([*cut.slabs.parts()]) > 5
    assert [*(tmp_path / "scratch").iterdir()] == []
    monkeypatch.undo()
    whole = read_volume(tmp_path / name)
    np.testing.assert_array_equal(cut.data, whole.data)
    np.testing.assert_array_equal(cut.affine, whole.affine)
    np.testing.assert_array_equal(cut.slabs.read(7, 19), whole.slabs.read(7, 19))


@pytest.mark.parametrize(("make", "said"), [(_truncated, "truncated"), (_nan_behind, "3 NaN")])
def test_damage_behind_the_first_slab_is_found(tmp_path, small_memory, make, said):
    path = tmp_path / "v.nii.gz"
    make(path)
    with pytest.raises(DataError, match=said):
        read_volume(path)


def test_no_room_for_a_large_volume(tmp_path, small_memory):
    (tmp_path / "scratch").write_text("a file in the way")
    write(tmp_path / "v.nii")
    with pytest.raises(StoreError, match="scratch"):
        read_volume(tmp_path / "v.nii", scratch=tmp_path / "scratch")


# --- two affines in one header -----------------------------------------------------------------


def two_affines(path, sform, qform, codes=(1, 1)):
    image = nibabel.Nifti1Image(np.ones((10, 12, 8), dtype=np.float32), sform)
    image.set_sform(sform, codes[0])
    image.set_qform(qform, codes[1])
    nibabel.save(image, path)
    return path


SPACE = np.array([[2.0, 0, 0, -9], [0, 2, 0, -11], [0, 0, 3, -10.5], [0, 0, 0, 1]])


def shifted(mm):
    return SPACE + np.eye(4, k=3) * mm


@pytest.mark.parametrize(
    ("qform", "said"),
    [
        (np.diag([-1.0, 1, 1, 1]) @ SPACE, "axes RAS, the qform to (9, -11, -10.5) with axes LAS"),
        (shifted(0.3), "differ by up to 0.3 mm"),
        (SPACE @ np.diag([1, 1, 1.1, 1]), "differ by up to 2.1 mm"),
    ],
)
@pytest.mark.parametrize("suffix", ["nii", "nii.gz", "hdr"])
def test_an_sform_against_a_qform_is_refused(tmp_path, qform, said, suffix):
    if suffix == "hdr":
        image = nibabel.Nifti1Pair(np.ones((10, 12, 8), dtype=np.float32), SPACE)
        image.set_sform(SPACE, 1)
        image.set_qform(qform, 1)
        nibabel.save(image, tmp_path / "v.hdr")
    else:
        two_affines(tmp_path / f"v.{suffix}", SPACE, qform)
    with pytest.raises(DataError) as caught:
        read_volume(tmp_path / f"v.{suffix}")
    assert said in str(caught.value)
    assert "set_qform" in caught.value.hint


def test_an_sform_that_rounds_to_the_qform_is_accepted(tmp_path):
    assert read_volume(two_affines(tmp_path / "v.nii", SPACE, shifted(0.15))).oriented


@pytest.mark.parametrize(
    ("codes", "expected"), [((1, 0), SPACE), ((0, 1), shifted(50)), ((2, 0), SPACE)]
)
def test_the_affine_whose_code_is_set_counts_alone(tmp_path, codes, expected):
    volume = read_volume(two_affines(tmp_path / "v.nii", SPACE, shifted(50), codes))
    assert volume.oriented
    np.testing.assert_allclose(volume.affine, expected, atol=1e-5)


def test_a_code_that_does_not_exist_counts_as_none(tmp_path):
    path = two_affines(tmp_path / "v.nii", SPACE, shifted(50))
    content = bytearray(path.read_bytes())
    content[254:256] = (77).to_bytes(2, "little")  # sform_code
    path.write_bytes(content)
    np.testing.assert_allclose(read_volume(path).affine, shifted(50), atol=1e-5)
    content[252:254] = (77).to_bytes(2, "little")  # qform_code
    path.write_bytes(content)
    assert not read_volume(path).oriented


def test_a_qform_that_is_not_a_rotation_is_refused_where_it_counts(tmp_path):
    for codes in ((1, 1), (1, 0)):
        path = two_affines(tmp_path / "v.nii", SPACE, SPACE, codes)
        content = bytearray(path.read_bytes())
        content[256:268] = np.array([1, 1, 1], "<f4").tobytes()
        path.write_bytes(content)
        if codes[1]:
            with pytest.raises(DataError, match="cannot be read as a volume: w2 should be"):
                read_volume(path)
        else:
            np.testing.assert_allclose(read_volume(path).affine, SPACE, atol=1e-5)
