"""Quality against training length, from lines that differ in their steps alone."""

import pytest

from bench.report import summarise
from bench.report.figures.length_charts import length_charts, lengths, turned
from bench.report.tables.task_lines import TaskLines
from fakes.report_samples import CARDS, record


def lines(records):
    return TaskLines("mslub/t1", summarise(records, CARDS.datasets, CARDS.protocols), CARDS, None)


def trained(method, steps, value, *, cpu=None, base="smoke", **more):
    made = record(method, value, budget=f"{base}@{steps}", budget_values={"steps": steps}, **more)
    return made.model_copy(
        update={"cost": made.cost.model_copy(update={"fit_cpu_seconds": cpu})} if cpu else {}
    )


TURNING = [
    trained("ae", 100, 0.03, cpu=2.0),
    trained("ae", 400, 0.031, cpu=8.0),
    trained("ae", 1000, 0.04, cpu=20.0),
    trained("pca", 100, 0.01, cpu=3.0),
    trained("pca", 400, 0.035, cpu=12.0),
    trained("pca", 1000, 0.05, cpu=30.0),
]


def test_a_comparison_that_turns_is_named_with_who_leads_where():
    found = lines(TURNING)
    steps, cpu = length_charts(found)
    assert (steps.name, cpu.name) == ("mslub-t1-length-steps", "mslub-t1-length-cpu")
    points = {one.label: one.points for one in steps.series}
    assert points["ae"] == ((100.0, 0.03), (400.0, 0.031), (1000.0, 0.04))
    assert points["pca"][1] == (400.0, 0.035)
    assert {one.label: one.points[0][0] for one in cpu.series} == {"ae": 2.0, "pca": 3.0}
    turning = "ae and pca (ae leads from 100 steps, pca leads from 400 steps)"
    for chart in (steps, cpu):
        assert f"The order turns with training length for: {turning}." in chart.caption


def test_a_yardstick_that_a_method_passes_is_named():
    """It has one number, whatever the steps: at 100 `ae` is below it, from 400 on above."""
    yardstick = record("equalized", 0.0305, budget="smoke", budget_values={"steps": 1000})
    elsewhere = record("random", 0.5, budget="quick", budget_values={"steps": 1000})
    steps, cpu = length_charts(lines([*TURNING[:3], yardstick, elsewhere]))
    points = {one.label: one.points for one in steps.series}
    assert set(points) == {"ae", "equalized (trivial)"}
    assert points["equalized (trivial)"] == ((100.0, 0.0305), (400.0, 0.0305), (1000.0, 0.0305))
    assert [one.label for one in cpu.series] == ["ae"]
    turning = (
        "ae and equalized (trivial) (equalized (trivial) leads from 100 steps, "
        "ae leads from 400 steps)"
    )
    assert f"The order turns with training length for: {turning}." in steps.caption


def test_yardsticks_alone_have_no_length():
    assert length_charts(lines([record("equalized", 0.03, budget="smoke")])) == []


def test_an_order_that_stays_is_said():
    kept = [one for one in TURNING if one.budget != "smoke@100"]
    chart = length_charts(lines(kept))[0]
    assert "No two methods with the same lengths change their order." in chart.caption


def test_lower_is_better_turns_the_lead():
    found = lengths(lines(TURNING))
    assert turned(found, -1) == ["ae and pca (pca leads from 100 steps, ae leads from 400 steps)"]


def test_lengths_that_only_one_of_two_has_are_not_compared():
    found = lengths(lines([*TURNING[:3], *TURNING[4:]]))
    assert turned(found, 1) == []


def test_equal_values_turn_nothing():
    ties = [trained("ae", 100, 0.02), trained("ae", 400, 0.02), trained("pca", 100, 0.02)]
    assert turned(lengths(lines([*ties, trained("pca", 400, 0.02)])), 1) == []


@pytest.mark.parametrize("budget", ["quick", None])
def test_one_length_gives_no_chart(budget):
    records = [record("ae", 0.02), record("pca", 0.01)]
    if budget is None:
        records = [trained("ae", 100, 0.02), trained("pca", 400, 0.01)]
    assert length_charts(lines(records)) == []


def test_without_times_there_are_steps_alone():
    records = [trained("ae", 100, 0.02), trained("ae", 400, 0.03)]
    (chart,) = length_charts(lines(records))
    assert chart.name.endswith("-steps")


def test_what_does_not_learn_has_no_point_in_time():
    flat = [trained("random", steps, 0.01, cpu=0.01) for steps in (100, 400)]
    steps, cpu = length_charts(lines([*TURNING, *flat]))
    assert len(steps.series) == 3
    assert [one.label for one in cpu.series] == ["ae", "pca"]


def test_budgets_of_two_sizes_are_lines_of_their_own():
    more = [trained("ae", steps, 0.05, base="quick") for steps in (100, 400)]
    assert set(lengths(lines([*TURNING, *more]))) == {"ae (quick)", "ae (smoke)", "pca (smoke)"}
