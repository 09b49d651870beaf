"""A store, or some of its cells, as one file that says of each byte whether it is whole.

The archive is a plain tar file. Its last member, ``bench-archive.json``, holds the sha256 of all
others; times and owners are left out, so the same cells give the same bytes. Reading one runs
nothing: a member is unpacked only if it has a name that a store's data have and its checksum.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from bench._version import __version__
from bench.atomic import whole_file
from bench.errors import StoreError, in_words
from bench.store.records import Record
from bench.store.store import Store
from bench.upkeep.parts import files_of, is_name_of_a_store

LIST = "bench-archive.json"
FORMAT = 1
_LONGEST_LIST = 2**28


@dataclass(frozen=True)
class Exported:
    """What an archive holds.

    Attributes:
        cells: number of records.
        files: number of all files.
        size: of the archive, in bytes.
        sha256: of the archive.
    """

    cells: int
    files: int
    size: int
    sha256: str


def export(store: Store, records: Iterable[Record], out: Path) -> Exported:
    """Write cells with their predictions, fits and logs into an archive, whole or not at all.

    Args:
        store: that has them.
        records: of the cells.
        out: the archive; an older one is replaced.

    Raises:
        StoreError: a file of the store cannot be read, or the archive cannot be written.
    """
    records = list(records)
    paths = sorted({path for record in records for path in files_of(store, record)})
    listed: dict[str, str] = {}
    try:
        with whole_file(out) as partial, tarfile.open(partial, "w:") as tar:
            for path in paths:
                name = path.relative_to(store.root).as_posix()
                with path.open("rb") as handle:
                    listed[name] = hashlib.file_digest(handle, "sha256").hexdigest()
                    size = handle.tell()
                    handle.seek(0)
                    _add(tar, name, size, handle)
            about = {"format": FORMAT, "bench": __version__, "files": listed}
            text = json.dumps(about, indent=1, sort_keys=True).encode()
            _add(tar, LIST, len(text), io.BytesIO(text))
        with out.open("rb") as handle:
            sha = hashlib.file_digest(handle, "sha256").hexdigest()
        return Exported(len(records), len(paths), out.stat().st_size, sha)
    except OSError as error:
        raise StoreError(f"{out} cannot be written: {in_words(error)}") from error


def _add(tar: tarfile.TarFile, name: str, size: int, content: IO[bytes]) -> None:
    member = tarfile.TarInfo(name)
    member.size = size
    tar.addfile(member, content)


@contextmanager
def unpacked(archive: Path, store: Store) -> Iterator[Store]:
    """The content of an archive as a store of its own, removed after the block.

    Args:
        archive: that `export` wrote, here or elsewhere.
        store: the archive is unpacked below it.

    Raises:
        StoreError: it is not such an archive, or it is damaged; nothing of it is used then.
    """
    folder = store.scratch()
    try:
        try:
            _unpack(archive, folder)
        except StoreError:
            raise
        except Exception as error:  # damage shows as any of a decoder's errors
            if isinstance(error, OSError) and not isinstance(error, tarfile.TarError):
                raise StoreError(f"{archive} cannot be unpacked: {in_words(error)}") from error
            raise _damaged(archive, in_words(error)) from error
        yield Store(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unpack(archive: Path, folder: Path) -> None:
    found: dict[str, str] = {}
    listed: dict[str, str] | None = None
    # Without a compression nothing unpacks to more than the archive itself has.
    with tarfile.open(archive, "r:") as tar:
        for member in tar:
            # A sparse file says how many zeros it has: it could unpack to anything.
            plain = member.isreg() and not member.issparse()
            handle = tar.extractfile(member) if plain else None
            if handle is None:
                raise _damaged(archive, f"{member.name!r} is not a regular file")
            if member.name == LIST:
                listed = _parsed(archive, handle.read(_LONGEST_LIST))
                continue
            if not is_name_of_a_store(member.name):
                raise _damaged(archive, f"{member.name!r} is not the name of a file of a run store")
            if member.name in found:
                raise _damaged(archive, f"{member.name!r} is in it twice")
            path = folder / member.name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as target:
                shutil.copyfileobj(handle, target)
            with path.open("rb") as again:
                found[member.name] = hashlib.file_digest(again, "sha256").hexdigest()
    if listed is None:
        raise _damaged(archive, f"it has no {LIST}; it may be cut short")
    for name in sorted(listed.keys() | found.keys()):
        if listed.get(name) != found.get(name):
            raise _damaged(archive, f"{name} is missing, not listed or has other bytes")


def _parsed(archive: Path, text: bytes) -> dict[str, str]:
    content = json.loads(text)
    if not isinstance(content, dict) or not isinstance(content.get("files"), dict):
        raise _damaged(archive, f"its {LIST} is not a list of files")
    if content.get("format") != FORMAT:
        raise StoreError(
            f"{archive} has format {content.get('format')!r}, this bench reads {FORMAT}",
            hint="update bench",
        )
    return {str(name): str(sha) for name, sha in content["files"].items()}


def _damaged(archive: Path, why: str) -> StoreError:
    return StoreError(
        f"{archive} is not an archive of bench export, or it is damaged: {why}",
        hint="export or copy it again; nothing of it was used",
    )
