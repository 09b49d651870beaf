import fcntl
import multiprocessing
import os
import time

import numpy as np
import pytest

from bench.data.cache import eviction
from bench.data.cache.eviction import bound_bytes, clear, entries, evict, shrink
from bench.data.cache.kinds import CacheKind
from bench.data.prepare.subject import stack_subjects
from bench.errors import UsageError
from fakes.brain_files import prepare, subject


def entry(cache, name, *, age, kind="prepared", size=1000):
    folder = cache / kind / name
    folder.mkdir(parents=True)
    (folder / "images.npy").write_bytes(b"x" * size)
    os.utime(folder, (time.time() - age,) * 2)
    return folder


def left(cache):
    return {one.path.name for one in entries(cache)}


def test_the_least_recently_used_go_first(tmp_path):
    for number in range(10):
        entry(tmp_path, f"e{number}", age=100 + number, kind="prepared" if number % 2 else "stacks")
    assert shrink(tmp_path, 10_000) == 0
    assert shrink(tmp_path, 5_000) == 6_000  # down to nine tenths of the bound
    assert left(tmp_path) == {"e0", "e1", "e2", "e3"}


def test_what_was_used_just_now_stays(tmp_path):
    entry(tmp_path, "old", age=100)
    entry(tmp_path, "new", age=0)
    shrink(tmp_path, 1)
    assert left(tmp_path) == {"new"}


def test_only_one_process_shrinks(tmp_path):
    entry(tmp_path, "old", age=100)
    with (tmp_path / "evicting").open("a") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        assert shrink(tmp_path, 1) == 0
    assert shrink(tmp_path, 1) == 1000


def test_writing_looks_now_and_then(tmp_path, monkeypatch):
    entry(tmp_path, "old", age=100, size=3_000)
    monkeypatch.setattr(eviction, "_written_since_look", 0)
    monkeypatch.setenv("BENCH_CACHE_GB", "2e-6")
    evict(tmp_path, 100)
    assert left(tmp_path) == {"old"}
    evict(tmp_path, 100)
    assert left(tmp_path) == set()


@pytest.mark.parametrize("text", ["0", "-1", "much", "nan", "inf"])
def test_a_bound_that_is_no_number(monkeypatch, text):
    monkeypatch.setenv("BENCH_CACHE_GB", text)
    with pytest.raises(UsageError, match="BENCH_CACHE_GB"):
        bound_bytes()


def test_use_counts_not_age(tmp_path):
    files = subject(tmp_path / "in")
    made = prepare(files, tmp_path / "c")
    folder = tmp_path / "c/prepared" / made.key
    os.utime(folder, (1, 1))
    prepare(files, tmp_path / "c")
    assert time.time() - folder.stat().st_mtime < 100


def test_an_evicted_subject_still_serves_who_has_it_open(tmp_path):
    made = prepare(subject(tmp_path / "in"), tmp_path / "c")
    before = np.array(made.images)
    clear(tmp_path / "c", [CacheKind.prepared])
    assert left(tmp_path / "c") == set()
    np.testing.assert_array_equal(made.images, before)
    images, _ = stack_subjects([made], tmp_path / "c")
    np.testing.assert_array_equal(images, before)


def _work(place, number, failures):
    eviction._GRACE_S = 0.2  # of this process alone
    try:
        for _ in range(4):
            for name in ("s1", "s2", "s3"):
                files = subject_of(place, name)
                made = prepare(files, place / "c")
                images, _ = stack_subjects([made], place / "c")
                assert images.shape[1:] == (1, 48, 48)
            shrink(place / "c", 1)
    except Exception as error:  # told to the parent, which has no other way to see it
        failures.put(f"{number}: {error!r}")


def subject_of(place, name):
    from bench.data.files import SubjectFiles

    return SubjectFiles("toy", name, {"T1": place / "in" / f"{name}_T1.nii.gz"})


def test_runs_at_once_under_a_bound_that_is_too_small(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_CACHE_GB", "1e-9")
    for name in ("s1", "s2", "s3"):
        subject(tmp_path / "in", name)
    # Not forked: this process has threads of pytest-xdist and torch, of which Python 3.12 warns.
    context = multiprocessing.get_context("spawn")
    failures = context.Queue()
    workers = [context.Process(target=_work, args=(tmp_path, n, failures)) for n in range(3)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    assert failures.empty(), failures.get()
    assert [one.exitcode for one in workers] == [0, 0, 0]
