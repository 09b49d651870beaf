"""A report by a metric of which the lowest value is the best: right way round everywhere."""

from dataclasses import replace

import pytest

from bench.cards import Headline, ProtocolCard, PublishedRow, PublishedValue, Task
from bench.gate import compare as compare_gate
from bench.gate.baseline import Baseline
from bench.gate.words import to_table
from bench.report import Cards, build_report, duel_table, render, summarise
from bench.report.figures.chart import Chart
from bench.report.figures.charts import all_charts, curve_lines, sensitivity_chart
from bench.report.figures.gallery import chosen_subjects
from bench.report.figures.rank_chart import rank_chart
from bench.report.html import make_content, to_html
from bench.report.rows.published import compare as compare_published
from bench.report.tables.sensitivity import sensitivity_tables
from bench.report.tables.table import Number
from bench.report.tables.task_lines import TaskLines
from bench.report.tables.task_tables import task_tables
from bench.store.records import Interval, ProtocolNumbers, SubjectNumbers
from fakes import report_samples
from fakes.report_samples import record

NAMES = ("fpr@1", "fpr-strict@1")
HEAD = Headline(protocol="fpr@1", metric="fpr_at_tpr")
# Per method, false-positive rates under both protocols. The lowest is the best.
RATES = {
    "proxyano": (0.10, 0.25),
    "ae": (0.20, 0.15),
    "gaussian": (0.60, 0.70),
    "random": (0.95, 0.95),
}
BEST_FIRST = ["proxyano", "ae", "gaussian", "random"]


def protocol(name):
    return ProtocolCard(
        name=name.partition("@")[0],
        version=1,
        title=name,
        description=name,
        level="pixel",
        pool="pooled",
        metrics=["fpr_at_tpr"],
    )


def task(title):
    return Task(title=title, channels=["t1"], train_on="ixi", protocols=list(NAMES), headline=HEAD)


CARDS = Cards(
    datasets={
        "brain": report_samples.dataset("brain", {"t1": task("First"), "t2": task("Second")})
    },
    methods=report_samples.CARDS.methods,
    protocols={name: protocol(name) for name in NAMES},
)


def numbers(rate, half=0.02):
    return ProtocolNumbers(
        status="done",
        metrics={"fpr_at_tpr": rate},
        intervals={"fpr_at_tpr": Interval(low=rate - half, high=min(rate + half, 1.0))},
        prevalence=0.02,
        subjects=10,
        per_subject={
            f"p{at}": SubjectNumbers(cases=9, positives=1, metrics={"fpr_at_tpr": rate + at / 200})
            for at in range(10)
        },
    )


def records(tasks=("brain/t1",)):
    return [
        record(method, task=name, protocols=dict(zip(NAMES, map(numbers, rates), strict=True)))
        for name in tasks
        for method, rates in RATES.items()
    ]


def rows(tasks=("brain/t1",)):
    return summarise(records(tasks), CARDS.datasets, CARDS.protocols)


def lines():
    return TaskLines("brain/t1", rows(), CARDS, None)


def test_the_table_is_ordered_and_marked_by_the_lowest():
    (table,) = task_tables(rows(), CARDS)
    assert [row[0].text.split()[0] for row in table.rows] == BEST_FIRST
    assert [row[1].rank for row in table.rows] == [1, 2, 0, 0]
    assert table.columns[1].head == "FPR at 95 % TPR %"
    assert table.columns[1].note == "FPR at 95 % TPR: lower is better."
    assert "Chance level: FPR at 95 % TPR 95 %." in table.caption


def test_markdown_prints_the_lowest_in_bold():
    text = render(build_report(records(), CARDS), "markdown")
    assert "**10.00" in text
    assert "**95.00" not in text


@pytest.mark.parametrize(("half", "close"), [(0.02, ""), (0.06, "ae")])
def test_overlap_with_the_best_looks_at_the_ends_that_meet(half, close):
    made = [
        record(method, task="brain/t1", protocols={"fpr@1": numbers(rates[0], half)})
        for method, rates in RATES.items()
    ]
    (table,) = task_tables(summarise(made, CARDS.datasets, CARDS.protocols), CARDS)
    notes = [note.text for note in table.notes if "overlap" in note.text]
    assert notes == ([f"Intervals overlap the best method's (proxyano): {close}."] if close else [])


def test_only_what_is_not_below_the_trivial_method_is_named():
    made = [*records(), record("vae", task="brain/t1", protocols={"fpr@1": numbers(0.94)})]
    (table,) = task_tables(summarise(made, CARDS.datasets, CARDS.protocols), CARDS)
    (note,) = [note.text for note in table.notes if "trivial method" in note.text]
    assert note == ("Intervals do not exclude the value of the best trivial method (random): vae.")


def test_sensitivity_ranks_the_lowest_first_and_says_who_was_better():
    (table,) = sensitivity_tables(rows(), CARDS)
    assert [row[0].text.split()[0] for row in table.rows] == BEST_FIRST
    assert [row[1].text for row in table.rows] == [
        "10.00 (1)",
        "20.00 (2)",
        "60.00 (3)",
        "95.00 (4)",
    ]
    assert [row[2].text[-3:] for row in table.rows] == ["(2)", "(1)", "(3)", "(4)"]
    words = "1 of 6 method pairs relative to fpr@1, where proxyano is better than ae."
    assert f"reverses the order of {words}" in table.notes[0].text
    assert "; lower is better" in table.caption


def test_the_sensitivity_chart_has_the_best_at_rank_one():
    chart = sensitivity_chart(lines(), rows())
    ranks = {one.label.split()[0]: [rank for _, rank in one.points] for one in chart.series}
    assert ranks["proxyano"] == [2, 1]  # protocols stand by name: fpr-strict first
    assert ranks["random"] == [4, 4]


def test_average_ranks_and_groups_have_the_lowest_first():
    names = ("brain/t1", "brain/t2")
    tasks = [TaskLines(name, rows(names), CARDS, None) for name in names]
    chart = rank_chart(tasks, CARDS)
    assert isinstance(chart, Chart)
    dots = [one.note for one in chart.series if one.kind == "dots"]
    assert [note.split(":")[0].split()[0] for note in dots] == BEST_FIRST
    assert dots[0] == "proxyano: average rank 1.00"


def test_the_quality_chart_says_the_direction_and_the_chance_level():
    (chart,) = [one for one in all_charts(rows(), CARDS, {}) if one.name.endswith("quality")]
    assert chart.x.title == "FPR at 95 % TPR, % (lower is better)"
    chance = [one.points[0][0] for one in chart.series if one.kind == "chance"]
    assert chance == [0.95]


def test_curves_are_drawn_of_the_lowest_lines():
    many = [
        record(f"m{at:02}", task="brain/t1", protocols={"fpr@1": numbers(0.03 * (at + 1))})
        for at in range(20)
    ]
    found = curve_lines(summarise(many, CARDS.datasets, CARDS.protocols), CARDS)
    assert sorted(line[1] for line in found) == [f"m{at:02}" for at in range(len(found))]
    assert len(found) < 20


def test_a_duel_is_won_by_the_lower_values():
    made = duel_table(records(), "proxyano", "ae", protocol="fpr@1", metric="fpr_at_tpr")
    (row,) = made.rows
    assert row[4].value == pytest.approx(-0.1)
    assert row[7].text == "proxyano is better"
    assert made.legend[-1].startswith("Lower is better: a negative difference")
    turned = duel_table(records(), "ae", "proxyano", protocol="fpr@1", metric="fpr_at_tpr")
    assert turned.rows[0][7].text == "proxyano is better"


def test_the_gallery_calls_the_lowest_subject_best():
    found = chosen_subjects(records()[0], "fpr@1", "fpr_at_tpr")
    assert [(standing, subject) for standing, subject, _ in found] == [
        ("best", "p0"),
        ("median", "p4"),
        ("worst", "p9"),
    ]


def test_published_values_stand_with_the_lowest_first():
    row = PublishedRow(
        name="r",
        order=1,
        title="R",
        metric="fpr_at_tpr",
        tasks=["brain/t1"],
        protocol="fpr@1",
        values=[PublishedValue(method="Weak", value=50), PublishedValue(method="Good", value=5)],
        source="s",
        known="k",
        unknown="u",
    )
    found = compare_published([row], rows(), CARDS)
    assert [one.published.method for one in found[:2]] == ["Good", "Weak"]
    assert [one.measured.method for one in found[2:]] == BEST_FIRST


@pytest.mark.parametrize(
    ("shift", "verdict"), [(0.1, "higher (worse)"), (-0.05, "lower (better)"), (0, "ok, 1 number")]
)
def test_the_gate_says_whether_a_move_is_worse(shift, verdict):
    before = [one for one in rows() if (one.method, one.protocol) == ("proxyano", "fpr@1")]
    baseline = Baseline.model_validate({"rows": [one.as_json() for one in before]})
    moved = [replace(one, value=one.value + shift) for one in before]
    table = to_table(compare_gate(baseline, moved), baseline.noise)
    assert [row[-1].text for row in table.rows] == [verdict]


def test_the_page_names_the_lowest_as_best_and_sorts_upwards_first():
    content = make_content(records(), rows(), CARDS)
    (section,) = content.tasks
    assert section.best.method == "proxyano"
    assert section.above_trivial is True
    assert [one.first.method for one in content.overview.rows if one.headline] == BEST_FIRST
    page = to_html(content)
    assert "interval excludes every trivial method" in page
    assert "interval 8.00 to 12.00; chance 95<" in page
    assert 'data-up title="Lower is better"><button type="button">FPR at 95 % TPR %' in page


def test_rows_for_programs_keep_their_values():
    assert {row.method: row.value for row in rows() if row.protocol == "fpr@1"} == {
        name: rates[0] for name, rates in RATES.items()
    }
    assert all(isinstance(row[1], Number) for row in task_tables(rows(), CARDS)[0].rows)
