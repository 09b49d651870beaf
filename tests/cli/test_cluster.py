"""The commands of a queue, on a store whose jobs only a double of Slurm knows."""

import pytest
from typer.testing import CliRunner

from bench.cli import app
from bench.cli import cluster as commands
from bench.errors import CardError, UsageError
from bench.executors.cluster import overview, squeue
from bench.executors.cluster.profile import Profile, read_profile
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
    """The states that Slurm gives, by job."""
    states = {}

    def ask(jobs):
        return {job: states.get(job, squeue.GONE) for job in jobs}

    monkeypatch.setattr(overview, "_STATES", {"slurm": ask})
    return states


def hand_in(store, *jobs):
    """Jobs of one cell each, with a log; returns their folder."""
    queue = Queue(store)
    folder = queue.new_folder()
    cells = {job: QueuedCell(task="tiny/t1", key=job, label=f"cell {job}") for job in jobs}
    made = [Job(id=job, number=at, cells=(cells[job],)) for at, job in enumerate(jobs)]
    queue.note(folder, "slurm", "me", made)
    for job in jobs:
        (folder / "jobs" / f"{job}_0_log.err").write_text(f"the log of {job}")
    return folder


def call(store, *words):
    done = CliRunner().invoke(app, [*words, "--results", str(store.root)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def test_collecting_shows_the_logs_of_what_went_wrong_before_they_go(store, slurm):
    folder = hand_in(store, "7", "8")
    slurm.update({"7": "NODE_FAIL", "8": "CANCELLED"})
    assert call(store, "collect") == (
        1,
        "lost: cell 7 (job 7): slurm job 7 ended as NODE_FAIL\n    the log of 7\n"
        "lost: cell 8 (job 8): slurm job 8 ended as CANCELLED\n"
        "2 lost\n1 submission is over and cleared away\nnext: bench report\n",
    )
    assert not folder.exists()
    assert call(store, "collect") == (0, "nothing was handed to a queue from this store\n")


def test_watching_tells_the_time_and_ends_when_all_is_over(store, slurm, monkeypatch):
    folder = hand_in(store, "7")
    slurm["7"] = "RUNNING"
    report = JobReport(report_path(folder, 0))
    report.note("tiny/t1 7", CellReport("running", "fit", 1, 4))

    def end(seconds):
        report.note("tiny/t1 7", CellReport("ended", status="done"))

    monkeypatch.setattr(commands.time, "sleep", end)
    monkeypatch.setattr(commands.time, "strftime", lambda form: "--- 12:00:00")
    monkeypatch.setattr(commands.time, "time", lambda: 0.0)
    code, said = call(store, "status", "--watch")
    lines = said.splitlines()
    assert code == 0
    assert lines[0] == "--- 12:00:00"
    assert lines[1].startswith("running: cell 7 (job 7): fit 1/4, about ")
    assert lines[2:] == ["1 running", "--- 12:00:00", "1 done"]


def test_a_new_profile_says_every_default_and_is_never_overwritten(tmp_path):
    path = tmp_path / "lab.toml"
    done = CliRunner().invoke(app, ["cluster", "new", str(path)])
    assert (done.exit_code, path.is_file()) == (0, True)
    assert read_profile(path) == Profile()
    again = CliRunner().invoke(app, ["cluster", "new", str(path)])
    assert isinstance(again.exception, UsageError)
    assert read_profile(path) == Profile()


def test_a_wrong_profile_is_said_before_any_file_is_read(store, tmp_path):
    (tmp_path / "lab.toml").write_text('partitoin = "gpu"\n')
    words = ["run", "--executor", "slurm", "--profile", str(tmp_path / "lab.toml")]
    words += ["--method", "random", "--task", "phantom/ms-t1", "--results", str(store.root)]
    done = CliRunner().invoke(app, words)
    assert isinstance(done.exception, CardError)
    assert "unknown key 'partitoin'; did you mean 'partition'" in str(done.exception)
    assert "looking for files" not in done.output
