"""The picture of average ranks says what it was told apart by."""

from bench.cards import Headline, Task
from bench.report import Cards, summarise
from bench.report.figures.rank_chart import rank_chart
from bench.report.tables.task_lines import TaskLines
from fakes.report_samples import CARDS, dataset, record

HEAD = Headline(protocol="pixel-pooled@1", metric="ap")
TASKS = {
    name: Task(title=name, channels=["t1"], train_on="ixi", headline=HEAD) for name in ("t1", "t2")
}
ONE, TWO = (dataset(name, TASKS) for name in ("one", "two"))
KNOWN = Cards({"one": ONE, "two": TWO}, CARDS.methods, CARDS.protocols)
VALUES = {"ae": 0.30, "gaussian": 0.29, "random": 0.02}


def chart(tasks, *, drawn):
    records = [
        record(name, value, task=task, test=12, expected=12, drawn=at if drawn else None)
        for task in tasks
        for at, (name, value) in enumerate(VALUES.items())
    ]
    rows = summarise(records, KNOWN.datasets, KNOWN.protocols)
    return rank_chart([TaskLines(task, rows, KNOWN, None) for task in tasks], KNOWN)


def test_tasks_of_one_dataset_are_ranked_by_their_subjects():
    made = chart(["one/t1", "one/t2"], drawn=True)
    assert "By bootstrap over subjects" in made.caption
    assert "Nemenyi" not in made.caption
    (best,) = [one for one in made.series if one.kind == "line" and one.note.startswith("random")]
    assert [rank for rank, _ in best.points] == [3.0, 3.0]
    (bar,) = [one for one in made.series if one.kind == "bar"]
    assert bar.note == "not told apart: ae, gaussian"


def test_tasks_of_different_datasets_are_ranked_by_tasks():
    made = chart(["one/t1", "two/t1"], drawn=True)
    assert "By tasks, of which no two are of one dataset: critical difference of " in made.caption


def test_without_replicates_the_weaker_test_is_named():
    made = chart(["one/t1", "one/t2"], drawn=False)
    assert "although those of one dataset share patients" in made.caption
    assert "bench rescore" in made.caption
