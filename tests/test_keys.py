import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.keys import canonical_json, key_of

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False)
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


@given(values)
def test_canonical_json_is_ascii_and_reads_back(value):
    text = canonical_json(value)
    assert text.isascii()
    assert json.loads(text) == value


@given(st.dictionaries(st.text(), values))
def test_order_of_keys_changes_nothing(value):
    turned = dict(reversed(list(value.items())))
    assert key_of(turned) == key_of(value)


@given(values, values)
def test_different_values_have_different_keys(one, other):
    if canonical_json(one) != canonical_json(other):
        assert key_of(one) != key_of(other)


def test_types_are_told_apart():
    assert len({key_of(one) for one in (1, 1.0, "1", True, None, [1])}) == 6


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), [-float("inf")]])
def test_floats_that_are_not_finite_are_refused(bad):
    with pytest.raises(ValueError, match="not JSON compliant"):
        key_of(bad)


@pytest.mark.parametrize("bad", [{1: 2}, {"a": {None: 1}}, [{True: 1}]])
def test_keys_that_are_no_strings_are_refused(bad):
    with pytest.raises(TypeError, match="strings"):
        key_of(bad)


def test_objects_are_not_turned_into_strings():
    with pytest.raises(TypeError):
        key_of({"path": object()})


def test_keys_are_the_same_in_another_process():
    code = "from bench.keys import key_of; print(key_of({'b': [1.5, 'ä'], 'a': None}))"
    runs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("0", "1")
    }
    assert runs == {key_of({"a": None, "b": [1.5, "ä"]})}
