import json
import math

import numpy as np
import pytest
from pydantic import ValidationError

from bench.report import Cards, SummaryRow, build_report, render, summarise
from bench.report.rows.sampling import resampled_of
from bench.stats.intervals import logit_interval
from bench.store.records import ProtocolNumbers, Subjects
from fakes.report_samples import CARDS, ROWS, numbers, record, sample_records

KEYS = [
    *("task", "method", "config", "train_on", "budget", "seeds", "protocol", "metric", "value"),
    *(
        "sd",
        "low",
        "high",
        "prevalence",
        "subjects",
        "status",
        "train_subjects",
        "train_images",
        "cost",
        "learned",
    ),
]
COSTS = ["fit_seconds", "predict_ms_per_image", "peak_rss_mb", "peak_gpu_mb", "parameters"]


def summary(records, **options) -> list[SummaryRow]:
    return summarise(records, CARDS.datasets, CARDS.protocols, **options)


def headline(records) -> SummaryRow:
    (row,) = [
        one for one in summary(records) if (one.protocol, one.metric) == ("pixel-pooled@1", "ap")
    ]
    return row


def test_mean_spread_and_interval_agree_with_numpy():
    values = [0.0190, 0.0213, 0.0251, 0.0198]
    row = headline([record("ae", value, seed=at, test=30) for at, value in enumerate(values)])
    assert row.value == pytest.approx(np.mean(values), abs=1e-15)
    assert row.sd == pytest.approx(np.std(values, ddof=1), abs=1e-15)
    assert row.low == pytest.approx(np.mean(np.array(values) - 0.004), abs=1e-15)
    assert row.high == pytest.approx(np.mean(np.array(values) + 0.004), abs=1e-15)
    assert row.seeds == 4
    assert row.cost["fit_seconds"] == pytest.approx(np.mean([12, 13, 14, 15]))


def test_one_seed_has_no_spread():
    row = headline([record("ae", 0.02)])
    assert (row.value, row.sd, row.seeds) == (0.02, None, 1)


def test_no_interval_unless_every_seed_has_one():
    row = headline([record("ae", 0.02, test=30), record("ae", 0.03, seed=1, half=None, test=30)])
    assert (row.low, row.high) == (None, None)


@pytest.mark.parametrize(("test", "printed"), [(4, False), (5, True)])
@pytest.mark.parametrize("drawn", [None, 0])
def test_no_interval_with_too_few_subjects(test, printed, drawn):
    row = headline([record("ae", 0.02, test=test, drawn=drawn)])
    assert (row.low is not None) == printed


def test_subjects_and_seeds_are_two_levels():
    """Over seeds that agree the interval is that of the mean; where they differ it is wider."""
    same = [record("ae", 0.2, seed=at, test=12, drawn=0) for at in range(3)]
    far = [record("ae", 0.1 + 0.1 * at, seed=at, test=12, drawn=0) for at in range(3)]
    replicates = same[0].protocols["pixel-pooled@1"].resampled.metrics["ap"].values()
    row, wide = headline(same), headline(far)
    assert (row.low, row.high) == pytest.approx(logit_interval(0.2, replicates, 12))
    assert wide.value == pytest.approx(row.value)
    expected = logit_interval(0.2, replicates, 12, by_seed=[0.1, 0.2, 0.3])
    assert (wide.low, wide.high) == pytest.approx(expected, abs=1e-5)
    assert wide.low < row.low < row.high < wide.high


def test_replicates_on_different_subjects_are_not_averaged():
    rows = [record("ae", 0.2, seed=at, test=11 + at, drawn=0) for at in range(2)]
    numbers = [one.protocols["pixel-pooled@1"] for one in rows]
    assert resampled_of(numbers[:1], "ap")
    assert resampled_of(numbers, "ap") == ()
    assert resampled_of(numbers, "dice") == ()


def test_machine_form_has_exactly_the_keys_of_the_contract():
    for which in ("all", "published"):
        text = render(build_report(sample_records(), CARDS, which=which), "json")
        for one in json.loads(text):
            assert list(one) == KEYS
            assert list(one["cost"]) == COSTS
            assert one["value"] is None or 0 <= one["value"] <= 1
    assert json.loads(render(build_report([], CARDS), "json")) == []


def test_one_row_per_line_protocol_and_metric():
    rows = summary(sample_records())
    names = [
        (row.task, row.method, str(row.config), row.train_on, row.budget, row.protocol, row.metric)
        for row in rows
    ]
    assert len(names) == len(set(names))
    assert names == sorted(names)


@pytest.mark.parametrize(
    ("test", "expected", "status"), [(30, 30, "done"), (2, 30, "partial"), (1, 1, "done")]
)
def test_missing_subjects_make_a_number_partial(test, expected, status):
    row = headline([record("ae", 0.02, test=test, expected=expected)])
    assert (row.status, row.test_subjects, row.test_expected) == (status, test, expected)


def test_what_a_later_card_knows_of_missing_subjects_holds_for_earlier_records_of_the_same():
    rows = summary(
        [
            record("ae", 0.02, test=6, expected=6),
            record("vae", 0.03, test=6, expected=1251),
            record("pca", 0.03, test=7, expected=7),
        ]
    )
    told = {
        row.method: (row.status, row.test_subjects, row.test_expected)
        for row in rows
        if (row.protocol, row.metric) == ("pixel-pooled@1", "ap")
    }
    assert told == {
        "ae": ("partial", 6, 1251),
        "vae": ("partial", 6, 1251),
        "pca": ("done", 7, 7),
    }


def test_a_lost_seed_makes_a_number_partial_and_is_told():
    lost = record("ae", seed=1, status="failed", error_class="killed", reason="signal 9")
    row = headline([record("ae", 0.02, test=30), lost])
    assert (row.status, row.seeds, row.value) == ("partial", 1, 0.02)
    assert row.reason == "1 of 2 seeds failed (killed): signal 9"


@pytest.mark.parametrize("status", ["failed", "skipped"])
def test_a_line_without_numbers_keeps_a_row_at_the_headline(status):
    (row,) = summary([record("ae", status=status, reason="why", task="odd/image")])
    assert (row.protocol, row.metric) == ("image@1", "auroc")
    assert (row.status, row.value, row.seeds, row.subjects) == (status, None, 0, 0)
    assert row.reason == f"{status}: why"
    (row,) = summary([record("ae", status=status, reason="why")], protocol="pixel-subject@1")
    assert (row.protocol, row.metric, row.status) == ("pixel-subject@1", "ap", status)


def test_a_record_without_any_card_is_kept():
    rows = summarise([record("ae", 0.02, task="gone/away")], {}, {})
    assert {row.task for row in rows} == {"gone/away"}
    assert any(row.value == 0.02 for row in rows)


def test_not_applicable_and_undefined_numbers_are_skipped_with_reason():
    rows = summary(
        [
            record(
                "ae",
                protocols={
                    "pixel-pooled@1": ProtocolNumbers(status="not applicable", reason="no maps"),
                    "image@1": ProtocolNumbers(status="done", prevalence=1.0, cases=5, positives=5),
                },
            )
        ]
    )
    assert {row.status for row in rows} == {"skipped"}
    assert {row.metric for row in rows} == {"ap", "auroc"}
    reasons = {row.protocol: row.reason for row in rows}
    assert reasons["pixel-pooled@1"] == "not applicable: no maps"
    assert reasons["image@1"] == "undefined: the test images hold one class only"


def test_a_protocol_that_was_not_computed_is_missing():
    rows = summary([record("ae", 0.02)], protocol="pixel-subject@1")
    assert {(row.metric, row.status, row.value) for row in rows} == {
        ("ap", "missing", None),
        ("auroc", "missing", None),
    }


@pytest.mark.parametrize("value", [math.nan, math.inf, 7.5])
def test_numbers_that_are_no_fractions_never_reach_a_table(value):
    with pytest.raises(ValidationError, match=r"metrics\.ap"):
        record("ae", protocols={"pixel-pooled@1": numbers(value)})


def test_versions_are_never_mixed():
    old = [record("ae", 0.9, seed=at, key=f"old{at}") for at in range(3)]
    row = headline([*old, record("ae", 0.02, method_version=2)])
    assert (row.value, row.seeds, row.left_out) == (0.02, 1, 3)
    row = headline([*old, record("ae", status="failed", reason="x", method_version=2)])
    assert (row.value, row.status) == (None, "failed")


def test_runs_on_more_subjects_replace_those_on_fewer():
    few = [record("ae", 0.9, seed=at, test=2) for at in range(2)]
    row = headline([*few, record("ae", 0.02, test=30, key="new")])
    assert (row.value, row.subjects, row.left_out, row.status) == (0.02, 30, 2, "partial")
    assert "1 of 2 seeds is of older files" in row.reason


def test_budgets_sources_and_settings_are_lines_of_their_own():
    rows = summary(
        [
            record("ae", 0.01),
            record("ae", 0.02, budget="paper"),
            record("ae", 0.03, train_on="oasis1-healthy"),
            record("ae", 0.04, config={"width": 8}),
        ]
    )
    values = {row.value for row in rows if (row.protocol, row.metric) == ("pixel-pooled@1", "ap")}
    assert values == {0.01, 0.02, 0.03, 0.04}
    assert {json.dumps(row.config) for row in rows} == {"{}", '{"width": 8}'}


def test_subjects_are_those_that_entered_the_number():
    one = record("ae", protocols={"pixel-pooled@1": numbers(0.1, subjects=7)}, test=9, expected=9)
    row = headline([one])
    assert (row.subjects, row.test_subjects, row.status) == (7, 9, "done")


def test_means_of_costs_leave_out_what_is_unknown():
    row = headline([record("ae", 0.02), record("ae", 0.03, seed=1)])
    assert row.cost["parameters"] == 1000
    assert isinstance(row.cost["parameters"], int)
    assert row.cost["peak_gpu_mb"] is None


def test_an_empty_test_list_is_no_crash():
    empty = Subjects(train=[], validation=[], test=[], test_expected=0)
    report = build_report([record("ae", status="failed", reason="x", subjects=empty)], Cards())
    assert "failed: x" in render(report, "markdown")


def test_a_report_for_tables_prints_the_same_and_makes_only_the_intervals_that_it_shows():
    def numbers_of(seed):
        found = {name: numbers(0.03, auroc=0.6, subjects=9, drawn=seed) for name in CARDS.protocols}
        return record("ae", 0.03, seed=seed, test=9, protocols=found)

    kept = [numbers_of(0), numbers_of(1)]
    every, few = (build_report(kept, CARDS, ROWS, for_tables=one) for one in (False, True))
    assert few.tables == every.tables
    assert {row.protocol for row in every.rows if row.low is not None} == set(CARDS.protocols)
    assert {row.protocol for row in few.rows if row.low is not None} == {"pixel-pooled@1"}
    assert [row.value for row in few.rows] == [row.value for row in every.rows]
