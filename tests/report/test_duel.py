import pytest

from bench.errors import UnknownName, UsageError
from bench.report import duel_table
from bench.report.tables.table import Number, Text
from bench.stats.by_subject import compare_pairs
from bench.store.records import ProtocolNumbers, SubjectNumbers
from fakes.report_samples import record

NAME = "pixel-subject@1"


def cell(method, values, *, seed=0, **more):
    per_subject = {
        name: SubjectNumbers(cases=10, positives=1, metrics={} if value is None else {"ap": value})
        for name, value in values.items()
    }
    numbers = ProtocolNumbers(status="done", metrics={"ap": 0.5}, per_subject=per_subject)
    return record(method, protocols={NAME: numbers}, seed=seed, **more)


def duel(*records):
    return duel_table(records, "ae", "proxyano", protocol=NAME, metric="ap")


def test_subjects_are_paired_by_name_and_seeds_averaged():
    ae = {f"p{n}": 0.1 + 0.01 * n for n in range(10)}
    better = {name: value + 0.05 for name, value in ae.items()}
    worse = {name: value - 0.01 for name, value in ae.items()}
    made = duel(cell("proxyano", better, seed=0), cell("proxyano", worse, seed=1), cell("ae", ae))
    (row,) = made.rows
    assert row[0] == Text("mslub/t1")
    assert row[3] == Number(10)
    assert row[4].value == pytest.approx(-0.02)
    expected = compare_pairs({"x": ([0.0] * 10, [0.02] * 10)})["x"]
    assert row[6].value == pytest.approx(expected.p_adjusted)
    assert row[7] == Text("proxyano is better")


def test_subjects_without_lesions_are_no_pairs_and_too_few_is_said():
    made = duel(
        cell("ae", {"p1": 0.2, "p2": None, "p3": 0.3}),
        cell("proxyano", {"p1": 0.1, "p2": None, "p4": 0.3}),
    )
    assert made.rows[0][3] == Number(1)
    assert made.rows[0][7] == Text("too few subjects")


def test_only_what_both_have_is_compared():
    values = {"p1": 0.2, "p2": 0.3}
    made = duel(
        cell("ae", values),
        cell("ae", values, budget="paper"),
        cell("ae", values, task="odd/t1"),
        cell("proxyano", values),
        cell("proxyano", values, config={"proxy": "edge"}, budget="paper"),
    )
    assert [(row[0].text, row[2].text) for row in made.rows] == [("mslub/t1", "quick")]


def test_what_cannot_be_compared_is_said():
    with pytest.raises(UnknownName, match="'proxyano'"):
        duel(cell("ae", {"p1": 0.1}))
    with pytest.raises(UsageError, match="share no task"):
        duel(cell("ae", {"p1": 0.1}), cell("proxyano", {"p1": 0.1}, task="odd/t1"))


def test_two_settings_of_one_method_are_named_as_tables_name_them():
    values = {f"p{n}": 0.1 + 0.01 * n for n in range(10)}
    better = {name: value + 0.05 + 0.001 * value for name, value in values.items()}
    records = [cell("padim", values), cell("padim", better, config={"weights": "random", "k": 3})]
    other = "padim (weights=random, k=3)"
    for first, sign in ((other, 1), ("padim", -1)):
        second = "padim" if first == other else other
        made = duel_table(records, first, second, protocol=NAME, metric="ap")
        assert made.title == f"{first} against {second}"
        (row,) = made.rows
        assert (row[4].value > 0) == (sign > 0)
        assert row[7] == Text(f"{other} is better")
    with pytest.raises(UsageError, match="both methods are 'padim', expected two") as same:
        duel_table(records, "padim", "padim", protocol=NAME, metric="ap")
    assert other in same.value.hint
    with pytest.raises(UnknownName) as unknown:
        duel_table(records, "padim", "padim (weights=imagenet)", protocol=NAME, metric="ap")
    assert other in str(unknown.value)


def test_the_word_for_methods_that_know_nothing_is_no_part_of_a_name():
    values = {f"p{n}": 0.1 + 0.01 * n for n in range(10)}
    dark = cell("intensity", values, config={"anomalies": "dark"})
    made = duel_table(
        [cell("random", values), dark], "random (trivial)", "intensity (anomalies=dark, trivial)",
        protocol=NAME, metric="ap",
    )  # fmt: skip
    assert len(made.rows) == 1
