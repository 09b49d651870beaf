import struct
import sys
import zlib
from importlib.util import find_spec

import numpy as np
import pytest
import tifffile
from PIL import Image

from bench.cards import ImagePreparation
from bench.data.cache.unpacked import read_row
from bench.data.files import ImageFiles, SubjectFiles
from bench.data.prepare.subject import PreparationRequest, prepare_subject, stack_subjects
from bench.data.read.images import grey, read_image, read_label
from bench.errors import DataError
from conftest import skip_or_fail

RNG = np.random.default_rng(0)
GREY16 = RNG.integers(0, 65536, (12, 17), dtype=np.uint16)
RGB8 = RNG.integers(0, 256, (12, 17, 3), dtype=np.uint8)
RGB16 = RNG.integers(0, 65536, (12, 17, 3), dtype=np.uint16)


def save_png16(path, array):
    """A 16-bit colour PNG, which Pillow cannot write."""

    def chunk(kind, data):
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    head = struct.pack(">IIBBBBB", array.shape[1], array.shape[0], 16, 2, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def save(path, array):
    if path.suffix == ".npy":
        np.save(path, array)
    elif path.suffix in (".tif", ".tiff"):
        tifffile.imwrite(path, array)
    elif array.dtype == np.uint16 and array.ndim == 3:
        save_png16(path, array)
    else:
        Image.fromarray(array).save(path)
    return path


# --- reading ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("a.png", GREY16),
        ("a.tif", GREY16),
        ("a.tiff", RGB16),
        ("a.npy", GREY16),
        ("a.npy", RGB16.astype(np.float64) / 7),
        ("a.tif", RGB8),
        ("a.png", RGB8),
        ("a.bmp", RGB8),
        ("a.png", RGB8[:, :, 0]),
        ("a.npy", GREY16[:, :, None]),
    ],
)
def test_the_values_are_those_of_the_file(tmp_path, name, array):
    found = read_image(save(tmp_path / name, array))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, array.astype(np.float32).squeeze())


def test_sixteen_bits_in_colour_survive_a_png(tmp_path):
    if find_spec("imagecodecs") is None:
        skip_or_fail("imagecodecs is not installed")
    found = read_image(save(tmp_path / "a.png", RGB16))
    np.testing.assert_array_equal(found, RGB16)


def test_sixteen_bits_in_colour_are_never_cut_silently(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(DataError, match="imagecodecs") as caught:
        read_image(save(tmp_path / "a.png", RGB16))
    assert "[images]" in caught.value.hint


def test_a_palette_and_an_alpha_channel(tmp_path):
    picture = Image.fromarray(RGB8).quantize(8)
    picture.save(tmp_path / "p.png")
    np.testing.assert_array_equal(read_image(tmp_path / "p.png"), picture.convert("RGB"))
    np.testing.assert_array_equal(
        read_label(tmp_path / "p.png", (12, 17), named=True), np.asarray(picture) != 0
    )
    alpha = np.dstack([RGB8, np.full((12, 17), 255, np.uint8)])
    np.testing.assert_array_equal(read_image(save(tmp_path / "a.png", alpha)), RGB8)


def test_jpeg_and_grey(tmp_path):
    smooth = np.add.outer(np.arange(32), np.arange(32)).astype(np.uint8) * 3
    Image.fromarray(smooth).save(tmp_path / "a.jpeg", quality=95)
    assert abs(read_image(tmp_path / "a.jpeg") - smooth).max() < 6
    Image.fromarray(smooth).convert("RGB").save(tmp_path / "b.jpeg", quality=95)
    assert grey(read_image(tmp_path / "b.jpeg")).shape == (32, 32)
    assert grey(RGB8.astype(np.float32))[0, 0] == pytest.approx(
        RGB8[0, 0] @ [0.299, 0.587, 0.114], rel=1e-5
    )


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.npy", "a.bmp"])
@pytest.mark.parametrize("keep", [0, 10, 200])
def test_a_truncated_file_is_named(tmp_path, name, keep):
    path = save(tmp_path / name, RGB8)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=name.replace(".", r"\.")) as caught:
        read_image(path)
    assert caught.value.hint


def test_what_is_not_an_image(tmp_path):
    path = tmp_path / "a.npy"
    for array, said in [
        (np.zeros((4, 4)), "0 everywhere"),
        (np.full((4, 4), np.nan), "16 NaN"),
        (np.ones((4, 4, 4, 4)), "shape"),
        (np.array([["a", "b"]]), "expected numbers"),
        (np.ones((3, 4, 5)), "shape"),
    ]:
        np.save(path, array)
        with pytest.raises(DataError, match=said):
            read_image(path)
    np.save(path, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError):
        read_image(path)
    with tifffile.TiffWriter(tmp_path / "stack.tif") as stack:
        for page in RGB8.transpose(2, 0, 1):
            stack.write(page)
    with pytest.raises(DataError, match="holds 3 images"):
        read_image(tmp_path / "stack.tif")


def test_a_tiff_whose_list_of_images_leads_back_has_an_end(tmp_path):
    path = save(tmp_path / "a.tif", RGB8)
    content = bytearray(path.read_bytes())
    first = int.from_bytes(content[4:8], "little")
    after = first + 2 + 12 * int.from_bytes(content[first : first + 2], "little")
    content[after : after + 4] = content[4:8]  # the place of the next image: the first again
    path.write_bytes(content)
    with pytest.raises(DataError, match="leads back to an earlier one"):
        read_image(path)


def test_a_label_of_another_size(tmp_path):
    path = save(tmp_path / "l.png", np.eye(5, dtype=np.uint8))
    with pytest.raises(DataError, match="5 x 5 pixels, its image 6 x 5"):
        read_label(path, (6, 5))


def test_rows_of_an_archive(tmp_path):
    images = RNG.integers(0, 256, (5, 8, 8), dtype=np.uint8)
    path = tmp_path / "a.npz"
    np.savez_compressed(path, train_images=images)
    for row in (0, 4):
        found = read_row(path, "train_images", row, tmp_path / "cache")
        np.testing.assert_array_equal(found, images[row])
    for member, row in (("train_images", 5), ("test_images", 0)):
        with pytest.raises(DataError, match=f"array '{member}', image {row}"):
            read_row(path, member, row, tmp_path / "cache")


def test_a_flipped_bit_in_an_unpacked_array_is_named_and_it_is_unpacked_again(tmp_path, caplog):
    images = RNG.integers(0, 256, (5, 8, 8), dtype=np.uint8)
    path = tmp_path / "a.npz"
    np.savez_compressed(path, train_images=images)
    read_row(path, "train_images", 4, tmp_path / "cache")
    (unpacked,) = (tmp_path / "cache").rglob("train_images.npy")
    content = bytearray(unpacked.read_bytes())
    content[-1] ^= 1
    unpacked.write_bytes(content)
    found = read_row(path, "train_images", 4, tmp_path / "cache")
    np.testing.assert_array_equal(found, images[4])
    assert "train_images.npy has other bytes than were written" in caplog.text


# --- preparing ----------------------------------------------------------------------------------


def prepare(image_files, cache, **changes):
    options = {
        "channels": ["OCT"],
        "preparation": ImagePreparation(foreground="whole"),
        "size": 16,
        "lesion_free": False,
        "with_label": True,
    } | changes
    files = SubjectFiles("toy", "s1", {}, image_files=tuple(image_files))
    return prepare_subject(files, PreparationRequest(**options), cache)


@pytest.fixture
def scans(tmp_path):
    """A normal image, an abnormal one with a label, both 32 x 24."""
    noise = RNG.integers(1000, 2000, (2, 32, 24), dtype=np.uint16)
    label = np.zeros((32, 24), np.uint8)
    label[8:16, 4:12] = 255
    paths = [save(tmp_path / f"{n}.png", noise[n]) for n in range(2)]
    return [
        ImageFiles("a", {"OCT": paths[0]}, abnormal=False),
        ImageFiles("b", {"OCT": paths[1]}, label=save(tmp_path / "l.png", label), abnormal=True),
    ]


def test_images_become_a_stack_of_squares(scans, tmp_path):
    made = prepare(scans, tmp_path / "c")
    assert made.images.shape == (2, 1, 16, 16)
    assert made.geometry is None
    np.testing.assert_array_equal(made.image_labels, [False, True])
    # 24 of 32 columns: two of sixteen on each side are padding, which is no foreground.
    assert made.masks[:, :, 2:14].all()
    assert not made.masks[:, :, :2].any()
    assert not made.images[:, :, :, 14:].any()
    assert not made.labels[0].any()
    np.testing.assert_array_equal(np.argwhere(made.labels[1])[[0, -1]], [[4, 4], [7, 7]])
    inside = made.images[:, 0][made.masks]
    assert 0.4 < inside.mean() < 0.6
    images, masks = stack_subjects([made], tmp_path / "c")
    np.testing.assert_array_equal(images, made.images)
    assert masks.shape == (2, 16, 16)


def test_only_normal_images(scans, tmp_path):
    by_class = prepare(scans, tmp_path / "c", lesion_free=True, with_label=False)
    assert len(by_class.images) == 1
    assert by_class.labels is None
    unknown = [ImageFiles(one.name, one.paths, one.label or scans[1].label) for one in scans]
    assert len(prepare(unknown, tmp_path / "c", lesion_free=True).images) == 0


def test_the_class_speaks_without_labels_and_is_part_of_the_key(scans, tmp_path):
    bare = [ImageFiles(one.name, one.paths, abnormal=one.abnormal) for one in scans]
    made = prepare(bare, tmp_path / "c")
    assert made.labels is None
    np.testing.assert_array_equal(made.image_labels, [False, True])
    swapped = [ImageFiles(one.name, one.paths, abnormal=not one.abnormal) for one in scans]
    assert prepare(swapped, tmp_path / "c").key != made.key
    assert prepare(swapped, tmp_path / "c", with_label=False).key == (
        prepare(bare, tmp_path / "c", with_label=False).key
    )


def test_colour_keeps_its_hue_and_channels_stack(tmp_path):
    tinted = np.stack([np.full((16, 16), v, np.uint8) for v in (200, 100, 50)], axis=2)
    tinted[::2, ::2] //= 2
    path = save(tmp_path / "c.png", tinted)
    rgb = ImagePreparation(foreground="whole", colour="rgb", percentiles=(0, 100))
    made = prepare([ImageFiles("a", {"OCT": path})], tmp_path / "c", preparation=rgb)
    assert made.images.shape == (1, 3, 16, 16)
    red, _, blue = made.images[0][:, 1, 1]
    assert red == pytest.approx(1)
    assert blue == pytest.approx((50 - 25) / 175)
    two = [ImageFiles("a", {"OCT": path, "IR": save(tmp_path / "g.npy", GREY16[:, :12])})]
    with pytest.raises(DataError, match="one grid"):
        prepare(two, tmp_path / "c", channels=["OCT", "IR"])
    save(tmp_path / "g.npy", RNG.normal(0, 1, (16, 16)))
    assert prepare(two, tmp_path / "c", channels=["OCT", "IR"]).images.shape == (1, 2, 16, 16)


def test_foreground_where_it_is_not_zero(tmp_path):
    array = np.zeros((16, 16), np.uint16)
    array[4:12, 4:12] = RNG.integers(1, 9, (8, 8))
    nonzero = ImagePreparation(foreground="non-zero")
    picture = ImageFiles("a", {"OCT": save(tmp_path / "a.png", array)})
    made = prepare([picture], tmp_path / "c", preparation=nonzero)
    np.testing.assert_array_equal(made.masks[0], array != 0)


def test_volumes_and_images_do_not_mix(scans, tmp_path):
    from fakes.brain_files import PREPARATION

    with pytest.raises(DataError, match="holds 2-D images, but the task prepares volumes"):
        prepare(scans, tmp_path / "c", preparation=PREPARATION)
