"""Checksums of stored folders."""

import json

import pytest

from bench.checksums import DamagedFile, check_file, check_folder, is_sealed, seal


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "a.npy").write_bytes(b"0123")
    (tmp_path / "inner" / "b.json").write_text("{}")
    seal(tmp_path)
    return tmp_path


def test_what_was_written_is_whole(folder):
    assert is_sealed(folder)
    check_folder(folder)
    check_file(folder, "inner/b.json")
    assert set(json.loads((folder / "checksums.json").read_text())) == {"a.npy", "inner/b.json"}


def test_other_bytes_of_the_same_length_are_named_with_both_checksums(folder):
    check_folder(folder)  # what was whole before is looked at again
    (folder / "a.npy").write_bytes(b"0124")
    with pytest.raises(DamagedFile, match=r"a.npy has other bytes than were written \(sha256 "):
        check_folder(folder)
    check_file(folder, "inner/b.json")


def test_missing_and_unlisted_files_are_named(folder):
    (folder / "a.npy").unlink()
    with pytest.raises(DamagedFile, match=r"a\.npy is missing"):
        check_folder(folder)
    (folder / "c").write_bytes(b"")
    with pytest.raises(DamagedFile, match="not written with the others"):
        check_file(folder, "c")


@pytest.mark.parametrize("text", ["", "[]", '{"a.npy": 1}', "[" * 5000, "\x00"])
def test_damaged_checksums_are_named(folder, text):
    (folder / "checksums.json").write_text(text)
    with pytest.raises(DamagedFile, match=r"checksums.json is damaged"):
        check_folder(folder)


@pytest.mark.parametrize("name", ["", ".", "../a.npy", "/a.npy", "a\0", "\ud800", "n" * 256])
def test_a_name_that_no_file_of_the_folder_can_have_is_damage(folder, name):
    (folder / "checksums.json").write_text(json.dumps({name: "0" * 64}))
    with pytest.raises(DamagedFile, match="is not a file of this folder"):
        check_folder(folder)


def test_a_name_of_a_folder_or_below_a_file_is_damage(folder):
    for name, words in (("inner", "is not a file"), ("a.npy/b", "is missing")):
        (folder / "checksums.json").write_text(json.dumps({name: "0" * 64}))
        with pytest.raises(DamagedFile, match=words):
            check_folder(folder)


def test_sealing_again_takes_the_present_files(folder):
    (folder / "a.npy").write_bytes(b"other")
    seal(folder)
    check_folder(folder)
