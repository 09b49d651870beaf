"""The command line in the test's own process, which is ten times as fast as in one of its own."""

from types import SimpleNamespace

import pytest

from bench import registry
from bench.cli import main
from fakes.tiny import without_yardsticks


class Here:
    """Runs commands in a folder; what they print and how they end comes back."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, folder, *arguments) -> SimpleNamespace:
        self._capsys.readouterr()
        self._monkeypatch.chdir(folder)
        self._monkeypatch.setattr("sys.argv", ["bench", *without_yardsticks(arguments)])
        registry.load_datasets.cache_clear()  # cards lie in the folder too
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            registry.load_datasets.cache_clear()
        out, err = self._capsys.readouterr()
        return SimpleNamespace(returncode=code, stdout=out, stderr=err)
