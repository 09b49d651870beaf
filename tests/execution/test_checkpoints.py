"""Checkpoints of fits: whole or not at all, checked, and used only where they fit."""

import logging
import os

import pytest

from bench.errors import MethodError
from bench.execution import checkpoints as module
from bench.execution.checkpoints import FitCheckpoints


def of(folder, *, device="cpu", since=None):
    log = logging.getLogger("test")
    return FitCheckpoints(folder, made_with={"device": device}, log=log, since=since)


def filling(text):
    return lambda folder: (folder / "state.json").write_text(text)


def read(folder, **more):
    found = of(folder, **more).read("train")
    return None if found is None else (found / "state.json").read_text()


def test_the_latest_state_of_a_stage_is_read(tmp_path):
    kept = of(tmp_path / "fit")
    assert kept.read("train") is None
    for text in ("one", "two"):
        kept.write("train", filling(text))
    kept.write("train encoder", filling("other"))
    assert read(tmp_path / "fit") == "two"
    assert len(list((tmp_path / "fit").iterdir())) == 2  # one per stage
    kept.remove()
    assert not (tmp_path / "fit").exists()


def test_a_kill_between_two_states_leaves_the_older_one(tmp_path, monkeypatch):
    kept = of(tmp_path)
    kept.write("train", filling("one"))
    monkeypatch.setattr(module, "seal", lambda folder: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        kept.write("train", filling("two"))
    assert read(tmp_path) == "one"


def test_a_damaged_state_is_not_used_and_the_one_before_it_is(tmp_path, monkeypatch):
    kept = of(tmp_path)
    kept.write("train", filling("one"))
    with monkeypatch.context() as patch:
        patch.setattr(module.shutil, "rmtree", lambda *_, **__: None)  # killed before removing
        kept.write("train", filling("two"))
    newest = tmp_path / "train.2" / "state.json"
    assert newest.read_text() == "two"
    newest.write_text("twO")
    assert read(tmp_path) == "one"
    assert not newest.exists()


@pytest.mark.parametrize("content", ["{}", "null", "[", '{"made_with": 3, "seconds": "x"}'])
def test_a_note_with_other_content_is_damage(tmp_path, content):
    of(tmp_path).write("train", filling("one"))
    (tmp_path / "train.1" / "checkpoint.json").write_text(content)
    module.seal(tmp_path / "train.1")
    assert read(tmp_path) is None


def test_a_state_of_another_device_or_of_before_force_is_not_used(tmp_path):
    of(tmp_path).write("train", filling("one"))
    later = (tmp_path / "train.1").stat().st_mtime + 1
    assert read(tmp_path) == "one"
    assert read(tmp_path, since=later) is None
    of(tmp_path).write("train", filling("one"))
    assert read(tmp_path, device="cuda") is None


def test_a_full_disk_ends_no_fit(tmp_path, caplog):
    def fill(folder):
        raise OSError(28, "No space left on device")

    kept = of(tmp_path)
    kept.write("train", filling("one"))
    kept.write("train", fill)
    assert "no checkpoint of train was kept" in caplog.text
    assert read(tmp_path) == "one"


def test_seconds_are_those_of_all_attempts(tmp_path, monkeypatch):
    clock = iter([0.0, 100.0, 100.0, 1000.0, 1007.0])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    of(tmp_path).write("train", filling("one"))
    again = of(tmp_path)
    again.read("train")
    assert again.seconds == 107


def test_it_is_due_by_the_clock_or_by_steps(tmp_path, monkeypatch):
    now = 0.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    kept = of(tmp_path)
    now = 60 * module.MINUTES - 1
    assert not kept.due()
    now += 1
    assert kept.due()
    kept.write("train", filling("one"))
    assert not kept.due()
    monkeypatch.setenv(module.STEPS_VARIABLE, "3")
    counted = of(tmp_path)
    assert [counted.due() for _ in range(6)] == [False, False, True] * 2


@pytest.mark.parametrize("name", ["", "../out", "a/b", "x" * 61, "train\n"])
def test_names_of_stages_are_names_of_folders(tmp_path, name):
    with pytest.raises(MethodError, match="name of a stage"):
        of(tmp_path).read(name)
    assert os.listdir(tmp_path) == []
