"""An argument that several ``bench data`` commands take."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.cli import completion

DatasetName = Annotated[
    str, typer.Argument(help="Name of a dataset card.", autocompletion=completion.datasets)
]
