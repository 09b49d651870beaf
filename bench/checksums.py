"""Checksums beside what bench stores: a flipped bit is noticed before it becomes a number.

`seal` writes the sha256 of every file of a finished folder into the folder; `check_folder` and
`check_file` compare. A file is read in full and compared once per process, as long as it stays
the same file with the same size and times: damage that comes later while a process runs is
noticed by the next process. A cell reads each file once more for it: 0.17 s of CPU time for
262 MB (1.5 GB/s, a processor with SHA instructions), which also fills the page cache that the
arrays are then mapped from. Whoever looks at no array of an entry compares its description only:
planning does, and training where a stack of the subjects exists.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from functools import lru_cache
from pathlib import Path

NAME = "checksums.json"
LONGEST_NAME = 255  # bytes; what file systems take

_checked: set[tuple[str, int, int, int, int, str]] = set()


class DamagedFile(ValueError):
    """A stored file has other bytes than were written; caught where the entry is opened."""


def seal(folder: Path) -> None:
    """Note the sha256 of all files of a folder in the folder; an older note is replaced.

    Args:
        folder: with everything in it written.

    Raises:
        OSError: a file cannot be read, or the note cannot be written.
    """
    found = {
        path.relative_to(folder).as_posix(): _sha256(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / NAME
    }
    partial = folder / f"{NAME}.partial"
    with partial.open("w", encoding="utf-8") as handle:
        json.dump(found, handle, indent=1)
        handle.flush()
        os.fsync(handle.fileno())
    partial.replace(folder / NAME)


def is_sealed(folder: Path) -> bool:
    """Whether a folder has checksums; those that an older bench wrote have none."""
    return (folder / NAME).is_file()


def check_folder(folder: Path) -> None:
    """Compare all files of a sealed folder with their checksums.

    Raises:
        DamagedFile: a file is missing or has other bytes, or the checksums cannot be read.
        OSError: the system cannot read a file.
    """
    for name, sha in _read(folder).items():
        _check(folder / name, sha)


def check_file(folder: Path, name: str) -> None:
    """Compare one file of a sealed folder with its checksum.

    Args:
        folder: sealed.
        name: of the file, relative to the folder.

    Raises:
        DamagedFile: as `check_folder`, or the file has no checksum.
        OSError: the system cannot read it.
    """
    _check(folder / name, _expected(folder, name))


def check_content(folder: Path, name: str, content: bytes) -> None:
    """Compare what was read of one file of a sealed folder with its checksum.

    Args:
        folder: sealed.
        name: of the file, relative to the folder.
        content: all of the file's bytes.

    Raises:
        DamagedFile: as `check_file`.
    """
    _compare(folder / name, hashlib.sha256(content).hexdigest(), _expected(folder, name))


def _expected(folder: Path, name: str) -> str:
    found = _read(folder)
    if name not in found:
        raise DamagedFile(f"{folder / name} is not in {NAME}: it was not written with the others")
    return found[name]


def _compare(path: Path, found: str, sha: str) -> None:
    if found != sha:
        raise DamagedFile(
            f"{path} has other bytes than were written (sha256 {found[:12]}, expected {sha[:12]})"
        )


def _read(folder: Path) -> dict[str, str]:
    status = (folder / NAME).stat()
    return _parsed(folder / NAME, status.st_size, status.st_mtime_ns, status.st_ino)


@lru_cache(maxsize=16)
def _parsed(path: Path, size: int, modified: int, inode: int) -> dict[str, str]:
    """The checksums in a file; parsed once, though each of hundreds of predictions asks."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise DamagedFile(f"{path} is damaged: {error}") from error
    if not isinstance(content, dict) or not all(isinstance(one, str) for one in content.values()):
        raise DamagedFile(f"{path} is damaged: not a table of checksums")
    if strange := [name for name in content if not _is_below(name)]:
        raise DamagedFile(f"{path} is damaged: {strange[0][:80]!r} is not a file of this folder")
    return content


def _is_below(name: str) -> bool:
    """Whether a name can be that of a file in a folder: a flipped bit may have made it another."""
    try:
        parts = [os.fsencode(part) for part in name.split("/")]
    except UnicodeEncodeError:
        return False
    longest = max(map(len, parts))
    return "\0" not in name and longest <= LONGEST_NAME and not {b"", b".", b".."} & {*parts}


def _check(path: Path, sha: str) -> None:
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise DamagedFile(f"{path} is missing") from None
    if not stat.S_ISREG(status.st_mode):
        raise DamagedFile(f"{path} is not a file")
    state = (
        str(path), status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, sha,
    )  # fmt: skip
    if state in _checked:
        return
    _compare(path, _sha256(path), sha)
    _checked.add(state)


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
