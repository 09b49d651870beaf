"""How images that are not square fill the square, and the way back."""

import numpy as np
import pytest
from PIL import Image

from bench.cards import ImagePreparation
from bench.data.files import ImageFiles, SubjectFiles
from bench.data.prepare.export import to_image
from bench.data.prepare.fit import content_box, square_axes
from bench.data.prepare.images import axes_of
from bench.data.prepare.kept import image_truths
from bench.data.prepare.subject import PreparationRequest, prepare_subject
from bench.data.prepare.version import preparation_fingerprint
from bench.data.read.images import read_image
from bench.errors import DataError

FITS = ("pad", "stretch", "crop-to-content")
# A B-scan of 1408 x 573, at a quarter of its size: a bright band with a lesion on dark noise.
SHAPE = (144, 352)


def how(fit, foreground="whole"):
    return ImagePreparation(foreground=foreground, fit=fit)


def scan():
    rng = np.random.default_rng(3)
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    band = np.abs(rows - 70 - 8 * np.sin(columns / 60)) < 20
    return (rng.gamma(2, 6, SHAPE) + band * rng.normal(150, 15, SHAPE)).clip(0, 255), band


def made(folder, fit, size=64, label=None):
    folder.mkdir(parents=True, exist_ok=True)
    image, _ = scan()
    Image.fromarray(image.astype(np.uint8)).save(folder / "a.png")
    paths = {}
    if label is not None:
        Image.fromarray(label.astype(np.uint8)).save(folder / "l.png")
        paths["label"] = folder / "l.png"
    one = ImageFiles("a", {"OCT": folder / "a.png"}, **paths)
    files = SubjectFiles("own", "a", {}, image_files=(one,))
    request = PreparationRequest(["OCT"], how(fit), size, with_label=label is not None)
    return one, request, prepare_subject(files, request, folder / "cache")


def test_a_card_that_says_nothing_keeps_its_key():
    assert "fit" not in ImagePreparation(foreground="whole").model_dump(mode="json")
    keys = {preparation_fingerprint(how(fit)) for fit in FITS}
    assert len(keys) == 3
    assert preparation_fingerprint(ImagePreparation(foreground="whole")) in keys


def test_rows_of_a_wide_scan(tmp_path):
    """Of 64 rows padding leaves 26 to the image, and 7 to the retina."""
    rows = {}
    for fit in FITS:
        _, _, prepared = made(tmp_path / fit, fit)
        assert prepared.images.shape == (1, 1, 64, 64)
        bright = (prepared.images[0, 0] > 0.5) & prepared.masks[0]
        rows[fit] = (int(prepared.masks[0].any(axis=1).sum()), float(bright.sum(axis=0).mean()))
    assert rows["pad"] == (26, pytest.approx(7, abs=0.5))
    assert rows["stretch"] == (64, pytest.approx(64 * 39 / 144, abs=1))
    assert rows["crop-to-content"][0] == 64
    assert rows["crop-to-content"][1] > 35


@pytest.mark.parametrize("fit", FITS)
def test_a_map_goes_back_to_its_pixels(tmp_path, fit):
    one, request, prepared = made(tmp_path, fit, size=352)
    axes = axes_of(one, request, request.preparation, tmp_path / "cache")
    image = read_image(one.paths["OCT"])
    back, inside = to_image(prepared.images[0, 0], prepared.masks[0], SHAPE, axes)
    low, high = np.percentile(image, [1, 99])
    _, band = scan()
    assert inside[band].all()
    # Half a pixel off, neighbouring noise would be as far as 15 from it.
    apart = back * (high - low) + low - image
    assert np.corrcoef(back[band], image[band])[0, 1] > 0.8
    assert abs(np.mean(apart[band])) < 2


@pytest.mark.parametrize("fit", FITS)
def test_landmarks_are_where_they_were(fit):
    """Rows and columns as values: each prepared pixel says where it came from."""
    layers, inside = [scan()[0]], np.ones(SHAPE, bool)
    rows, columns = square_axes(layers, inside, how(fit), 64)
    for axis, length in ((rows, SHAPE[0]), (columns, SHAPE[1])):
        places = axis.positions
        ends = (places[0] - axis.step / 2, places[-1] + axis.step / 2)
        if fit == "stretch":
            assert ends == pytest.approx((-0.5, length - 0.5))
        elif fit == "pad":
            assert sum(ends) / 2 == pytest.approx((length - 1) / 2)
        else:
            assert ends[0] >= -0.5
            assert ends[1] <= length - 0.5


def test_the_foreground_is_the_content_where_there_is_one():
    inside = np.zeros((50, 90), bool)
    inside[10:20, 30:80] = True
    assert content_box([np.zeros((50, 90))], inside) == [(10, 20), (30, 80)]


def test_specks_are_no_content():
    image = np.zeros((100, 100), np.float32)
    image[40:60, 20:90] = 1
    image[3, 3] = 5
    assert content_box([image], np.ones((100, 100), bool)) == [(38, 62), (13, 97)]


def test_a_lesion_outside_the_content_is_counted_as_lost(tmp_path):
    label = np.zeros(SHAPE)
    label[66:74, 100:110] = 255  # in the band
    label[130:134, 300:305] = 255  # far below it
    for fit, kept in (("pad", 2), ("stretch", 2), ("crop-to-content", 1)):
        one, request, prepared = made(tmp_path / fit, fit, label=label)
        assert (prepared.truth.lesions, prepared.truth.lesions_kept) == (2, kept)
        truths, _ = image_truths(
            one, {"OCT": read_image(one.paths["OCT"])}, label > 0, request.preparation, [64]
        )
        assert truths[64] == prepared.truth


@pytest.mark.parametrize("shape", [(1, 300), (300, 1), (3, 2000)])
def test_an_image_of_which_padding_leaves_nothing_is_refused_by_check_and_run(tmp_path, shape):
    """An image of 1 x 300 is a fifth of a pixel high in a square of 64: it vanished."""
    image = (np.arange(np.prod(shape)).reshape(shape) % 251).astype(np.uint8)
    Image.fromarray(image).save(tmp_path / "a.png")
    one = ImageFiles("a", {"OCT": tmp_path / "a.png"})
    files = SubjectFiles("own", "a", {}, image_files=(one,))
    read = {"OCT": read_image(tmp_path / "a.png")}
    said = rf"left in a square of 64 x 64 pixels: the image has {shape[0]} x {shape[1]}"
    with pytest.raises(DataError, match=said):
        prepare_subject(files, PreparationRequest(["OCT"], how("pad"), 64), tmp_path / "cache")
    with pytest.raises(DataError, match=said):
        image_truths(one, read, None, how("pad"), [64])
    image_truths(one, read, None, how("stretch"), [64])
    prepared = prepare_subject(
        files, PreparationRequest(["OCT"], how("stretch"), 64), tmp_path / "cache"
    )
    assert prepared.masks.mean() > 0.95
