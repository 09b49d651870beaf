"""Labels of whole numbers are read; soft ones are refused, by every reader of labels alike."""

import nibabel as nib
import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter, zoom

from bench.data.files import LabelValues
from bench.data.read import volumes
from bench.data.read.images import read_label
from bench.data.read.labels import read_image_labels
from bench.data.read.volumes import read_label_volume, read_mask, read_volume
from bench.errors import DataError

LESION = np.zeros((24, 20, 10), dtype=np.float32)
LESION[8:16, 6:12, 3:7] = 1
FLAT = LESION[:, :, 4]


def volume(path, values, dtype=np.float32, slope=None):
    image = nib.Nifti1Image(np.asarray(values, dtype=np.float64), np.eye(4))
    image.set_data_dtype(dtype)
    if slope is not None:
        image.header.set_slope_inter(*slope)
    nib.save(image, path)
    return path


@pytest.fixture
def image(tmp_path):
    return read_volume(volume(tmp_path / "i.nii.gz", LESION + 1))


@pytest.mark.parametrize(
    "values",
    [
        LESION,
        255 * LESION,
        0.5 * LESION,  # one value beside 0
        LESION * (1 - 2e-5) + 1.6e-4,  # as scaled integers keep 0 and 1
        LESION * np.where(np.arange(24) < 12, 1, 4)[:, None, None],  # two classes
        LESION * (np.arange(24) // 4)[:, None, None],  # neighbouring classes
    ],
    ids=["binary", "255", "half", "scaled", "classes", "numbered"],
)
def test_whole_values_are_labels(tmp_path, image, values):
    path = volume(tmp_path / "l.nii.gz", values)
    np.testing.assert_array_equal(read_mask(path, image).data, LESION != 0)
    np.testing.assert_array_equal(read_label_volume(path).data != 0, LESION != 0)


SOFT = {
    "smoothed": gaussian_filter(LESION, 1),
    "probabilities": np.clip(gaussian_filter(LESION, 1) + 0.1, 0, 1),
    "percent": np.rint(100 * gaussian_filter(LESION, 1)),
    "8 bits": np.rint(255 * gaussian_filter(LESION, 1)),
}


@pytest.mark.parametrize("values", SOFT.values(), ids=SOFT)
def test_soft_volumes_are_refused_as_label_and_as_mask(tmp_path, image, values):
    path = volume(tmp_path / "l.nii.gz", values)
    for read in (
        lambda: read_mask(path, image),
        lambda: read_label_volume(path),
    ):
        with pytest.raises(DataError, match="as interpolation leaves them") as caught:
            read()
        assert str(path) in str(caught.value)
        assert "one half" in caught.value.hint


def label(path, values, **options):
    Image.fromarray(np.asarray(values, dtype=np.uint8)).save(path, **options)
    return path


@pytest.mark.parametrize(
    "values",
    [
        FLAT,
        255 * FLAT,
        FLAT * np.where(np.arange(24) < 12, 128, 255)[:, None],  # two classes, as of cup and disc
        FLAT * (np.arange(24) // 4)[:, None],
    ],
    ids=["binary", "255", "classes", "numbered"],
)
def test_whole_images_are_labels(tmp_path, values):
    path = label(tmp_path / "l.png", values)
    np.testing.assert_array_equal(read_label(path, FLAT.shape), FLAT != 0)


@pytest.mark.parametrize(
    "values",
    [
        255 * gaussian_filter(FLAT, 1),
        255 * gaussian_filter(FLAT, 0.6),
        255 * zoom(FLAT[::2, ::2], 2, order=1),
        np.dstack([255 * gaussian_filter(FLAT, 1), 0 * FLAT, 0 * FLAT]),
    ],
    ids=["smoothed", "a rim", "resized", "in colour"],
)
def test_soft_images_are_refused(tmp_path, values):
    path = label(tmp_path / "l.png", np.rint(values))
    with pytest.raises(DataError, match="leaves") as caught:
        read_label(path, FLAT.shape)
    assert "lesion = [...]" in caught.value.hint


def test_what_jpeg_leaves_is_refused(tmp_path):
    path = label(tmp_path / "l.jpg", 255 * FLAT, quality=75)
    with pytest.raises(DataError, match="JPEG"):
        read_label(path, FLAT.shape)
    with pytest.raises(DataError, match="JPEG"):
        read_image_labels([path], LabelValues(lesion=(255,)), FLAT.shape)
    empty = label(tmp_path / "e.jpg", 0 * FLAT)
    assert not read_label(empty, FLAT.shape).any()


def test_a_card_that_names_the_values_decides(tmp_path):
    rim = np.rint(255 * gaussian_filter(FLAT, 0.4))
    assert len(np.unique(rim)) < 10
    path = label(tmp_path / "l.png", rim)
    with pytest.raises(DataError, match="shades between"):
        read_label(path, FLAT.shape)
    lesion, _ = read_image_labels([path], LabelValues(lesion=(255,)), FLAT.shape)
    np.testing.assert_array_equal(lesion, rim == 255)


@pytest.mark.parametrize("classes", [(1, 2, 4, 255), (1, 2, 4), (10, 150, 151)], ids=str)
def test_classes_that_are_mixed_voxel_by_voxel_are_no_shades(tmp_path, image, classes):
    mixed = LESION * np.random.default_rng(3).choice(classes, LESION.shape)
    path = volume(tmp_path / "l.nii.gz", mixed)
    np.testing.assert_array_equal(read_mask(path, image).data, LESION != 0)


def test_small_numbered_lesions_are_no_shades(tmp_path, image):
    many = np.zeros_like(LESION)
    many[1::3, 1::3, 5] = np.arange(1, 57).reshape(8, 7)
    path = volume(tmp_path / "l.nii.gz", many)
    np.testing.assert_array_equal(read_mask(path, image).data, many != 0)


def test_soft_values_are_found_slab_by_slab(tmp_path, image, monkeypatch):
    monkeypatch.setattr(volumes, "PART_VOXELS", 1)
    for values in SOFT.values():
        with pytest.raises(DataError, match="not a label of classes"):
            read_mask(volume(tmp_path / "l.nii.gz", values), image)
    path = volume(tmp_path / "l.nii.gz", LESION)
    np.testing.assert_array_equal(read_mask(path, image).data, LESION != 0)
