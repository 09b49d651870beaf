"""Predictions that several passes go over, wherever they are held."""

import os
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from bench import registry
from bench.errors import StoreError
from bench.protocol import apply_protocols
from bench.protocol import held as module
from bench.protocol.held import Held, held
from bench.store.predictions import SubjectPrediction, as_read, read_subject, write_prediction


def a_subject(name, images=4, side=8, role="test", seed=0):
    generator = np.random.default_rng([seed, *name.encode()])
    shape = (images, side, side)
    labels = generator.random(shape) < 0.2
    return SubjectPrediction(
        subject=name,
        role=role,
        maps=generator.standard_normal(shape, dtype=np.float32),
        scores=generator.standard_normal(images, dtype=np.float32),
        masks=generator.random(shape) < 0.9,
        labels=labels,
        image_labels=labels.any(axis=(1, 2)),
        ignored=labels & (generator.random(shape) < 0.1),
    )


def assert_same(one, other):
    for name in ("maps", "scores", "masks", "labels", "ignored", "image_labels"):
        mine, its = getattr(one, name), getattr(other, name)
        assert (mine is None) == (its is None), name
        if mine is not None:
            assert (mine.dtype, mine.shape, mine.strides) == (its.dtype, its.shape, its.strides)
            np.testing.assert_array_equal(mine, its)
    assert (one.subject, one.role, one.signed) == (other.subject, other.role, other.signed)


@pytest.mark.parametrize("in_memory", [0, 2_000, 1 << 20])
def test_every_pass_gives_the_same_subjects_in_memory_and_in_files(tmp_path, in_memory):
    given = [a_subject(name) for name in "abc"] + [replace(a_subject("d"), maps=None, labels=None)]
    kept = Held(tmp_path, in_memory)
    for one in given:
        kept.add(one)
    assert bool(list(tmp_path.iterdir())) is (in_memory < 1 << 20)
    for _ in range(2):
        for one, other in zip(kept(), given, strict=True):
            assert_same(one, other)
    kept.arrange(lambda one: -ord(one.subject))
    assert [one.subject for one in kept()] == ["d", "c", "b", "a"]


def test_subjects_beyond_the_bound_need_no_memory(tmp_path):
    kept = Held(tmp_path, in_memory=0)
    tracemalloc.start()
    try:
        for at in range(8):
            kept.add(a_subject(str(at), images=16, side=64))
        one_subject = 16 * 64 * 64 * 7
        assert tracemalloc.get_traced_memory()[0] < one_subject
        assert sum(float(one.maps.sum()) for one in kept()) != 0
        assert tracemalloc.get_traced_memory()[0] < one_subject
    finally:
        tracemalloc.stop()


def test_nothing_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(module, "IN_MEMORY", 0)
    with held(iter([a_subject("a")])) as passes:
        assert [one.subject for one in passes()] == ["a"]
        assert list(tmp_path.iterdir())
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(module, "IN_MEMORY", 0)
    monkeypatch.setattr("psutil.pid_exists", lambda pid: pid != 4242)
    host = module._FOLDER
    names = [f"{host}{owner}~abc" for owner in ("4242", "4243", "nobody")]
    names.append("bench-predictions-of-another-host~4242~abc")
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "maps.npy").touch()
    with held(iter([a_subject("a")])):
        (own,) = {one.name for one in tmp_path.iterdir()} - set(names)
        assert own.startswith(f"{host}{os.getpid()}~")
    assert {one.name for one in tmp_path.iterdir()} == set(names[1:])


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    kept = Held(tmp_path / "gone", in_memory=0)
    with pytest.raises(StoreError, match=r"gone cannot be written: No such file") as caught:
        kept.add(a_subject("a"))
    assert "TMPDIR" in caught.value.hint


def test_numbers_do_not_depend_on_where_predictions_are_held(monkeypatch):
    names = ["pixel-pooled@2", "pixel-subject@2", "region@2", "image-top@1", "dice@1", "froc@1"]
    cards = [registry.protocol(name) for name in names]
    cohort = [a_subject(name, side=16) for name in "abcd"]
    cohort += [replace(a_subject("n", side=16, role="validation"), labels=None, ignored=None)]
    found = []
    for bound in (0, 1 << 20):
        monkeypatch.setattr(module, "IN_MEMORY", bound)
        with held(cohort) as passes:
            found.append(dict(apply_protocols(cards, passes)))
    assert found[0] == found[1]
    assert sum(one.status == "done" for one in found[0].values()) >= 4


@pytest.mark.parametrize("order", ["C", "F", "moved", "stepped"])
def test_what_is_in_hand_is_what_would_be_read_back(tmp_path, order):
    one = a_subject("a")
    moved = one.maps.transpose(1, 0, 2)
    maps = {"C": one.maps, "F": np.asfortranarray(one.maps), "moved": moved, "stepped": moved}
    given = replace(one, maps=maps[order][::2] if order == "stepped" else maps[order])
    given = replace(given, masks=np.asfortranarray(np.ones(given.maps.shape, bool)), signed=True)
    given = replace(given, labels=None, ignored=None)
    write_prediction(tmp_path, given)
    copy = as_read(given)
    assert_same(copy, read_subject(tmp_path, "test", "a"))
    before = copy.maps.copy()
    given.maps[:] = 0  # a detector may use its arrays again
    np.testing.assert_array_equal(copy.maps, before)
