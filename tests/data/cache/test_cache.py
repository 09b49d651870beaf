import os

import pytest

from bench.data.cache.folder import cache_dir, discard_folder, publish_folder
from bench.errors import StoreError


def test_the_folder_is_made(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "a/b"))
    assert cache_dir() == tmp_path / "a/b"
    assert cache_dir().is_dir()


def test_without_the_variable_it_is_the_users(tmp_path, monkeypatch):
    monkeypatch.delenv("BENCH_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_dir().name == "bench"
    assert tmp_path in cache_dir().parents


def test_a_file_in_the_way_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "file"))
    with pytest.raises(StoreError, match="file") as caught:
        cache_dir()
    assert "BENCH_CACHE" in caught.value.hint


def test_a_folder_without_permission_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    # Not by chmod: root, as in containers, may write everywhere.
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(StoreError, match="permission") as caught:
        cache_dir()
    assert str(tmp_path) in str(caught.value)


def test_publish_shows_all_or_nothing(tmp_path):
    final = tmp_path / "x/final"
    with publish_folder(final) as partial:
        (partial / "a").write_text("1")
        assert not final.exists()
        assert partial.parent == final.parent
    assert (final / "a").read_text() == "1"
    publishing = publish_folder(tmp_path / "x/other")
    (publishing.__enter__() / "a").write_text("1")
    with pytest.raises(KeyError):
        publishing.gen.throw(KeyError)
    assert [one.name for one in (tmp_path / "x").iterdir()] == ["final"]


def test_the_first_publisher_wins(tmp_path):
    final = tmp_path / "final"
    with publish_folder(final) as slow:
        (slow / "a").write_text("slow")
        with publish_folder(final) as fast:
            (fast / "a").write_text("fast")
    assert (final / "a").read_text() == "fast"
    assert list(tmp_path.iterdir()) == [final]


def test_others_may_read_what_is_published(tmp_path):
    with publish_folder(tmp_path / "final"):
        pass
    (tmp_path / "plain").mkdir()
    assert (tmp_path / "final").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_discard(tmp_path):
    (tmp_path / "entry").mkdir()
    discard_folder(tmp_path / "entry")
    discard_folder(tmp_path / "entry")
    assert not list(tmp_path.iterdir())
