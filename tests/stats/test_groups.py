"""Groups of a quantity, cut at its quantiles."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bench.stats.groups import quantile_groups

numbers = st.lists(st.floats(-1e6, 1e6, width=32) | st.integers(0, 3).map(float), min_size=1)


@given(numbers, st.integers(1, 5))
def test_every_value_is_in_exactly_one_group(values, groups):
    made = quantile_groups(values, groups=groups)
    assert 1 <= len(made) <= groups
    for value in values:
        assert sum(one.low <= value <= one.high for one in made) == 1
    assert all(one.low in values and one.high in values for one in made)
    assert len({one.label for one in made}) == len(made)


def test_groups_hold_about_equally_many_and_say_their_ends():
    made = quantile_groups(np.arange(1, 10))
    assert [one.label for one in made] == ["1 to 3", "4 to 6", "7 to 9"]


def test_equal_values_stay_together():
    made = quantile_groups([1, 1, 1, 1, 1, 1, 2, 3])
    assert [(one.low, one.high) for one in made] == [(1, 1), (2, 3)]


def test_ends_that_print_alike_get_more_digits():
    made = quantile_groups([0.12341, 0.12342, 0.12343])
    assert [one.label for one in made] == ["0.12341", "0.12342", "0.12343"]


def test_nothing_has_no_groups():
    assert quantile_groups([]) == []
