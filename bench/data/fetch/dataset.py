"""Fetch a dataset: its files one after the other, unpacked where they are archives."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pooch
import requests

from bench.cards import DatasetCard, Download
from bench.data.fetch.archives import unpack
from bench.data.fetch.download import Resuming
from bench.data.progress import Progress
from bench.errors import DataError


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
            hash than the card says (one that is already there is not overwritten), or an archive
            holds names outside its folder.
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


def _require_same(path: Path, download: Download) -> None:
    """Refuse to overwrite a file of the user.

    Raises:
        DataError: it is another one than the card's.
    """
    kind, wanted = download.hash.split(":")
    if not path.is_file() or pooch.file_hash(str(path), alg=kind) != wanted:
        raise DataError(
            f"{path} already exists and is not the file of the card: it has another {kind}",
            hint="move it away and fetch again",
        )


def _fetch(download: Download, root: Path, progress: Progress | None) -> None:
    name = PurePosixPath(download.url.split("?")[0]).name
    done = root / f".fetched-{download.hash.split(':')[1]}"
    if download.unpack and done.exists():
        return
    if not download.unpack and (root / name).exists():
        _require_same(root / name, download)
        return
    pooch.get_logger().setLevel("WARNING")  # messages are the command line's business
    try:
        path = Path(
            pooch.retrieve(
                download.url,
                known_hash=download.hash,
                fname=f".{name}" if download.unpack else name,
                path=root,
                downloader=Resuming(root / f".part-{download.hash.split(':')[1]}", name, progress),
            )
        )
    except requests.RequestException as error:
        raise DataError(
            f"cannot fetch {download.url}: {error}",
            hint="run the same command again: it goes on with what has come",
        ) from error
    except ValueError as error:
        raise DataError(
            f"{download.url} has another {download.hash.split(':')[0]} than the card says",
            hint="try again; if it stays so, the publisher changed the file: look at it first",
        ) from error
    if download.unpack:
        unpack(path, root)
        path.unlink()
        done.touch()
