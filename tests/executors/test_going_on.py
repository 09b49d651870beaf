"""A fit that is stopped from outside, for real, goes on with the next run; same bytes."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from bench import registry
from bench.store.store import Store
from fakes import tiny

METHOD = '''
import os
import time
from dataclasses import replace
from pathlib import Path

from methods.autoencoders.fanogan import FAnoGan


SETTINGS = {settings}


class Halting(FAnoGan):
    """Waits in the middle of its second stage to be killed, where it is told to."""

    def __init__(self, config):
        super().__init__(SETTINGS)

    def fit(self, normal, run):
        reached, stop_at = os.environ.get("REACHED"), os.environ.get("STOP_AT")

        def progress(done, total, note):
            if reached and note == "train encoder" and done == int(stop_at):
                Path(reached).touch()
                while True:
                    time.sleep(0.05)
            run.logger.info("did %s %d", note, done)

        budget = run.budget.model_copy(update={"steps": 24, "width": 4})
        super().fit(normal, replace(run, budget=budget, progress=progress))
'''
EVERY = {"BENCH_CHECKPOINT_STEPS": "4"}


@pytest.fixture
def place(tmp_path):
    tiny.make_volumes(tmp_path / "data")
    tiny.write_card(tmp_path)
    (tmp_path / "halting.py").write_text(
        METHOD.replace("{settings}", repr(registry.method("fanogan").config))
    )
    return tmp_path


def command(results):
    return [
        *("run", "--method", "halting.py:Halting", "--task", "tiny/t1", "--data-dir", "data"),
        *("--budget", "smoke", "--device", "cpu", "--results", results, "--no-yardsticks"),
    ]


def fit_files(store):
    (folder,) = (store.root / "_fits").iterdir()
    return {path.name: path.read_bytes() for path in sorted((folder / "detector").iterdir())}


def stopped_by(sent, place, step):
    """Start a run and stop it in the middle of the second stage, in a step of the training."""
    reached = place / f"reached-{step}"
    words = [sys.executable, "-m", "bench", *command("stopped")]
    environment = {**os.environ, **EVERY, "REACHED": str(reached), "STOP_AT": str(step)}
    with subprocess.Popen(
        words, cwd=place, env=environment, stderr=subprocess.DEVNULL, preexec_fn=_hears_ctrl_c
    ) as run:
        while not reached.exists():
            assert run.poll() is None, "the run ended by itself"
            time.sleep(0.05)
        run.send_signal(sent)


def _hears_ctrl_c():
    """Tests that a script starts in the background inherit that SIGINT is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_a_fit_that_is_stopped_twice_goes_on_with_the_next_run(place):
    stopped_by(signal.SIGINT, place, 6)
    stopped_by(signal.SIGKILL, place, 11)
    store, whole = Store(place / "stopped"), Store(place / "whole")
    assert len(list((store.root / "_checkpoints").iterdir())) == 1

    assert tiny.bench(place, *command("stopped"), **EVERY).returncode == 0
    assert tiny.bench(place, *command("whole")).returncode == 0
    assert fit_files(store) == fit_files(whole)
    (record,), _ = store.read_all()
    (undisturbed,), _ = whole.read_all()
    assert record.protocols == undisturbed.protocols

    # Only the steps after the last checkpoint were done again, the first stage not at all.
    log = store.log_path(record.key).read_text()
    assert "train generator goes on from the checkpoint" in log
    assert "did train generator" not in log
    assert re.findall("did train encoder ([0-9]+)", log) == ["9", "10", "11", "12"]
    (fit,) = (store.root / "_fits").iterdir()
    resumed = json.loads((fit / "fit.json").read_text())["resumed"]
    assert resumed == ["train generator", "train encoder"]
    assert not list((store.root / "_checkpoints").iterdir())
