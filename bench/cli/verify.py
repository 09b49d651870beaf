"""``bench verify``: whether a cell comes out again."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli import completion
from bench.cli import options as o
from bench.display import display_for
from bench.errors import all_of, counted_of

if TYPE_CHECKING:
    from bench.executors.verifying import Verified


def verify(
    cell: Annotated[str, typer.Argument(help=o.CELL_HELP, autocompletion=completion.cells)],
    device: Annotated[
        o.Device | None, typer.Option("--device", help="Default: the record's.")
    ] = None,
    data_dir: o.DataDir = None,
    results: o.Results = o.DEFAULT_RESULTS,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
    as_json: o.AsJson = False,
) -> None:
    """Run a cell again and say whether its numbers agree; exit 1 where they do not.

    The fit is trained again in a store that is thrown away; the record stays as it is. Where
    numbers differ, it is said which of data, versions, device and code differ too.

    Example: bench verify 3f9c --data-dir ~/data
    """
    from bench.executors.verifying import verify_cell
    from bench.store.naming import find_cell
    from bench.store.store import Store

    store = Store(results)
    store.must_exist()
    record = find_cell(store, cell)
    with display_for(quiet=quiet, verbose=verbose) as progress:
        found = verify_cell(
            record,
            data_dir=data_dir,
            device=device.value if device else None,
            on_event=progress.cell,
            progress=progress.files,
        )
    if as_json:
        content = {
            "key": record.key,
            "agrees": not found.differences,
            "compared": found.compared,
            "largest_difference": found.largest,
            "differences": [asdict(one) for one in found.differences],
            "moved": found.moved,
        }
        typer.echo(json.dumps(content, indent=1))
    else:
        _print(found)
    raise typer.Exit(1 if found.differences else 0)


def _print(found: Verified) -> None:
    from bench.executors.verifying import SAME_WITHIN

    record = found.before
    name = f"{record.method} on {record.task}, seed {record.seed}"
    if found.differences:
        typer.echo(
            f"{name}: {counted_of(len(found.differences), found.compared, 'number', 'differ')}"
        )
        for one in found.differences:
            typer.echo(
                f"  {one.name}: {_number(one.before)} in the record, {_number(one.again)} now"
            )
    elif found.largest:
        typer.echo(
            f"{name}: {all_of(found.compared, 'number', 'agree')}; the largest difference is "
            f"{found.largest:.1g}, less than {SAME_WITHIN:g} is rounding"
        )
    else:
        same = all_of(found.compared, "number", "are")
        typer.echo(f"{name}: {same} the same to the last bit")
    for kind in ("data", "versions", "device", "code"):
        lines = found.moved.get(kind, ())
        typer.echo(f"{kind}: {'differs' if lines else 'the same'}")
        for line in lines:
            typer.echo(f"  {line}")


def _number(value: float | None) -> str:
    return "not there" if value is None else f"{value:.9g}"
