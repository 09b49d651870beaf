"""Foreground of 2-D images whose background is not 0, and shares that are worth a look."""

import numpy as np
import pytest
from PIL import Image

from bench.cards import ImagePreparation
from bench.data.cache.stored import Foreground
from bench.data.files import ImageFiles, SubjectFiles
from bench.data.prepare.shares import share_findings
from bench.data.prepare.subject import PreparationRequest, prepare_subject
from bench.data.prepare.version import PREPARATION_VERSION, preparation_fingerprint, version_of
from bench.errors import DataError
from bench.keys import key_of

RNG = np.random.default_rng(5)
DISC = np.hypot(*np.mgrid[-8:8, -8:8] + 0.5) < 6
TISSUE = RNG.integers(40, 200, (16, 16))
NON_ZERO = ImagePreparation(foreground="non-zero")


RGB = ImagePreparation(foreground="non-zero", colour="rgb")


def prepared(folder, array, *, mask=None, preparation=None):
    preparation = preparation or (RGB if array.ndim == 3 else NON_ZERO)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / ("a.npy" if array.dtype.kind == "f" else "a.png")
    if path.suffix == ".npy":
        np.save(path, array)
    else:
        Image.fromarray(array).save(path)
    files = SubjectFiles("own", "a", {}, image_files=(ImageFiles("a", {"I": path}, mask=mask),))
    request = PreparationRequest(["I"], preparation, 16, lesion_free=False, with_label=False)
    return prepare_subject(files, request, folder / "cache")


@pytest.mark.parametrize(
    "array",
    [
        np.where(DISC, TISSUE, 0).astype(np.uint8),
        np.where(DISC, TISSUE, 255).astype(np.uint8),  # a scan on white paper
        np.where(DISC, TISSUE, 65535).astype(np.uint16),
        np.where(DISC, TISSUE / 50 - 2, -1).astype(np.float32),  # padded after scaling
        np.where(DISC, TISSUE / 50 - 2, 1.6e-4).astype(np.float32),
        np.where(DISC[..., None], TISSUE[..., None], (250, 240, 230)).astype(np.uint8),
    ],
    ids=["black", "white", "white-16", "minus-one", "small", "colour"],
)
def test_the_one_colour_of_the_border_is_background(tmp_path, array):
    made = prepared(tmp_path, array)
    np.testing.assert_array_equal(made.masks[0], DISC)
    assert (made.images[0][:, ~DISC] == 0).all()
    assert made.foreground.share == DISC.mean()
    assert made.foreground.of == "image"
    edge = array[0, 0]
    assert made.foreground.backgrounds == tuple(sorted({float(one) for one in np.atleast_1d(edge)}))


def test_a_dark_object_on_white_is_foreground(tmp_path):
    array = np.full((16, 16), 255, np.uint8)
    array[DISC] = TISSUE[DISC]
    array[8, 8] = 0
    assert prepared(tmp_path, array).masks[0][8, 8]


def test_a_border_of_many_values_leaves_zero_as_background(tmp_path):
    array = TISSUE.astype(np.uint8)
    array[5:7, 5:7] = 0
    made = prepared(tmp_path, array)
    np.testing.assert_array_equal(made.masks[0], array != 0)
    assert made.foreground.backgrounds == (0.0,)


def test_a_mask_and_the_whole_image_need_no_background(tmp_path):
    array = np.where(DISC, TISSUE, 255).astype(np.uint8)
    whole = prepared(tmp_path / "w", array, preparation=ImagePreparation(foreground="whole"))
    assert whole.foreground is None
    assert whole.masks.all()
    Image.fromarray((DISC * 255).astype(np.uint8)).save(tmp_path / "mask.png")
    given = prepared(tmp_path / "m", array, mask=tmp_path / "mask.png")
    assert given.foreground == Foreground((), DISC.mean(), "image")


def test_a_speck_is_not_an_image(tmp_path):
    array = np.full((256, 256), 255, np.uint8)
    array[100, 100:104] = (1, 2, 3, 4)
    with pytest.raises(DataError, match=r"almost so \(4 of 65,536 pixels\); background was taken"):
        prepared(tmp_path, array)


def test_only_the_keys_of_this_rule_move():
    whole = ImagePreparation(foreground="whole")
    assert (version_of(whole), version_of(NON_ZERO)) == (
        PREPARATION_VERSION,
        PREPARATION_VERSION + 1,
    )
    assert preparation_fingerprint(whole) == key_of(
        [PREPARATION_VERSION, whole.model_dump(mode="json")]
    )


def test_unusual_shares_are_a_finding_whatever_the_background():
    images = {f"s{n}": Foreground((0.0,), share, "image") for n, share in enumerate((0.4, 1, 0.97))}
    (found,) = share_findings("own/t, test", images)
    assert (found.severity, found.where) == ("warning", "own/t, test")
    assert found.problem == (
        "the foreground is 97 to 100 % of the image in 2 of 3 subjects, expected 2 to 95 %: s1, s2"
    )
    (volume,) = share_findings("x", {"a": Foreground((), 0.7), "b": Foreground((), 0.6)})
    assert volume.problem == (
        "the foreground is 70 % of the volume in 1 of 2 subjects, expected 2 to 65 %: a"
    )
    assert [*share_findings("x", {"a": Foreground((0.0,), 0.2)})] == []
