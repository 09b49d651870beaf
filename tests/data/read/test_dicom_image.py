"""2-D images in DICOM: what viewers show, each file by itself, and no person's name."""

import numpy as np
import pytest

from bench.cards import ImagePreparation
from bench.data.cache.fingerprint import fingerprint_files, fingerprint_subjects
from bench.data.check.dataset import check_dataset
from bench.data.find.index import index_dataset
from bench.data.prepare.subject import PreparationRequest, prepare_subject
from bench.data.read.images import read_image, read_label
from bench.errors import DataError
from fakes.brain_files import card

pydicom = pytest.importorskip("pydicom")
from fakes import dicom_files as dicom  # noqa: E402 - it needs pydicom

GREY = np.arange(7 * 9, dtype=np.uint8).reshape(7, 9) + 20
SIGNED = np.arange(-30, 33, dtype=np.int16).reshape(7, 9) * 5
COLOUR = np.stack([GREY, GREY[::-1], 255 - GREY], axis=2)


def test_grey_values_are_rescaled(tmp_path):
    path = dicom.picture(tmp_path / "a.dcm", SIGNED, RescaleSlope=0.5, RescaleIntercept=-3.25)
    np.testing.assert_array_equal(read_image(path), SIGNED * np.float32(0.5) - np.float32(3.25))
    assert read_image(path).dtype == np.float32
    no_suffix = path.rename(tmp_path / "IM0001")
    np.testing.assert_array_equal(read_image(no_suffix)[0, :2], [-78.25, -75.75])


def test_where_high_values_are_dark_they_are_turned_over(tmp_path):
    eight = dicom.picture(tmp_path / "a.dcm", GREY, "MONOCHROME1")
    np.testing.assert_array_equal(read_image(eight), 255.0 - GREY)
    bits = {"BitsStored": 12, "HighBit": 11}
    twelve = dicom.picture(tmp_path / "b.dcm", GREY.astype(np.uint16), "MONOCHROME1", **bits)
    np.testing.assert_array_equal(read_image(twelve), 4095.0 - GREY)
    signed = dicom.picture(tmp_path / "c.dcm", SIGNED, "MONOCHROME1", RescaleSlope=2)
    np.testing.assert_array_equal(read_image(signed), (-1.0 - SIGNED) * 2)


def test_of_a_label_the_stored_values_count(tmp_path):
    lesion = (GREY > 60).astype(np.uint8)
    path = dicom.picture(tmp_path / "a.dcm", lesion, "MONOCHROME1")
    np.testing.assert_array_equal(read_label(path, (7, 9)), lesion > 0)


def test_colours_are_rgb(tmp_path):
    np.testing.assert_array_equal(
        read_image(dicom.picture(tmp_path / "a.dcm", COLOUR, "RGB")), COLOUR
    )
    other = pydicom.pixels.convert_color_space(COLOUR, "RGB", "YBR_FULL")
    found = read_image(dicom.picture(tmp_path / "b.dcm", other, "YBR_FULL"))
    assert np.abs(found - COLOUR).max() <= 3
    assert np.abs(other.astype(float) - COLOUR).max() > 50


@pytest.mark.parametrize(
    ("tags", "problem"),
    [
        ({"NumberOfFrames": 2}, "holds 2 images, expected one"),
        ({"ModalityLUTSequence": [pydicom.Dataset()]}, "has a table of values (modality LUT)"),
        ({"PhotometricInterpretation": dicom.NAME}, "is neither grey nor RGB"),
        ({"Rows": 60000, "Columns": 60000}, "its header promises"),
        ({"Rows": 8}, "is truncated or damaged"),
    ],
)
def test_what_cannot_be_used_is_named_and_no_value_is_quoted(tmp_path, tags, problem):
    path = dicom.picture(tmp_path / "a.dcm", GREY, **tags)
    with pytest.raises(DataError) as error:
        read_image(path)
    assert problem in str(error.value)
    assert not any(secret in f"{error.value} {error.value.hint}" for secret in dicom.SECRETS)


def test_images_of_one_series_stand_alone(tmp_path):
    """As slices that a challenge gives as single images: none counts in the key of another."""
    values = np.random.default_rng(0).integers(0, 900, (12, 12, 6)).astype(np.int16)
    paths = dicom.series(tmp_path / "toy/normal", values, np.diag([1.0, 1, 3, 1]), name="{}.dcm")
    xray = dicom.picture(tmp_path / "toy/ill/9", values[:, :, 0].T.copy(), "MONOCHROME1")
    layout = {
        "name": "flat", "title": "", "kind": "images", "images": {"CT": "{class}/{image}[.dcm]"},
        "id": "{class}-{image}", "normal": ["normal"], "abnormal": ["ill"],
    }  # fmt: skip
    own = card(
        layouts=[layout],
        preparation={"foreground": "whole"},
        tasks={"all": {"title": "", "channels": ["CT"]}},
        splits={"test": {"subjects": "all", "rule": ""}},
    )
    cache = tmp_path / "cache"
    found = check_dataset(own, tmp_path, cache)
    assert [one for one in found if one.severity == "error"] == []
    subjects = index_dataset(own, tmp_path, cache).subjects
    assert len(subjects) == 7
    assert [one.abnormal for one in subjects["ill-9"].image_files] == [True]
    one = subjects["normal-2"]
    before = fingerprint_subjects([one], ["CT"], False, cache)
    paths[0].unlink()
    assert fingerprint_subjects([one], ["CT"], False, cache) == before
    assert len(fingerprint_files([*paths[1:], xray], cache, kind="image")) == 6
    request = PreparationRequest(
        ["CT"], ImagePreparation(foreground="whole"), 12, lesion_free=False, with_label=False
    )
    made = prepare_subject(subjects["ill-9"], request, cache)
    order = np.argsort(values[:, :, 0].T.ravel())
    assert (np.diff(made.images[0, 0].ravel()[order]) <= 0).all()
    kept = b"".join(part.read_bytes() for part in cache.rglob("*") if part.is_file())
    assert not any(secret.encode() in kept for secret in dicom.SECRETS)


@pytest.mark.parametrize(
    ("tags", "problem"),
    [
        ({"HighBit": 15, "BitsStored": 12}, "keeps its values in other bits than the lowest"),
        ({"PixelData": GREY.astype(np.uint16).tobytes() * 2}, "more images than its header counts"),
        ({"RescaleSlope": "nan"}, "is truncated or damaged: ValueError"),
        ({"SamplesPerPixel": 3}, "has 3 values per pixel, and says that it is grey"),
        ({"PhotometricInterpretation": "RGB"}, "has 1 value per pixel, and says that it is colour"),
    ],
)
def test_headers_that_contradict_their_values_are_refused(tmp_path, tags, problem):
    path = dicom.picture(tmp_path / "a.dcm", GREY.astype(np.uint16))
    data = pydicom.dcmread(path)
    for name, value in tags.items():
        setattr(data, name, value)
    data.save_as(path)
    with pytest.raises(DataError) as error:
        read_image(path)
    assert problem in str(error.value)


def test_an_enhanced_file_of_one_frame_has_its_own_scale(tmp_path):
    path = dicom.multi_frame(
        tmp_path / "a.dcm", SIGNED.T[..., None], np.diag([1.0, 1, 3, 1]), slope=2, intercept=-100
    )
    np.testing.assert_array_equal(read_image(path), 2.0 * SIGNED - 100)


def test_bits_of_an_overlay_are_no_values(tmp_path):
    values = GREY.astype(np.uint16) * 16
    drawn = values | ((GREY > 60).astype(np.uint16) << 15)
    path = dicom.picture(tmp_path / "a.dcm", drawn, BitsStored=12, HighBit=11)
    np.testing.assert_array_equal(read_image(path), values)


def test_a_jpeg_is_no_label(tmp_path):
    path = dicom.picture(tmp_path / "a.dcm", (GREY > 60).astype(np.uint8))
    data = pydicom.dcmread(path)
    data.PixelData = pydicom.encaps.encapsulate([b"\xff\xd8\xff\xd9"])
    data["PixelData"].is_undefined_length = True
    data.file_meta.TransferSyntaxUID = pydicom.uid.JPEGBaseline8Bit
    data.save_as(path)
    with pytest.raises(DataError, match="is a label that the compression of JPEG has changed"):
        read_label(path, (7, 9))
