"""Standard streams that are full or closed are no internal errors."""

import os
import subprocess
import sys

import pytest

from conftest import ROOT


def shell(tmp_path, arguments, redirection):
    command = f"exec {sys.executable} -m bench {arguments} {redirection}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        ["sh", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    ("redirection", "code", "said"),
    [
        (">/dev/full", 1, "error: the output cannot be written: No space left on device"),
        (">/dev/full 2>&1", 1, ""),
        (">&-", 0, ""),
        ("2>&-", 0, ""),
        (">&- 2>&-", 0, ""),
        ("<&- >&- 2>&-", 0, ""),
    ],
)
@pytest.mark.parametrize("arguments", ["list budgets", "--help"])
def test_a_full_or_closed_stream_is_no_internal_error(tmp_path, arguments, redirection, code, said):
    done = shell(tmp_path, arguments, redirection)
    assert (done.returncode, done.stderr.strip()) == (code, said)


def test_an_error_that_cannot_be_printed_keeps_its_exit_code(tmp_path):
    assert shell(tmp_path, "list nonsense", "2>/dev/full").returncode in (1, 2)
    assert shell(tmp_path, "show --cell x", "2>&-").returncode == 2


def test_a_file_never_gets_the_number_of_a_closed_stream(tmp_path):
    code = (
        "from bench.cli import streams; streams.prepare(); "
        "import os; h = open('f', 'w'); os.write(1, b'printed'); h.write(str(h.fileno() > 2))"
    )
    subprocess.run(
        ["sh", "-c", f'exec {sys.executable} -c "{code}" >&- 2>&- <&-'],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True,
    )  # fmt: skip
    assert (tmp_path / "f").read_text() == "True"


def test_a_character_that_the_terminal_lacks_is_no_error(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "bench", "list"],
        cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
