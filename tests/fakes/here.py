"""The command line in the test's own process, which is ten times as fast as in one of its own."""

import io
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import pytest

from bench import registry
from bench.cli import main
from fakes.tiny import without_yardsticks


def bench_here(folder: Path, *arguments: object, **environment: str) -> SimpleNamespace:
    """As `fakes.tiny.bench`; torch and the server of the workers are loaded once for all tests.

    Not for tests of start-up, signals, logging, closed streams, or modules that stand in the
    folder under the name of others: these need a process of their own.
    """
    out, err = Printed(), Printed()
    before, code = Path.cwd(), 0
    os.chdir(folder)
    registry.load_datasets.cache_clear()  # cards lie in the folder too
    try:
        with (
            mock.patch.dict(os.environ, environment),
            mock.patch.object(sys, "argv", ["bench", *without_yardsticks(arguments)]),
            mock.patch.object(sys, "stdin", io.StringIO()),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            main()
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        os.chdir(before)
        registry.load_datasets.cache_clear()
    return SimpleNamespace(returncode=code, stdout=out.text(), stderr=err.text())


class Printed(io.TextIOWrapper):
    """Stands for a pipe that stdout or stderr is led into."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)

    def text(self) -> str:
        return self.buffer.getvalue().decode("utf-8")


class Here:
    """Runs commands in a folder, in which the test then stays."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def __call__(self, folder: Path, *arguments: object) -> SimpleNamespace:
        self._monkeypatch.chdir(folder)
        return bench_here(folder, *arguments)
