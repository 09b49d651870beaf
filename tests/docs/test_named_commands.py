"""Every `bench` command that a page names exists, with its options.

It runs nothing; what is run, and what is not and why, stands in `test_shown_commands.py`.
"""

import shlex

import pytest
import typer

from bench.cli import app
from conftest import ROOT
from fakes.page_commands import PAGES, commands


def fault(words):
    """What is wrong with a command, or nothing; missing words are no fault here."""
    command = typer.main.get_command(app)
    for place, word in enumerate(words):
        if not hasattr(command, "commands"):
            break
        if word.startswith("-"):
            return None
        if word not in command.commands:
            return f"no command {word!r}"
        command, rest = command.commands[word], words[place + 1 :]
    if hasattr(command, "commands"):
        return None
    known = {"--help", "--debug"}
    known.update(name for one in command.params for name in (*one.opts, *one.secondary_opts))
    named = (word.partition("=")[0] for word in rest if word.startswith("-"))
    return next((f"no option {name!r}" for name in named if name not in known), None)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_on_the_page_exists(page):
    wrong = []
    for command in commands(page.read_text(encoding="utf-8")):
        words = shlex.split(command, comments=True)[1:]
        if words and (found := fault(words)):
            wrong.append(f"{command}: {found}")
    assert not wrong


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        ("report --format latex --out t.tex", None),
        ("report --colour red", "no option '--colour'"),
        ("data chek mslub", "no command 'chek'"),
        ("data", None),
        ("run -m ae --task phantom/ms-t1", None),
    ],
)
def test_what_counts_as_a_fault(command, wrong):
    found = fault(command.split())
    assert (found or "").startswith(wrong or "")
    assert (found is None) == (wrong is None)
