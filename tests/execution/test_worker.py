"""What a worker sends to its parent."""

from types import SimpleNamespace

import pytest

from bench.execution import worker


class Channel:
    """Keeps what is sent."""

    def __init__(self):
        self.sent = []

    def send(self, message):
        self.sent.append(message)


@pytest.fixture
def sent(monkeypatch):
    """Runs a cell with these phases on a clock that stands still; returns the phases sent."""

    def run(phases):
        def run_cell(cell, context, progress, log_values):
            for phase in phases:
                progress(0, 1, phase)
            return SimpleNamespace(status="done", reason=None)

        monkeypatch.setattr(worker, "run_cell", run_cell)
        monkeypatch.setattr(worker, "begin", lambda device, gpu: None)
        monkeypatch.setattr(worker, "headline_value", lambda cell, record: {})
        monkeypatch.setattr(worker.time, "monotonic", lambda: 0.0)
        channel = Channel()
        worker._run(SimpleNamespace(), SimpleNamespace(device="cpu"), channel, None)
        return [message[1] for message in channel.sent if message[0] == "progress"]

    return run


def test_the_start_of_every_phase_is_sent_however_short_it_is(sent):
    phases = ["prepare", "prepare", "fit", "fit", "fitted", "predict", "predict", "score"]
    assert sent(phases) == ["prepare", "fit", "fitted", "predict", "score"]


def test_a_method_that_invents_phases_is_cut_short_but_its_end_of_training_is_sent(sent):
    got = sent([f"epoch {number}" for number in range(1000)] + ["fitted"])
    assert len(got) == worker.MOST_PHASES + 1
    assert got[-1] == "fitted"
