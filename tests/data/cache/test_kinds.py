"""One list of kinds: whatever is written into the cache is shown and removed by it."""

import json
import re

import pytest

from bench.data.cache.derived import derived_folder
from bench.data.cache.eviction import clear
from bench.data.cache.kinds import CacheKind
from conftest import ROOT
from fakes import tiny
from fakes.cells import cells, run
from fakes.here import bench_here

# How code names a folder of the cache: `cache / "name"`, or through the environment's variable.
NAMED = re.compile(r'cache(?:_dir\(\))?\)? / f?"(\w+)"|BENCH_CACHE[^\n]*\n[^\n]* / "(\w+)"')
LOCK = "evicting"
"""A file that guards eviction; it has no size and is no entry."""


def test_every_folder_name_in_the_code_is_in_the_list():
    named = {
        name
        for room in ("bench", "methods")
        for path in (ROOT / room).rglob("*.py")
        for match in NAMED.finditer(path.read_text(encoding="utf-8"))
        for name in match.groups()
        if name
    }
    assert "weights" in named  # the pattern finds what it is made for
    assert named - {LOCK} <= {*CacheKind}


def test_what_a_run_writes_is_in_the_list(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    tiny.make_volumes(tmp_path)
    (cell,) = cells(tmp_path, tiny.method("Brightness"))
    run(tmp_path, cell)
    derived_folder(tmp_path / "cache", "0" * 64, lambda one: (one / "a").write_bytes(b"1"))
    there = {path.name for path in (tmp_path / "cache").iterdir()} - {LOCK}
    assert {"prepared", "stacks", "fingerprints", "derived"} <= there <= {*CacheKind}
    assert clear(tmp_path / "cache", CacheKind) > 0
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()][1:]


def filled(cache):
    for kind in CacheKind:
        folder = kind.folder(cache) / "entry"
        folder.mkdir(parents=True)
        (folder / "file").write_bytes(b"x" * 1000)


@pytest.mark.parametrize("kind", [*CacheKind])
def test_the_command_clears_one_kind(tmp_path, kind):
    filled(tmp_path / "cache")
    done = bench_here(tmp_path, "cache", "clear", "--kind", kind.value, BENCH_CACHE="cache")
    assert (done.returncode, done.stdout) == (0, "freed 0.000 GB\n"), done.stderr
    left = {path.parent.parent.name for path in (tmp_path / "cache").rglob("file")}
    assert left == {*CacheKind} - {kind}


def test_the_command_clears_all_kinds(tmp_path):
    filled(tmp_path / "cache")
    info = json.loads(bench_here(tmp_path, "cache", "info", "--json", BENCH_CACHE="cache").stdout)
    assert {one["kind"]: one["bytes"] for one in info["kinds"]} == dict.fromkeys(CacheKind, 1000)
    assert bench_here(tmp_path, "cache", "clear", BENCH_CACHE="cache").returncode == 0
    assert not list((tmp_path / "cache").rglob("file"))
