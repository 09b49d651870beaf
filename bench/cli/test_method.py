"""``bench test-method``: check that a method keeps the contracts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from bench import registry
from bench.cli import debugging
from bench.cli import options as o
from bench.errors import counted, counted_of
from bench.planning.settings import choose_settings, parse_settings

if TYPE_CHECKING:
    from bench.conformance.suite import CheckResult

_MARKS = {"passed": "ok", "failed": "FAILED", "skipped": "skipped"}


def check_method(
    method: Annotated[str, typer.Argument(help="A name, or path/to/file.py:Class.")],
    settings: o.Settings = [],  # noqa: B006 - Typer copies it
    device: o.DeviceOption = o.Device.cpu,
    as_json: o.AsJson = False,
) -> None:
    """Fit a method on small artificial images and check every contract; exit 1 if one is broken.

    Takes seconds: 32 x 32 pixels, two steps. Built-in methods pass the same checks. A broken one
    names the line of your file; --debug shows the whole traceback. On a CPU "the same" means the
    same bytes, on a GPU nearly so.

    Example: bench test-method ./my-method.py
    """
    card = registry.method(method)
    choice = choose_settings([card], parse_settings(settings))[0]
    build = registry.load_class(card)
    from bench.conformance.suite import run_checks
    from bench.execution.seeding import prepare_environment, resolve_device

    prepare_environment(device.value, None)
    where = resolve_device(device.value)
    outcomes = list(run_checks(card, build, {**choice.config, **choice.files}, where))
    if as_json:
        left_out = () if debugging.wanted() else ("trace",)
        lines = [{k: v for k, v in vars(one).items() if k not in left_out} for one in outcomes]
        typer.echo(json.dumps(lines, indent=1))
    else:
        _print(card.name, outcomes)
    raise typer.Exit(1 if any(one.status == "failed" for one in outcomes) else 0)


def _print(name: str, outcomes: list[CheckResult]) -> None:
    from bench.conformance.contracts import CHECKS

    channels = list(dict.fromkeys(one.channels for one in outcomes))
    marks = {(one.check, one.channels): _MARKS[one.status] for one in outcomes}
    heads = [counted(n, "channel") for n in channels]
    wide = max(len(check) for check in CHECKS)
    typer.echo(f"{'contract':<{wide}}  {'  '.join(f'{one:<10}' for one in heads)}  what it says")
    for check, function in CHECKS.items():
        found = "  ".join(f"{marks[check, n]:<10}" for n in channels)
        says = (function.__doc__ or "").splitlines()[0]
        typer.echo(f"{check:<{wide}}  {found}  {says}")
    printed: set[str] = set()
    for one in outcomes:
        if one.status != "passed" and one.found not in printed:
            printed.add(one.found)
            typer.echo(f"\n{one.check} {one.status}: {one.found}")
            if debugging.wanted():
                typer.echo(one.trace)
    failed = sum(one.status == "failed" for one in outcomes)
    total = len(outcomes)
    typer.echo(f"\n{name}: {counted_of(failed, total, 'check')} failed" if failed else
               f"\n{name}: no contract is broken ({counted(total, 'check')})")  # fmt: skip
