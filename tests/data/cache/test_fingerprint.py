import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bench.data.cache import fingerprint as module
from bench.data.cache.fingerprint import fingerprint_files, fingerprint_subjects
from bench.data.files import SubjectFiles
from bench.data.read import formats
from bench.data.read.formats import FORMATS, Format
from bench.errors import DataError, StoreError


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def reads(monkeypatch):
    """Counts how often a file's bytes are hashed."""
    seen = []
    real = hashlib.file_digest

    def counting(handle, name):
        seen.append(Path(handle.name).name)
        return real(handle, name)

    monkeypatch.setattr(module.hashlib, "file_digest", counting)
    return seen


def test_it_is_the_sha256_of_the_bytes(tmp_path):
    path = write(tmp_path / "a", "text")
    assert fingerprint_files([path], tmp_path) == {path: hashlib.sha256(b"text").hexdigest()}


def test_it_moves_with_the_version_of_the_reader(tmp_path, monkeypatch):
    path = write(tmp_path / "a.cube", "text")
    bytes_alone = hashlib.sha256(b"text").hexdigest()
    found = []
    for version in (1, 2, 3):
        line = Format("Cube", "volume", (".cube",), "", reading=version)
        monkeypatch.setattr(formats, "FORMATS", (*FORMATS, line))
        found.append(fingerprint_files([path], tmp_path)[path])
    assert found[0] == bytes_alone
    assert len(set(found)) == 3


@pytest.mark.parametrize(
    ("name", "moved"),
    [("a.nii.gz", False), ("a.png", False), ("a.mha", True), ("a.nrrd", True), ("a.mgz", True)],
)
def test_readers_that_changed_do_not_share_a_fingerprint_with_what_they_read_before(
    tmp_path, name, moved
):
    path = write(tmp_path / name, "ElementDataFile = LOCAL\n")
    alone = hashlib.sha256(path.read_bytes()).hexdigest()
    kind = "image" if name.endswith("png") else "volume"
    assert (fingerprint_files([path], tmp_path, kind=kind)[path] != alone) == moved


def test_it_is_remembered_until_the_file_moves(tmp_path, reads):
    path = write(tmp_path / "a", "text")
    for _ in range(3):
        fingerprint_files([path], tmp_path)
    assert reads == ["a"]
    stat = path.stat()
    path.write_text("TEXT")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert fingerprint_files([path], tmp_path)[path] == hashlib.sha256(b"TEXT").hexdigest()
    assert reads == ["a", "a"]


def test_a_link_is_the_file_behind_it(tmp_path, reads):
    path = write(tmp_path / "a", "text")
    link = tmp_path / "link"
    link.symlink_to(path)
    found = fingerprint_files([path, link, path], tmp_path)
    assert found[link] == found[path]
    assert reads == ["a"]


@pytest.mark.parametrize("damage", ["", "half a fingerprint", "\udcff"])
def test_a_damaged_memory_is_made_again(tmp_path, damage):
    path = write(tmp_path / "a", "text")
    expected = fingerprint_files([path], tmp_path)
    (memory,) = [one for one in (tmp_path / "fingerprints").rglob("*") if one.is_file()]
    memory.write_bytes(damage.encode("utf-8", "surrogateescape"))
    assert fingerprint_files([path], tmp_path) == expected
    assert memory.read_text() == expected[path]


def test_many_at_once(tmp_path):
    paths = [write(tmp_path / "in" / str(n), str(n)) for n in range(20)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: fingerprint_files(paths, tmp_path), range(8)))
    assert all(one == found[0] for one in found)
    assert not list((tmp_path / "fingerprints").rglob(".partial*"))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match="gone"):
        fingerprint_files([tmp_path / "gone"], tmp_path)


def test_a_cache_that_cannot_be_used_is_named(tmp_path):
    path = write(tmp_path / "a", "text")
    with pytest.raises(StoreError) as caught:
        fingerprint_files([path], path)
    assert "BENCH_CACHE" in caught.value.hint


def test_progress_is_told(tmp_path):
    paths = [write(tmp_path / str(n), str(n)) for n in range(3)]
    told = []
    fingerprint_files(paths, tmp_path, lambda *one: told.append(one[:2]))
    assert told == [(1, 3), (2, 3), (3, 3)]


def subject(folder, name, **texts):
    paths = {role: write(folder / name / role, text) for role, text in texts.items()}
    label, mask = paths.pop("label", None), paths.pop("mask", None)
    return SubjectFiles("toy", name, paths, label, mask=mask)


def test_subjects_place_and_order_do_not_matter_content_does(tmp_path):
    def of(subjects, channels=("T1",), with_label=False):
        return fingerprint_subjects(subjects, channels, with_label, tmp_path)

    one = subject(tmp_path / "a", "1", T1="x", T2="y", label="l", mask="m")
    two = subject(tmp_path / "a", "2", T1="z", T2="y", label="l", mask="m")
    elsewhere = subject(tmp_path / "b", "1", T1="x", T2="other", label="other", mask="m")
    assert of([one, two]) == of([two, one])
    assert of([one]) == of([elsewhere])
    different = [
        of([one]),
        of([one, two]),
        of([one], with_label=True),
        of([elsewhere], with_label=True),
        of([one], ("T1", "T2")),
        of([one], ("T2", "T1")),
        of([subject(tmp_path / "c", "1", T1="x", mask="n")]),
        of([subject(tmp_path / "d", "1", T1="x")]),
        of([subject(tmp_path / "e", "3", T1="x", mask="m")]),
        of([]),
    ]
    assert len(set(different)) == len(different)
