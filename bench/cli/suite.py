"""``bench suite``: a whole table from one file."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.cli import completion
from bench.cli import options as o
from bench.cli.execution import execute, run_options
from bench.cli.tables import write_report
from bench.planning.suite import find_suite, read_suite


def suite(
    file: Annotated[
        str,
        typer.Argument(
            help="A suite's TOML file, or a shipped name (smoke).",
            autocompletion=completion.suites,
        ),
    ],
    device: o.DeviceOption = o.Device.auto,
    jobs: o.Jobs = None,
    executor: o.Executors = "local",
    keep: o.Keeping = o.KeepOption.maps,
    data_dir: o.DataDir = None,
    results: o.Results = o.DEFAULT_RESULTS,
    force: o.Force = False,
    only: o.Only = [],  # noqa: B006
    retry: o.Retry = 0,
    time_limit: o.TimeLimit = None,
    memory_limit: o.MemoryLimit = None,
    profile: o.ProfileFile = None,
    detach: o.Detach = False,
    ray_address: o.RayAddress = None,
    log: o.Log = None,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
) -> None:
    """Run every [[run]] of a suite file and write the report beside the records.

    Example: bench suite smoke
    """
    content, requests = read_suite(find_suite(file))
    typer.echo(content.title, err=True)
    options = run_options(
        results,
        data_dir,
        device,
        jobs,
        keep,
        force,
        executor,
        only=only,
        retry=retry,
        time_limit=time_limit,
        memory_limit=memory_limit,
        profile=profile,
        detach=detach,
        ray_address=ray_address,
        log=log,
    )
    code = execute(requests, options, quiet=quiet, verbose=verbose)
    if code in (0, 1):
        typer.echo(f"report: {write_report(results, data_dir)}", err=True)
    raise typer.Exit(code)
