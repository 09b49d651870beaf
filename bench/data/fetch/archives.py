"""Unpack what was fetched, and nothing outside its folder."""

from __future__ import annotations

import contextlib
import errno
import shutil
import stat
import tarfile
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from bench.errors import DataError, counted, in_words

# Medical images rarely shrink to less than a tenth.
_MOST_TIMES = 100
_ALWAYS_BYTES = 100 * 2**20
_MOST_FILES = 1_000_000
# What an archive's names can do by themselves; all else that the system refuses is of the disk.
_OF_THE_ARCHIVE = {errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.EINVAL}


def unpack(archive: Path, root: Path) -> None:
    """Unpack a zip or tar archive; all of it, or nothing.

    Args:
        archive: the file.
        root: where its content goes.

    Raises:
        DataError: it is not an archive, it is damaged, encrypted or unpacks to far more than
            its own size, or it holds a symbolic link, or a name that leads out of ``root`` or
            already exists.
        OSError: the disk is full, or ``root`` cannot be written.
    """
    partial = root / f".partial-{uuid.uuid4().hex}"
    partial.mkdir()
    try:
        if tarfile.is_tarfile(archive):
            with tarfile.open(archive) as tar:
                tar.extractall(partial, members=_bounded(tar, archive), filter="data")
        else:
            _unzip(archive, partial)
        for one in sorted(partial.iterdir()):
            if (root / one.name).exists():
                raise DataError(
                    f"{root / one.name} already exists", hint="move it away and fetch again"
                )
        for one in sorted(partial.iterdir()):
            one.rename(root / one.name)
    except DataError:
        raise
    except Exception as error:  # damage shows as any of a decoder's errors
        if isinstance(error, OSError) and error.errno not in (None, *_OF_THE_ARCHIVE):
            raise
        raise DataError(
            f"{archive.name} cannot be unpacked: {in_words(error)}", hint="fetch it again"
        ) from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(partial)


def _unzip(archive: Path, into: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        for one in packed.infolist():
            name = one.filename
            place = PurePosixPath(name.replace("\\", "/"))
            if place.is_absolute() or ".." in place.parts or any(":" in p for p in place.parts[:1]):
                raise zipfile.BadZipFile(f"{name!r} leads out of the folder")
            if stat.S_ISLNK(one.external_attr >> 16):
                raise _is_link(archive, name)
        _refuse_many(archive, len(packed.namelist()))
        _refuse_much(archive, sum(one.file_size for one in packed.infolist()))
        locked = [one.filename for one in packed.infolist() if one.flag_bits & 0x1]
        if locked:
            raise DataError(
                f"{archive.name} is encrypted ({counted(len(locked), 'file')}, such as "
                f"{locked[0]!r})",
                hint="unpack it yourself with the publisher's password",
            )
        packed.extractall(into)


def _bounded(tar: tarfile.TarFile, archive: Path) -> Iterator[tarfile.TarInfo]:
    """The members of an archive, as long as they stay within the bound."""
    total = 0
    for count, member in enumerate(tar, start=1):
        if member.issym():
            # A chain of long ones leads out of the folder in spite of the filter (CVE-2025-4517).
            raise _is_link(archive, member.name)
        total += member.size
        _refuse_many(archive, count)
        _refuse_much(archive, total)
        yield member


def _is_link(archive: Path, name: str) -> DataError:
    return DataError(
        f"{archive.name} cannot be unpacked: {name[:100]!r} is a symbolic link",
        hint="look at the archive; if it is right, unpack it yourself",
    )


def _refuse_much(archive: Path, total: int) -> None:
    """Hold what an archive unpacks to against its own size.

    Raises:
        DataError: more than `_MOST_TIMES` the archive and more than `_ALWAYS_BYTES`.
    """
    most = max(_ALWAYS_BYTES, _MOST_TIMES * archive.stat().st_size)
    if total > most:
        raise DataError(
            f"{archive.name} unpacks to {total} bytes or more, expected at most {most} "
            f"({_MOST_TIMES} times its own size)",
            hint="look at the archive; if it is right, unpack it yourself",
        )


def _refuse_many(archive: Path, count: int) -> None:
    """Refuse more files than any data set has: empty ones cost no byte of the archive's bound.

    Raises:
        DataError: more than `_MOST_FILES`.
    """
    if count > _MOST_FILES:
        raise DataError(
            f"{archive.name} holds more than {_MOST_FILES} files",
            hint="look at the archive; if it is right, unpack it yourself",
        )
