"""Paired comparisons in tables, pages and duels: one verdict for one pair."""

import re

import numpy as np
import pytest

from bench.report import build_report, duel_table, render, summarise
from bench.report.html import make_content
from bench.report.tables.duels import duels
from bench.report.tables.task_lines import TaskLines
from fakes.report_samples import CARDS, record

TASK = "mslub/t1"
VALUES = {
    "proxyano": 0.30, "ae": 0.29, "vae": 0.25, "gaussian": 0.20, "equalized": 0.19, "random": 0.02
}  # fmt: skip


def store(*, test=12, spread=0.1, values=VALUES, **more):
    return [
        record(name, value, test=test, expected=test, drawn=at, spread=spread, **more)
        for at, (name, value) in enumerate(values.items())
    ]


def lines(records):
    return TaskLines(TASK, summarise(records, CARDS.datasets, CARDS.protocols), CARDS, None)


def notes(records):
    (table,) = build_report(records, CARDS).tables
    return [note.plain for note in table.notes]


def test_the_table_names_who_is_not_told_from_the_best_and_what_would_tell():
    (close,) = [one for one in notes(store()) if "Not shown to differ from" in one]
    head, _, rest = close.partition(": ")
    assert head == "Not shown to differ from the best method (proxyano)"
    assert re.fullmatch(r"ae, needs ([0-9]+|more than 1,000) subjects\.", rest)
    (trivial,) = [one for one in notes(store()) if "trivial" in one]
    assert trivial.startswith(
        "Not shown to beat the best trivial method (equalized): gaussian, needs "
    )
    assert "Compared: all 15 pairs of lines; Holm's correction is over these." in notes(store())


def test_worse_than_the_trivial_is_said():
    values = {"equalized": 0.3, "ae": 0.1, "random": 0.02}
    (trivial,) = [one for one in notes(store(values=values)) if "trivial method" in one]
    assert trivial == "Not shown to beat the best trivial method (equalized): ae, shown worse."


@pytest.mark.parametrize("seed", range(6))
def test_compare_and_the_table_never_disagree(seed):
    """Random stores of random size: every pair has one verdict, whoever asks."""
    generator = np.random.default_rng(seed)
    values = {name: float(generator.uniform(0.05, 0.3)) for name in VALUES}
    records = store(
        test=int(generator.integers(3, 20)),
        spread=float(generator.uniform(0.02, 0.6)),
        values=values,
    )
    table = lines(records)
    best, *others = table.ranked
    told = " ".join(one for one in notes(records) if "Not shown to differ from" in one)
    for row in others:
        (duel,) = duels(records, best.method, row.method, cards=CARDS)
        (back,) = duels(records, row.method, best.method, cards=CARDS)
        assert duel.pair == table.compared.pair(best, row)
        assert back.pair == duel.pair.turned
        if duel.verdict == "too few subjects":
            assert not told
        else:
            assert (f"{table.label[row.line]}, needs" in told) == (
                duel.verdict == "no difference shown"
            )


def test_the_page_says_what_the_table_says():
    (section,) = make_content(
        store(), summarise(store(), CARDS.datasets, CARDS.protocols), CARDS
    ).tasks
    assert (section.above_trivial, section.shown_by) == (True, "shown")
    close = store(values={"ae": 0.2, "equalized": 0.199})
    (section,) = make_content(close, summarise(close, CARDS.datasets, CARDS.protocols), CARDS).tasks
    assert section.above_trivial is False


def test_overlapping_intervals_are_no_reason_to_give_up():
    """Subjects differ much, methods little and always alike: paired, they are told apart."""
    records = [
        record("ae", 0.30, test=12, drawn=0, spread=0.5),
        record("vae", 0.27, test=12, drawn=0, spread=0.5),
    ]
    first, second = lines(records).ranked
    assert second.high > first.low
    assert lines(records).beats(first, second)


def test_records_of_an_older_bench_are_compared_by_intervals_and_named():
    records = [*store(test=12)[:2], record("gaussian", 0.299, test=12, half=0.01)]
    found = notes(records)
    assert "Intervals overlap the best method's (proxyano): gaussian." in found
    assert (
        "Compared by intervals alone, as an older bench made their records: gaussian; "
        "bench rescore --protocol pixel-pooled@1"
    ) in found
    text = render(build_report(records, CARDS), "markdown")
    assert "percentile interval" in text
    assert "Student's t on the logit" in text


def test_other_subjects_are_not_paired():
    records = [*store(test=12)[:1], record("ae", 0.299, test=13, expected=13, drawn=1)]
    assert "Lines on different test subjects are compared by their intervals." in notes(records)
    assert lines(records).compared.pairs == {}


def test_a_duel_is_of_the_headline_unless_another_number_is_asked_for():
    records = store()
    made = duel_table(records, "proxyano", "random", cards=CARDS)
    assert made.caption == "AP of pixel-pooled@1; trained on 64 subjects, 3,495 images of ixi."
    (row,) = made.rows
    titles = [one.title for one in made.columns]
    cells = dict(zip(titles, row, strict=True))
    assert cells["Verdict"].text == "proxyano is better"
    assert cells["Test"].text == "paired resamples"
    assert cells["Needs"] is None
    assert cells["Effect"] is None
    other = duel_table(records, "proxyano", "random", protocol="pixel-pooled@1", metric="auroc")
    assert other.caption.startswith("AUROC of pixel-pooled@1; trained on 64 subjects")
    (row,) = duel_table(records, "proxyano", "ae", cards=CARDS).rows
    needs = dict(zip(titles, row, strict=True))["Needs"].text
    assert needs in " ".join(notes(records))


def test_where_seeds_differ_too_much_no_number_of_subjects_is_named():
    """Three seeds from 0.1 to 0.5 hide a difference that subjects alone would show."""
    seeds = [
        record("ae", value, seed=at, test=12, expected=12, drawn=0, spread=0.1)
        for at, value in enumerate((0.1, 0.3, 0.5))
    ]
    fixed = [record("vae", 0.2, test=12, expected=12, drawn=0, spread=0.1)]
    (row,) = duel_table([*seeds, *fixed], "ae", "vae", cards=CARDS).rows
    assert (row[7].text, row[9].text) == ("no difference shown", "more seeds")
    found = notes([*seeds, *fixed])
    assert "Not shown to differ from the best method (ae): vae, needs more seeds." in found
    (table,) = build_report([*seeds, *fixed], CARDS).tables
    assert any(one.startswith("Needs more seeds: the seeds differ so much") for one in table.legend)
    (alone,) = duel_table([seeds[1], *fixed], "ae", "vae", cards=CARDS).rows
    assert alone[7].text == "ae is better"
