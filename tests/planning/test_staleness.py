import pytest

from bench import registry
from bench.data.prepare.version import preparation_fingerprint
from bench.planning.staleness import is_stale
from fakes.records import a_record


def current(**changes):
    dataset, method = registry.dataset("phantom"), registry.method("random")
    preparation = preparation_fingerprint(dataset.preparation)
    content = {
        "dataset_version": dataset.version,
        "method": "random",
        "method_version": method.version,
        "budget_values": registry.budget("smoke").key_values(),
        "fingerprints": {"preparation": preparation},
    }
    return a_record(**{**content, **changes})


def test_a_record_of_todays_cards_is_fresh():
    assert not is_stale(current())


@pytest.mark.parametrize(
    "changes",
    [
        {"method_version": 0},
        {"dataset_version": 0},
        {"budget_values": {"steps": 1}},
        {"fingerprints": {"preparation": "x"}},
    ],
    ids=str,
)
def test_a_record_of_other_cards_is_stale(changes):
    assert is_stale(current(**changes))


@pytest.mark.parametrize(
    "changes",
    [{"method": "plugged-in"}, {"dataset": "unknown"}, {"budget": "own", "budget_values": {}}],
    ids=str,
)
def test_what_has_no_card_here_cannot_be_stale(changes):
    assert not is_stale(current(**changes))
