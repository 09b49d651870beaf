"""Writes a site whole or not at all, and in place of an older site only."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench._version import __version__
from bench.errors import StoreError, UsageError, counted
from bench.report.site.addresses import Addresses
from bench.report.site.labs import Lab
from bench.report.site.pages import Page

MARK = "bench-site.json"
"""Names the files of a site: a folder without it, or with other files, is never replaced."""
_SHOWN = 5


def write_site(out: Path, labs: Sequence[Lab], pages: Iterable[Page]) -> int:
    """Write pages and copies of records to a folder; the number of files.

    An older site stays as it is until the new one is whole.

    Args:
        out: is made; may be empty, or a site that `write_site` made.
        labs: whose records are copied, stale ones too.
        pages: of `bench.report.site.pages`.

    Raises:
        UsageError: the folder is something else, or cannot be written.
        StoreError: a record is gone.
    """
    final = Path(os.path.realpath(out))
    _require_ours(final, out)
    try:
        with _replaced(final) as partial:
            return _fill(partial, labs, pages)
    except OSError as fault:
        raise UsageError(f"{out} cannot be written: {fault.strerror or fault}") from fault


def _fill(folder: Path, labs: Sequence[Lab], pages: Iterable[Page]) -> int:
    names = []
    for address, text in pages:
        _place(folder, address).write_bytes(text.encode("utf-8", errors="replace"))
        names.append(address)
    at = Addresses([lab.name for lab in labs])
    for lab in labs:
        for record in (*lab.records, *lab.older):
            path = lab.store.record_path(record.task, record.method, record.key)
            address = at.record(lab.name, record)
            try:
                content = path.read_bytes()
            except OSError as fault:
                raise StoreError(
                    f"{path} cannot be read any more: {fault.strerror}",
                    hint="write the site when nothing changes the store",
                ) from fault
            _place(folder, address).write_bytes(content)
            names.append(address)
    mark = {"bench": __version__, "files": sorted(names)}
    (folder / MARK).write_text(json.dumps(mark, indent=1) + "\n", encoding="utf-8")
    return len(names) + 1


def _place(folder: Path, address: str) -> Path:
    path = folder / address
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _require_ours(folder: Path, named: Path) -> None:
    """Refuse a folder that holds anything but an older site.

    Raises:
        UsageError: it does.
    """
    if not folder.exists():
        return
    elsewhere = "choose another folder with --out DIR; nothing was changed"
    if not folder.is_dir():
        raise UsageError(f"{named} is a file, not a folder", hint=elsewhere)
    there = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir()
    }
    if not there and not any(folder.iterdir()):
        return
    foreign = sorted(there - {MARK, *_files_of(folder / MARK)})
    if not (folder / MARK).is_file() or foreign:
        shown = ", ".join(foreign[:_SHOWN]) + (", ..." if foreign[_SHOWN:] else "")
        raise UsageError(
            f"{named} holds {counted(len(foreign), 'file')} that bench site did not write: {shown}"
            if foreign
            else f"{named} is not empty and not a site of bench",
            hint=elsewhere,
        )


def _files_of(mark: Path) -> list[str]:
    """The files of an older site; none where its list is damaged."""
    try:
        found = json.loads(mark.read_bytes())["files"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


@contextmanager
def _replaced(final: Path) -> Iterator[Path]:
    """A folder to fill, which takes the place of another when the block ends well."""
    final.parent.mkdir(parents=True, exist_ok=True)
    name = f"{final.name}-{uuid.uuid4().hex[:8]}"
    partial, old = (final.with_name(f".{kind}-{name}") for kind in ("partial", "old"))
    partial.mkdir()
    try:
        yield partial
        if final.exists():
            final.rename(old)
        try:
            partial.rename(final)
        except OSError:
            if old.exists():
                old.rename(final)
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
