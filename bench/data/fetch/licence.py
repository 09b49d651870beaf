"""The licence of a dataset, and a note beside its files of who accepted it when."""

from __future__ import annotations

import getpass
import json
from datetime import UTC, datetime
from pathlib import Path

from bench.cards import DatasetCard
from bench.errors import DataError

_NOTE = "licence-accepted.json"


def terms(card: DatasetCard) -> str:
    """What is shown before files are fetched."""
    lines = [f"{card.title}: licence {card.licence}", f"please cite: {card.citation}"]
    return "\n".join([*lines, card.homepage] if card.homepage else lines)


def is_accepted(card: DatasetCard, data_dir: Path) -> bool:
    """Whether these very terms were accepted for this folder."""
    try:
        note = json.loads(_place(card, data_dir).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(note, dict) and note.get("terms") == terms(card)


def accept(card: DatasetCard, data_dir: Path) -> Path:
    """Write down that the terms were accepted.

    Returns:
        The note, in the dataset's folder.

    Raises:
        DataError: it cannot be written.
    """
    path = _place(card, data_dir)
    note = {
        "dataset": card.name,
        "terms": terms(card),
        "accepted": datetime.now(UTC).isoformat(timespec="seconds"),
        "by": _who(),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(note, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise DataError(
            f"cannot write {path}: {error.strerror or error}", hint="free space, or say --data-dir"
        ) from error
    return path


def _who() -> str:
    """The user's name; in a container the system may have none."""
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # by the version of Python
        return "a user without a name"


def _place(card: DatasetCard, data_dir: Path) -> Path:
    return data_dir / card.name / _NOTE
