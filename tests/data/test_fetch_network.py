"""Fetching from servers that break, lie or lead elsewhere; licences; mirrors."""

import hashlib
import io
import json
import shutil
import stat
import subprocess
import tarfile
import threading
import zipfile
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from bench.data.fetch import archives, download, licence
from bench.data.fetch.dataset import fetch_dataset
from bench.data.fetch.mirror import fetch_mirror
from bench.errors import DataError
from fakes.brain_files import card

CONTENT = bytes(range(256)) * 40
SHA = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


class Server(BaseHTTPRequestHandler):
    """Serves CONTENT as `plan` says; `asked` are the ranges it was asked for."""

    protocol_version = "HTTP/1.1"
    plan: dict
    asked: list

    def do_GET(self):
        where = self.headers.get("Range")
        type(self).asked.append(where)
        plan = self.plan
        if "redirect" in plan:
            self.send_response(302)
            self.send_header("Location", plan["redirect"])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = int(where[6:-1]) if where and plan.get("ranges", True) else 0
        if start >= len(CONTENT):
            self.send_response(416)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = plan.get("content", CONTENT)[start:]
        self.send_response(206 if start else plan.get("status", 200))
        self.send_header("Content-Length", plan.get("length", str(len(body))))
        if "range" in plan and where:
            self.send_header("Content-Range", plan["range"])
        self.end_headers()
        self.wfile.write(body[: plan.get("breaks", len(body))])
        self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture
def serve():
    """Starts a server with a plan; gives its address and what it was asked."""
    started = []

    def start(**plan):
        handler = type("One", (Server,), {"plan": plan, "asked": []})
        http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=http.serve_forever, daemon=True).start()
        started.append(http)
        return f"http://127.0.0.1:{http.server_port}/a.npz", handler.asked

    yield start
    for one in started:
        one.shutdown()
        one.server_close()


def fetched(url, folder, **changes):
    return fetch_dataset(card(downloads=[{"url": url, "hash": SHA, **changes}]), folder)


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(download, "_CHUNK", 1000)


@pytest.mark.usefixtures("small_chunks")
def test_a_broken_transfer_goes_on_where_it_was(serve, tmp_path):
    url, asked = serve(breaks=3000)
    root = fetched(url, tmp_path)
    assert (root / "a.npz").read_bytes() == CONTENT
    assert asked == [None, "bytes=3000-", "bytes=6000-", "bytes=9000-"]
    assert [one.name for one in root.iterdir()] == ["a.npz"]


@pytest.mark.usefixtures("small_chunks")
def test_what_came_before_the_command_ended_is_not_fetched_again(serve, tmp_path):
    url, asked = serve()

    def stop(done, *_):
        if done == 2000:
            raise KeyboardInterrupt

    one = card(downloads=[{"url": url, "hash": SHA}])
    with pytest.raises(KeyboardInterrupt):
        fetch_dataset(one, tmp_path, stop)
    assert not (tmp_path / "toy/a.npz").exists()
    assert (fetched(url, tmp_path) / "a.npz").read_bytes() == CONTENT
    assert asked == [None, "bytes=2000-"]


def test_a_server_without_ranges_starts_again(serve, tmp_path):
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / f".part-{SHA[7:]}").write_bytes(b"something else")
    url, asked = serve(ranges=False)
    assert (fetched(url, tmp_path) / "a.npz").read_bytes() == CONTENT
    assert asked == ["bytes=14-"]


def test_a_part_that_is_too_long_starts_again(serve, tmp_path):
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / f".part-{SHA[7:]}").write_bytes(CONTENT + b"more")
    url, asked = serve()
    assert (fetched(url, tmp_path) / "a.npz").read_bytes() == CONTENT
    assert asked == [f"bytes={len(CONTENT) + 4}-", None]


def test_a_server_that_gives_nothing_is_given_up(serve, tmp_path):
    url, asked = serve(breaks=0)
    with pytest.raises(DataError, match="cannot fetch") as caught:
        fetched(url, tmp_path)
    assert "goes on with what has come" in caught.value.hint
    assert len(asked) == download._TRIES


def test_wrong_bytes_are_not_kept(serve, tmp_path):
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / f".part-{SHA[7:]}").write_bytes(b"x" * 500)  # of another file
    url, _ = serve()
    with pytest.raises(DataError, match="another sha256 than the card says"):
        fetched(url, tmp_path)
    assert not list((tmp_path / "toy").iterdir())
    assert (fetched(url, tmp_path) / "a.npz").read_bytes() == CONTENT


@pytest.mark.parametrize("length", ["many", "-5", ""])
def test_a_length_that_is_no_number_is_not_used(serve, tmp_path, length):
    url, _ = serve(length=length)
    assert (fetched(url, tmp_path) / "a.npz").read_bytes() == CONTENT


def test_a_part_from_another_place_is_not_put_behind_what_is_here(serve, tmp_path):
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / f".part-{SHA[7:]}").write_bytes(CONTENT[:500])
    # Asked for the rest from byte 500 on, it sends all and says so.
    plan = {"ranges": False, "range": f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}", "status": 206}
    url, asked = serve(**plan)
    assert (fetched(url, tmp_path) / "a.npz").read_bytes() == CONTENT
    assert asked == ["bytes=500-"]


@pytest.mark.parametrize(("status", "said"), [(204, "204 No Content"), (302, "302 Found")])
def test_an_answer_without_a_file_is_not_a_wrong_hash(serve, tmp_path, status, said):
    url, _ = serve(status=status, content=b"")
    with pytest.raises(DataError, match=f"cannot fetch .*: {said}: expected the file"):
        fetched(url, tmp_path)


def test_a_redirect_to_what_is_no_address_is_named(serve, tmp_path):
    url, _ = serve(redirect="http://[somewhere")
    with pytest.raises(DataError, match="leads to a place that is not an address"):
        fetched(url, tmp_path)


def test_a_file_of_the_user_is_not_overwritten(serve, tmp_path):
    (tmp_path / "toy").mkdir()
    own = tmp_path / "toy" / "a.npz"
    own.write_bytes(b"my own")
    url, asked = serve()
    with pytest.raises(DataError, match=r"a\.npz already exists and is not the file of the card"):
        fetched(url, tmp_path)
    assert own.read_bytes() == b"my own"
    own.write_bytes(CONTENT)
    fetched(url, tmp_path)
    assert asked == []


def test_a_redirect_is_followed(serve, tmp_path):
    there, _ = serve()
    url, _ = serve(redirect=there)
    assert (fetched(url, tmp_path) / "a.npz").read_bytes() == CONTENT


@pytest.mark.parametrize("scheme", ["file:///etc/passwd", "ftp://127.0.0.1/a", "gopher://a/b"])
def test_a_redirect_to_another_scheme_is_refused(serve, tmp_path, scheme):
    url, _ = serve(redirect=scheme)
    with pytest.raises(DataError, match=f"leads to {scheme}, expected https"):
        fetched(url, tmp_path)
    assert not list((tmp_path / "toy").iterdir())


@pytest.mark.parametrize("scheme", ["https", "HTTPS"])
def test_a_redirect_from_https_to_http_is_refused(monkeypatch, tmp_path, scheme):
    answer = requests.Response()
    answer.status_code = 302
    answer.headers["Location"] = "http://example.org/a"
    answer.raw = io.BytesIO()
    monkeypatch.setattr(requests, "get", lambda *_, **__: answer)
    with pytest.raises(DataError, match=r"leads to http://example\.org/a"):
        fetched(f"{scheme}://example.org/a.npz", tmp_path)


def test_redirects_in_a_circle_end(serve, tmp_path):
    url, asked = serve(redirect="/again")
    with pytest.raises(DataError, match="redirects more than 5 times"):
        fetched(url, tmp_path)
    assert len(asked) == 6


def test_a_card_may_not_name_a_file_of_this_machine(tmp_path):
    with pytest.raises(DataError, match="expected https"):
        fetched("file:///etc/passwd", tmp_path)


def test_many_empty_files_are_a_bomb_too(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_MOST_FILES", 10)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        for number in range(11):
            packed.writestr(f"{number}", "")
    (tmp_path / "root").mkdir()
    with pytest.raises(DataError, match="holds more than 10 files"):
        archives.unpack(tmp_path / "a.zip", tmp_path / "root")
    assert not list((tmp_path / "root").iterdir())


def archive_of(path, *members):
    """A tar of members: a name, and text of a file or the target of a symbolic link."""
    with tarfile.open(path, "w") as packed:
        for name, text, link in members:
            one = tarfile.TarInfo(name)
            if link:
                one.type, one.linkname = tarfile.SYMTYPE, text
                packed.addfile(one)
            else:
                one.size = len(text)
                packed.addfile(one, io.BytesIO(text.encode()))
    return path


def test_no_symbolic_link_is_unpacked(tmp_path):
    """Tar's own filter lets a chain of long ones lead out of the folder (CVE-2025-4517)."""
    (tmp_path / "root").mkdir()
    linked = archive_of(tmp_path / "a.tar", ("s1/T1.nii", "voxels", False), ("x", "s1", True))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        one = zipfile.ZipInfo("x")
        one.external_attr = (stat.S_IFLNK | 0o777) << 16
        packed.writestr(one, "/etc/passwd")
    for path in (linked, tmp_path / "a.zip"):
        with pytest.raises(DataError, match=r"a\.(tar|zip) cannot be unpacked: 'x' is a symbolic"):
            archives.unpack(path, tmp_path / "root")
        assert not list((tmp_path / "root").iterdir())


def test_the_folder_itself_may_be_a_member(tmp_path):
    for name in ("tar", "zip"):
        (tmp_path / name).mkdir()
    archive_of(tmp_path / "a.tar", ("./s1/T1.nii", "voxels", False))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr("./", "")
        packed.writestr("./s1/T1.nii", "voxels")
    for name in ("tar", "zip"):
        archives.unpack(tmp_path / f"a.{name}", tmp_path / name)
        assert (tmp_path / name / "s1/T1.nii").read_text() == "voxels"


def test_a_file_that_is_a_folder_too_is_the_archives_fault_and_not_the_disks(tmp_path):
    (tmp_path / "root").mkdir()
    path = archive_of(tmp_path / "a.tar", ("s1", "a file", False), ("s1/T1.nii", "voxels", False))
    with pytest.raises(DataError, match=r"a\.tar cannot be unpacked"):
        archives.unpack(path, tmp_path / "root")
    assert not list((tmp_path / "root").iterdir())


def test_a_user_without_a_name_can_accept(monkeypatch, tmp_path):
    """As in a container that runs under a number."""

    def nameless():
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr("getpass.getuser", nameless)
    one = card(licence="CC BY 4.0", citation="Muster 2020")
    assert json.loads(licence.accept(one, tmp_path).read_text())["by"] == "a user without a name"
    assert licence.is_accepted(one, tmp_path)


def test_the_licence_is_noted_and_asked_again_when_it_changed(tmp_path):
    one = card(licence="CC BY 4.0", citation="Muster 2020")
    assert "CC BY 4.0" in licence.terms(one)
    assert not licence.is_accepted(one, tmp_path)
    note = json.loads(licence.accept(one, tmp_path).read_text())
    assert note["dataset"] == "toy"
    assert "Muster 2020" in note["terms"]
    assert note["accepted"].endswith("+00:00")
    assert licence.is_accepted(one, tmp_path)
    assert not licence.is_accepted(card(licence="CC BY-NC", citation="Muster 2020"), tmp_path)


# --- mirrors -------------------------------------------------------------------------------------


@pytest.fixture
def mirror(tmp_path):
    """A repository, served over HTTP; gives a card that names it."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    work, bare = tmp_path / "work", tmp_path / "served" / "data.git"

    def git(*words, where=work):
        settings = ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main"]
        subprocess.run(["git", *settings, *words], cwd=where, check=True, capture_output=True)

    for name in ("mni/p1/T1.nii", "raw/p1/T1.nii"):
        (work / name).parent.mkdir(parents=True)
        (work / name).write_text(name)
    (work / "mni" / "link").symlink_to("/etc/passwd")
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "data")
    bare.parent.mkdir()
    git("clone", "-q", "--bare", str(work), str(bare), where=tmp_path)
    git("update-server-info", where=bare)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=bare.parent))
    threading.Thread(target=http.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{http.server_port}/data.git"
    yield lambda *folders: card(mirror={"url": url, "folders": folders}, obtain="By hand.")
    http.shutdown()
    http.server_close()


def test_the_folders_of_a_mirror_are_taken(mirror, tmp_path):
    root = fetch_mirror(mirror("mni"), tmp_path / "data")
    assert (root / "mni/p1/T1.nii").read_text() == "mni/p1/T1.nii"
    assert not (root / "raw").exists()
    assert not (root / ".git").exists()
    assert not (root / "mni/link").is_symlink()  # it is a file that says where it led
    commit = (root / ".mirror-commit").read_text().split()[1]
    assert len(commit) == 40
    assert [one.name for one in (tmp_path / "data").iterdir()] == ["toy"]
    with pytest.raises(DataError, match="already exists"):
        fetch_mirror(mirror("mni"), tmp_path / "data")


def test_a_mirror_that_lacks_a_folder_leaves_nothing(mirror, tmp_path):
    with pytest.raises(DataError, match="has no folder gone"):
        fetch_mirror(mirror("mni", "gone"), tmp_path / "data")
    assert not list((tmp_path / "data").iterdir())


def test_a_mirror_that_does_not_answer(tmp_path):
    one = card(mirror={"url": "http://127.0.0.1:9/data.git", "folders": ["mni"]})
    with pytest.raises(DataError, match="git cannot fetch the mirror"):
        fetch_mirror(one, tmp_path / "data")


def test_a_card_without_a_mirror(tmp_path):
    with pytest.raises(DataError, match="names no public mirror"):
        fetch_mirror(card(), tmp_path)


@pytest.mark.parametrize("url", ["file:///srv/data.git", "ext::sh -c id", "-u", "https://-x"])
def test_other_protocols_are_no_mirror(url):
    with pytest.raises(ValueError, match="pattern"):
        card(mirror={"url": url, "folders": ["mni"]})
    with pytest.raises(ValueError, match="relative"):
        card(mirror={"url": "https://a/b", "folders": ["../mni"]})
