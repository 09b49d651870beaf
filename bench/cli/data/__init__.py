"""``bench data``: what data sets there are, getting, checking, preparing and showing them."""

from __future__ import annotations

import typer

from bench.cli.data import check, get, listing, new, prepare, register, show

app = typer.Typer(
    help="Data sets: list, get, new, register, check, prepare, show.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

app.command("list")(listing.list_datasets)
app.command("check")(check.check)
app.command("get")(get.get)
app.command("prepare")(prepare.prepare)
app.command("register")(register.register)
app.command("new")(new.new)
app.command("show")(show.show)
