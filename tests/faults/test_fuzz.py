"""What others wrote is read, or refused with an error of ours: at random, with fixed seeds.

A case is its number: `mutated(good, Random(f"{name} {number}"))`. ``make nightly`` tries thousands
of each; BENCH_FUZZ_FROM and BENCH_FUZZ_CASES say which.
"""

import contextlib
import logging
import os
import random
import resource
import signal
import traceback
import warnings

import pytest

from bench.errors import BenchError
from fakes.boundaries import BOUNDARIES
from fakes.mutations import mutated

FIRST = int(os.environ.get("BENCH_FUZZ_FROM", "0"))
CASES = int(os.environ.get("BENCH_FUZZ_CASES", "20"))
MOST_BYTES = 6 * 2**30


@pytest.fixture
def bounded_memory():
    """A header that promises a terabyte is refused, or ends here and not with the machine."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


class Endless(BaseException):
    """What ends a reader that does not end; no reader takes it for damage."""


@pytest.fixture
def bounded_time():
    """Ends a case after a minute of processor time, however busy the machine is."""

    def end(signum, frame):
        raise Endless

    before = signal.signal(signal.SIGPROF, end)
    yield lambda seconds: signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.signal(signal.SIGPROF, before)


@pytest.mark.parametrize("boundary", BOUNDARIES, ids=lambda one: one.name)
def test_whatever_a_file_holds_is_read_or_refused(boundary, tmp_path, bounded_memory, bounded_time):
    path = tmp_path / boundary.name
    boundary.make(path)
    good = path.read_bytes()
    boundary.read(path)  # the good file is good

    logging.disable(logging.WARNING)
    untyped, refused = {}, 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(FIRST, FIRST + CASES):
            path.write_bytes(mutated(good, random.Random(f"{boundary.name} {number}")))
            try:
                bounded_time(60)
                with open(os.devnull, "w") as quiet, contextlib.redirect_stderr(quiet):
                    boundary.read(path)
            except BenchError:
                refused += 1
            except (Exception, Endless) as error:
                place = traceback.extract_tb(error.__traceback__)[-1]
                untyped.setdefault(f"{type(error).__name__} at {place.filename}:{place.lineno}",
                                   (number, str(error)[:200]))  # fmt: skip
    logging.disable(logging.NOTSET)
    assert untyped == {}
    assert refused > 0 or CASES < 10
