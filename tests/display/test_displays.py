"""What is shown of a run, line by line and bar by bar."""

import io
import re

from rich.console import Console

from bench.display import display_for, display_for_library
from bench.display.bars import Bars
from bench.display.following import Display, Told
from bench.display.lines import Lines
from bench.display.notebook import Block
from bench.executors import Event, FilesEvent
from fakes.watched import Clock, cell, ended, step

STAMP = re.compile(r"^\d\d:\d\d:\d\d ")


def play(shown, clock):
    """A short run: two files, one cell that is done, one that fails."""
    first, second = cell(), cell("dae")
    with shown:
        shown.files(0, 0, "importing")
        shown.files(0, 64, "preparing subjects")
        clock.now = 12.0
        shown.files(12, 64, "preparing subjects")
        clock.now = 64.0
        shown.files(64, 64, "preparing subjects")
        shown.cell(Event("start", first))
        shown.cell(Event("start", second))
        shown.cell(step(first, "train", 0, 400))
        clock.now = 72.0
        shown.cell(Event("values", first, values={"loss": 0.01234567}, step=40))
        clock.now = 84.0
        shown.cell(step(first, "train", 100, 400))
        yield
        clock.now = 184.0
        shown.cell(ended(first, ap=0.0231))
        shown.cell(ended(second, "failed", "ValueError: no (mine.py, line 3, in fit)"))


def lines(capsys, **options):
    clock = Clock()
    shown = Lines([cell(), cell("dae")], clock=clock, **options)
    for _ in play(shown, clock):
        pass
    printed = capsys.readouterr().err.splitlines()
    assert all(STAMP.match(one) for one in printed)
    return [STAMP.sub("", one) for one in printed]


def test_plain_lines_say_what_happens_with_the_time_of_day(capsys):
    assert lines(capsys) == [
        "importing",
        "preparing subjects 0 of 64",
        "preparing subjects 12 of 64, about 52 s left",
        "preparing subjects 64 of 64",
        "0 of 2 cells done, about 60 s left",
        "  ae on phantom/ms-t2, seed 0: train 100 of 400, loss 0.01235, about 60 s left",
        "  dae on phantom/ms-t2, seed 0: starting, about 60 s left",
        "[1/2] ae on phantom/ms-t2, seed 0: done in 120 s, AP 2.3 %",
        "[2/2] dae on phantom/ms-t2, seed 0: failed in 120 s: "
        "ValueError: no (mine.py, line 3, in fit)",
    ]


def test_verbose_lines_also_tell_of_starts_phases_and_losses(capsys):
    told = lines(capsys, verbose=True)
    assert "ae on phantom/ms-t2, seed 0: started" in told
    assert "ae on phantom/ms-t2, seed 0: train" in told
    assert "ae on phantom/ms-t2, seed 0: step 40: loss 0.01235" in told


def test_the_longer_a_run_takes_the_rarer_the_lines(capsys):
    clock, one = Clock(), cell()
    shown = Lines([one], clock=clock)
    shown.cell(Event("start", one))
    for second in range(36_000):
        clock.now = float(second)
        shown.cell(step(one, "train", second, 36_000))
    printed = capsys.readouterr().err.splitlines()
    assert 100 < len(printed) / 2 < 200


def drawn(width, clock):
    """The frame of a terminal while both cells run, and what stays."""
    console = Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)
    shown = Bars([cell(), cell("dae")], clock=clock, console=console)
    for _ in play(shown, clock):
        frame = Console(file=io.StringIO(), width=width, color_system=None)
        frame.print(shown._bars.get_renderable())
    return [one.rstrip() for one in frame.file.getvalue().splitlines()]


def test_bars_fit_80_columns_and_show_loss_and_time_left():
    frame = drawn(80, Clock())
    assert max(map(len, frame)) <= 80
    (first,) = [one for one in frame if "train: ae on" in one]
    assert "loss 0.01235" in first
    assert "100/400" in first
    assert first.endswith("60 s left")
    (every,) = [one for one in frame if "cells" in one]
    assert "0/2" in every
    assert every.endswith("60 s left")
    assert not any("preparing" in one for one in frame), "files are ready once cells run"


def test_bars_have_room_for_whole_names_at_160_columns():
    frame = drawn(160, Clock())
    assert any("train: ae on phantom/ms-t2, seed 0" in one for one in frame)
    assert any("starting: dae on phantom/ms-t2, seed 0" in one for one in frame)


def test_a_callback_gets_every_event_and_nothing_is_shown(capsys):
    events, clock = [], Clock()
    shown = display_for_library(events.append, [cell(), cell("dae")])
    assert isinstance(shown, Told)
    for _ in play(shown, clock):
        pass
    assert events[1] == FilesEvent("preparing subjects", 0, 64)
    assert [one.kind for one in events] == [
        "files", "files", "files", "files", "start", "start", "progress", "values", "progress",
        "end", "end",
    ]  # fmt: skip
    assert capsys.readouterr().err == ""


def test_quiet_shows_nothing_and_a_library_is_silent_where_nobody_watches(capsys):
    for shown in (display_for(quiet=True), display_for_library(None), display_for_library(False)):
        assert type(shown) is Display
        for _ in play(shown, Clock()):
            pass
    assert capsys.readouterr().err == ""
    assert type(display_for_library(True)) is Lines


class Handle:
    """An output of a notebook."""

    def update(self, content, *, raw):
        self.content = content


def test_a_notebook_has_one_block_that_is_escaped():
    clock = Clock()
    shown = Block([cell("<ae>"), cell("dae")], clock=clock)
    shown._handle = Handle()
    shown.cell(Event("start", cell("<ae>")))
    assert "&lt;ae&gt; on phantom/ms-t2, seed 0: starting" in shown._handle.content["text/html"]
    clock.now = 3.0
    shown.cell(ended(cell("<ae>"), ap=0.5))
    assert shown._handle.content["text/plain"].splitlines() == [
        "[1/2] <ae> on phantom/ms-t2, seed 0: done in 3 s, AP 50.0 %",
        "1 of 2 cells done, about 3 s left",
    ]
