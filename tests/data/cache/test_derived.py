import os

import pytest

from bench.data.cache.derived import derived_folder
from bench.data.cache.eviction import entries, shrink
from bench.data.cache.folder import cache_dir

KEY = "ab" * 32


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    return cache_dir()


def test_files_are_made_once(cache):
    calls = []

    def make(folder):
        calls.append(folder)
        (folder / "a.npy").write_bytes(b"123")

    first, again = (derived_folder(cache, KEY, make) for _ in range(2))
    assert first == again
    assert len(calls) == 1
    assert (first / "a.npy").read_bytes() == b"123"


def test_an_interrupted_making_leaves_nothing(cache):
    def fail(folder):
        (folder / "a.npy").write_bytes(b"half")
        raise ValueError("stopped")

    with pytest.raises(ValueError, match="stopped"):
        derived_folder(cache, KEY, fail)
    assert list((cache / "derived").iterdir()) == []
    kept = derived_folder(cache, KEY, lambda folder: (folder / "a.npy").touch())
    assert {one.name for one in kept.iterdir()} == {"a.npy", "checksums.json"}


def test_a_flipped_bit_is_named_and_the_files_are_made_again(cache, caplog):
    def make(folder):
        (folder / "a.npy").write_bytes(b"123")

    path = derived_folder(cache, KEY, make) / "a.npy"
    path.write_bytes(b"124")
    assert (derived_folder(cache, KEY, make) / "a.npy").read_bytes() == b"123"
    assert f"{path} has other bytes than were written" in caplog.text


def test_eviction_reaches_derived_files(cache):
    folder = derived_folder(cache, KEY, lambda one: (one / "a.npy").write_bytes(bytes(5000)))
    assert [one.path for one in entries(cache)] == [folder]
    os.utime(folder, (0, 0))
    assert shrink(cache, 1000) >= 5000
    assert not folder.exists()
