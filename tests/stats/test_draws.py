import numpy as np
import pytest

from bench.stats.draws import draws_of, subject_draws


def test_a_subject_is_drawn_alike_whoever_is_there_too():
    alone, among = subject_draws(["p1"]), subject_draws(["p0", "p1", "p2"])
    assert among.shape == (1000, 3)
    assert np.array_equal(alone[:, 0], among[:, 1])
    assert not np.array_equal(among[:, 0], among[:, 1])


def test_the_draws_are_the_same_on_every_machine():
    """A change would break the pairing of old records with new ones: raise SCHEME with it."""
    drawn = subject_draws(["p1"], resamples=12)[:, 0].tolist()
    assert drawn == [
        0,
        0,
        1,
        0,
        1,
        1,
        0,
        1,
        0,
        0,
        0,
        1,
    ]


def test_counts_are_poisson_with_mean_one():
    draws = subject_draws([f"p{at}" for at in range(400)])
    assert draws.mean() == pytest.approx(1.0, abs=0.01)
    assert draws.var() == pytest.approx(1.0, abs=0.02)
    assert (draws == 0).mean() == pytest.approx(np.exp(-1), abs=0.005)
    pairs = np.corrcoef(draws[:, :40].T)[np.triu_indices(40, 1)]
    assert abs(pairs).max() < 0.15


def test_draws_are_named_by_the_set_of_subjects():
    assert draws_of(["a", "b"]) == draws_of(["b", "a"])
    assert draws_of(["a", "b"]) != draws_of(["a", "c"]) != draws_of(["a", "b", "c"])
    assert subject_draws([]).shape == (1000, 0)
