"""Output files that are written whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PICTURES = {"": "png", ".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".pdf": "pdf"}
PICTURE_SUFFIXES = ", ".join(one for one in _PICTURES if one)


def picture_format(path: Path) -> str | None:
    """What a picture's file is to hold by its suffix: ``png`` without one, None for others."""
    return _PICTURES.get(path.suffix.lower())


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Write a file under a temporary name; it gets its own name when the block ends well.

    An older file of that name stays as it is until then, so a full disk or a kill loses nothing.
    What is not a regular file (``/dev/stdout``, a named pipe) is written into, never replaced.

    Args:
        path: the file; its folder is made where it is missing. A link stays, its target is
            replaced.

    Yields:
        A path in the same folder with the same suffixes, for the block to write.

    Raises:
        OSError: it cannot be written; nothing has changed then.
    """
    final = Path(os.path.realpath(path))
    if final.exists() and not final.is_file():
        with tempfile.TemporaryDirectory() as folder:
            partial = Path(folder) / final.name
            yield partial
            with partial.open("rb") as source, final.open("wb") as target:
                shutil.copyfileobj(source, target)
        return
    final.parent.mkdir(parents=True, exist_ok=True)
    ending = "".join(final.suffixes[-2:])
    partial = final.with_name(f".partial-{uuid.uuid4().hex}{ending}")
    try:
        yield partial
        with partial.open("rb") as handle:
            os.fsync(handle.fileno())  # here a full disk shows at the latest
        if final.exists():
            shutil.copymode(final, partial)
        os.replace(partial, final)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, whole or not at all; lone surrogates become ``?``.

    Raises:
        OSError: it cannot be written; an older file stays as it is.
    """
    content = text.encode("utf-8", errors="replace")
    with whole_file(path) as partial:
        partial.write_bytes(content)
