import contextlib
import hashlib
import io
import tarfile
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bench.data.fetch import archives
from bench.data.fetch.dataset import fetch_dataset
from bench.errors import DataError
from fakes.brain_files import card


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path):
    """A folder that is served, and its address."""
    folder = tmp_path / "served"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=folder)) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{http.server_port}"
        http.shutdown()


def offered(server, name, content, *, unpack=False, hash=None):
    folder, address = server
    (folder / name).write_bytes(content)
    hash = hash or f"sha256:{hashlib.sha256(content).hexdigest()}"
    return card(downloads=[{"url": f"{address}/{name}", "hash": hash, "unpack": unpack}])


def tar(*names, link=None):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = 2
            archive.addfile(info, io.BytesIO(b"hi"))
        if link is not None:
            info = tarfile.TarInfo("link")
            info.type, info.linkname = tarfile.SYMTYPE, link
            archive.addfile(info)
    return buffer.getvalue()


def zipped(*names):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "hi")
    return buffer.getvalue()


def test_a_file_is_fetched_once_and_told(server, tmp_path):
    told = []
    one = offered(server, "a.npz", b"x" * 5000)
    root = fetch_dataset(one, tmp_path / "data", lambda *step: told.append(step))
    assert (root / "a.npz").read_bytes() == b"x" * 5000
    assert told[-1] == (5000, 5000, "fetching a.npz")
    (server[0] / "a.npz").unlink()
    fetch_dataset(one, tmp_path / "data")


def test_md5_is_checked_too(server, tmp_path):
    good = f"md5:{hashlib.md5(b'abc').hexdigest()}"
    fetch_dataset(offered(server, "a", b"abc", hash=good), tmp_path / "data")
    with pytest.raises(DataError, match="another md5"):
        fetch_dataset(offered(server, "b", b"abd", hash=good), tmp_path / "data")
    assert not (tmp_path / "data/toy/b").exists()


@pytest.mark.parametrize("pack", [tar, zipped])
def test_an_archive_is_unpacked(server, tmp_path, pack):
    one = offered(server, "a.bin", pack("s1/T1.nii", "s2/T1.nii"), unpack=True)
    root = fetch_dataset(one, tmp_path / "data")
    assert (root / "s2/T1.nii").read_text() == "hi"
    assert sorted(path.name for path in root.glob("[!.]*")) == ["s1", "s2"]
    assert not [path for path in root.iterdir() if "partial" in path.name]
    (server[0] / "a.bin").unlink()
    fetch_dataset(one, tmp_path / "data")


@pytest.mark.parametrize(
    "content",
    [
        tar("ok", "../out"),
        tar("ok", link="../../out"),
        zipped("ok", "../out"),
        zipped("/out"),
        zipped("a/../../out"),
        zipped("..\\out"),
        zipped("ok")[:-30],
        b"no archive at all",
    ],
    # Archives hold the time of their making; the ids must be the same in every worker of pytest.
    ids=["tar", "tar-link", "zip", "zip-absolute", "zip-inside", "zip-backslash", "cut", "none"],
)
def test_an_archive_cannot_leave_its_folder(server, tmp_path, content):
    one = offered(server, "a.bin", content, unpack=True)
    before = {path for path in tmp_path.rglob("*") if "data" not in path.parts}
    with pytest.raises(DataError, match="cannot be unpacked"):
        fetch_dataset(one, tmp_path / "data")
    after = {path for path in tmp_path.rglob("*") if "data" not in path.parts}
    assert before == after
    assert not list((tmp_path / "data/toy").glob("[!.]*"))


def test_an_absolute_name_lands_inside(server, tmp_path):
    root = fetch_dataset(offered(server, "a", tar("/s1/x"), unpack=True), tmp_path / "data")
    assert (root / "s1/x").read_text() == "hi"


def test_what_is_there_is_not_overwritten(server, tmp_path):
    (tmp_path / "data/toy/s1").mkdir(parents=True)
    with pytest.raises(DataError, match="already exists"):
        fetch_dataset(offered(server, "a", zipped("s0/x", "s1/x"), unpack=True), tmp_path / "data")
    assert not (tmp_path / "data/toy/s0").exists()


def test_no_network_and_no_place(server, tmp_path):
    one = offered(server, "a", b"abc")
    (server[0] / "a").unlink()
    with pytest.raises(DataError, match="cannot fetch"):
        fetch_dataset(one, tmp_path / "data")
    with pytest.raises(DataError, match="nowhere to put") as caught:
        fetch_dataset(one, None)
    assert "--data-dir" in caught.value.hint


def test_behind_a_registration_it_says_what_to_do(tmp_path):
    with pytest.raises(DataError) as caught:
        fetch_dataset(card(obtain="Register there."), tmp_path)
    assert caught.value.hint == "Register there."


def test_an_archive_that_unpacks_to_far_more_than_its_size_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_ALWAYS_BYTES", 1000)
    zeros = bytes(10**6)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", zeros)
    (tmp_path / "a.zip").write_bytes(buffer.getvalue())
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        info = tarfile.TarInfo("a")
        info.size = len(zeros)
        archive.addfile(info, io.BytesIO(zeros))
    (tmp_path / "a.tar.gz").write_bytes(buffer.getvalue())
    for name in ("a.zip", "a.tar.gz"):
        root = tmp_path / f"root of {name}"
        root.mkdir()
        with pytest.raises(DataError, match="unpacks to 1000000 bytes or more"):
            archives.unpack(tmp_path / name, root)
        assert list(root.iterdir()) == []


def test_an_encrypted_zip_is_named(tmp_path):
    content = bytearray(zipped("secret"))
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + at] |= 1
    (tmp_path / "a.zip").write_bytes(content)
    root = tmp_path / "root"
    root.mkdir()
    with pytest.raises(DataError, match="is encrypted"):
        archives.unpack(tmp_path / "a.zip", root)


@pytest.mark.parametrize("at", range(0, 120, 7))
def test_any_damage_of_an_archive_is_a_data_error(tmp_path, at):
    for name, content in (("a.zip", bytearray(zipped("x"))), ("a.tar.gz", bytearray(tar("x")))):
        content[at % len(content)] ^= 0xFF
        (tmp_path / name).write_bytes(content)
        root = tmp_path / f"root of {name}"
        root.mkdir()
        with contextlib.suppress(DataError):
            archives.unpack(tmp_path / name, root)
