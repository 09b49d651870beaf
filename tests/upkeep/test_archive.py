"""Archives of stores: whole or refused, and nothing but data in them."""

import io
import tarfile
from pathlib import Path

import pytest

from bench.errors import StoreError
from bench.upkeep.archive import LIST, export, unpacked
from fakes import records as made
from fakes.upkeep import full_store


@pytest.fixture
def store(tmp_path):
    return full_store(tmp_path / "runs", made.record("ae"), made.record("knn"))


def files(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not {"_partial", "_locks"} & set(path.relative_to(root).parts)
    }


def rewritten(archive, change):
    """The archive with its members changed: a list of (name, content) to another."""
    with tarfile.open(archive) as tar:
        members = [(one.name, tar.extractfile(one).read()) for one in tar]
    with tarfile.open(archive, "w:") as tar:
        for name, content in change(members):
            member = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def test_what_is_unpacked_is_what_was_packed(store, tmp_path):
    done = export(store, store.read_all()[0], tmp_path / "all.tar")
    assert (done.cells, done.size) == (2, (tmp_path / "all.tar").stat().st_size)
    with unpacked(tmp_path / "all.tar", store) as found:
        assert files(found.root) == files(store.root)
    assert not found.root.exists()


def test_the_same_cells_give_the_same_bytes(store, tmp_path):
    records = store.read_all()[0]
    first = export(store, records, tmp_path / "one.tar")
    for path in store.root.rglob("*"):
        path.touch()
    assert export(store, records[::-1], tmp_path / "two.tar") == first


def test_only_what_belongs_to_the_chosen_cells_is_packed(store, tmp_path):
    chosen = [one for one in store.read_all()[0] if one.method == "ae"]
    export(store, chosen, tmp_path / "some.tar")
    with unpacked(tmp_path / "some.tar", store) as found:
        assert [one.method for one in found.read_all()[0]] == ["ae"]
        assert [path.name for path in (found.root / "_predictions").iterdir()] == [chosen[0].key]


@pytest.mark.parametrize("place", [0.0, 0.2, 0.5, 0.8])
def test_a_flipped_bit_anywhere_is_noticed(store, tmp_path, place):
    archive = tmp_path / "all.tar"
    export(store, store.read_all()[0], archive)
    with tarfile.open(archive) as tar:
        members = tar.getmembers()
    member = members[int(place * len(members))]
    content = bytearray(archive.read_bytes())
    content[member.offset_data] ^= 1
    archive.write_bytes(content)
    with pytest.raises(StoreError, match="damaged"), unpacked(archive, store):
        pass
    assert not list((store.root / "_partial").iterdir())


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.9])
def test_an_archive_that_was_cut_is_refused(store, tmp_path, share):
    archive = tmp_path / "all.tar"
    export(store, store.read_all()[0], archive)
    with tarfile.open(archive) as tar:
        end = tar.getmember(LIST).offset_data
    archive.write_bytes(archive.read_bytes()[: int(share * end)])
    with pytest.raises(StoreError, match="damaged"), unpacked(archive, store):
        pass


@pytest.mark.parametrize(
    "name",
    ["../outside.json", "/etc/x.json", "_fits/f/detector/state.pkl", "_fits/f/code.py",
     "_locks/cell-x.lock", "sitecustomize.py", "a/b/c/../../../../x.json", "a/b/c.json"],
)  # fmt: skip
def test_other_names_than_those_of_data_are_refused(store, tmp_path, name):
    archive = tmp_path / "all.tar"
    export(store, store.read_all()[0], archive)
    rewritten(archive, lambda members: [(name, b"{}"), *members])
    words = "not the name of a file of a run store"
    with pytest.raises(StoreError, match=words), unpacked(archive, store):
        pass
    assert not (tmp_path / "outside.json").exists()


def test_links_and_unlisted_files_are_refused(store, tmp_path):
    archive = tmp_path / "all.tar"
    link = tarfile.TarInfo("a/b/c/d.json")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    for member, words in ((link, "not a regular file"), ("a/b/c/d.json", "not listed")):
        export(store, store.read_all()[0], archive)
        rewritten(archive, lambda members, one=member: [(one, b""), *members])
        with pytest.raises(StoreError, match=words), unpacked(archive, store):
            pass


def test_one_name_twice_is_refused(store, tmp_path):
    archive = tmp_path / "all.tar"
    export(store, store.read_all()[0], archive)
    rewritten(archive, lambda members: [members[0], *members])
    with pytest.raises(StoreError, match="is in it twice"), unpacked(archive, store):
        pass


def test_a_newer_format_is_said(store, tmp_path):
    archive = tmp_path / "all.tar"
    export(store, store.read_all()[0], archive)
    rewritten(archive, lambda members: [
        (name, content.replace(b'"format": 1', b'"format": 2') if name == LIST else content)
        for name, content in members
    ])  # fmt: skip
    with pytest.raises(StoreError, match="format 2, this bench reads 1"), unpacked(archive, store):
        pass


def test_an_archive_that_cannot_be_written_leaves_the_older_one(store, tmp_path):
    out = tmp_path / "all.tar"
    out.write_text("older")
    missing = store.read_all()[0][0].model_copy(update={"key": "not-there"})
    with pytest.raises(StoreError, match="cannot be written"):
        export(store, [missing], out)
    assert out.read_text() == "older"
