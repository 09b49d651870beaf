"""Checkpoints of a fit: what was trained before a kill is not trained again.

Each stage of a fit has a folder ``<stage>.<number>`` with the files that the method wrote, a note
of who wrote them, and their checksums. It is written under another name, synced and renamed, and
only then is the one before it removed. So at every moment there is a whole state, or none.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from bench.checksums import check_folder, is_sealed, seal
from bench.errors import MethodError, in_words

MINUTES = 5.0
"""Training time between two checkpoints: at most this much is lost."""
STEPS_VARIABLE = "BENCH_CHECKPOINT_STEPS"
"""Environment variable: a checkpoint every so many steps, whatever the clock says; for tests."""
_NOTE = "checkpoint.json"
_STAGE = re.compile(r"[A-Za-z0-9 -]{1,60}")
_FOLDER = re.compile(r"([a-z0-9-]{1,60})\.([0-9]{1,9})")


class FitCheckpoints:
    """The checkpoints of one fit; `bench.detector.Checkpoints`.

    Args:
        folder: of this fit alone; made when the first state is written.
        made_with: device and versions that change numbers. States that were made with others
            are not used.
        log: is told what is used and what is not.
        since: states that are older than this time (seconds since 1970) are not used.
    """

    def __init__(
        self,
        folder: Path,
        *,
        made_with: Mapping[str, str | None],
        log: logging.Logger,
        since: float | None = None,
    ) -> None:
        self.folder = folder
        self._made_with, self._log, self._since = dict(made_with), log, since
        self._every = _steps_between()
        self._asked = 0
        self._written = self._begun = time.monotonic()
        self._before = 0.0
        self._stages: set[str] = set()
        self.resumed: list[str] = []

    @property
    def seconds(self) -> float:
        """Seconds that this fit has taken, those before a kill included."""
        return self._before + time.monotonic() - self._begun

    def due(self) -> bool:
        """Whether `MINUTES` have passed since the last state, or the steps of the variable."""
        self._asked += 1
        if self._every is not None:
            return self._asked % self._every == 0
        return time.monotonic() - self._written >= 60 * MINUTES

    def write(self, stage: str, fill: Callable[[Path], None]) -> None:
        """Keep a state; a full disk is logged, and the fit goes on."""
        name = _folder_name(stage)
        older = self._states(name)
        number = older[-1][0] + 1 if older else 1
        partial = self.folder / f".{name}.partial"
        try:
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            fill(partial)
            note = {"made_with": self._made_with, "seconds": self.seconds}
            (partial / _NOTE).write_text(json.dumps(note, indent=1), encoding="utf-8")
            for path in partial.iterdir():
                _sync(path)
            seal(partial)
            partial.rename(self.folder / f"{name}.{number}")
            _sync(self.folder)
        except OSError as error:
            self._log.warning("no checkpoint of %s was kept: %s", stage, in_words(error))
            shutil.rmtree(partial, ignore_errors=True)
        else:
            for _, path in older:
                shutil.rmtree(path, ignore_errors=True)
        self._written = time.monotonic()

    def read(self, stage: str) -> Path | None:
        """The latest whole state of a stage; those that cannot be used are removed.

        Raises:
            MethodError: the fit has two stages of one name.
        """
        name = _folder_name(stage)
        if name in self._stages:
            raise MethodError(f"the fit has two stages with the name {stage!r}: give each its own")
        self._stages.add(name)
        for _, path in reversed(self._states(name)):
            problem = self._problem(path)
            if problem is None:
                self.resumed.append(stage)
                self._log.info("%s goes on from the checkpoint %s", stage, path.name)
                return path
            self._log.warning("the checkpoint %s is not used: %s", path.name, problem)
            shutil.rmtree(path, ignore_errors=True)
        return None

    def remove(self) -> None:
        """Remove all states of the fit: it is done, or failed by itself."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _states(self, name: str) -> list[tuple[int, Path]]:
        """Number and folder of each state of a stage, the oldest first."""
        found = []
        if self.folder.is_dir():
            for path in self.folder.iterdir():
                match = _FOLDER.fullmatch(path.name)
                if match is not None and match[1] == name and path.is_dir():
                    found.append((int(match[2]), path))
        return sorted(found)

    def _problem(self, path: Path) -> str | None:
        """Why a state cannot be used; None where it can."""
        try:
            if not is_sealed(path):
                return "it has no checksums"
            check_folder(path)
            note = json.loads((path / _NOTE).read_text(encoding="utf-8"))
            made_with, seconds = note["made_with"], float(note["seconds"])
            changed = path.stat().st_mtime
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            return in_words(error)
        if self._since is not None and changed < self._since:
            return "the fit was asked for again from its beginning"
        if made_with != self._made_with:
            return f"it was made with {made_with}, this is {self._made_with}"
        self._before = max(self._before, seconds)
        return None


def _folder_name(stage: str) -> str:
    if not _STAGE.fullmatch(stage):
        raise MethodError(
            f"the name of a stage is {stage!r}: use letters, digits, spaces and hyphens, at most 60"
        )
    return stage.lower().replace(" ", "-")


def _steps_between() -> int | None:
    text = os.environ.get(STEPS_VARIABLE, "")
    return int(text) if text.isdecimal() and int(text) > 0 else None


def _sync(path: Path) -> None:
    """Bring a file or a folder to the disk, where the system does that for it."""
    handle = os.open(path, os.O_RDONLY)
    try:
        with suppress(OSError):  # some file systems refuse it for folders
            os.fsync(handle)
    finally:
        os.close(handle)
