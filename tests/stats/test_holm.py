import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.stats.holm import holm


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_equals_the_definition(p_values):
    adjusted = holm(p_values)
    ordered = sorted(p_values)
    for p, q in zip(p_values, adjusted, strict=True):
        rank = max(i for i, other in enumerate(ordered) if other == p)
        steps = [(len(ordered) - i) * ordered[i] for i in range(rank + 1)]
        assert q == pytest.approx(min(max(steps), 1.0))
