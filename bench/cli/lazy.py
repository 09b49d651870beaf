"""Groups of commands whose modules are imported only when a command of theirs is called.

The help of a group and the names that a shell completes need one sentence per command and no
module. So a group holds that sentence beside the place of the command's function;
``tests/cli/test_lazy.py`` holds that it is the first sentence of the function's own help.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, ClassVar, NamedTuple

import typer
from typer.core import TyperCommand

from bench.cli.plain import PlainGroup


class Entry(NamedTuple):
    """Where a command is, and what its group says of it.

    Attributes:
        place: module below `bench.cli` and function, or Typer app of a group: ``run:run``.
        help: the first sentence of its help.
    """

    place: str
    help: str


class LazyGroup(PlainGroup):
    """A group that imports a command's module when the command is called or its help is asked for.

    Attributes:
        entries: the commands by name, in the order of the help.
    """

    entries: ClassVar[Mapping[str, Entry]] = {}

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 - as Typer has it
        super().__init__(**{**attributes, "commands": None})
        self.commands = _Commands(self.entries)  # type: ignore[assignment]  # none is added later

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401 - as Typer has it
        """The names, in the order of the help."""
        return list(self.entries)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401 - as Typer has it
        """Name and sentence of a command, which cannot be called; `commands` has the real ones."""
        entry = self.entries.get(cmd_name)
        return entry and TyperCommand(cmd_name, help=entry.help)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - as Typer has it
        """The command that is called, its module imported."""
        name, found, rest = super().resolve_command(ctx, args)
        return name, self.commands[name] if name and found else None, rest


class _Commands(Mapping[str, Any]):
    """The commands of a group by name; each is made when it is asked for."""

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self._entries = entries
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - Typer's name for it is private
        if name not in self._made:
            self._made[name] = _made(name, self._entries[name].place)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def _made(name: str, place: str) -> Any:  # noqa: ANN401 - Typer's name for it is private
    module, _, attribute = place.partition(":")
    found = getattr(import_module(f"bench.cli.{module}"), attribute)
    around = typer.Typer(rich_markup_mode=None)
    if isinstance(found, typer.Typer):
        around.add_typer(found, name=name)
    else:
        around.command(name)(found)
    return typer.main.get_group(around).commands[name]
