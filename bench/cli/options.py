"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bench import registry
from bench.cli import completion
from bench.errors import UnknownName, UsageError, counted
from bench.metrics.table import METRICS

DEFAULT_RESULTS = Path("results") / "runs"


class Device(StrEnum):
    """Where a detector computes."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"
    mps = "mps"


class OnlyOption(StrEnum):
    """Which cells to run."""

    failed = "failed"
    skipped = "skipped"
    missing = "missing"


class KeepOption(StrEnum):
    """What of the predictions stays in the store."""

    maps = "maps"
    scores = "scores"
    none = "none"


Methods = Annotated[
    list[str],
    typer.Option(
        "--method",
        "-m",
        help="Method, or path/to/file.py:Class; repeatable.",
        autocompletion=completion.methods,
    ),
]
Datasets = Annotated[
    list[str],
    typer.Option(
        "--dataset",
        "-d",
        help="Dataset: all its tasks; repeatable.",
        autocompletion=completion.datasets,
    ),
]
Tasks = Annotated[
    list[str],
    typer.Option(
        "--task", "-t", help="Task, DATASET/NAME; repeatable.", autocompletion=completion.tasks
    ),
]
TrainOn = Annotated[
    str | None,
    typer.Option(
        "--train-on",
        help="Dataset to learn from instead of the card's.",
        autocompletion=completion.datasets,
    ),
]
BudgetName = Annotated[
    str,
    typer.Option(
        "--budget",
        "-b",
        help="smoke, quick or paper; smoke@400 is smoke with 400 steps.",
        autocompletion=completion.budgets,
    ),
]
Seeds = Annotated[
    int | None, typer.Option("--seeds", help="Number of seeds; default: the budget's.")
]
Settings = Annotated[
    list[str],
    typer.Option(
        "--set", help="[METHOD:]key=value; repeatable.", autocompletion=completion.settings
    ),
]
Yardsticks = Annotated[
    bool,
    typer.Option(
        "--yardsticks/--no-yardsticks",
        help="Also methods that know nothing (random, constant, equalized ...), to hold others to.",
    ),
]
OnlyTasks = Annotated[
    list[str],
    typer.Option(
        "--task", "-t", help="Only this task; repeatable.", autocompletion=completion.tasks
    ),
]
OnlyMethods = Annotated[
    list[str],
    typer.Option(
        "--method", "-m", help="Only this method; repeatable.", autocompletion=completion.methods
    ),
]
OnlyBudgets = Annotated[
    list[str],
    typer.Option(
        "--budget", "-b", help="Only this budget; repeatable.", autocompletion=completion.budgets
    ),
]


class TableForm(StrEnum):
    """Forms of tables that have no others."""

    markdown = "markdown"
    latex = "latex"


Tables = Annotated[
    TableForm | None,
    typer.Option("--format", "-f", help="Default: a drawing in a terminal, else markdown."),
]
Figures = Annotated[
    Path | None,
    typer.Option("--figures", help="Write the charts to a folder, as PDF and PNG."),
]
OutFile = Annotated[Path | None, typer.Option("--out", "-o", help="Write to a file.")]
DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", envvar="BENCH_DATA", help="Where data are: a folder per dataset."),
]
Results = Annotated[
    Path,
    typer.Option("--results", envvar="BENCH_RESULTS", help="The run store."),
]
DeviceOption = Annotated[Device, typer.Option("--device", help="Where to compute.")]
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", "-j", min=1, help="Cells at once; default: cores / budget's threads."),
]
Processes = Annotated[
    int | None,
    typer.Option("--jobs", "-j", min=1, help="Processes at once; default: one per core."),
]
Keeping = Annotated[KeepOption, typer.Option("--keep", help="What of the predictions to keep.")]
Executors = Annotated[
    str,
    typer.Option(
        "--executor",
        help="Where cells run: local, slurm, ray, or a name that an installed package adds.",
        autocompletion=completion.executors,
    ),
]
ProfileFile = Annotated[
    Path | None,
    typer.Option(
        "--profile", help="Settings of a cluster; `bench cluster new` writes a file to begin with."
    ),
]
Detach = Annotated[
    bool,
    typer.Option("--detach", help="Hand cells to the queue and do not wait; see bench status."),
]
RayAddress = Annotated[
    str | None,
    typer.Option("--ray-address", help="A Ray cluster that runs already; default: one here."),
]
Only = Annotated[
    list[OnlyOption],
    typer.Option("--only", help="Run only cells in this state; repeatable. Default: not done."),
]
Retry = Annotated[
    int,
    typer.Option(
        "--retry", min=0, help="More tries for cells that were killed or ran out of memory."
    ),
]
TimeLimit = Annotated[
    float | None, typer.Option("--time-limit", help="Minutes per cell, at most the budget's.")
]
MemoryLimit = Annotated[
    float | None, typer.Option("--memory-limit", help="GB per cell, over all its processes.")
]
Force = Annotated[bool, typer.Option("--force", help="Run done cells again, fits included.")]


class LogOption(StrEnum):
    """Where losses and metrics of a run go."""

    csv = "csv"
    tensorboard = "tensorboard"
    wandb = "wandb"
    mlflow = "mlflow"


Log = Annotated[
    LogOption | None,
    typer.Option("--log", help="Also send losses and metrics there; files go into the run store."),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="No progress: only tables, warnings and failures.")
]
Verbose = Annotated[
    bool,
    typer.Option("--verbose", "-v", help="Also when cells start, what they do, and their losses."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable, to stdout.")]


CELL_HELP = "Cell key, its first letters, or TASK:METHOD[:SEED]."
CellName = Annotated[str, typer.Option("--cell", help=CELL_HELP, autocompletion=completion.cells)]
TwoMethods = Annotated[
    list[str],
    typer.Option(
        "--method",
        "-m",
        help="Give it twice: the first and the second. One with settings of its own is written as "
        "in tables: 'padim (weights=random)'.",
        autocompletion=completion.methods,
    ),
]
ComparedProtocol = Annotated[
    str | None,
    typer.Option(
        "--protocol",
        "-p",
        help="Whose numbers to compare; default: each task's headline protocol.",
        autocompletion=completion.protocols,
    ),
]
ComparedMetric = Annotated[
    str | None,
    typer.Option(
        "--metric",
        help="One of the protocol's metrics; default: as the tables.",
        autocompletion=completion.metrics,
    ),
]


def compared(
    methods: list[str], protocol: str | None, metric: str | None
) -> tuple[str, str, str | None]:
    """The two methods, and the protocol's full name.

    Raises:
        UsageError: not two methods, or the protocol lacks the metric.
        UnknownName: no such protocol or metric.
    """
    if len(methods) != 2:
        raise UsageError(f"--method must be given twice, not {counted(len(methods), 'time')}")
    first, second = methods
    if protocol is None:
        if metric is not None and metric not in METRICS:
            raise UnknownName("metric", metric, METRICS, hint="bench list protocols")
        return first, second, None
    card = registry.protocol(protocol)
    if metric is not None and metric not in card.metrics:
        raise UsageError(f"{card.id} has no metric {metric!r}; it has: {', '.join(card.metrics)}")
    return first, second, card.id
