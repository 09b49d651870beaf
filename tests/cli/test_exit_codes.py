"""The exit codes stand in the help, where a user looks first."""

from typer.testing import CliRunner

from bench.cli import app
from bench.cli.exit_codes import EXIT_CODES


def test_the_help_says_what_each_exit_code_means_a_line_for_each():
    shown = CliRunner().invoke(app, ["--help"]).stdout
    lines = [line.strip() for line in shown.splitlines()]
    assert [line for line in lines if line[:1].isdigit()] == [
        f"{code:<3}  {meaning}" for code, meaning in EXIT_CODES.items()
    ]
    assert all(len(line) <= 80 for line in lines), "it fits a terminal"
