"""Addresses of a site's pages: safe names of files, each once, whatever a record calls itself."""

from __future__ import annotations

import hashlib
import re

from bench.report.rows.pick import LineKey
from bench.store.records import Record

_UNSAFE = re.compile(r"[^a-z0-9_.-]+")
_LONGEST = 60  # letters of a name within a file's name


class Addresses:
    """Names are lower case, since some file systems do not tell cases apart.

    Args:
        stores: names of the stores.
    """

    def __init__(self, stores: list[str]) -> None:
        self._stores = {name: f"{at}-{plain(name)}" for at, name in enumerate(stores, start=1)}

    def task(self, name: str) -> str:
        """The page of a task, ``dataset/name``."""
        return f"tasks/{plain(name)}.html"

    def method(self, name: str) -> str:
        """The page of a method."""
        return f"methods/{plain(name)}.html"

    def dataset(self, name: str) -> str:
        """The page of a data set."""
        return f"datasets/{plain(name)}.html"

    def store(self, name: str) -> str:
        """The page of a store."""
        return f"stores/{self._stores[name]}.html"

    def line(self, store: str, line: LineKey) -> str:
        """The page of one line of a store's tables."""
        told = hashlib.sha256("\n".join(line).encode("utf-8", errors="replace")).hexdigest()[:12]
        return f"lines/{self._stores[store]}/{plain(line.task)}--{plain(line.method)}-{told}.html"

    def record(self, store: str, record: Record) -> str:
        """The copy of a record: below its store's folder as it is in the store.

        Its names are names of files (`bench.upkeep.parts.has_names_of_a_store`).
        """
        folder = self._stores[store]
        return f"records/{folder}/{record.task}/{record.method}/{record.key}.json"


def plain(name: str) -> str:
    """A name as part of a file's name; what had to be changed gets a few digits of its own.

    >>> plain("phantom/ms-t2"), plain("../AE")
    ('phantom--ms-t2', 'ae-6cd9bb')
    """
    parts = [_UNSAFE.sub("-", one.lower()).strip(".-")[:_LONGEST] for one in name.split("/")]
    made = "--".join(one for one in parts if one) or "unnamed"
    if made == name.replace("/", "--") and "--" not in name:
        return made
    return f"{made}-{hashlib.sha256(name.encode('utf-8', errors='replace')).hexdigest()[:6]}"
