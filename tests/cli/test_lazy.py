"""Commands whose modules are imported only when they are called: help, names, and no drift."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.core import TyperCommand, TyperGroup
from typer.testing import CliRunner

import bench.cli
from bench.cli import app
from bench.cli.commands import Commands
from bench.cli.data import DataCommands
from bench.cli.lazy import Entry, LazyGroup

ROOT = typer.main.get_group(app)
GROUPS = {"bench": ROOT, "bench data": ROOT.commands["data"]}


@pytest.mark.parametrize("name", GROUPS)
def test_the_sentence_of_a_command_is_the_first_of_its_help(name):
    group = GROUPS[name]
    said = {one: entry.help for one, entry in group.entries.items()}
    assert said == {one: made.get_short_help_str(1000) for one, made in group.commands.items()}


@pytest.mark.parametrize("width", [50, 80, 100, 200])
@pytest.mark.parametrize("name", GROUPS)
def test_the_help_is_that_of_a_group_that_imports_all(name, width):
    group = GROUPS[name]
    plain = TyperGroup(
        name=group.name,
        commands=dict(group.commands),
        params=group.params,
        help=group.help,
        epilog=group.epilog,
        rich_markup_mode=None,
    )
    shown = [
        one.get_help(typer.Context(one, info_name=name, terminal_width=width))
        for one in (group, plain)
    ]
    assert shown[0] == shown[1]
    assert all(name in shown[0] for name in group.commands)


def test_every_module_of_commands_is_named():
    """A command that is written and not entered would never be found."""
    folder = Path(inspect.getfile(bench.cli)).parent
    written = {
        ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__")
        for path in folder.rglob("*.py")
        if re.search(r"^    Examples?: .*\bbench ", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    entries = [*Commands.entries.values(), *DataCommands.entries.values()]
    assert written == {entry.place.partition(":")[0] for entry in entries} - {"data"}


def test_a_command_carries_its_name_and_its_options():
    command = ROOT.commands["test-method"]
    assert isinstance(command, TyperCommand)
    assert command.name == "test-method"
    assert ROOT.commands["test-method"] is command
    assert isinstance(ROOT.commands["cluster"], TyperGroup)
    assert list(ROOT.commands["cluster"].commands) == ["new"]
    assert not [one.name for one in ROOT.commands["new"].params]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["rum"], "No such command 'rum'. Did you mean 'run'?"),
        (["data", "chek"], "No such command 'chek'. Did you mean 'check'?"),
        (["data", "list", "--colour"], "No such option: --colour"),
    ],
)
def test_a_wrong_name_is_answered_with_the_nearest(words, sentence):
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert sentence in " ".join(done.output.split())


def test_help_of_a_group_imports_no_command():
    class Group(LazyGroup):
        entries = {"one": Entry("nowhere:one", "Do one thing.")}  # noqa: RUF012

    group = typer.Typer(cls=Group)
    group.callback()(lambda: None)
    done = CliRunner().invoke(group, ["--help"])
    assert done.exit_code == 0
    assert "one Do one thing." in " ".join(done.output.split())
    assert isinstance(CliRunner().invoke(group, ["one"]).exception, ModuleNotFoundError)


def test_the_shell_completes_names_of_commands_without_their_modules():
    code = (
        "import sys, typer; from bench.cli import app\n"
        "group = typer.main.get_group(app)\n"
        "with group.make_context('bench', [], resilient_parsing=True) as context:\n"
        "    print(*(one.value for one in group.shell_complete(context, 'c')))\n"
        "print({one for one in sys.modules if one.startswith('bench.')})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names, modules = done.stdout.splitlines()
    assert names.split() == [
        "cite",
        "compare",
        "check",
        "cancel",
        "collect",
        "clean",
        "cache",
        "cluster",
    ]
    assert "bench.cli.compare" not in modules
    assert "bench.cards" not in modules
