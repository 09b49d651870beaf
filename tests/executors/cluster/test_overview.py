"""How a queue is shown, and what is cleared away."""

import os

import pytest

from bench.errors import UnknownName, UsageError
from bench.executors.cluster import overview, squeue
from bench.executors.cluster.queue import Job, Queue, QueuedCell, report_path
from bench.executors.cluster.reports import CellReport, JobReport
from bench.store.store import Store


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "runs")
    made.open_for_writing()
    return made


@pytest.fixture
def slurm(monkeypatch):
    """The states that Slurm gives, by job; and the jobs that were cancelled."""
    states, cancelled = {}, []

    def ask(jobs):
        if states.get("down"):
            raise squeue.NoAnswer("squeue: no route to the controller")
        return {job: states.get(job, squeue.GONE) for job in jobs}

    monkeypatch.setattr(overview, "_STATES", {"slurm": ask})
    monkeypatch.setattr(squeue, "cancel", cancelled.extend)
    states["cancelled"] = cancelled
    return states


def cell(key):
    return QueuedCell(task="tiny/t1", key=key, label=f"method-{key} on tiny/t1, seed 0")


def hand_in(store, *jobs):
    """Jobs as (name, cell keys); returns the folder."""
    queue = Queue(store)
    folder = queue.new_folder()
    made = [
        Job(id=name, number=number, cells=tuple(cell(key) for key in keys))
        for number, (name, keys) in enumerate(jobs)
    ]
    queue.note(folder, "slurm", "me", made)
    return folder


def say(folder, number, key, report):
    JobReport(report_path(folder, number)).note(f"tiny/t1 {key}", report)


def shown(store):
    return {one.cell.key: one.state for one in overview.look(store).cells}


def test_every_state_of_a_cell(store, slurm):
    folder = hand_in(store, ("1_0", ["a", "b"]), ("1_1", ["c"]), ("1_2", ["d"]), ("1_3", ["e"]))
    slurm.update({"1_0": "RUNNING", "1_1": "PENDING", "1_2": "NODE_FAIL", "1_3": "COMPLETED"})
    say(folder, 0, "a", CellReport("ended", status="failed", reason="a teapot"))
    say(folder, 0, "b", CellReport("running", "fit", 1, 4))
    say(folder, 3, "e", CellReport("ended", status="done"))
    assert shown(store) == {
        "a": "failed",
        "b": "running",
        "c": "queued",
        "d": "lost",
        "e": "done",
    }
    lost = overview.look(store).cells[3]
    assert lost.reason == "slurm job 1_2 ended as NODE_FAIL"


def test_a_job_that_was_put_back_waits_again(store, slurm):
    folder = hand_in(store, ("1", ["a"]))
    say(folder, 0, "a", CellReport("running", "fit", 1, 4))
    slurm["1"] = "PENDING"
    assert shown(store) == {"a": "queued"}


def test_without_an_answer_nothing_is_called_lost(store, slurm):
    folder = hand_in(store, ("1", ["a", "b"]))
    say(folder, 0, "b", CellReport("ended", status="done"))
    slurm["down"] = True
    assert shown(store) == {"a": "unknown", "b": "done"}
    with pytest.raises(UsageError, match="does not answer"):
        overview.collect(store, overview.look(store))
    assert folder.exists()


def test_without_an_answer_nothing_is_cleared_away(store, slurm):
    folder = hand_in(store, ("1", ["a"]))
    slurm["down"] = True
    with pytest.raises(UsageError, match="does not answer: squeue: no route to the controller"):
        overview.collect(store, overview.look(store))
    assert folder.exists()


def test_a_cell_that_was_handed_in_again_stands_once_with_its_newest_job(store, slurm):
    first = hand_in(store, ("1", ["a"]))
    second = hand_in(store, ("2", ["a"]))
    first.rename(first.with_name("20000101-000000-0"))
    second.rename(second.with_name("20000102-000000-0"))
    slurm.update({"1": "CANCELLED", "2": "RUNNING"})
    assert [(one.job, one.state) for one in overview.look(store).cells] == [("2", "queued")]
    assert overview.collect(store, overview.look(store)) == 1
    assert [one.jobs[0].id for one in Queue(store).submissions()[0]] == ["2"]


def test_only_what_is_over_is_cleared_away(store, slurm):
    over, running = hand_in(store, ("1", ["a"])), hand_in(store, ("2", ["b"]))
    slurm.update({"1": "FAILED", "2": "RUNNING"})
    assert overview.collect(store, overview.look(store)) == 1
    assert not over.exists()
    assert running.exists()


def test_a_job_that_prepares_is_kept_until_it_has_ended(store, slurm):
    folder = hand_in(store, ("1", []))
    slurm["1"] = "RUNNING"
    assert overview.collect(store, overview.look(store)) == 0
    slurm["1"] = "COMPLETED"
    assert overview.collect(store, overview.look(store)) == 1
    assert not folder.exists()


def test_cancelling_names_the_cells_that_end_with_it(store, slurm):
    hand_in(store, ("1_0", ["abc", "def"]), ("1_1", ["ghi"]))
    slurm.update({"1_0": "RUNNING", "1_1": "PENDING"})
    ended = overview.cancel(store, ["ab"])
    assert [one.cell.key for one in ended] == ["abc", "def"]
    assert slurm["cancelled"] == ["1_0"]
    with pytest.raises(UnknownName, match="xyz"):
        overview.cancel(store, ["xyz"])
    assert len(overview.cancel(store, [])) == 3


@pytest.mark.parametrize("content", ["", "{}", "null", '{"jobs": 3}', "[" * 100_000])
def test_a_damaged_submission_is_named(store, slurm, content):
    folder = hand_in(store, ("1", ["a"]))
    good = hand_in(store, ("2", ["b"]))
    (folder / "submission.json").write_text(content)
    slurm["2"] = "RUNNING"
    found = overview.look(store)
    assert found.damaged == (str(folder / "submission.json"),)
    assert [one.cell.key for one in found.cells] == ["b"]
    assert good.exists()


def test_the_tail_of_a_log_is_its_last_lines(store, slurm):
    folder = hand_in(store, ("1_0", ["a"]))
    old, new = (folder / "jobs" / f"1_0_{try_}_log.err" for try_ in (0, 1))
    old.write_text("old")
    new.write_text("\n".join(f"line {number}" for number in range(20)))
    os.utime(old, (1, 1))
    (one,) = overview.look(store).cells
    assert one.log_tail().splitlines() == [f"line {number}" for number in range(15, 20)]
