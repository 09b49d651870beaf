import base64
import json
import zlib

import numpy as np
import pytest
from pydantic import ValidationError

from bench.store.records import ProtocolNumbers
from bench.store.replicates import Replicates, Resampled

VALUES = np.random.default_rng(0).beta(2, 30, 1000)


def test_values_come_back_to_a_small_part_of_their_range():
    gaps = np.where(np.arange(1000) % 7 == 0, np.nan, VALUES)
    found = Replicates.of(gaps).values()
    assert np.array_equal(np.isnan(found), np.isnan(gaps))
    assert np.nanmax(abs(found - gaps)) <= np.ptp(VALUES) / 65534 / 2 * 1.001


def test_equal_values_are_exactly_equal_and_constant_ones_exact():
    assert np.array_equal(Replicates.of(VALUES).values(), Replicates.of(VALUES.copy()).values())
    assert (Replicates.of(np.full(1000, 0.3)).values() == 0.3).all()
    assert Replicates.of(np.full(1000, np.nan)) is None


def test_a_number_costs_less_than_three_kilobytes():
    assert len(Replicates.of(VALUES).model_dump()["codes"]) < 2800


def test_they_go_through_a_record():
    one = Resampled(draws="1-x", subjects=8, metrics={"ap": Replicates.of(VALUES)})
    numbers = ProtocolNumbers(status="done", metrics={"ap": 0.1}, resampled=one)
    back = ProtocolNumbers.model_validate_json(json.dumps(numbers.model_dump(mode="json")))
    assert back == numbers


def bomb():
    return base64.b64encode(zlib.compress(bytes(10**8))).decode()


@pytest.mark.parametrize(
    "codes",
    ["", "AAAA", "no base64 \N{SNOWMAN}", base64.b64encode(zlib.compress(b"x" * 1999)).decode(),
     "eJw=" * 500],
)  # fmt: skip
def test_damage_is_refused_on_reading(codes):
    with pytest.raises(ValidationError, match="codes"):
        Replicates(low=0, high=1, codes=codes)


def test_codes_without_their_checksum_are_refused():
    whole = base64.b64decode(Replicates.of(VALUES).model_dump()["codes"])
    with pytest.raises(ValidationError, match="codes"):
        Replicates(low=0, high=1, codes=base64.b64encode(whole[:-4]).decode())


def test_what_would_swell_is_refused_unread():
    with pytest.raises(ValidationError, match="codes"):
        Replicates(low=0, high=1, codes=bomb()[: 4 * 2000])
