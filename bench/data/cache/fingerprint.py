"""Fingerprints: the sha256 of the files that were used, remembered so that it costs once."""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.data.cache.folder import cache_errors
from bench.data.cache.kinds import CacheKind
from bench.data.files import SubjectFiles
from bench.data.progress import Progress
from bench.data.read.formats import Kind, companions, reading_version
from bench.errors import DataError
from bench.keys import key_of

# What was fingerprinted so far, by what the file is read as.
Fingerprints = dict[tuple[Kind, Path], str]

_SHA = re.compile(r"[0-9a-f]{64}")


def fingerprint_files(
    paths: Iterable[Path],
    cache: Path,
    progress: Progress | None = None,
    *,
    kind: Kind = "volume",
    known: Fingerprints | None = None,
) -> dict[Path, str]:
    """The sha256 of the bytes that reading each file takes.

    Where a format keeps them in several files (``.hdr`` and ``.img``), all of them count. Where a
    reader makes other values of a file than it once did, its version counts too: equal
    fingerprints promise equal values.

    A file is read again only when its resolved path, size, inode or one of its times moved. Each
    fingerprint is remembered in a small file of its own, not in a database: a cache is shared by
    many processes, also over network file systems where a database's locks cannot be relied on.

    Args:
        paths: files, in any order; repetitions are free.
        cache: the cache folder.
        progress: told after each file.
        kind: what they are read as.
        known: found by earlier calls of one plan, and not looked for again; new ones are added.

    Returns:
        sha256 in hexadecimal per path as given, sorted by path.

    Raises:
        DataError: a file is missing or unreadable, or two of them share what is read with them.
        StoreError: the cache cannot be written.
    """
    wanted = sorted(set(paths))
    known = {} if known is None else known
    beside: dict[Path, tuple[Path, ...]] = {path: companions(path, kind) for path in wanted}
    _require_apart(beside)
    for done, path in enumerate(wanted, start=1):
        if (kind, path) not in known:
            known[kind, path] = _of_reading(path, beside[path], kind, cache)
        if progress is not None:
            progress(done, len(wanted), "fingerprinting files")
    return {path: known[kind, path] for path in wanted}


def fingerprint_subjects(
    subjects: Sequence[SubjectFiles],
    channels: Sequence[str],
    with_label: bool,
    cache: Path,
    shas: Mapping[Path, str] | None = None,
) -> str:
    """One sha256 over the files of some subjects that a selection uses.

    Args:
        subjects: in any order.
        channels: modalities in channel order; the order is part of the fingerprint.
        with_label: whether the labels are used.
        cache: the cache folder.
        shas: of `fingerprint_files` for all these files, so that none is looked at again.

    Returns:
        sha256 in hexadecimal. It does not depend on where the files are or what they are called.

    Raises:
        DataError: a file is missing or unreadable.
        StoreError: the cache cannot be written.
    """
    roles = [
        (one.subject, role, path)
        for one in subjects
        for role, path in one.roles(channels, with_label=with_label)
    ]
    if shas is None:
        shas = fingerprint_files([path for _, _, path in roles], cache, kind=kind_of(subjects))
    lines = sorted([subject, role, shas[path]] for subject, role, path in roles)
    return key_of(lines)


def kind_of(subjects: Iterable[SubjectFiles]) -> Kind:
    """What the files of some subjects hold, which are alike."""
    return "image" if any(one.kind == "image" for one in subjects) else "volume"


def bytes_to_read(paths: Iterable[Path], cache: Path, kind: Kind) -> int:
    """How many bytes `fingerprint_files` would have to read, because it does not remember them.

    Raises:
        DataError: a file is missing or unreadable.
        StoreError: the cache cannot be read.
    """
    total = 0
    for path in {one for given in paths for one in (given, *companions(given, kind))}:
        with _reading(path):
            resolved = path.resolve(strict=True)
            state = resolved.stat()
        if _remembered(_memory(resolved, state, cache)) is None:
            total += state.st_size
    return total


def refuse_changed(now: Mapping[Path, str], then: Mapping[Path, str], when: str) -> None:
    """Refuse files that have other bytes than before.

    Args:
        now: sha256 per file.
        then: sha256 per file at an earlier time; files that are not in it are not compared.
        when: the earlier time, for the message.

    Raises:
        DataError: a file was changed; the message names all of them.
    """
    changed = [path for path, sha in now.items() if then.get(path, sha) != sha]
    if changed:
        named = str(changed[0]) if len(changed) == 1 else "".join(f"\n  {one}" for one in changed)
        raise DataError(
            f"data changed since {when}: {named}",
            hint="run the same command again: it plans with the files as they are then",
        )


def _require_apart(beside: Mapping[Path, tuple[Path, ...]]) -> None:
    """Refuse two files that are read together with the same third one, or with each other."""
    owners: dict[Path, Path] = {}
    if any(beside.values()):
        owners = {path.resolve(): path for path in beside}
    for path, others in beside.items():
        for other in others:
            owner = owners.setdefault(other.resolve(), path)
            if owner != path:
                raise DataError(
                    f"{path} and {owner} are both read with {other}, so they are not two images",
                    hint="give each image files of its own, and name only the headers in the"
                    " card's patterns",
                )


def _of_reading(path: Path, beside: tuple[Path, ...], kind: Kind, cache: Path) -> str:
    parts: list[str | int] = [_fingerprint(one, cache) for one in (path, *beside)]
    version = reading_version(path, kind)
    if version > 1:
        parts.append(version)
    return str(parts[0]) if len(parts) == 1 else key_of(parts)


def _fingerprint(path: Path, cache: Path) -> str:
    with _reading(path):
        resolved = path.resolve(strict=True)
        before = resolved.stat()
        memory = _memory(resolved, before, cache)
        known = _remembered(memory)
        if known is not None:
            return known
        with resolved.open("rb") as handle:
            sha = hashlib.file_digest(handle, "sha256").hexdigest()
        after = resolved.stat()
    if _state(before) == _state(after):
        _remember(memory, sha)
    return sha


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(
            f"cannot read {path}: {error.strerror or error}",
            hint="check that the file is there and may be read",
        ) from error


def _memory(resolved: Path, state: os.stat_result, cache: Path) -> Path:
    """The file that remembers the fingerprint of a file in a state."""
    name = hashlib.sha256(os.fsencode(f"{resolved}\0{_state(state)}")).hexdigest()
    return CacheKind.fingerprints.folder(cache) / name[:2] / name


def _state(status: os.stat_result) -> str:
    """What moves when a file gets other bytes; ``cp -p`` gives it an old modification time."""
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"


def _remembered(memory: Path) -> str | None:
    try:
        with cache_errors(memory.parent):
            if not memory.exists():
                return None
            text = memory.read_text(encoding="ascii")
    except UnicodeDecodeError:  # damaged: read the file itself again
        return None
    return text if _SHA.fullmatch(text) else None


def _remember(memory: Path, sha: str) -> None:
    with cache_errors(memory.parent):
        memory.parent.mkdir(parents=True, exist_ok=True)
        partial = memory.with_name(f".partial-{uuid.uuid4().hex}")
        try:
            partial.write_text(sha, encoding="ascii")
            partial.replace(memory)
        finally:
            partial.unlink(missing_ok=True)
