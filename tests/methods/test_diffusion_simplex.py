import numpy as np
import pytest

from methods.diffusion.simplex import simplex_field


def fields(count=150, size=32, *, coarsest=8.0, octaves=1, persistence=0.5, seed=0):
    generator = np.random.default_rng(seed)
    made = [
        simplex_field(
            size,
            size + 3,
            coarsest=coarsest,
            octaves=octaves,
            persistence=persistence,
            generator=generator,
        )
        for _ in range(count)
    ]
    return np.stack(made)


def neighbours(noise):
    """Correlation of pixels side by side."""
    return float(np.corrcoef(noise[:, :, 1:].ravel(), noise[:, :, :-1].ravel())[0, 1])


@pytest.mark.parametrize("octaves", [1, 4])
def test_noise_has_mean_zero_and_variance_one(octaves):
    noise = fields(octaves=octaves)
    assert noise.shape == (150, 32, 35)
    assert noise.dtype == np.float32
    assert noise.mean() == pytest.approx(0, abs=0.02)
    assert noise.std() == pytest.approx(1, abs=0.02)


def test_noise_is_alike_everywhere():
    deviations = fields(600, 16).std(axis=0)  # no pixel lies on a lattice point more than others
    assert deviations.min() > 0.85
    assert deviations.max() < 1.15


def test_noise_is_continuous():
    fine = fields(10, 64, coarsest=64.0)  # a pixel is a 64th of a cell
    assert max(np.abs(np.diff(fine, axis=axis)).max() for axis in (1, 2)) < 0.25


def test_coarser_octaves_dominate_the_less_the_more_persistent_finer_ones_are():
    smooth, rough = (neighbours(fields(octaves=3, persistence=p)) for p in (0.1, 1.0))
    assert neighbours(fields(octaves=1)) > smooth > rough > 0


def band(noise, low, high):
    """Share of the power at frequencies between `low` and `high` cycles per pixel."""
    power = (np.abs(np.fft.fft2(noise)) ** 2).mean(axis=0)
    rows, columns = (np.fft.fftfreq(side) for side in noise.shape[1:])
    frequency = np.hypot(rows[:, None], columns)
    return power[(frequency > low) & (frequency <= high)].sum() / power.sum()


def test_power_lies_about_the_size_of_the_cells():
    one = fields(60, 64, coarsest=16.0)
    assert band(one, 1 / 32, 1 / 8) > 0.8
    faint, even = (fields(60, 64, coarsest=16.0, octaves=4, persistence=p) for p in (0.5, 1.0))
    assert band(faint, 1 / 32, 1 / 8) > 3 * band(faint, 1 / 8, 1 / 2)
    assert band(even, 1 / 32, 1 / 8) < band(even, 1 / 8, 1 / 2)


def test_octaves_finer_than_a_pixel_are_left_out():
    few, many = (fields(2, coarsest=4.0, octaves=octaves) for octaves in (2, 9))
    assert np.array_equal(few, many)  # cells of 4 and 2 pixels; the next has 1


def test_noise_follows_from_the_generator():
    assert np.array_equal(fields(2, seed=3), fields(2, seed=3))
    assert not np.array_equal(fields(2, seed=3), fields(2, seed=4))
