"""Cells of the tiny data set, run in this process."""

from bench.data.cache.folder import cache_dir
from bench.execution.context import RunContext
from bench.execution.run import run_cell
from bench.planning.plan import make_plan
from fakes import tiny


def cells(data, *methods, **options):
    """The cells of some methods; ``data`` is the folder that `tiny.make_volumes` filled."""
    asked = tiny.request(*methods, **options)
    return make_plan(asked, data_dir=data, cache=cache_dir()).cells


def run(data, cell, **changes):
    """Run one cell into ``data / "runs"``; ``changes`` are of its context."""
    place = {
        "results": data / "runs",
        "cache": cache_dir(),
        "device": "cpu",
        "keep": "maps",
        "command": "bench run",
    }
    return run_cell(cell, RunContext(**{**place, **changes}), lambda *_: None)
