"""The usual size of an error, by the intensity that is rebuilt there."""

import numpy as np
import pytest

from methods.proxyano.expected import BINS, WIDTH, ExpectedError, averaged

SIDE = 64


def halves(left, right):
    """An image of two values, side by side; (64, 64) float32."""
    image = np.full((SIDE, SIDE), left, np.float32)
    image[:, SIDE // 2 :] = right
    return image


def whole():
    return np.ones((SIDE, SIDE), dtype=bool)


def learned(error, rebuilt, mask=None):
    mask = whole() if mask is None else mask
    return ExpectedError.learn(error[None], rebuilt[None], mask[None])


def test_a_usual_error_is_one_whatever_the_intensity():
    rebuilt, error = halves(0.2, 0.8), halves(0.02, -0.3)
    found = learned(error, rebuilt).in_units(error, rebuilt, whole())
    assert found.dtype == np.float32
    assert found[:, :24] == pytest.approx(1, abs=0.08)
    assert found[:, -24:] == pytest.approx(-1, abs=0.08)


def test_the_same_error_says_more_where_errors_are_small():
    rebuilt = halves(0.2, 0.8)
    usual = learned(halves(0.02, 0.3), rebuilt)
    found = usual.in_units(halves(0.1, 0.1), rebuilt, whole())
    assert found[:, :24].min() > 10 * found[:, -24:].max()


def test_errors_that_change_their_sign_from_pixel_to_pixel_do_not_count():
    board = np.indices((SIDE, SIDE)).sum(axis=0) % 2 * 2.0 - 1
    noise = learned((0.2 * board).astype(np.float32), halves(0.5, 0.5))
    steady = learned(halves(0.2, 0.2), halves(0.5, 0.5))
    at = int(0.5 / WIDTH)
    assert steady.scale[at] == pytest.approx(0.2)
    assert noise.scale[at] < 0.02


def test_an_intensity_never_rebuilt_in_training_has_the_mean_error():
    usual = learned(halves(0.1, 0.3), halves(0.2, 0.4))
    assert usual.scale.shape == (BINS,)
    assert usual.scale[-1] == pytest.approx(0.2, rel=0.02)


def test_nothing_outside_the_mask_counts_or_is_marked():
    mask = whole()
    mask[:, : SIDE // 2] = False
    error, rebuilt = halves(5.0, 0.1), halves(0.5, 0.5)
    usual = learned(error, rebuilt, mask)
    assert usual.scale[int(0.5 / WIDTH)] == pytest.approx(0.1)
    found = usual.in_units(error, rebuilt, mask)
    assert not found[~mask].any()
    assert found[mask] == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize("empty", [True, False])
def test_perfect_reconstructions_and_empty_masks_divide_by_no_zero(empty):
    mask = np.zeros((SIDE, SIDE), dtype=bool) if empty else whole()
    usual = learned(halves(0, 0), halves(0.5, 0.5), mask)
    assert (usual.scale > 0).all()
    assert np.isfinite(usual.in_units(halves(0.1, 0.1), halves(0.5, 0.9), mask)).all()


def test_it_is_written_and_read(tmp_path):
    usual = learned(halves(0.02, 0.3), halves(0.2, 0.8))
    usual.save(tmp_path)
    assert np.array_equal(ExpectedError.load(tmp_path).scale, usual.scale)


def test_a_local_mean_sees_the_mask_only():
    mask = whole()
    mask[:, :10] = False
    found = averaged(halves(0.4, 0.4), mask, 0.05)
    assert found[mask] == pytest.approx(0.4)
    assert not found[~mask].any()
