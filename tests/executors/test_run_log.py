"""``--log``: curves of each cell, and a logger that fails ends nothing."""

import csv
import sys
from types import SimpleNamespace

import pytest

from bench.errors import MissingExtra, UnknownName
from bench.executors import Event, run_log
from bench.executors.run_log import RunLog, require_logger
from bench.executors.session import RunOptions, Session
from bench.installed import command_to_install
from bench.planning.plan import make_plan
from conftest import skip_or_fail
from fakes import tiny


@pytest.fixture
def data(tmp_path):
    tiny.make_volumes(tmp_path)
    return tmp_path


def run(data, *methods, **options):
    session = Session(RunOptions(data / "runs", "test", data_dir=data, jobs=1, **options))
    session.open()
    return session.run(session.plan([tiny.request(*methods)]))


def test_csv_has_the_losses_and_the_headline_metric(data):
    ended = run(data, tiny.method("Logs"), tiny.method("Brightness"), log="csv")
    assert ended.log_fault == ""
    logs, brightness = ended.records
    folder = data / "runs" / "_training" / "csv" / "tiny" / "t1"
    with (folder / "logs" / logs.key[:12] / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert (rows[0]["loss"], rows[0]["step"]) == ("0.5", "7")
    value = logs.protocols["pixel-pooled@2"].metrics["ap"]
    assert float(rows[-1]["ap"]) == value
    with (folder / "brightness" / brightness.key[:12] / "metrics.csv").open() as file:
        assert list(csv.DictReader(file))[-1]["ap"]
    run(data, tiny.method("Logs"), log="csv", force=True)
    assert sorted(one.name for one in (folder / "logs").iterdir()) == [
        logs.key[:12], f"{logs.key[:12]}-2"
    ]  # fmt: skip
    assert not run(data, tiny.method("Logs")).log_fault, "a store with curves is read as before"


def test_tensorboard_reads_what_was_logged(data):
    try:
        from tensorboard.backend.event_processing import event_accumulator as events
    except ImportError:
        skip_or_fail("tensorboard is not installed")
    (record,) = run(data, tiny.method("Logs"), log="tensorboard").records
    folder = data / "runs" / "_training" / "tensorboard" / "tiny" / "t1" / "logs"
    found = events.EventAccumulator(str(folder / record.key[:12]))
    found.Reload()
    assert [(one.step, one.value) for one in found.Scalars("loss")] == [(7, 0.5)]
    assert found.Scalars("ap")[0].value == pytest.approx(
        record.protocols["pixel-pooled@2"].metrics["ap"]
    )


def test_a_missing_package_is_one_sentence_with_the_command(data, monkeypatch):
    monkeypatch.setattr(run_log, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="--log wandb needs the package 'wandb'") as raised:
        run(data, tiny.method("Logs"), log="wandb")
    assert raised.value.hint == command_to_install("wandb")
    assert not (data / "runs").exists()
    with pytest.raises(UnknownName, match="did you mean 'tensorboard'"):
        require_logger("tensorbord")


def test_a_logger_that_fails_ends_no_cell(data, monkeypatch):
    def broken(*_):
        raise ConnectionError("no server")

    monkeypatch.setattr(run_log, "_logger", broken)
    ended = run(data, tiny.method("Logs"), log="csv")
    assert [one.status for one in ended.records] == ["done"]
    assert ended.log_fault == "ConnectionError: no server"


class Wandb:
    """Takes what a run of W&B takes; as much of it as bench uses."""

    def __init__(self):
        self.said = []

    def init(self, **options):
        self.said.append(("init", options["name"], options["group"], options["config"]["seed"]))
        return SimpleNamespace(
            project=options["project"],
            id="x",
            log=lambda values, step: self.said.append(("log", values, step)),
            finish=lambda exit_code: self.said.append(("finish", exit_code)),
        )


def test_wandb_gets_one_run_per_cell(data, monkeypatch):
    double = Wandb()
    monkeypatch.setitem(sys.modules, "wandb", double)
    (cell,) = make_plan(
        tiny.request(tiny.method("Logs")), data_dir=data, cache=data / "cache"
    ).cells
    log = RunLog("wandb", data / "runs")
    log.take(Event("start", cell))
    log.take(Event("values", cell, values={"loss": 0.5}, step=7))
    log.take(Event("end", cell, status="failed", reason="no"))
    assert log.fault == ""
    assert double.said == [
        ("init", "logs on tiny/t1, seed 0", "tiny/t1", 0), ("log", {"loss": 0.5}, 7), ("finish", 1)
    ]  # fmt: skip
