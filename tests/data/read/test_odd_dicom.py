"""DICOM files that say something else than the slices of one volume on one grid."""

import numpy as np
import pytest

from bench.data.find.given_images import given_images
from bench.data.read.volumes import open_volume, read_volume
from bench.errors import DataError
from fakes.brain_files import card

pydicom = pytest.importorskip("pydicom")
from pydicom.dataset import Dataset  # noqa: E402 - it may not be installed
from pydicom.sequence import Sequence  # noqa: E402

from fakes import dicom_files as dicom  # noqa: E402 - it needs pydicom

VALUES = (np.arange(4 * 5 * 6).reshape(4, 5, 6) + 1).astype(np.int16)
AFFINE = np.diag([-1.0, -2, 3, 1])


def edit(path, **tags):
    data = pydicom.dcmread(path)
    for name, value in tags.items():
        if value is None:
            delattr(data, name)
        else:
            setattr(data, name, value)
    data.save_as(path)


def per_frame(path, group, values):
    """Give each frame of an enhanced file a group of its own."""
    data = pydicom.dcmread(path)
    for frame, tags in zip(data.PerFrameFunctionalGroupsSequence, values, strict=True):
        one = Dataset()
        for name, value in tags.items():
            setattr(one, name, value)
        setattr(frame, group, Sequence([one]))
    data.save_as(path)


def refused(path, said):
    with pytest.raises(DataError, match=said) as caught:
        read_volume(path)
    assert not any(secret in str(caught.value) for secret in dicom.SECRETS)


@pytest.mark.parametrize(
    ("group", "values", "said"),
    [
        ("PlaneOrientationSequence",
         [{"ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}] * 3
         + [{"ImageOrientationPatient": [0, -1, 0, 1, 0, 0]}] * 3, "several orientations"),
        ("PixelMeasuresSequence",
         [{"PixelSpacing": [2, 1], "SliceThickness": 3}] * 5
         + [{"PixelSpacing": [4, 3], "SliceThickness": 3}], "several pixel sizes"),
    ],
)  # fmt: skip
def test_frames_that_are_turned_or_larger_are_no_volume(tmp_path, group, values, said):
    path = dicom.multi_frame(tmp_path / "a.dcm", VALUES, AFFINE)
    assert read_volume(path).voxel_mm.tolist() == [1, 2, 3]
    per_frame(path, group, values)
    refused(path, said)


def test_each_frame_has_its_own_scale(tmp_path):
    path = dicom.multi_frame(tmp_path / "a.dcm", VALUES, AFFINE, order=[5, 3, 1, 0, 2, 4])
    scales = [{"RescaleSlope": k + 1, "RescaleIntercept": -k} for k in (5, 3, 1, 0, 2, 4)]
    per_frame(path, "PixelValueTransformationSequence", scales)
    ((_, values),) = open_volume(path).slabs(6)
    assert np.array_equal(values, VALUES * np.arange(1, 7) - np.arange(6))


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({"PixelSpacing": [4, 5]}, "several pixel sizes"),
        ({"PixelSpacing": [-2, 1]}, "pixel size that is not above 0"),
        ({"ImageOrientationPatient": [2, 0, 0, 0, 2, 0]}, "holds no image|not of length 1"),
        ({"ImageOrientationPatient": [1, 0, 0, 0.5, 0.866, 0]}, "at right angles"),
        ({"RescaleSlope": 0}, "rescale slope of 0"),
        ({"RescaleSlope": "nan"}, "is truncated or damaged: ValueError"),
        ({"BitsStored": 12}, "in other bits than the lowest"),
        ({"ImagePositionPatient": None}, "does not say where its image lies"),
    ],
)
def test_one_odd_slice_spoils_its_series(tmp_path, tags, said):
    paths = dicom.series(tmp_path, VALUES, AFFINE)
    edit(paths[2], **tags)
    refused(paths[2], said)
    if "ImageOrientationPatient" not in tags:  # which parts series
        refused(paths[0], said)


def test_a_single_slice_says_how_thick_it_is(tmp_path):
    (path,) = dicom.series(tmp_path, VALUES[:, :, :1], AFFINE)
    assert read_volume(path).voxel_mm.tolist() == [1, 2, 3]
    edit(path, SliceThickness=None)
    refused(path, "does not say how thick its only slice is")


def test_a_screenshot_in_the_folder_spoils_no_other_series(tmp_path):
    paths = dicom.series(tmp_path / "p", VALUES, AFFINE)
    shot = dicom.picture(tmp_path / "p" / "SHOT", np.arange(600, dtype=np.uint8).reshape(20, 30))
    ((_, values),) = open_volume(paths[0]).slabs(6)
    assert np.array_equal(values, VALUES)
    found, _, _ = given_images([str(tmp_path / "p")], card(), ["T1"], tmp_path / "out")
    assert [one for (one,) in found] == sorted([paths[0], shot])  # neither goes without a word
    refused(shot, "does not say where its image lies")
