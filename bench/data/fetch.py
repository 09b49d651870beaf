"""Fetch the files of a dataset whose card names them, checked by their hashes."""

from __future__ import annotations

import contextlib
import errno
import shutil
import tarfile
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pooch
import requests

from bench.cards import DatasetCard, Download
from bench.data.progress import Progress
from bench.errors import DataError, counted, in_words

# Medical images rarely shrink to less than a tenth.
_MOST_TIMES = 100
_ALWAYS_BYTES = 100 * 2**20
_OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG}


def fetch_dataset(
    card: DatasetCard, data_dir: Path | None, progress: Progress | None = None
) -> Path:
    """Fetch all files of a card into its folder; a file that already exists is not fetched again.

    Args:
        card: the dataset.
        data_dir: folder that holds a folder per dataset.
        progress: called with the bytes that have come and their number in all.

    Returns:
        The dataset's folder.

    Raises:
        DataError: nothing may be fetched, the network or the disk fails, a file has another
            hash than the card says, or an archive holds names outside its folder.
    """
    if not card.downloads:
        raise DataError(
            f"dataset {card.name!r} cannot be fetched for you",
            hint=card.obtain or f"see {card.homepage}",
        )
    if data_dir is None:
        raise DataError(
            f"nowhere to put dataset {card.name!r}",
            hint=f"say --data-dir DIR or set BENCH_DATA; the files go into DIR/{card.name}",
        )
    root = data_dir / card.name
    try:
        root.mkdir(parents=True, exist_ok=True)
        for one in card.downloads:
            _fetch(one, root, progress)
    except OSError as error:
        raise DataError(
            f"cannot write {root}: {error.strerror or error}", hint="free space, or say --data-dir"
        ) from error
    return root


def _fetch(download: Download, root: Path, progress: Progress | None) -> None:
    name = PurePosixPath(download.url.split("?")[0]).name
    done = root / f".fetched-{download.hash.split(':')[1]}"
    if download.unpack and done.exists():
        return
    pooch.get_logger().setLevel("WARNING")  # messages are the command line's business
    bar = _Bar(name, progress) if progress is not None else False
    try:
        path = Path(
            pooch.retrieve(
                download.url,
                known_hash=download.hash,
                fname=f".{name}" if download.unpack else name,
                path=root,
                downloader=pooch.HTTPDownloader(progressbar=bar),
            )
        )
    except requests.RequestException as error:
        raise DataError(f"cannot fetch {download.url}: {error}", hint="try again later") from error
    except ValueError as error:
        raise DataError(
            f"{download.url} has another {download.hash.split(':')[0]} than the card says",
            hint="try again; if it stays so, the publisher changed the file: look at it first",
        ) from error
    if download.unpack:
        unpack(path, root)
        path.unlink()
        done.touch()


class _Bar:
    """A progress bar for pooch that passes everything on to ours."""

    def __init__(self, name: str, progress: Progress) -> None:
        self.total = 0
        self._name, self._progress, self._done = name, progress, 0

    def update(self, count: int) -> None:
        self._done += count
        if self._done < self.total:
            self._progress(self._done, self.total, f"fetching {self._name}")

    def reset(self) -> None:
        self._done = 0

    def close(self) -> None:
        self._progress(max(self.total, 1), max(self.total, 1), f"fetching {self._name}")


def unpack(archive: Path, root: Path) -> None:
    """Unpack a zip or tar archive; all of it, or nothing.

    Args:
        archive: the file.
        root: where its content goes.

    Raises:
        DataError: it is not an archive, it is damaged, encrypted or unpacks to far more than
            its own size, or it holds a name that leads out of
            ``root`` or already exists.
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
        if isinstance(error, OSError) and (error.filename or error.errno in _OF_THE_DISK):
            raise
        raise DataError(
            f"{archive.name} cannot be unpacked: {in_words(error)}", hint="fetch it again"
        ) from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(partial)


def _unzip(archive: Path, into: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        for name in packed.namelist():
            parts = PurePosixPath(name.replace("\\", "/"))
            if parts.is_absolute() or ".." in parts.parts or ":" in parts.parts[0]:
                raise zipfile.BadZipFile(f"{name!r} leads out of the folder")
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
    for member in tar:
        total += member.size
        _refuse_much(archive, total)
        yield member


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
