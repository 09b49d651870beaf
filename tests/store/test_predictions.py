"""Files of predictions: what is written, what an older bench wrote, and damage."""

import contextlib
import io
import shutil

import numpy as np
import pytest
from zstandard import ZstdDecompressor

from bench.checksums import check_folder
from bench.errors import StoreError
from bench.store.predictions import (
    expected_subjects,
    read_predictions,
    read_roles,
    read_subject,
    require_subjects,
    write_prediction,
)
from conftest import ROOT

OLD = ROOT / "tests" / "old_records" / "predictions-1"  # real, and never changed


@pytest.fixture
def old(tmp_path):
    return shutil.copytree(OLD, tmp_path / "old")


def test_what_an_older_bench_wrote_is_read(old):
    check_folder(old)
    subjects = expected_subjects(old, None)
    assert subjects == {"test": ["p.1"], "validation": ["n1"]}
    for role, names in subjects.items():
        require_subjects(old, role, names)
    ill, well = read_roles(old)
    assert (ill.subject, ill.role, ill.signed, ill.scores_only) == ("p.1", "test", True, False)
    assert (well.subject, well.role) == ("n1", "validation")
    with np.load(OLD / "test-p.1.npz") as kept:
        np.testing.assert_array_equal(ill.maps, kept["maps"])
        assert ill.masks.sum() == np.unpackbits(kept["masks"])[:90].sum()
    assert ill.geometry.spacing_mm == (2.0, 2.0, 3.0)
    assert read_subject(old, "test", "p.1").maps.sum() == ill.maps.sum()
    assert read_subject(old, "test", "p.2") is None


def test_the_new_file_holds_the_same_arrays_and_is_read_back_bit_by_bit(old, tmp_path):
    (ill,) = read_predictions(old, "test")
    write_prediction(tmp_path, ill)
    path = tmp_path / "test-p.1.npz.zst"
    unpacked = ZstdDecompressor().decompress(path.read_bytes())
    with np.load(OLD / "test-p.1.npz") as before, np.load(io.BytesIO(unpacked)) as now:
        assert set(now.files) == set(before.files)
        for name in before.files:
            assert now[name].dtype == before[name].dtype
            assert now[name].tobytes() == before[name].tobytes()
    assert [one.name for one in tmp_path.iterdir() if one.is_file()] == [path.name]
    assert read_subject(tmp_path, "test", "p.1").maps.tobytes() == ill.maps.tobytes()


def test_subjects_are_in_the_same_order_in_both_forms(old, tmp_path):
    (ill,) = read_predictions(old, "test")
    names = ["a", "a-b", "a.b", "B", "a0"]
    for name in names:
        write_prediction(tmp_path, type(ill)(**{**vars(ill), "subject": name}))
        shutil.copy(OLD / "test-p.1.npz", old / f"test-{name}.npz")
    (old / "checksums.json").unlink()
    (old / "test-p.1.npz").unlink()
    found = [one.subject for one in read_predictions(tmp_path, "test")]
    assert found == [one.subject for one in read_predictions(old, "test")]
    assert sorted(found) == sorted(names)


def test_damage_is_an_error_of_the_store(old, tmp_path):
    (ill,) = read_predictions(old, "test")
    write_prediction(tmp_path, ill)
    path = tmp_path / "test-p.1.npz.zst"
    content = path.read_bytes()
    generator = np.random.default_rng(0)
    for at in [*range(12), *generator.integers(0, len(content), 40)]:
        damaged = bytearray(content)
        damaged[at] ^= 0xFF
        path.write_bytes(damaged)
        with contextlib.suppress(StoreError):  # any other error fails the test
            read_subject(tmp_path, "test", "p.1")
    for part in (b"", content[:3], content[: len(content) // 2], b"not a frame at all"):
        path.write_bytes(part)
        with pytest.raises(StoreError, match="cannot be read"):
            read_subject(tmp_path, "test", "p.1")
