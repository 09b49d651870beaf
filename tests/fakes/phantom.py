"""The embedded phantom's volumes, made once for all tests and all workers of pytest-xdist."""

import fcntl
import os
from pathlib import Path

import pytest

from bench.planning.plan import make_plan
from bench.planning.request import RunArguments, check_request


def make_phantom_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder with the files of the phantom's glioma tasks."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    cache = root / "phantom-cache"
    cache.mkdir(exist_ok=True)
    with (root / "phantom.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        asked = RunArguments(method=["random"], task=["phantom/glioma-t1"], budget="smoke")
        make_plan(check_request(asked), data_dir=None, cache=cache)
    return cache
