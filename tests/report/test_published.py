import json
from pathlib import Path

import numpy as np
import pytest

from bench.cards import PublishedRow, PublishedValue, Task, read_card
from bench.report import Cards, build_report, render
from bench.report.rows.published import compare
from bench.report.rows.summary import summarise
from bench.store.records import Learning
from fakes.report_samples import CARDS, ROWS, dataset, numbers, record

FOLDER = Path(__file__).parents[2] / "results" / "published"
AVERAGE = PublishedRow(
    name="average",
    order=3,
    title="Average",
    metric="ap",
    tasks=["mslub/t1", "odd/t1"],
    protocol="pixel-pooled@1",
    values=[PublishedValue(method="Ae", value=20, ours="ae")],
    source="somebody",
    known="",
    unknown="",
)
FULL = {"test": 30, "budget": "paper"}


def lines(records, rows=ROWS, cards=CARDS):
    return compare(rows, summarise(records, cards.datasets, cards.protocols), cards)


def free(row: PublishedRow) -> PublishedRow:
    return row.model_copy(update={"not_comparable": None})


def test_the_shipped_rows_are_the_five_of_the_leaderboard():
    rows = sorted(
        (read_card(path, PublishedRow) for path in FOLDER.glob("*.toml")),
        key=lambda row: row.order,
    )
    told = [(row.title, row.metric, {one.method: one.value for one in row.values}) for row in rows]
    assert told == [
        ("MSLUB T1", "ap", {"ProxyAno": 3.32, "PHANES": 2.04, "AnoVAEGAN": 1.64}),
        ("BraTS-GLI T1", "ap", {"ProxyAno": 11.51, "PHANES": 11.2, "AnoVAEGAN": 5.84}),
        ("BraTS-GLI T2", "ap", {"ProxyAno": 39.3, "PHANES": 21.02, "AnoVAEGAN": 10.15}),
        ("Average T1&T2", "ap", {"ProxyAno": 19.22, "PHANES": 11.9, "AnoVAEGAN": 6.76}),
        ("Retinal OCT (test)", "auroc", {"ProxyAno": 93.3}),
    ]
    assert all(row.not_comparable and row.source and row.unknown for row in rows)
    text = render(build_report([], CARDS, rows, which="published"), "markdown")
    for row in rows:
        assert f"**{row.title.replace('&', '&amp;')}, " in text


def test_a_row_that_was_not_run_shows_the_command():
    first = lines([])[0]
    assert (first.published.method, first.measured) == ("ProxyAno", None)
    assert (first.verdict, first.command) == (
        "not run",
        "bench run --method proxyano --task mslub/t1 --budget paper",
    )


def test_a_row_without_a_card_says_so():
    last = lines([])[-1]
    assert (last.row.name, last.verdict) == ("oct", "no card yet: oct/lesion")


def test_measured_stands_beside_published_with_the_difference():
    first = lines([record("proxyano", 0.02)])[0]
    assert first.difference == pytest.approx(0.02 - 0.0332)
    assert first.verdict == (
        "not comparable: the source's protocol is not known; 2 of 30 subjects; budget quick"
    )


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [
        ({}, "comparable"),
        ({"test": 29}, "not comparable: 29 of 30 subjects"),
        ({"budget": "smoke"}, "not comparable: budget smoke"),
        ({"train_on": "oasis1-healthy"}, "not comparable: trained on oasis1-healthy"),
    ],
)
def test_the_verdict_follows_from_card_and_run(changed, verdict):
    rows = [free(ROWS[0])]
    assert lines([record("proxyano", 0.02, **{**FULL, **changed})], rows)[0].verdict == verdict


def test_synthetic_images_and_constant_scores_are_never_comparable():
    row = free(ROWS[0]).model_copy(update={"tasks": ["odd/t1"]})
    constant = {"pixel-pooled@1": numbers(0.02, degenerate=True)}
    one = record("proxyano", task="odd/t1", train_on="odd", protocols=constant, **FULL)
    assert lines([one], [row])[0].verdict == "not comparable: synthetic images; constant scores"


def test_failures_and_missing_protocols_are_told():
    failed = record("proxyano", status="failed", error_class="timeout", reason="too long")
    assert lines([failed])[0].verdict == "failed (timeout): too long"
    other = record("proxyano", protocols={"image@1": numbers(0.5)})
    line = lines([other])[0]
    assert (line.verdict, line.command) == (
        "not computed",
        "bench rescore --protocol pixel-pooled@1",
    )


def test_methods_that_the_row_does_not_list_follow_the_published_ones():
    methods = [
        line.published.method if line.published else line.measured.method
        for line in lines([record("ae", 0.01), record("gaussian", 0.03), record("proxyano", 0.02)])
        if line.row.name == "mslub-t1"
    ]
    assert methods == ["ProxyAno", "Never_run & co", "PHANES", "gaussian", "ae"]


def test_an_average_takes_seeds_together_and_default_sources_only():
    mslub, odd = [0.02, 0.03, 0.05], [0.2, 0.1, 0.4]
    records = [
        *(record("ae", value, seed=at) for at, value in enumerate(mslub)),
        record("ae", 0.9, train_on="oasis1-healthy"),
        *(
            record("ae", value, seed=at, task="odd/t1", train_on="odd", test=5, expected=5)
            for at, value in enumerate(odd)
        ),
    ]
    (line,) = lines(records, [AVERAGE])
    means = np.mean([mslub, odd], axis=0)
    assert line.measured.value == pytest.approx(means.mean())
    assert line.measured.sd == pytest.approx(means.std(ddof=1))
    assert (line.measured.low, line.measured.high) == (None, None)
    assert (line.measured.test_subjects, line.measured.test_expected) == (7, 35)
    assert line.measured.status == "partial"


@pytest.mark.parametrize(
    ("errors", "trained", "ratio"),
    [((0.1, 0.05), True, 0.375), ((0.1, 0.3), False, 1.0), ((0.3, 0.1), False, 1.0)],
)
def test_an_average_is_untrained_if_one_of_its_tasks_is(errors, trained, ratio):
    records = [
        record("ae", 0.02, task=task, train_on=source, **FULL, expected=30,
               learning=Learning(images=9, error=error, constant_error=0.2, mean_image_error=0.5))
        for (task, source), error in zip(
            (("mslub/t1", "ixi"), ("odd/t1", "odd")), errors, strict=True
        )
    ]  # fmt: skip
    (line,) = lines(records, [AVERAGE])
    assert line.measured.untrained is not trained
    assert line.measured.error_ratio == pytest.approx(ratio)
    assert ("not yet trained" in line.verdict) is not trained


def test_a_number_of_what_has_not_learned_is_not_comparable():
    worse = Learning(images=9, error=0.3, constant_error=0.2, mean_image_error=0.5)
    one = record("proxyano", 0.02, learning=worse, **FULL)
    assert lines([one], [free(ROWS[0])])[0].verdict == "not comparable: not yet trained"


def test_an_average_needs_all_its_tasks():
    (line,) = lines([record("ae", 0.02)], [AVERAGE])
    assert line.measured is None
    assert line.command == "bench run --method ae --task mslub/t1 --task odd/t1 --budget paper"


def test_published_values_reach_programs_only_when_asked_for():
    records = [record("proxyano", 0.02), record("ae", 0.03)]
    plain = json.loads(render(build_report(records, CARDS, ROWS), "json"))
    assert {one["status"] for one in plain} == {"partial"}
    asked = json.loads(render(build_report(records, CARDS, ROWS, which="published"), "json"))
    told = [(one["task"], one["method"], one["status"], one["value"]) for one in asked]
    assert told == [
        ("mslub/t1", "ProxyAno", "published", 0.0332),
        ("mslub/t1", "proxyano", "partial", 0.02),
        ("mslub/t1", "Never_run & co", "published", 0.03),
        ("mslub/t1", "never-run", "missing", None),
        ("mslub/t1", "PHANES", "published", 0.0204),
        ("mslub/t1", "ae", "partial", 0.03),
        ("oct/lesion", "ProxyAno", "published", 0.933),
        ("oct/lesion", "proxyano", "missing", None),
    ]


def test_the_protocol_of_a_published_value_is_unknown_unless_the_card_vouches_for_it():
    report = build_report([], CARDS, [ROWS[0], free(ROWS[1])], which="published")
    protocols = {row.task: row.protocol for row in report.rows if row.status == "published"}
    assert protocols == {"mslub/t1": "unknown", "oct/lesion": "image@1"}


def test_a_task_with_a_card_of_its_own_source():
    cards = Cards({"oct": dataset("oct", {"lesion": Task(title="OCT", channels=["oct"])})})
    rows = [free(ROWS[1])]
    one = record(
        "proxyano",
        task="oct/lesion",
        train_on="oct",
        protocols={"image@1": numbers(0.9, auroc=0.95)},
        **FULL,
    )
    (line,) = lines([one], rows, cards)
    assert (line.verdict, line.difference) == ("comparable", pytest.approx(0.017))


def test_a_row_is_filled_by_a_stand_in_where_its_own_task_was_not_run_and_is_marked():
    row = free(ROWS[0]).model_copy(update={"stand_ins": {"mslub/t1": ["odd/t1"]}})
    other = record("proxyano", 0.3, task="odd/t1", test=30, expected=30, budget="paper")
    cards = Cards(methods=CARDS.methods, protocols=CARDS.protocols)
    first = lines([other], [row], cards)[0]
    assert first.measured.value == 0.3
    assert first.verdict == "not comparable: odd/t1 in place of mslub/t1; trained on ixi"
    own = record("proxyano", 0.02, **FULL)
    first = lines([other, own], [row], cards)[0]
    assert (first.measured.value, first.measured.stands_in) == (0.02, "")
    assert build_report([other], cards, [row]).tables[-1].name == "published"


def test_an_average_takes_stand_ins_too():
    row = AVERAGE.model_copy(update={"stand_ins": {"odd/t1": ["odd/t2"]}})
    records = [
        record("ae", 0.02),
        record("ae", 0.4, task="odd/t2", train_on="odd", test=5, expected=5),
    ]
    (line,) = lines(records, [row])
    assert line.measured.value == pytest.approx(0.21)
    assert "odd/t2 in place of odd/t1" in line.verdict


def test_an_average_of_tasks_with_other_seeds_has_no_spread_and_says_what_is_missing():
    """Their means are averaged; which seeds would be one sample is not known."""
    failed = {"status": "failed", "error_class": "timeout", "reason": "after 240 min"}
    records = [
        *(record("ae", value, seed=at) for at, value in enumerate((0.02, 0.03, 0.07))),
        record("ae", 0.2, task="odd/t1", train_on="odd", test=5, expected=5),
        record("ae", seed=1, task="odd/t1", train_on="odd", test=5, expected=5, **failed),
    ]
    (line,) = lines(records, [AVERAGE])
    assert line.measured.value == pytest.approx((0.04 + 0.2) / 2)
    assert (line.measured.sd, line.measured.seeds) == (None, 1)
    assert line.measured.reason == "odd/t1: 1 of 2 seeds failed (timeout): after 240 min"
    table = build_report(records, CARDS, [AVERAGE]).tables[-1]
    said = "Average, ae: odd/t1: 1 of 2 seeds failed (timeout): after 240 min"
    assert said in [one.plain for one in table.notes]
    assert any("of an average over tasks" in one for one in table.legend)
