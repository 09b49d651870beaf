import errno
import os
import pathlib
import re
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from bench.data.cache import stored
from bench.data.prepare import version, volumes
from bench.data.prepare.subject import stack_subjects
from bench.errors import DataError, StoreError
from fakes.brain_files import PREPARATION, ball, brain, is_inside, prepare, subject, write

# --- the cache --------------------------------------------------------------------------------


def test_the_second_time_nothing_is_read(tmp_path, monkeypatch):
    files = subject(tmp_path, label=ball((5, 5, 2), 5))
    first = prepare(files, tmp_path / "cache")
    monkeypatch.setattr(volumes, "Scans", None)
    again = prepare(files, tmp_path / "cache")
    assert again.key == first.key
    np.testing.assert_array_equal(again.images, first.images)
    np.testing.assert_array_equal(again.geometry.affine, first.geometry.affine)
    assert again.geometry.input_shape == first.geometry.input_shape


def test_the_key_holds_everything_that_changes_the_arrays(tmp_path, monkeypatch):
    files = subject(tmp_path, modalities=("T1", "T2"), label=ball((5, 5, 2), 5))
    write(files.paths["T2"], lambda mm: 2 * brain(mm))
    other = PREPARATION.model_copy(update={"percentiles": (2, 98)})
    keys = [
        prepare(files, tmp_path).key,
        prepare(files, tmp_path, channels=["T2"]).key,
        prepare(files, tmp_path, channels=["T1", "T2"]).key,
        prepare(files, tmp_path, channels=["T2", "T1"]).key,
        prepare(files, tmp_path, size=40).key,
        prepare(files, tmp_path, preparation=other).key,
        prepare(files, tmp_path, lesion_free=True).key,
        prepare(files, tmp_path, with_label=False).key,
    ]
    monkeypatch.setattr(version, "PREPARATION_VERSION", 999)
    keys.append(prepare(files, tmp_path).key)
    write(files.paths["T1"], lambda mm: 3 * brain(mm))
    keys.append(prepare(files, tmp_path).key)
    assert len(set(keys)) == len(keys)


def test_the_same_content_under_another_name_is_one_entry(tmp_path):
    files = subject(tmp_path / "a")
    other = subject(tmp_path / "b", name="s2")
    shutil.copy(files.paths["T1"], other.paths["T1"])
    one, two = prepare(files, tmp_path), prepare(other, tmp_path)
    assert one.key == two.key
    assert (one.subject, two.subject) == ("s1", "s2")


@pytest.mark.parametrize("damage", ["truncate", "no meta", "bad meta", "no array", "other array"])
def test_a_damaged_entry_is_made_again(tmp_path, damage):
    files = subject(tmp_path, label=ball((5, 5, 2), 5))
    first = prepare(files, tmp_path)
    expected = np.array(first.images)
    folder = tmp_path / "prepared" / first.key
    array = folder / "images.npy"
    if damage == "truncate":
        array.write_bytes(array.read_bytes()[:-1000])
    elif damage == "no meta":
        (folder / "meta.json").unlink()
    elif damage == "bad meta":
        (folder / "meta.json").write_text('{"shapes": ')
    elif damage == "no array":
        array.unlink()
    else:
        np.save(array, expected[:1])
    np.testing.assert_array_equal(prepare(files, tmp_path).images, expected)
    assert [one.name for one in (tmp_path / "prepared").iterdir()] == [first.key]


def flip(path, at=-1):
    """Damage one bit, as a bad disk does: the size stays."""
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["images.npy", "masks.npy", "meta.json", "checksums.json"])
def test_a_flipped_bit_is_named_and_the_entry_made_again(tmp_path, name, caplog):
    files = subject(tmp_path, label=ball((5, 5, 2), 5))
    first = prepare(files, tmp_path)
    expected = {one: np.array(getattr(first, one)) for one in ("images", "masks")}
    flip(tmp_path / "prepared" / first.key / name, at=0 if name.endswith("json") else -1)
    again = prepare(files, tmp_path)
    for one, values in expected.items():
        np.testing.assert_array_equal(getattr(again, one), values)
    (said,) = caplog.messages
    assert "is made again" in said
    assert name in said


def test_who_looks_at_no_array_has_none_compared(tmp_path, caplog):
    files = subject(tmp_path)
    first = prepare(files, tmp_path)
    folder = tmp_path / "prepared" / first.key
    flip(folder / "images.npy")
    assert stored.read_subject(folder, "s1", check="description").truth == first.truth
    assert caplog.text == ""
    flip(folder / "meta.json", at=0)
    assert stored.read_subject(folder, "s1", check="description") is None
    assert "meta.json has other bytes than were written" in caplog.text


def test_an_entry_without_checksums_is_made_again_and_that_is_said(tmp_path, caplog):
    files = subject(tmp_path)
    first = prepare(files, tmp_path)
    expected, folder = np.array(first.images), tmp_path / "prepared" / first.key
    (folder / "checksums.json").unlink()
    flip(folder / "images.npy")
    np.testing.assert_array_equal(prepare(files, tmp_path).images, expected)
    assert "have no checksums" in caplog.text
    assert (folder / "checksums.json").is_file()


def test_writers_at_the_same_time_agree(tmp_path):
    files = subject(tmp_path, label=ball((5, 5, 2), 5))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: prepare(files, tmp_path), range(8)))
    assert len({one.key for one in found}) == 1
    for one in found:
        np.testing.assert_array_equal(one.images, found[0].images)
    assert len(list((tmp_path / "prepared").iterdir())) == 1


def test_two_caches_hold_the_same_bytes(tmp_path):
    files = subject(tmp_path, label=ball((5, 5, 2), 5), tilt=10)
    for name in ("a", "b"):
        prepare(files, tmp_path / name)
    found = sorted(one for one in (tmp_path / "a/prepared").rglob("*") if one.is_file())
    assert len(found) == 6
    for path in found:
        twin = tmp_path / "b" / path.relative_to(tmp_path / "a")
        assert path.read_bytes() == twin.read_bytes()


def test_a_cache_that_cannot_be_written_is_named(tmp_path):
    files = subject(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file") as caught:
        prepare(files, tmp_path / "file" / "cache")
    assert "BENCH_CACHE" in caught.value.hint


def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch):
    files = subject(tmp_path)

    def full(*_args, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(StoreError, match="No space left"):
        prepare(files, tmp_path)
    assert not list((tmp_path / "prepared").iterdir())


# --- stacks -----------------------------------------------------------------------------------


def test_a_stack_holds_all_images_in_order(tmp_path):
    prepared = [
        prepare(subject(tmp_path, name=f"s{n}", field=lambda mm, n=n: brain(mm) ** n), tmp_path)
        for n in (1, 2, 3)
    ]
    images, masks = stack_subjects(prepared, tmp_path)
    np.testing.assert_array_equal(images, np.concatenate([one.images for one in prepared]))
    np.testing.assert_array_equal(masks, np.concatenate([one.masks for one in prepared]))
    assert isinstance(images, np.memmap)
    assert not images.flags.writeable
    assert images.dtype == np.float32
    assert masks.dtype == np.bool_
    turned, _ = stack_subjects(prepared[::-1], tmp_path)
    np.testing.assert_array_equal(turned[: len(prepared[2].images)], prepared[2].images)
    stack_subjects(prepared, tmp_path)
    assert len(list((tmp_path / "stacks").iterdir())) == 2


def test_a_damaged_stack_is_made_again(tmp_path):
    prepared = [prepare(subject(tmp_path), tmp_path)]
    images, _ = stack_subjects(prepared, tmp_path)
    expected = np.array(images)
    (path,) = (tmp_path / "stacks").rglob("images.npy")
    path.write_bytes(path.read_bytes()[:-1])
    np.testing.assert_array_equal(stack_subjects(prepared, tmp_path)[0], expected)


@pytest.mark.parametrize("name", ["images.npy", "masks.npy"])
def test_a_flipped_bit_in_a_stack_is_named_and_it_is_made_again(tmp_path, name, caplog):
    prepared = [prepare(subject(tmp_path), tmp_path)]
    expected = [np.array(one) for one in stack_subjects(prepared, tmp_path)]
    (path,) = (tmp_path / "stacks").rglob(name)
    flip(path)
    for found, values in zip(stack_subjects(prepared, tmp_path), expected, strict=True):
        np.testing.assert_array_equal(found, values)
    assert name in caplog.text


def test_a_subject_full_of_lesions_adds_nothing(tmp_path):
    sick = subject(tmp_path / "a", label=is_inside)
    free = prepare(sick, tmp_path, lesion_free=True)
    assert free.images.shape == (0, 1, 48, 48)
    with pytest.raises(DataError, match="no normal image"):
        stack_subjects([free], tmp_path)
    with pytest.raises(DataError, match="no normal image"):
        stack_subjects([], tmp_path)
    healthy = prepare(subject(tmp_path / "b"), tmp_path)
    images, _ = stack_subjects([free, healthy], tmp_path)
    assert len(images) == len(healthy.images)


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENFILE, errno.EACCES, errno.EIO, errno.ENOMEM,
                                  errno.ESTALE])  # fmt: skip
@pytest.mark.parametrize("where", ["meta", "array"])
def test_trouble_of_the_system_deletes_no_good_entry(tmp_path, monkeypatch, code, where):
    files = subject(tmp_path)
    first = prepare(files, tmp_path)
    folder = tmp_path / "prepared" / first.key
    inode = folder.stat().st_ino

    def trouble(*_args, **_options):
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as broken:
        broken.setattr(*((pathlib.Path, "read_text") if where == "meta" else (np, "load")), trouble)
        with pytest.raises(StoreError, match=re.escape(os.strerror(code))):
            stored.read_subject(folder, "s1")
    assert folder.stat().st_ino == inode
    np.testing.assert_array_equal(prepare(files, tmp_path).images, first.images)


def test_a_stack_survives_too_many_open_files(tmp_path, monkeypatch):
    first = prepare(subject(tmp_path), tmp_path)
    stack_subjects([first], tmp_path)
    [folder] = (tmp_path / "stacks").iterdir()
    inode = folder.stat().st_ino

    def trouble(*_args, **_options):
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as broken:
        broken.setattr(np, "load", trouble)
        with pytest.raises(StoreError, match="Too many open files"):
            stack_subjects([first], tmp_path)
    assert folder.stat().st_ino == inode
