"""2-D images are read as every viewer shows them, or refused; docs/formats.md says which."""

import re
import struct
import zlib
from importlib.util import find_spec

import numpy as np
import pytest
import tifffile
from PIL import Image

from bench.data.read.formats import FORMATS
from bench.data.read.images import read_image, read_label
from bench.errors import DataError
from conftest import ROOT, skip_or_fail

RNG = np.random.default_rng(1)
GREY = RNG.integers(0, 256, (6, 9), dtype=np.uint8)
RGB = RNG.integers(0, 256, (6, 9, 3), dtype=np.uint8)
LABEL = np.zeros((6, 9), np.uint8)
LABEL[1:3, 2:6] = 1
SHAPE = (6, 9)

# How a viewer turns what is stored (TIFF 6.0, tag 274), and so what must be stored to see GREY.
STORED = {
    1: GREY,
    2: GREY[:, ::-1],
    3: GREY[::-1, ::-1],
    4: GREY[::-1],
    5: GREY.T,
    6: np.rot90(GREY),
    7: GREY[::-1, ::-1].T,
    8: np.rot90(GREY, -1),
}


def exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_images_are_turned_upright(tmp_path, suffix, orientation):
    path = tmp_path / f"a.{suffix}"
    stored = np.ascontiguousarray(STORED[orientation])
    if suffix == "png":
        Image.fromarray(stored).save(path, exif=exif(orientation))
    else:
        tifffile.imwrite(path, stored, extratags=[(274, "H", 1, orientation, True)])
    np.testing.assert_array_equal(read_image(path), GREY)
    np.testing.assert_array_equal(read_label(path, SHAPE, named=True), GREY != 0)


def test_a_jpeg_is_turned_upright(tmp_path):
    smooth = (np.add.outer(3 * np.arange(16), 7 * np.arange(24))).astype(np.uint8)
    path = tmp_path / "a.jpg"
    Image.fromarray(np.rot90(smooth).copy()).save(path, quality=100, exif=exif(6))
    assert abs(read_image(path) - smooth).max() < 4


def test_an_unknown_orientation_is_refused(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GREY, extratags=[(274, "H", 1, 9, True)])
    with pytest.raises(DataError, match="orientation 9, expected 1 to 8"):
        read_image(path)


def test_white_is_zero_in_a_tiff(tmp_path):
    for array, most in ((GREY, 255), (GREY.astype(np.uint16) * 200, 65535)):
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, most - array, photometric="miniswhite")
        np.testing.assert_array_equal(read_image(path), array)


def test_palettes_are_resolved(tmp_path):
    plain = Image.fromarray(RGB).quantize(8)
    colours = np.asarray(plain.convert("RGB"))
    for suffix in ("png", "gif", "bmp"):
        plain.save(tmp_path / f"a.{suffix}")
        np.testing.assert_array_equal(read_image(tmp_path / f"a.{suffix}"), colours)
    table = np.zeros((3, 256), np.uint16)
    table[:, :8] = np.reshape(plain.getpalette(), (-1, 3))[:8].T.astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "a.tif", np.asarray(plain), photometric="palette", colormap=table)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), colours)


@pytest.mark.parametrize("suffix", ["png", "gif", "bmp"])
@pytest.mark.parametrize(
    ("indices", "colours"),
    [
        (LABEL, [(0, 0, 0), (128, 0, 0)]),  # classes in colour, as of VOC
        (1 - LABEL, [(255, 255, 255), (0, 0, 0)]),  # a plain image with a palette of greys
        (LABEL, [(10, 0, 0), (0, 200, 0)]),  # no black at all
    ],
)
def test_labels_with_a_palette(tmp_path, suffix, indices, colours):
    image = Image.fromarray(indices, mode="P")
    image.putpalette([one for colour in colours for one in colour])
    image.save(tmp_path / f"l.{suffix}")
    np.testing.assert_array_equal(read_label(tmp_path / f"l.{suffix}", SHAPE), LABEL != 0)


def test_a_label_whose_palette_contradicts_its_indices_is_refused(tmp_path):
    image = Image.fromarray(LABEL, mode="P")
    image.putpalette([0, 200, 0, 0, 0, 0])
    image.save(tmp_path / "l.png")
    with pytest.raises(DataError, match=r"index 0 in colour \(0, 200, 0\)"):
        read_label(tmp_path / "l.png", SHAPE)


def test_cmyk_is_what_pillow_shows(tmp_path):
    smooth = np.dstack([np.add.outer(9 * np.arange(16), 5 * np.arange(16)).astype(np.uint8)] * 3)
    Image.fromarray(smooth).convert("CMYK").save(tmp_path / "a.jpg", quality=100)
    assert abs(read_image(tmp_path / "a.jpg") - smooth).max() < 6
    cmyk = np.asarray(Image.fromarray(smooth).convert("CMYK"))
    tifffile.imwrite(tmp_path / "a.tif", cmyk, photometric="separated")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), smooth)


# --- alpha and further channels -----------------------------------------------------------------


def with_alpha(array, alpha):
    return np.dstack([array, np.full(SHAPE, alpha, array.dtype)])


def save_png16(path, array):
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[1 if array.ndim == 2 else array.shape[2]]

    def chunk(name, data):
        crc = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + crc

    head = struct.pack(">IIBBBBB", array.shape[1], array.shape[0], 16, kind, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )  # fmt: skip


@pytest.mark.parametrize("array", [GREY, RGB], ids=["grey", "rgb"])
@pytest.mark.parametrize("kind", ["png", "png16", "tif", "tif16"])
def test_alpha_is_dropped_where_it_is_opaque_and_refused_elsewhere(tmp_path, array, kind):
    if kind == "png16" and find_spec("imagecodecs") is None:
        skip_or_fail("imagecodecs is not installed")
    dtype, most = (np.uint16, 65535) if kind.endswith("16") else (np.uint8, 255)
    path = tmp_path / f"a.{kind[:3]}"
    shown = array.astype(dtype) * (most // 255)
    for alpha in (most, most - 1):
        stored = with_alpha(shown, alpha)
        if kind == "png":
            Image.fromarray(stored).save(path)
        elif kind == "png16":
            save_png16(path, stored)
        else:
            colour = "rgb" if array.ndim == 3 else "minisblack"
            tifffile.imwrite(
                path, stored, photometric=colour, extrasamples=["unassalpha"],
                planarconfig="contig",
            )  # fmt: skip
        if alpha == most:
            np.testing.assert_array_equal(read_image(path), shown)
        else:
            with pytest.raises(DataError, match="54 transparent pixels"):
                read_image(path)


def test_a_transparent_grey_or_colour_is_refused(tmp_path):
    array = np.maximum(GREY, 1)
    Image.fromarray(array).save(tmp_path / "a.png", transparency=0)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), array)
    array[0, 0] = 0
    Image.fromarray(array).save(tmp_path / "a.png", transparency=0)
    with pytest.raises(DataError, match="1 transparent pixel,"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("count", [2, 4, 5])
def test_no_channel_is_dropped(tmp_path, count):
    stack = RNG.normal(size=(6, 9, count)).astype(np.float32)
    np.save(tmp_path / "a.npy", stack)
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack", planarconfig="contig")
    for name, said in (("a.npy", "shape"), ("a.tif", f"holds {count} channels")):
        with pytest.raises(DataError, match=said) as caught:
            read_image(tmp_path / name)
        assert "modality" in caught.value.hint


def test_planes_one_after_the_other(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif", RGB.transpose(2, 0, 1), photometric="rgb", planarconfig="separate"
    )
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), RGB)


def test_several_images_in_a_file_are_refused(tmp_path):
    stack = RNG.integers(0, 256, (3, 6, 9), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "pages.tif", stack, photometric="minisblack")
    tifffile.imwrite(tmp_path / "imagej.tif", stack, imagej=True)
    frames = [Image.fromarray(one) for one in stack]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    for name in ("pages.tif", "imagej.tif", "a.gif", "a.png"):
        with pytest.raises(DataError, match="holds 3 images"):
            read_image(tmp_path / name)


def test_a_small_copy_beside_an_image_is_not_a_second_image(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(GREY)
        file.write(GREY[::2, ::2], subfiletype=1)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), GREY)


@pytest.mark.parametrize("photometric", ["cielab", "logluv"])
def test_other_colour_spaces_are_refused(tmp_path, photometric):
    tifffile.imwrite(tmp_path / "a.tif", RGB, photometric=photometric)
    with pytest.raises(DataError, match="photometric interpretation"):
        read_image(tmp_path / "a.tif")


def test_the_page_on_formats_names_every_suffix():
    page = (ROOT / "docs/formats.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(\.[a-z0-9.]+)`", page))
    packed = (".gz", ".bz2", ".zst")
    plain = {s for one in FORMATS for s in one.suffixes if not s.endswith(packed)}
    assert plain <= named
    assert named - {".gz", ".bz2", ".zst", ".npz", ".mat"} <= {
        s for one in FORMATS for s in one.suffixes
    }
