"""``bench run``: fit and judge what is missing."""

from __future__ import annotations

import typer

from bench.cards import DEFAULT_BUDGET
from bench.cli import options as o
from bench.cli.execution import execute, run_options
from bench.planning.request import RunArguments, check_request


def run(
    method: o.Methods = [],  # noqa: B006 - Typer copies it
    dataset: o.Datasets = [],  # noqa: B006
    task: o.Tasks = [],  # noqa: B006
    train_on: o.TrainOn = None,
    budget: o.BudgetName = DEFAULT_BUDGET,
    seeds: o.Seeds = None,
    settings: o.Settings = [],  # noqa: B006
    yardsticks: o.Yardsticks = True,
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
    """Run methods on tasks: what is done already is not done again.

    Example: bench run --method proxyano --method ae --dataset mslub --data-dir ~/data
    """
    arguments = RunArguments(
        method=method,
        dataset=dataset,
        task=task,
        train_on=train_on,
        budget=budget,
        seeds=seeds,
        set=settings,
        yardsticks=yardsticks,
    )
    request = check_request(arguments)
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
    raise typer.Exit(execute([request], options, quiet=quiet, verbose=verbose))
