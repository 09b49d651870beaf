"""Where no mask is given, foreground is what is not background: 0, or what the border says."""

import nibabel as nib
import numpy as np
import pytest

from bench.cards import Preparation
from bench.data.cache.stored import Foreground
from bench.data.check.dataset import check_dataset
from bench.data.prepare.version import preparation_fingerprint
from bench.data.read.background import most_of_border
from bench.errors import DataError
from bench.execution.run import background_notes
from fakes.brain_files import PREPARATION, card, prepare, subject


def changed(files, change, dtype=np.float32):
    """Each image of the subject with other values."""
    for path in files.paths.values():
        image = nib.load(path)
        new = nib.Nifti1Image(change(image.get_fdata()).astype(np.float64), image.affine)
        new.set_data_dtype(dtype)
        nib.save(new, path)
    return files


BACKGROUNDS = {
    "ct": (lambda v: np.where(v > 0, v, -1024), np.float32),
    "z-scores": (lambda v: (v - v.mean()) / v.std(), np.float32),
    "scaled integers": (lambda v: np.where(v > 0, v - 130.7, 0), np.int16),
    "white": (lambda v: np.where(v > 0, v, 4000), np.float32),
}


@pytest.mark.parametrize(("change", "dtype"), BACKGROUNDS.values(), ids=BACKGROUNDS)
def test_a_constant_border_is_background(tmp_path, change, dtype):
    expected = prepare(subject(tmp_path / "a"), tmp_path / "c")
    files = changed(subject(tmp_path / "b"), change, dtype)
    found = prepare(files, tmp_path / "c")
    np.testing.assert_array_equal(found.masks, expected.masks)
    np.testing.assert_allclose(found.images, expected.images, atol=2e-3)
    assert found.foreground.share == pytest.approx(expected.foreground.share)
    assert found.foreground.backgrounds[0] != 0
    assert expected.foreground.backgrounds == (0,)


def test_the_card_can_say_it(tmp_path):
    expected = prepare(subject(tmp_path / "a"), tmp_path / "c")

    def rim(values):
        """Another constant on the border: nobody could guess the background."""
        out = np.where(values > 0, values, 7)
        for axis in range(3):
            view = np.moveaxis(out, axis, 0)
            view[0], view[-1] = 0, 0
        return out

    files = changed(subject(tmp_path / "b"), rim)
    with pytest.raises(DataError, match="background was taken to be 0"):
        prepare(files, tmp_path / "c")
    stated = PREPARATION.model_copy(update={"background": 7.0})
    files = changed(subject(tmp_path / "d"), lambda v: np.where(v > 0, v, 7))
    found = prepare(files, tmp_path / "c", preparation=stated)
    np.testing.assert_array_equal(found.masks, expected.masks)


def test_a_card_that_says_nothing_keeps_its_key():
    plain = {"spacing_mm": (1, 1, 2), "grid": (96, 96, 40)}
    content = Preparation(**plain).model_dump(mode="json")
    assert "background" not in content
    stated = Preparation(**plain, background=0)
    assert preparation_fingerprint(stated) != preparation_fingerprint(Preparation(**plain))
    assert stated.model_dump()["background"] == 0


def test_noise_all_over_is_not_a_brain(tmp_path):
    noise = np.random.default_rng(0)
    files = changed(subject(tmp_path / "a"), lambda v: v + np.abs(noise.normal(0, 3, v.shape)))
    with pytest.raises(
        DataError, match="fills 100 % of the volume, a brain at most 80 %"
    ) as caught:
        prepare(files, tmp_path / "c")
    assert "background" in caught.value.hint


def test_almost_nothing_is_not_a_brain(tmp_path):
    def speck(values):
        values[values > 0] = 0
        values[20:22, 20:22, 20] = 5
        return values

    with pytest.raises(DataError, match="almost so"):
        prepare(changed(subject(tmp_path / "a"), speck), tmp_path / "c")


def test_half_of_the_border_decides():
    assert most_of_border(np.array([-1, -1, 5, 6], np.float32)) == -1
    assert most_of_border(np.array([-1, -1, 5, 6, 7], np.float32)) == 0


def test_the_record_says_what_was_taken_for_background():
    def one(background, share):
        found = Foreground((background,), share)
        return type("Prepared", (), {"foreground": found})()

    assert background_notes([one(0.0, 0.3)]) == []
    assert background_notes([one(-0.6, 0.31), one(-0.58, 0.36), one(0.0, 0.3)]) == [
        "background -0.6 to -0.58 and not 0 in 2 of 3 test subjects, foreground 31 to 36 % of"
        " the volume"
    ]


def test_the_check_tells_the_same_story(tmp_path):
    def problems(change):
        files = [subject(tmp_path / "toy", n) for n in ("s1", "s2", "s3")]
        for one in files:
            changed(one, change)
        found = check_dataset(card(), tmp_path, tmp_path / "c")
        return [one.problem for one in found if "fills" in one.problem]

    assert problems(lambda v: np.where(v > 0, v, -1024)) == []
    noise = np.random.default_rng(0)
    (problem,) = problems(lambda v: np.abs(v) + np.abs(noise.normal(0, 3, v.shape)) + 1)
    assert "fills 100 % of the volume" in problem
