"""Time left follows from the rates of the run itself; the clock is the test's."""

import pytest

from bench.display.following import duration
from bench.display.time_left import Pace, TimeLeft
from bench.executors import Event
from fakes.watched import Clock, cell, ended, step


def test_a_pace_knows_nothing_before_two_counts_and_counts_down_between_them():
    clock = Clock()
    pace = Pace(clock)
    pace.take(0, 64)
    assert pace.left() is None
    clock.now = 12.0
    pace.take(12, 64)
    assert pace.left() == pytest.approx(52)
    clock.now = 20.0
    assert pace.left() == pytest.approx(44)
    clock.now = 500.0
    assert pace.left() == 0.0
    pace.take(0, 10)  # begins anew
    assert pace.left() is None


def test_files_that_were_ready_before_the_first_count_are_not_a_rate():
    clock = Clock()
    pace = Pace(clock)
    pace.take(50, 100)  # found in the cache
    clock.now = 5.0
    pace.take(60, 100)
    assert pace.left() == pytest.approx(20)


def test_a_cell_by_its_own_steps_and_the_rest_by_what_has_ended():
    clock = Clock()
    cells = [cell(seed=n) for n in range(4)]
    left = TimeLeft(cells, clock)
    assert left.of_all() is None
    left.take(Event("start", cells[0]))
    left.take(step(cells[0], "prepare", 0, 10))
    assert left.of_cell(cells[0]) is None
    clock.now = 10.0
    left.take(step(cells[0], "fit", 0, 100))
    clock.now = 20.0
    left.take(step(cells[0], "fit", 25, 100))
    assert left.of_cell(cells[0]) == pytest.approx(30)
    # Nothing has ended: the three that wait are taken to last 20 + 30 s each.
    assert left.of_all() == pytest.approx(30 + 3 * 50)
    clock.now = 50.0
    left.take(step(cells[0], "fitted", 1, 1))
    clock.now = 58.0
    left.take(ended(cells[0]))
    assert left.of_all() == pytest.approx(3 * 58)
    # The next one learns faster; predicting and scoring took 8 s.
    left.take(Event("start", cells[1]))
    assert left.of_cell(cells[1]) == pytest.approx(58)
    left.take(step(cells[1], "fit", 0, 100))
    clock.now = 63.0
    left.take(step(cells[1], "fit", 50, 100))
    assert left.of_cell(cells[1]) == pytest.approx(5 + 8)
    assert left.of_all() == pytest.approx(13 + 2 * 58)


def test_cells_at_once_share_the_time():
    clock = Clock()
    cells = [cell(seed=n) for n in range(6)]
    left = TimeLeft(cells, clock)
    for one in cells[:2]:
        left.take(Event("start", one))
    clock.now = 30.0
    for one in cells[:2]:
        left.take(ended(one))
    assert left.of_all() == pytest.approx(4 * 30 / 2)


def test_cells_that_use_the_fit_of_another_are_counted_apart():
    clock = Clock()
    cells = [cell(task=name, fit="one") for name in ("a/1", "a/2", "a/3")]
    left = TimeLeft(cells, clock)
    for one, seconds in zip(cells, (100.0, 4.0), strict=False):
        left.take(Event("start", one))
        clock.now += seconds
        left.take(ended(one))
    assert left.of_all() == pytest.approx(4)


def test_a_failed_cell_is_no_measure_and_one_that_is_tried_again_waits():
    clock = Clock()
    cells = [cell(seed=n) for n in range(3)]
    left = TimeLeft(cells, clock)
    left.take(Event("start", cells[0]))
    clock.now = 1.0
    left.take(ended(cells[0], "failed"))
    assert left.of_all() is None
    left.take(Event("start", cells[1]))
    clock.now = 11.0
    left.take(Event("retry", cells[1]))
    left.take(Event("start", cells[2]))
    clock.now = 31.0
    left.take(ended(cells[2]))
    assert left.of_all() == pytest.approx(20)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "0 s"), (59.6, "60 s"), (100, "2 min"), (3000, "50 min"), (5940, "99 min"),
     (7900, "2 h 10 min"), (7200, "2 h"), (36000 * 4, "40 h")],
)  # fmt: skip
def test_times_in_words(seconds, words):
    assert duration(seconds) == words
