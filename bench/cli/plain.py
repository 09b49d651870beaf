"""Faults of options in plain words: Typer passes on the sentences of the library it checks with."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from bench.faults import in_plain_words


class PlainGroup(TyperGroup):
    """A group of commands whose wrong options are named in plain words."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - as Typer has it
        """Run the command; a wrong value keeps its exit code and gets another sentence."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            faults = getattr(error.__cause__, "errors", None)
            if callable(faults):
                error.message = "; ".join(in_plain_words(one) for one in faults())
            raise
