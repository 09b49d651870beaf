"""What the exit code of a command says; `bench --help` and README.md print it from here."""

from __future__ import annotations

EXIT_CODES = {
    0: "every cell asked for is done, or skipped with a reason; nothing is wrong",
    1: "some cells or files failed, a check found a fault, or bench itself has one",
    2: "wrong usage or bad input, found before any cell started",
    130: "interrupted; the same command goes on, fits from their checkpoints",
}


def in_lines() -> str:
    """One line per code, for the end of a help text."""
    lines = [f"  {code:<3}  {meaning}" for code, meaning in EXIT_CODES.items()]
    # A backspace tells the help formatter to keep the lines of a paragraph apart.
    return "\n".join(["\b", "Exit codes:", *lines])
