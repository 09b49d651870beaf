"""2-D images as strangers have them: the values of an independent decoder, or a clear refusal."""

import struct
import zlib
from importlib.util import find_spec

import numpy as np
import pytest
import tifffile
from PIL import Image

from bench.data.files import LabelValues
from bench.data.read.images import read_image, read_label, read_label_values
from bench.data.read.labels import read_image_labels, read_image_mask
from bench.errors import DataError
from conftest import skip_or_fail

RNG = np.random.default_rng(5)
SHAPE = (12, 16)
GREY = RNG.integers(1, 250, SHAPE, dtype=np.uint8)
DEEP = RNG.integers(0, 65536, (*SHAPE, 3), dtype=np.uint16)
LESION = np.zeros(SHAPE, bool)
LESION[3:8, 4:10] = True


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(path, array, bits, kind, before=b"", after=b""):
    """A PNG of any depth, which Pillow cannot write."""
    rows = b""
    for row in array:
        if bits == 16:
            rows += b"\0" + row.astype(">u2").tobytes()
        else:
            text = "".join(f"{value:0{bits}b}" for value in row)
            rows += b"\0" + bytes(int(text[n : n + 8], 2) for n in range(0, len(text), 8))
    head = struct.pack(">IIBBBBB", array.shape[1], array.shape[0], bits, kind, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + before
        + chunk(b"IDAT", zlib.compress(rows)) + after + chunk(b"IEND", b"")
    )  # fmt: skip
    return path


def refused(path, said, read=read_image):
    with pytest.raises(DataError) as caught:
        read(path)
    assert said in str(caught.value)
    assert caught.value.hint
    return caught.value


def as_label(path):
    return read_label(path, SHAPE)


# --- what a file is, and what its name says ---


def test_16_bits_stay_16_whatever_the_suffix_says(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", DEEP, photometric="rgb")
    tifffile.imwrite(tmp_path / "w.tif", 65535 - DEEP[..., 0], photometric="miniswhite")
    for suffix in ("png", "jpg", "bmp"):
        (tmp_path / f"a.{suffix}").write_bytes((tmp_path / "a.tif").read_bytes())
        np.testing.assert_array_equal(read_image(tmp_path / f"a.{suffix}"), DEEP)
        (tmp_path / f"w.{suffix}").write_bytes((tmp_path / "w.tif").read_bytes())
        np.testing.assert_array_equal(read_image(tmp_path / f"w.{suffix}"), DEEP[..., 0])
    if find_spec("imagecodecs") is None:
        skip_or_fail("imagecodecs is not installed")
    for suffix in ("jpg", "tif", "npy"):
        named = png(tmp_path / f"p.{suffix}", DEEP, 16, 2)
        np.testing.assert_array_equal(read_image(named), DEEP)


def test_a_photograph_called_png_is_read_and_is_no_label(tmp_path):
    Image.fromarray(LESION.astype(np.uint8) * 255).save(tmp_path / "a.jpg", quality=70)
    path = (tmp_path / "a.jpg").rename(tmp_path / "a.png")
    with Image.open(path) as image:
        np.testing.assert_array_equal(read_image(path), np.asarray(image))
    refused(path, "as the compression of JPEG leaves them", as_label)
    refused(path, "compression of JPEG", lambda one: read_label_values(one, SHAPE))
    Image.fromarray(LESION).save(path)  # and a PNG called .jpg is one
    np.testing.assert_array_equal(as_label(path.rename(tmp_path / "b.jpg")), LESION)


@pytest.mark.parametrize("kind", ["WEBP", "PPM", "TGA"])
def test_a_format_that_the_suffix_does_not_say_is_named(tmp_path, kind):
    Image.fromarray(GREY).convert("RGB").save(tmp_path / "a.png", format=kind)
    refused(tmp_path / "a.png", f"holds {kind}, which is not what its suffix says")


# --- PNG, GIF and arrays ---


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_a_transparent_grey_of_few_bits_is_refused_and_classes_are_what_is_stored(tmp_path, bits):
    stored = RNG.integers(0, 2**bits - 1, SHAPE, dtype=np.uint8)
    stored[0, :2] = 0, 1
    stored[5, 5] = 2**bits - 1
    path = png(tmp_path / "a.png", stored, bits, 0)
    np.testing.assert_array_equal(read_label_values(path, SHAPE), stored)
    scale = 255 // (2**bits - 1) if bits > 1 else 1
    np.testing.assert_array_equal(read_image(path), stored * scale)
    lesion, _ = read_image_labels([path], LabelValues(lesion=(1,)), SHAPE)
    np.testing.assert_array_equal(lesion, stored == 1)
    key = int(stored[5, 5])
    clear = png(tmp_path / "b.png", stored, bits, 0, chunk(b"tRNS", struct.pack(">H", key)))
    count = int((stored == key).sum())
    refused(clear, f"{count} transparent pixel{'s' * (count > 1)}")


def test_an_animation_of_16_bits_in_colour_is_refused(tmp_path):
    if find_spec("imagecodecs") is None:
        skip_or_fail("imagecodecs is not installed")

    def control(number):
        return chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, 16, 12, 0, 0, 1, 10, 0, 0))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in DEEP[::-1])
    second = chunk(b"fdAT", struct.pack(">I", 2) + zlib.compress(rows))
    before = chunk(b"acTL", struct.pack(">II", 2, 0)) + control(0)
    path = png(tmp_path / "a.png", DEEP, 16, 2, before, control(1) + second)
    refused(path, "holds 2 images")


def test_a_gif_that_fills_a_part_of_its_screen_is_refused(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "a.gif")
    content = bytearray((tmp_path / "a.gif").read_bytes())
    struct.pack_into("<HH", content, 6, 20, 14)
    (tmp_path / "a.gif").write_bytes(content)
    refused(tmp_path / "a.gif", "fills only a part of its 14 x 20 pixels")


def test_a_second_array_behind_the_first_is_not_dropped(tmp_path):
    with (tmp_path / "a.npy").open("wb") as file:
        np.save(file, GREY)
        np.save(file, GREY[::-1])
    refused(tmp_path / "a.npy", "bytes behind its array")
    np.save(tmp_path / "a.npy", np.asfortranarray(GREY.astype(">i4")))
    np.testing.assert_array_equal(read_image(tmp_path / "a.npy"), GREY)


# --- TIFF ---


def test_three_grey_channels_are_not_colours(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, DEEP, photometric="minisblack", planarconfig="contig")
    content = bytearray(path.read_bytes())
    place = content.index(struct.pack("<HHI", 338, 3, 2))  # the tag that calls two of them extra
    struct.pack_into("<H", content, place, 65000)
    path.write_bytes(content)
    refused(path, "says that it is grey; expected one channel")


def test_inks_that_are_not_cmyk_are_refused(tmp_path):
    inks = np.dstack([DEEP >> 8, GREY]).astype(np.uint8)
    extra = [(332, "H", 1, 2, True)]  # InkSet: not CMYK
    tifffile.imwrite(tmp_path / "a.tif", inks, photometric="separated", extratags=extra)
    refused(tmp_path / "a.tif", "photometric interpretation SEPARATED")


def test_images_in_lists_of_their_own_are_counted(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(GREY, subifds=1)
        file.write(GREY[::-1])
    refused(tmp_path / "a.tif", "holds 2 images")
    with tifffile.TiffWriter(tmp_path / "b.tif") as file:
        file.write(GREY[::2, ::2], subifds=1, subfiletype=1)
        file.write(GREY)
    refused(tmp_path / "b.tif", "holds only small copies of its image")
    with tifffile.TiffWriter(tmp_path / "c.tif") as file:
        file.write(GREY, subifds=1)
        file.write(GREY[::2, ::2], subfiletype=1)
    np.testing.assert_array_equal(read_image(tmp_path / "c.tif"), GREY)
    tifffile.imwrite(tmp_path / "d.tif", GREY, subfiletype=1)
    np.testing.assert_array_equal(read_image(tmp_path / "d.tif"), GREY)


# --- labels ---


def test_a_label_whose_0_is_white_is_refused(tmp_path):
    """tifffile stores True as 1 and calls it black; a fax stores what is shown."""
    tifffile.imwrite(tmp_path / "l.tif", LESION, photometric="miniswhite")
    refused(tmp_path / "l.tif", "whose 0 is shown white", as_label)
    tifffile.imwrite(tmp_path / "l.tif", LESION, photometric="minisblack")
    np.testing.assert_array_equal(as_label(tmp_path / "l.tif"), LESION)


@pytest.mark.parametrize("odd", [np.nan, np.inf])
@pytest.mark.parametrize("suffix", ["npy", "tif"])
def test_a_pixel_without_a_value_is_no_lesion(tmp_path, suffix, odd):
    path = tmp_path / f"l.{suffix}"
    label = np.where(LESION, 0, odd).astype(np.float32)
    np.save(path, label) if suffix == "npy" else tifffile.imwrite(path, label)
    refused(path, f"holds {(~LESION).sum()} NaN or infinite pixels", as_label)


def test_a_label_of_two_colours_is_refused(tmp_path):
    both = np.zeros((*SHAPE, 3), np.uint8)
    both[LESION, 0] = 255
    Image.fromarray(both).save(tmp_path / "l.png")
    np.testing.assert_array_equal(as_label(tmp_path / "l.png"), LESION)
    both[9:, 9:, 1] = 255
    Image.fromarray(both).save(tmp_path / "l.png")
    error = refused(
        tmp_path / "l.png", "several colours, such as (255, 0, 0) and (0, 255, 0)", as_label
    )
    assert "lesion = [...]" in error.hint
    red_on_white = np.where(LESION[..., None], (255, 0, 0), 255).astype(np.uint8)
    Image.fromarray(red_on_white).save(tmp_path / "l.png")
    refused(tmp_path / "l.png", "several colours", as_label)
    grey_in_colour = np.repeat((LESION * 2 + (GREY > 240))[..., None], 3, 2).astype(np.uint8)
    Image.fromarray(grey_in_colour).save(tmp_path / "l.png")
    np.testing.assert_array_equal(read_label_values(tmp_path / "l.png", SHAPE), grey_in_colour)


def test_the_best_jpeg_leaves_marks_in_a_label(tmp_path):
    label = np.where(LESION, 255, 0).astype(np.uint8)
    label[3, 4:6], label[0, 0:3] = 254, 1
    Image.fromarray(label).save(tmp_path / "l.png")
    refused(tmp_path / "l.png", "0, 1, 254, 255, as the compression of JPEG leaves them", as_label)
    found, ignored = read_image_labels([tmp_path / "l.png"], LabelValues((255,), (254,)), SHAPE)
    assert (int(found.sum()), int(ignored.sum())) == (28, 2)
    label[label == 254] = 255  # a class, and what is to be ignored
    Image.fromarray(label).save(tmp_path / "l.png")
    assert int(as_label(tmp_path / "l.png").sum()) == 33


def test_a_jpeg_in_a_tiff_is_no_label(tmp_path):
    if find_spec("imagecodecs") is None:
        skip_or_fail("imagecodecs is not installed")
    Image.fromarray(LESION.astype(np.uint8) * 255).save(tmp_path / "l.tif", compression="jpeg")
    refused(tmp_path / "l.tif", "compression of JPEG", lambda one: read_label_values(one, SHAPE))


# --- turned images ---


def turned(path, array, orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    if path.suffix == ".tif":
        tifffile.imwrite(path, array, extratags=[(274, "H", 1, orientation, True)])
    else:
        Image.fromarray(array).save(path, exif=tags)
    return path


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_a_label_without_the_tag_of_its_image_is_refused_where_its_shape_does_not_tell(
    tmp_path, suffix
):
    image = turned(tmp_path / f"a.{suffix}", GREY, 3)
    label = tmp_path / "l.png"
    Image.fromarray(LESION).save(label)
    for read in (
        lambda _: read_image_labels([label], LabelValues(), SHAPE, [image]),
        lambda _: read_image_mask(label, SHAPE, [image]),
    ):
        error = refused(label, "otherwise than", read)
        assert f"{image} (orientation 3)" in str(error)
        assert f"{label} (orientation 1)" in str(error)
    both = turned(tmp_path / f"m.{'tif' if suffix == 'tif' else 'png'}", LESION.view(np.uint8), 3)
    found, _ = read_image_labels([both], LabelValues(), SHAPE, [image])
    np.testing.assert_array_equal(found, LESION[::-1, ::-1])


def test_a_label_whose_shape_tells_that_it_is_upright_is_taken(tmp_path):
    image = turned(tmp_path / "a.jpg", np.rot90(GREY).copy(), 6)  # stored 16 x 12, shown 12 x 16
    assert read_image(image).shape == SHAPE
    Image.fromarray(LESION).save(tmp_path / "l.png")
    found, _ = read_image_labels([tmp_path / "l.png"], LabelValues(), SHAPE, [image])
    np.testing.assert_array_equal(found, LESION)
    square = turned(tmp_path / "s.jpg", GREY[:12, :12].copy(), 6)
    Image.fromarray(LESION[:12, :12]).save(tmp_path / "l.png")
    with pytest.raises(DataError, match="otherwise than"):
        read_image_labels([tmp_path / "l.png"], LabelValues(), (12, 12), [square])
