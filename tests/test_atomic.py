"""Output files are written whole or not at all."""

import os
import stat

import pytest

from bench.atomic import whole_file, write_text


def test_a_file_appears_when_the_block_ends_and_not_before(tmp_path):
    path = tmp_path / "new" / "a.nii.gz"
    with whole_file(path) as partial:
        assert partial.parent == path.parent
        assert partial.name.endswith(".nii.gz")  # writers choose the format by it
        partial.write_bytes(b"whole")
        assert not path.exists()
    assert path.read_bytes() == b"whole"
    assert os.listdir(path.parent) == ["a.nii.gz"]


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_full_disk_or_an_interruption_leaves_the_older_file(tmp_path, fault):
    path = tmp_path / "report.md"
    path.write_text("older")

    def interrupted():
        with whole_file(path) as partial:
            partial.write_text("half")
            raise fault

    with pytest.raises(type(fault)):
        interrupted()
    assert path.read_text() == "older"
    assert os.listdir(tmp_path) == ["report.md"]


def test_a_disk_that_is_full_at_the_sync_leaves_the_older_file(tmp_path, monkeypatch):
    path = tmp_path / "report.md"
    path.write_text("older")

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_text(path, "new")
    assert path.read_text() == "older"
    assert os.listdir(tmp_path) == ["report.md"]


def test_a_link_stays_and_its_target_gets_the_content_and_keeps_its_mode(tmp_path):
    target = tmp_path / "target.md"
    target.write_text("older")
    target.chmod(0o640)
    link = tmp_path / "link.md"
    link.symlink_to(target)
    write_text(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_a_device_is_written_into_and_never_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_text(pipe, "text")
    assert os.read(reader, 100) == b"text"
    os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_text_with_lone_surrogates_is_written(tmp_path):
    write_text(tmp_path / "a.html", "a \ud800 b ä")
    assert (tmp_path / "a.html").read_text(encoding="utf-8") == "a ? b ä"
