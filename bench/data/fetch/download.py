"""Download a file over HTTP; a transfer that breaks goes on where it was."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from bench.data.progress import Progress
from bench.errors import DataError

# A chunk that breaks is lost; of one of 64 KiB that is little.
_CHUNK = 2**16
_TIMEOUT_S = 30
_MOST_REDIRECTS = 5
_TRIES = 4


class Resuming:
    """A downloader for pooch, which checks the hash of what came.

    Args:
        part: where the bytes are kept until all have come; what a broken transfer left there is
            not fetched again.
        name: of the file, for the progress.
        progress: called with the bytes that have come, and all of them.
    """

    def __init__(self, part: Path, name: str, progress: Progress | None) -> None:
        self._part, self._name, self._progress = part, name, progress

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:  # noqa: ANN401
        """Fetch ``url`` into ``output_file``.

        Raises:
            DataError: it leads to another protocol than HTTP, or from HTTPS to plain HTTP.
            requests.RequestException: the network fails, again and again.
        """
        for left in range(_TRIES - 1, -1, -1):
            before = self._size
            try:
                self._fetch(url)
                break
            except (requests.ConnectionError, requests.Timeout,
                    requests.exceptions.ChunkedEncodingError):  # fmt: skip
                # What makes progress may break as often as it likes.
                if not left and self._size <= before:
                    raise
        shutil.move(self._part, output_file)

    @property
    def _size(self) -> int:
        return self._part.stat().st_size if self._part.exists() else 0

    def _fetch(self, url: str) -> None:
        done = self._size
        with _opened(url, done) as answer:
            if done and answer.status_code == requests.codes.range_not_satisfiable:
                self._part.unlink()  # of another file: it is as long as the whole, or longer
                self._fetch(url)
                return
            answer.raise_for_status()
            if answer.status_code not in (requests.codes.ok, requests.codes.partial_content):
                raise requests.HTTPError(
                    f"{answer.status_code} {answer.reason}: expected the file, from {answer.url}"
                )
            goes_on = _goes_on(answer, done)
            done = done if goes_on else 0
            length = answer.headers.get("Content-Length") or ""
            total = done + (int(length) if length.isdecimal() else 0)
            with self._part.open("ab" if goes_on else "wb") as file:
                for chunk in answer.iter_content(_CHUNK):
                    file.write(chunk)
                    done += len(chunk)
                    if self._progress is not None:
                        self._progress(done, max(total, done), f"fetching {self._name}")


def _goes_on(answer: requests.Response, done: int) -> bool:
    """Whether an answer begins where the bytes end that are already here."""
    where = answer.headers.get("Content-Range")
    begins_there = where is None or where.startswith(f"bytes {done}-")
    return answer.status_code == requests.codes.partial_content and begins_there


def _opened(url: str, start: int) -> requests.Response:
    """Ask for a file from a byte on, following redirects that stay with HTTP."""
    # No compression on the way: ranges and lengths then count the file's own bytes.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    place = url
    for _ in range(_MOST_REDIRECTS + 1):
        scheme = urlsplit(place).scheme
        allowed = ("https",) if scheme == "https" else ("https", "http")
        if scheme not in allowed:
            raise _leads_to(url, place)
        try:
            answer = requests.get(
                place, headers=headers, stream=True, timeout=_TIMEOUT_S, allow_redirects=False
            )
        except requests.RequestException:
            raise
        except ValueError as error:  # it looks at where an answer leads
            raise DataError(
                f"{url} leads to a place that is not an address: {error}", hint="look at it first"
            ) from error
        if not answer.is_redirect:
            return answer
        answer.close()
        following = urljoin(place, answer.headers["Location"])
        if urlsplit(following).scheme not in allowed:
            raise _leads_to(url, following)
        place = following
    raise DataError(f"{url} redirects more than {_MOST_REDIRECTS} times", hint="look at it first")


def _leads_to(url: str, place: str) -> DataError:
    return DataError(
        f"{url} leads to {place}, expected https (or http, where the card says so)",
        hint="fetch the file yourself, if you trust that place",
    )
