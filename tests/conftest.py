"""Fixtures that all tests share."""

from __future__ import annotations

import os
from pathlib import Path

# Before anything imports NumPy or torch: tests run side by side, and threads that wait for
# each other on busy cores made them ten times slower. Cells set their own number.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import hypothesis
import pytest

# A deadline would make tests depend on how busy the machine is.
hypothesis.settings.register_profile("bench", deadline=None)
hypothesis.settings.load_profile("bench")

ROOT = Path(__file__).resolve().parent.parent


def skip_or_fail(reason: str) -> None:
    """Skip for a missing part; in CI, where every part is installed, fail."""
    if os.environ.get("BENCH_REQUIRE_ALL") == "1":
        pytest.fail(f"BENCH_REQUIRE_ALL=1, but {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real volumes that lie beside a checkout of the developers."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        skip_or_fail(f"the real volumes are not there ({folder})")
    return folder


@pytest.fixture(scope="session")
def session_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache folder for tests that only add to it."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def driver():
    """A browser that tests of pages share."""
    from fakes.browser import browser

    yield from browser()


@pytest.fixture(autouse=True)
def _own_surroundings(monkeypatch: pytest.MonkeyPatch, session_cache: Path) -> None:
    """No test sees the user's cache, data or results."""
    monkeypatch.setenv("BENCH_CACHE", str(session_cache))
    monkeypatch.delenv("BENCH_DATA", raising=False)
    monkeypatch.delenv("BENCH_RESULTS", raising=False)
