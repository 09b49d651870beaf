"""DICOM: slices in their order, series told apart, values rescaled, and no person's name."""

import shutil
import warnings

import nibabel
import numpy as np
import pytest

from bench.data.cache.fingerprint import fingerprint_files
from bench.data.files import SubjectFiles
from bench.data.find.given_images import given_images
from bench.data.find.index import index_dataset
from bench.data.find.selection import select
from bench.data.prepare.export import map_suffix, write_volume
from bench.data.read.formats import companions, known_format
from bench.data.read.volumes import open_volume, read_volume
from bench.errors import DataError
from fakes.brain_files import brain, card, prepare, stored_affine, world

pydicom = pytest.importorskip("pydicom")
from fakes import dicom_files as dicom  # noqa: E402 - it needs pydicom

SHAPE = (60, 66, 50)


def small():
    return (np.arange(4 * 5 * 6).reshape(4, 5, 6) + 1).astype(np.int16)


def values_of(opened):
    return np.concatenate([slab for _, slab in opened.slabs(4)], axis=2)


@pytest.mark.parametrize("how", ["series", "multi-frame"])
def test_a_brain_is_prepared_as_from_nifti(tmp_path, how):
    affine = stored_affine(SHAPE, axes="LPS", voxel=(2, 2, 2), tilt=12)
    stored = brain(world(SHAPE, affine)).astype(np.int16)
    values = stored.astype(np.float32) * 0.5
    nibabel.save(nibabel.Nifti1Image(values, affine), tmp_path / "a.nii.gz")
    if how == "series":
        path = dicom.series(tmp_path / "s", stored, affine, slope=0.5)[0]
    else:
        path = dicom.multi_frame(tmp_path / "s" / "a.dcm", stored, affine, slope=0.5)
    made = [
        prepare(SubjectFiles("toy", "s", {"T1": one}), tmp_path / "c", with_label=False)
        for one in (tmp_path / "a.nii.gz", path)
    ]
    # NIfTI keeps its affine in float32, so positions differ in the seventh digit.
    assert np.allclose(made[0].images, made[1].images, atol=1e-4)
    assert np.mean(made[0].masks != made[1].masks) < 1e-4
    assert np.allclose(made[0].geometry.affine, made[1].geometry.affine, atol=1e-3)
    kept = b"".join(one.read_bytes() for one in (tmp_path / "c").rglob("*") if one.is_file())
    names = " ".join(str(one) for one in (tmp_path / "c").rglob("*"))
    for secret in dicom.SECRETS:
        assert secret.encode() not in kept
        assert secret not in names


@pytest.mark.parametrize("axes", ["LPS", "RAS", "PSR", "LIP"])
def test_slices_are_ordered_by_their_positions(tmp_path, axes):
    affine = stored_affine((4, 5, 6), axes=axes, voxel=(0.5, 0.7, 6.0), tilt=25)
    paths = dicom.series(tmp_path, small(), affine)
    assert [one.name for one in paths] == sorted(one.name for one in paths)
    opened = open_volume(paths[2])
    # The slices may run either way; each voxel is where the affine has it.
    turned = np.linalg.inv(opened.affine) @ affine
    assert np.allclose(np.abs(turned[:3, :3]), np.eye(3), atol=1e-5)
    found = values_of(opened)
    assert np.array_equal(found[..., ::-1] if turned[2, 2] < 0 else found, small())
    corner = opened.affine @ [0, 0, 5 if turned[2, 2] < 0 else 0, 1]
    assert np.allclose(corner, affine[:, 3], atol=1e-5)


def test_a_tilted_gantry_is_a_sheared_affine(tmp_path):
    affine = np.diag([-1.0, -1, 2, 1])
    affine[1, 2] = 0.6
    opened = open_volume(dicom.series(tmp_path, small(), affine)[0])
    assert np.allclose(opened.affine, affine)


def test_each_slice_has_its_own_scale(tmp_path):
    slope = np.arange(1, 7) * 0.25
    path = dicom.series(tmp_path, small(), np.diag([-1.0, -1, 1, 1]), slope=slope, intercept=-3)[0]
    assert np.allclose(values_of(open_volume(path)), small() * slope - 3)


def test_frames_of_one_file_are_ordered_and_scaled(tmp_path):
    affine = stored_affine((4, 5, 6), axes="LPS", voxel=(1, 1, 2), tilt=20)
    order = [3, 0, 5, 1, 4, 2]
    path = dicom.multi_frame(tmp_path / "a", small(), affine, slope=2, intercept=1, order=order)
    opened = open_volume(path)
    assert np.allclose(opened.affine, affine, atol=1e-5)
    assert np.allclose(values_of(opened), small() * 2.0 + 1)
    assert companions(path) == ()


def test_the_series_of_a_folder_are_told_apart(tmp_path):
    root, affine = tmp_path / "toy", np.diag([-1.0, -1, 1, 1])
    first = dicom.series(root / "s1", small(), affine, number=3, name="A{:03d}.dcm")
    second = dicom.series(
        root / "s1", small() * 2, affine, number=4, description="T2 TSE tra", name="B{:03d}.dcm"
    )
    (root / "s1" / "notes.txt").write_text("no image")
    assert np.array_equal(values_of(open_volume(first[1])), small())
    assert np.array_equal(values_of(open_volume(second[4])), small() * 2)
    assert {*companions(first[0])} == {*first[1:]}

    def found(**changes):
        layout = {
            "name": "own", "title": "own", "subject": r"s\d+",
            "images": {"T1": "{subject}/*.dcm"}, **changes,
        }  # fmt: skip
        one = card(layouts=[layout], preparation=None, tasks={})
        return select(
            index_dataset(one, tmp_path, tmp_path / "c"), "test", ["T1"], need_label=False
        ).present

    with pytest.raises(DataError, match=r"'s1' has 2 files for T1.*A000.dcm.*B000.dcm") as caught:
        found()
    assert 'series = { T1 = "3" }' in caught.value.hint
    assert found(series={"T1": "3"})[0].paths["T1"] == first[0]
    assert found(series={"T1": "t2 *"})[0].paths["T1"] == second[0]
    assert found(images={"T1": "{subject}/B*.dcm"})[0].paths["T1"] == second[0]


def test_a_folder_given_to_predict_is_one_image_per_series(tmp_path):
    affine = np.diag([-1.0, -1, 1, 1])
    paths = [
        dicom.series(tmp_path / "in", small(), affine, name=f"{letter}{{:03d}}")[0]
        for letter in "AB"
    ]
    toy = card()
    given, _, skipped = given_images([str(tmp_path / "in")], toy, ["T1"], tmp_path / "out")
    assert given == [(one,) for one in paths]
    assert not skipped


def test_echoes_at_the_same_positions_are_volumes_of_their_own(tmp_path):
    affine = np.diag([-1.0, -1, 1, 1])
    paths = dicom.series(tmp_path, small(), affine, name="A{:03d}")
    uid = pydicom.dcmread(paths[0]).SeriesInstanceUID
    for one in dicom.series(tmp_path, small() * 3, affine, name="B{:03d}"):
        data = pydicom.dcmread(one)
        data.SeriesInstanceUID, data.EchoNumbers = uid, 2
        data.save_as(one)
    assert np.array_equal(values_of(open_volume(paths[0])), small())
    assert len(companions(paths[0])) == 5


def test_time_points_are_refused(tmp_path):
    affine = np.diag([-1.0, -1, 1, 1])
    paths = dicom.series(tmp_path, small(), affine, name="A{:03d}")
    uid = pydicom.dcmread(paths[0]).SeriesInstanceUID
    for one in dicom.series(tmp_path, small(), affine, name="B{:03d}"):
        data = pydicom.dcmread(one)
        data.SeriesInstanceUID = uid
        data.save_as(one)
    with pytest.raises(DataError, match=r"\(4, 5, 6, 2\), expected one volume"):
        read_volume(paths[0])


@pytest.mark.parametrize("lost", [2, 3])
def test_a_missing_slice_is_an_error(tmp_path, lost):
    paths = dicom.series(tmp_path, small(), np.diag([-1.0, -1, 2, 1]))
    paths[lost].unlink()
    with pytest.raises(DataError, match="not evenly spaced: up to"):
        read_volume(paths[0])


def test_all_files_of_a_series_count_in_its_key(tmp_path):
    paths = dicom.series(tmp_path / "a", small(), np.diag([-1.0, -1, 1, 1]))
    before = fingerprint_files(paths[:1], tmp_path / "c")
    content = bytearray(paths[3].read_bytes())
    content[-1] ^= 1
    paths[3].write_bytes(content)
    changed = fingerprint_files(paths[:1], tmp_path / "c")
    assert changed != before
    paths[5].unlink()
    assert fingerprint_files(paths[:1], tmp_path / "c") not in (before, changed)
    with pytest.raises(DataError, match="are both read with"):
        fingerprint_files(paths[:2], tmp_path / "c")


# --- files as archives have them -----------------------------------------------------------------

STORED = [
    "MR_small.dcm", "MR_small_bigendian.dcm", "MR_small_implicit.dcm", "MR_small_RLE.dcm",
    "MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm",
]  # fmt: skip


def example(name, folder):
    folder.mkdir(exist_ok=True)
    found = pydicom.data.get_testdata_file(name, download=False)
    return shutil.copy(found, folder / name)


@pytest.mark.parametrize("name", STORED)
def test_transfer_syntaxes_give_the_same_values(tmp_path, name):
    if "j" in name.removeprefix("MR_small"):
        pytest.importorskip("gdcm")
    whole = open_volume(example("MR_small.dcm", tmp_path / "a"))
    other = open_volume(example(name, tmp_path / "b"))
    assert other.shape == (64, 64, 1)
    assert np.array_equal(values_of(other), values_of(whole))
    assert values_of(whole).max() > 1000


def test_what_gdcm_reads_is_what_bench_reads(tmp_path):
    sitk = pytest.importorskip("SimpleITK")
    affine = stored_affine((4, 5, 6), axes="LPS", voxel=(0.5, 0.7, 3.0), tilt=20)
    paths = dicom.series(tmp_path, small(), affine, slope=2, intercept=-5)
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(tmp_path))
    image = sitk.ReadImage(names)
    opened = open_volume(paths[0])
    assert np.array_equal(sitk.GetArrayFromImage(image).transpose(2, 1, 0), values_of(opened))
    for index in ((0, 0, 0), (3, 4, 5), (1, 2, 3)):
        place = image.TransformIndexToPhysicalPoint(index)
        assert np.allclose(np.array(place) * [-1, -1, 1], (opened.affine @ [*index, 1])[:3])


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("examples_rgb_color.dcm", "RGB|does not say where its image lies"),
        ("rtplan.dcm", "holds no image"),
        ("MR_truncated.dcm", "truncated or damaged"),
    ],
)
def test_what_cannot_be_used_says_why(tmp_path, name, fault):
    if pydicom.data.get_testdata_file(name, download=False) is None:
        pytest.skip("this pydicom does not bring the file")
    with pytest.raises(DataError, match=fault):
        read_volume(example(name, tmp_path / "a"))


def test_a_file_without_a_suffix_is_known_by_its_first_bytes(tmp_path):
    (path, *_) = dicom.series(tmp_path, small(), np.diag([-1.0, -1, 1, 1]), name="1.2.840.{}")
    assert known_format(path, "volume").title == "DICOM"
    (tmp_path / "README").write_text("no image" * 50)
    assert known_format(tmp_path / "README", "volume") is None


@pytest.mark.parametrize("keep", [0, 100, 132, 200, 600, -30])
def test_a_file_that_is_cut_short_is_damage_and_names_nobody(tmp_path, keep):
    paths = dicom.series(tmp_path, small(), np.diag([-1.0, -1, 1, 1]), name="A{:03d}.dcm")
    paths[2].write_bytes(paths[2].read_bytes()[:keep])
    with pytest.raises(DataError) as caught:
        read_volume(paths[0])
    assert not any(secret in str(caught.value) for secret in dicom.SECRETS)


def test_an_error_never_shows_what_the_header_holds(tmp_path):
    paths = dicom.series(tmp_path, small(), np.diag([-1.0, -1, 1, 1]), name="A{:03d}.dcm")
    content = paths[1].read_bytes()
    # A name where a number is expected, as a faulty anonymiser may write it.
    slope = content.index(b"\x28\x00\x53\x10DS")
    size = content[slope + 6]
    broken = content[: slope + 8] + b"Muster^Erika".ljust(size)[:size] + content[slope + 8 + size :]
    paths[1].write_bytes(broken)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with pytest.raises(DataError) as caught:
            read_volume(paths[0])
    texts = [str(caught.value), repr(caught.value.__cause__), *(str(one.message) for one in said)]
    assert not any(secret in text for text in texts for secret in ("Mus", "Erika"))
    assert "A001.dcm" in str(caught.value) or "A000.dcm" in str(caught.value)


def test_maps_of_dicom_are_nifti(tmp_path):
    affine = stored_affine((4, 5, 6), axes="LPS", voxel=(0.5, 0.7, 3.0), tilt=20)
    path = dicom.series(tmp_path / "a", small(), affine)[0]
    assert map_suffix(path) == ".nii.gz"
    opened = open_volume(path)
    write_volume(tmp_path / "map.nii.gz", values_of(opened) / 7, like=path)
    back = nibabel.load(tmp_path / "map.nii.gz")
    assert np.allclose(back.affine, opened.affine, atol=1e-5)
    assert np.allclose(back.get_fdata(), values_of(opened) / 7)
    assert b"Muster" not in (tmp_path / "map.nii.gz").read_bytes()
