"""Losses and metrics of a run for TensorBoard, W&B, MLflow or CSV files, by Fabric's loggers.

One experiment per cell. All of it happens in the process of the run, from the events that every
executor gives, so a cell knows nothing of it and no number depends on it.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import MissingExtra, UnknownName, in_words
from bench.executors import Event
from bench.installed import command_to_install
from bench.planning.plan import Cell

if TYPE_CHECKING:
    from lightning_fabric.loggers.logger import Logger

FOLDER = "_training"
"""The folder within a run store where loggers write that write files."""

LOGGERS = {"csv": None, "tensorboard": "tensorboard", "wandb": "wandb", "mlflow": "mlflow"}
"""The values of ``--log``, each with the package that it needs beside lightning-fabric."""


def require_logger(name: str) -> None:
    """Refuse a logger before anything runs.

    Raises:
        UnknownName: there is no such logger.
        MissingExtra: its package is not installed.
    """
    if name not in LOGGERS:
        raise UnknownName("value of --log:", name, LOGGERS)
    package = LOGGERS[name]
    if package is not None and find_spec(package) is None:
        raise MissingExtra(
            f"--log {name} needs the package {package!r}, which is not installed",
            hint=command_to_install(name),
        )


class RunLog:
    """Hands what cells log to a logger of each cell; takes the events of a run.

    A logger that fails ends no cell: logging stops, and `fault` says why.

    Args:
        name: of `LOGGERS`.
        results: folder of the run store.

    Attributes:
        fault: why logging stopped; empty while it goes on.
    """

    def __init__(self, name: str, results: Path) -> None:
        self.fault = ""
        self._name = name
        self._folder = results / FOLDER / name
        self._open: dict[tuple[str, str], tuple[Logger, list[int]]] = {}

    def take(self, event: Event) -> None:
        """Log what an event says."""
        if self.fault:
            return
        try:
            self._take(event)
        except Exception as error:  # a network, a disk, a server: whatever a logger meets
            self.fault = in_words(error)

    def close(self) -> None:
        """End the experiments of cells that did not end, as after Ctrl-C."""
        for logger, _ in self._open.values():
            try:
                logger.finalize("failed")
            except Exception as error:  # as above
                self.fault = self.fault or in_words(error)
        self._open.clear()

    def _take(self, event: Event) -> None:
        name = event.cell.task, event.cell.key
        if event.kind == "values":
            if name not in self._open:
                self._open[name] = _logger(self._name, self._folder, event.cell), [0]
            logger, last = self._open[name]
            logger.log_metrics(dict(event.values), step=event.step)
            last[0] = event.step
        elif event.kind in ("end", "retry"):
            # A cell that learned nothing new has no curve, but a metric.
            if name not in self._open and event.status == "done" and event.values:
                self._open[name] = _logger(self._name, self._folder, event.cell), [0]
            logger_and_step = self._open.pop(name, None)
            if logger_and_step is not None:
                logger, last = logger_and_step
                if event.values:
                    logger.log_metrics(dict(event.values), step=last[0])
                logger.finalize("success" if event.status == "done" else "failed")


def _logger(name: str, folder: Path, cell: Cell) -> Logger:
    from lightning_fabric.loggers.csv_logs import CSVLogger
    from lightning_fabric.loggers.tensorboard import TensorBoardLogger

    from bench.executors.fabric_loggers import MlflowLogger, WandbLogger

    folder.mkdir(parents=True, exist_ok=True)
    if name == "wandb":
        return WandbLogger(folder, cell.label, cell.task, _settings(cell))
    if name == "mlflow":
        return MlflowLogger(folder, cell.label, _settings(cell))
    place = f"{cell.task}/{cell.fit.method.name}"
    version = _free_name(folder / place, cell.key[:12])
    if name == "csv":
        return CSVLogger(folder, name=place, version=version, flush_logs_every_n_steps=1)
    made = TensorBoardLogger(folder, name=place, version=version)
    made.log_hyperparams(_settings(cell))
    return made


def _free_name(folder: Path, name: str) -> str:
    """A name that no earlier run of the cell has taken."""
    number = 1
    while (folder / (name if number == 1 else f"{name}-{number}")).exists():
        number += 1
    return name if number == 1 else f"{name}-{number}"


def _settings(cell: Cell) -> dict[str, Any]:
    fit = cell.fit
    plain = {key: value if isinstance(value, int | float | str | bool) else str(value)
             for key, value in fit.config.items()}  # fmt: skip
    return {
        "task": cell.task,
        "method": fit.method.name,
        "version": fit.method.version,
        "train_on": cell.train_on,
        "budget": fit.budget.name,
        "seed": fit.seed,
        "cell": cell.key,
        **plain,
    }
