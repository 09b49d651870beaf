"""The command line. One file per command, imported when it is called; heavy imports inside it."""

from __future__ import annotations

import errno
import sys
from typing import Annotated

import typer

from bench._version import __version__
from bench.cli import debugging, exit_codes, streams
from bench.cli.commands import Commands
from bench.errors import BenchError, in_words, printable

app = typer.Typer(
    name="bench",
    cls=Commands,
    help="Compare unsupervised anomaly detectors on medical images, honestly.",
    epilog=f"{exit_codes.in_lines()}\n\nFirst steps:  bench suite smoke   then   bench report",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"bench {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Version.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks. May be given at any position.")
    ] = False,
) -> None:
    """Compare unsupervised anomaly detectors on medical images, honestly."""
    context.call_on_close(_name_broken_cards)


def _name_broken_cards() -> None:
    """Name the dataset cards that cannot be used, where the command looked at the cards."""
    if "bench.registry" not in sys.modules:
        return
    from bench import registry

    if not registry.load_datasets.cache_info().currsize:
        return
    for name, error in registry.broken_datasets().items():
        typer.echo(f"warning: dataset {name!r} cannot be used: {printable(str(error))}", err=True)


def main() -> None:
    """Run the command line; turn errors into one message and an exit code."""
    debug = debugging.take_option()
    streams.prepare()
    try:
        try:
            app()
        finally:
            streams.flush()
    except Exception as error:
        if debug:
            raise
        code = _explain(error)
        streams.give_up()
        sys.exit(code)


def _explain(error: Exception) -> int:
    """Print what went wrong; returns the exit code."""
    try:
        if isinstance(error, BenchError):
            say_error(error)
            return 2
        if isinstance(error, OSError) and streams.is_of_a_stream(error):
            typer.echo(f"error: the output cannot be written: {error.strerror}", err=True)
            return 1
        if isinstance(error, OSError) and error.errno in _OF_A_PATH and error.filename:
            name = printable(str(error.filename), 200)
            typer.echo(f"error: {name!r} cannot be used: {error.strerror}", err=True)
            return 2
        typer.echo(
            f"internal error: {in_words(error)}\n"
            "  this is an error in bench itself; --debug shows where it happened",
            err=True,
        )
    except OSError:  # stderr cannot be written either: the exit code is all that is left
        return 1
    return 1


_OF_A_PATH = {errno.EACCES, errno.ELOOP, errno.ENAMETOOLONG, errno.EPERM, errno.EROFS}
"""What the system says of a path that the user gave. That a file is not there is not
among it: bench looks first, so an error of that kind is its own."""


def say_error(error: BenchError) -> None:
    """Print an error and its hint to stderr."""
    typer.echo(f"error: {printable(str(error), _LONGEST)}", err=True)
    if error.hint:
        typer.echo(f"  next: {printable(error.hint, _LONGEST)}", err=True)


_LONGEST = 20_000
