"""Inputs of the kinds that give plausible wrong numbers, each with the value that is right."""

import gzip
import struct

import nibabel as nib
import numpy as np
import pytest
import tifffile
from PIL import Image

from bench.data.check.dataset import check_dataset
from bench.data.files import LabelValues
from bench.data.find.index import index_dataset
from bench.data.prepare.subject import PreparationRequest, prepare_subject
from bench.data.read.images import read_image, read_label
from bench.data.read.labels import read_image_labels, read_volume_labels
from bench.data.read.volumes import read_volume
from bench.errors import DataError
from bench.planning.foreground import foreground_findings
from bench.planning.plan import make_plan
from fakes import field, tiny

GREY = np.random.default_rng(0).integers(1, 250, (12, 16)).astype(np.uint8)
SQUARE = np.zeros((12, 16), bool)
SQUARE[2:5, 2:5] = True
BRAIN, INSIDE, LESION = field.brain(4, True)
PICTURES = {"kind": "images", "id": "{part}-{class}-{image}",
            "images": {"I": "{part}/{class}/{image}.png"}, "label": "masks/{image}.png",
            "normal": ["good"], "abnormal": ["bad"]}  # fmt: skip
WHOLE = {"foreground": "whole"}


# --- pictures ---


def test_a_palette_of_16_bits_keeps_them_and_one_of_8_bits_stays_8(tmp_path):
    ramp = np.arange(65536, dtype=np.uint16)[::-1]
    index = GREY.astype(np.uint16) * 200
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, index, photometric="palette", colormap=np.stack([ramp] * 3))
    np.testing.assert_array_equal(read_image(path)[..., 0], 65535 - index.astype(float))
    eight = np.stack([np.arange(256, dtype=np.uint16)[::-1]] * 3)
    for factor in (256, 257):
        table = (eight * factor).astype(np.uint16)
        tifffile.imwrite(path, GREY, photometric="palette", colormap=table)
        np.testing.assert_array_equal(read_image(path)[..., 0], 255.0 - GREY)


def test_a_two_picture_jpeg_is_its_first_and_odd_arrays_keep_their_values(tmp_path):
    first, second = (Image.fromarray(one) for one in (GREY, 255 - GREY))
    first.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[second], quality=100)
    np.testing.assert_allclose(read_image(tmp_path / "a.jpg"), GREY, atol=4)
    for dtype, order in ((">f4", "C"), ("<f8", "F"), (">i2", "F")):
        np.save(tmp_path / "a.npy", np.asarray(GREY.astype(dtype), order=order))
        np.testing.assert_array_equal(read_image(tmp_path / "a.npy"), GREY)


@pytest.mark.parametrize("mode", ["L", "P"])
def test_a_colour_that_png_makes_transparent_is_refused(tmp_path, mode):
    Image.fromarray(GREY).convert(mode).save(tmp_path / "a.png", transparency=int(GREY[0, 0]))
    with pytest.raises(DataError, match="1 transparent pixel, whose values are not defined"):
        read_image(tmp_path / "a.png")


def test_masks_in_colours_count_their_colour_and_never_their_alpha(tmp_path):
    red = np.zeros((12, 16, 3), np.uint8)
    red[SQUARE, 0] = 255
    solid = np.dstack([red, np.full((12, 16), 255, np.uint8)])
    for array in (red, solid, np.where(SQUARE, 255, 0).astype(np.uint8)):
        Image.fromarray(array).save(tmp_path / "m.png")
        np.testing.assert_array_equal(read_label(tmp_path / "m.png", (12, 16)), SQUARE)
    cut = np.dstack([np.full((12, 16, 3), 255, np.uint8), np.where(SQUARE, 255, 0)])
    Image.fromarray(cut.astype(np.uint8)).save(tmp_path / "m.png")
    with pytest.raises(DataError, match="transparent"):
        read_label(tmp_path / "m.png", (12, 16))


# --- volumes ---


def volume(path, array, affine=field.AFFINE, **numbers):
    """A NIfTI file; ``numbers`` are (format, offset, value) written into its header."""
    nib.save(nib.Nifti1Image(array, affine), path)
    content = bytearray(gzip.decompress(path.read_bytes()))
    for form, offset, value in numbers.values():
        struct.pack_into(form, content, offset, value)
    path.write_bytes(gzip.compress(bytes(content)))
    return path


@pytest.mark.parametrize("slope", [0.0, float("nan"), float("inf")])
def test_a_slope_that_is_no_number_scales_nothing(tmp_path, slope):
    plain = volume(tmp_path / "a.nii.gz", BRAIN.astype(np.int16))
    odd = volume(tmp_path / "b.nii.gz", BRAIN.astype(np.int16), slope=("<f", 112, slope))
    np.testing.assert_array_equal(read_volume(odd).data, read_volume(plain).data)


def test_one_frame_is_a_volume_and_gz_in_gz_is_not(tmp_path):
    plain = volume(tmp_path / "a.nii.gz", BRAIN.astype(np.int16))
    frame = volume(tmp_path / "UP.NII.GZ", BRAIN.astype(np.int16)[..., None])
    np.testing.assert_array_equal(read_volume(frame).data, read_volume(plain).data)
    (tmp_path / "twice.nii.gz").write_bytes(gzip.compress(plain.read_bytes()))
    with pytest.raises(DataError, match="cannot be read as a volume"):
        read_volume(tmp_path / "twice.nii.gz")


def test_a_mirrored_label_lies_where_its_affine_says(tmp_path):
    image = read_volume(volume(tmp_path / "a.nii.gz", BRAIN.astype(np.int16)))
    mirrored = field.AFFINE @ np.array([[-1, 0, 0, 63], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    one = volume(tmp_path / "l.nii.gz", LESION.astype(np.uint8))
    other = volume(tmp_path / "m.nii.gz", LESION[::-1].astype(np.uint8), mirrored)
    found = [read_volume_labels([path], LabelValues(), image)[0] for path in (one, other)]
    np.testing.assert_array_equal(found[0].data, found[1].data)


def test_negative_values_of_a_label_are_no_lesion_until_the_card_says_what_they_are(tmp_path):
    image = read_volume(volume(tmp_path / "a.nii.gz", BRAIN.astype(np.int16)))
    unknown = INSIDE & ~LESION & (np.arange(64)[:, None, None] < 24)
    array = np.where(LESION, 1, np.where(unknown, -1, 0)).astype(np.int16)
    path = volume(tmp_path / "l.nii.gz", array)
    with pytest.raises(DataError, match="holds the values -1, 0, 1, of which negative ones"):
        read_volume_labels([path], LabelValues(), image)
    lesion, ignored = read_volume_labels([path], LabelValues(ignore=(-1,)), image)
    assert (int(lesion.data.sum()), int(ignored.data.sum())) == (LESION.sum(), unknown.sum())
    one, none = read_volume_labels([path], LabelValues(lesion=(1,)), image)
    assert (int(one.data.sum()), none) == (LESION.sum(), None)
    alone = volume(tmp_path / "n.nii.gz", np.where(LESION, -1, 0).astype(np.int8))  # 255 as int8
    assert read_volume_labels([alone], LabelValues(), image)[0].data.sum() == LESION.sum()
    np.save(tmp_path / "l.npy", array[:, :, 10])
    with pytest.raises(DataError, match="negative ones often mean unknown"):
        read_image_labels([tmp_path / "l.npy"], LabelValues(), (64, 64))


# --- labels against what they belong to ---


def pictures(root):
    for kind, numbers in {
        "train/good": (0, 1),
        "test/good": (20, 21),
        "test/bad": (40, 41),
    }.items():
        for number in numbers:
            image, label = field.picture(number, kind == "test/bad")
            field.png(root / f"own/{kind}/i{number}.png", image)
            if kind == "test/bad":
                field.png(root / f"own/masks/i{number}.png", label)
    return field.card(PICTURES, field.PARTS, WHOLE)


def prepared(card, root, subject):
    files = index_dataset(card, root, root / "cache").subjects[subject]
    request = PreparationRequest(["I"], card.preparation, 64, lesion_free=False, with_label=True)
    return prepare_subject(files, request, root / "cache")


def test_lesion_pixels_in_an_image_of_a_normal_class_are_refused_by_check_and_run(tmp_path):
    card = pictures(tmp_path)
    field.png(tmp_path / "own/masks/i20.png", np.zeros((64, 64), bool))
    assert not prepared(card, tmp_path, "test-good-i20").labels.any()
    field.png(tmp_path / "own/masks/i20.png", np.ones((64, 64), bool))
    said = "4,096 lesion pixels in an image of a normal class"
    with pytest.raises(DataError, match=said):
        prepared(card, tmp_path, "test-good-i20")
    found = check_dataset(card, tmp_path, tmp_path / "cache")
    assert [one.problem for one in found if one.severity == "error"] == [said]


def test_inverted_labels_are_the_same_warning_in_check_and_run(tmp_path):
    card = pictures(tmp_path)
    areas = []
    for number in (40, 41):
        label = ~field.picture(number, True)[1]
        areas.append(label.mean())
        field.png(tmp_path / f"own/masks/i{number}.png", label)
    low, high = (f"{100 * one:.0f}" for one in (min(areas), max(areas)))
    span = low if low == high else f"{low} to {high}"
    said = (
        f"{span} % of the foreground is lesion in 2 of 2 subjects with lesions: test-bad-i40,"
        " test-bad-i41"
    )
    checked = check_dataset(card, tmp_path, tmp_path / "cache")
    assert said in [one.problem for one in checked if one.severity == "warning"]
    cell = make_plan(field.request(card), data_dir=tmp_path, cache=tmp_path / "cache").cells[0]
    for side, free in ((cell.test, False), (cell.fit.train, True)):
        for files in side.present:
            request = PreparationRequest(
                ["I"], card.preparation, 64, lesion_free=free, with_label=True
            )
            prepare_subject(files, request, tmp_path / "cache")
    assert [one.problem for one in foreground_findings(cell, tmp_path / "cache")] == [said]


def test_files_of_the_system_are_no_images_and_suffixes_may_be_large(tmp_path):
    card = pictures(tmp_path)
    own = tmp_path / "own"
    for name in (
        "test/bad/._i40.png",
        "masks/._i40.png",
        "test/bad/Thumbs.db",
        "train/good/.DS_Store",
    ):
        (own / name).write_bytes(b"\0\5\x16\7")
    (own / "masks/i41.png").rename(own / "masks/i41.PNG")
    layout = {**PICTURES, "images": {"I": "{part}/{class}/{image}.*"}, "label": "masks/{image}.*"}
    card = field.card(layout, field.PARTS, WHOLE)
    plan = make_plan(field.request(card), data_dir=tmp_path, cache=tmp_path / "cache")
    assert len(plan.cells[0].test.present) == 4
    assert [one for one in plan.sources[0].findings if one.severity != "info"] == []
    labelled = [one.image_files[0].label for one in plan.cells[0].test.present]
    assert sum(one is not None for one in labelled) == 2


def test_a_table_that_is_not_utf_8_is_refused_in_plain_words(tmp_path):
    table = {"file": "t.csv", "image": "name", "label": "cls"}
    layout = {"kind": "images", "id": "{image}", "images": {"I": "img/{image}.png"},
              "normal": ["0"], "abnormal": ["1"], "table": table}  # fmt: skip
    field.png(tmp_path / "own/img/a.png", field.picture(1, False)[0])
    (tmp_path / "own/t.csv").write_text("name,cls\na,0\n", encoding="utf-16")
    card = field.card(layout, {"test": {"subjects": "all", "rule": ""}}, WHOLE)
    with pytest.raises(DataError, match=r"t\.csv is not UTF-8 text") as caught:
        index_dataset(card, tmp_path, tmp_path / "cache")
    assert caught.value.hint == "save the table as CSV in UTF-8"


def test_ids_that_begin_like_others_keep_their_own_labels(tmp_path):
    (tmp_path / "own").mkdir()
    for number, name in enumerate(("P1", "P10", "P11")):
        image, _, lesion = field.brain(number, number > 0)
        tiny.write_volume(tmp_path / f"own/{name}_t1.nii.gz", image, field.AFFINE)
        tiny.write_volume(
            tmp_path / f"own/{name}_seg.nii.gz", lesion.astype(np.uint8), field.AFFINE
        )
    layout = {"images": {"T1": "{subject}_t1.nii.gz"}, "label": "{subject}_seg*.nii.gz"}
    card = field.card(layout, {"test": {"subjects": "all", "rule": ""}}, WHOLE)
    found = index_dataset(card, tmp_path, tmp_path / "cache").subjects
    assert {name: one.label.name for name, one in found.items()} == {
        name: f"{name}_seg.nii.gz" for name in ("P1", "P10", "P11")
    }


def test_label_values_and_headers_that_are_odd_are_said_by_check_and_run(tmp_path):
    (tmp_path / "own").mkdir()
    for number, name in enumerate(("P1", "P2", "P3")):
        image, inside, lesion = field.brain(number, number > 0)
        other = np.roll(lesion, -20, axis=0) & inside & ~lesion
        codes = {"s": ("<h", 254, 0), "q": ("<h", 252, 0)} if name == "P3" else {}
        volume(tmp_path / f"own/{name}_t1.nii.gz", image.astype(np.int16), **codes)
        volume(tmp_path / f"own/{name}_seg.nii.gz", (lesion + 2 * other).astype(np.uint8), **codes)
    layout = {"images": {"T1": "{subject}_t1.nii.gz"}, "label": "{subject}_seg.nii.gz"}
    splits = {
        "train": {"subjects": ["P1"], "rule": ""},
        "test": {"subjects": ["P2", "P3"], "rule": ""},
    }
    card = field.card(layout, splits, {"spacing_mm": [3, 3, 3], "grid": [64, 64, 20]})
    said = {one.problem for one in check_dataset(card, tmp_path, tmp_path / "cache")}
    cell = make_plan(field.request(card), data_dir=tmp_path, cache=tmp_path / "cache").cells[0]
    for files in cell.test.present:
        request = PreparationRequest(
            ["T1"], card.preparation, 64, lesion_free=False, with_label=True
        )
        prepare_subject(files, request, tmp_path / "cache")
    values = "values 0, 1, 2, expected two; all but 0 count as lesion"
    header = "the header does not say where the axes point (sform_code and qform_code are 0)"
    assert {values, header} <= said
    assert [one.problem for one in foreground_findings(cell, tmp_path / "cache")] == [
        f"2 of 2 subjects: {values}: P2, P3",
        f"1 of 2 subjects: {header}: P3",
    ]


def test_values_of_a_pictures_label_are_noted_where_it_is_prepared(tmp_path):
    card = pictures(tmp_path)
    label = field.picture(40, True)[1].astype(np.uint8)
    label[:8, :8] = 2
    Image.fromarray(label).save(tmp_path / "own/masks/i40.png")
    ((problem, remedy),) = prepared(card, tmp_path, "test-bad-i40").notes
    assert problem == "values 0, 1, 2, expected two; all but 0 count as lesion"
    assert "`lesion` or `ignore`" in remedy
    assert prepared(card, tmp_path, "test-bad-i41").notes == ()
