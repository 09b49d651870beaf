"""``bench data``: what data sets there are, getting, checking, preparing and showing them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import typer

from bench.cli.lazy import Entry, LazyGroup


class DataCommands(LazyGroup):
    """``bench data``."""

    entries: ClassVar[Mapping[str, Entry]] = {
        "list": Entry(
            "data.listing:list_datasets",
            "List the dataset cards and whether their files are there.",
        ),
        "check": Entry(
            "data.check:check",
            "Read every file of a dataset and name what is wrong; exit 1 on errors.",
        ),
        "get": Entry(
            "data.get:get",
            "Fetch a dataset, checked by hash; where that is not allowed, say what to do.",
        ),
        "prepare": Entry(
            "data.prepare:prepare",
            "Prepare all subjects that the tasks of a dataset need, in parallel; exit 1 on errors.",
        ),
        "register": Entry(
            "data.register:register",
            "Bring a dataset's volumes into MNI space (N4, affine, brain mask), as "
            "dataset NAME-mni.",
        ),
        "new": Entry(
            "data.new:new",
            "Write ./datasets/NAME.toml for your own images or volumes; asks what no option says.",
        ),
        "show": Entry(
            "data.show:show",
            "Draw slices of a few subjects with their lesions, and histograms, to a PNG.",
        ),
    }


app = typer.Typer(
    cls=DataCommands,
    help="Data sets: list, get, new, register, check, prepare, show.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
