"""Loggers that Lightning Fabric does not have itself, in its form: W&B and MLflow."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning_fabric.loggers.logger import Logger

PROJECT = "bench"


class WandbLogger(Logger):
    """A run of Weights & Biases; several are open at once.

    Args:
        folder: where it keeps its files; it exists.
        title: of the run.
        group: runs of one group are shown together.
        settings: shown beside the curves.
    """

    def __init__(self, folder: Path, title: str, group: str, settings: Mapping[str, Any]) -> None:
        import wandb

        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            name=title,
            group=group,
            config=dict(settings),
            dir=folder,
            reinit="create_new",
        )

    @property
    def name(self) -> str:
        """The project."""
        return str(self._run.project)

    @property
    def version(self) -> str:
        """The key of the run."""
        return str(self._run.id)

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Record values."""
        self._run.log(dict(metrics), step=step)

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Fabric's
        """Record settings."""
        self._run.config.update(dict(params))

    def finalize(self, status: str) -> None:
        """End the run."""
        self._run.finish(exit_code=0 if status == "success" else 1)


class MlflowLogger(Logger):
    """A run of MLflow: on the server of MLFLOW_TRACKING_URI, else in a folder.

    Args:
        folder: where it keeps its files where no server is named; it exists.
        title: of the run.
        settings: shown beside the curves.
    """

    def __init__(self, folder: Path, title: str, settings: Mapping[str, Any]) -> None:
        from mlflow.tracking import MlflowClient

        # Newer versions refuse a folder without this; a database would need another package.
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        server = os.environ.get("MLFLOW_TRACKING_URI") or folder.resolve().as_uri()
        self._client = MlflowClient(tracking_uri=server)
        known = self._client.get_experiment_by_name(PROJECT)
        experiment = known.experiment_id if known else self._client.create_experiment(PROJECT)
        self._run: str = self._client.create_run(experiment, run_name=title).info.run_id
        self.log_hyperparams(settings)

    @property
    def name(self) -> str:
        """The experiment."""
        return PROJECT

    @property
    def version(self) -> str:
        """The key of the run."""
        return self._run

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Record values."""
        for key, value in metrics.items():
            self._client.log_metric(self._run, key, value, step=step)

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Fabric's
        """Record settings."""
        for key, value in dict(params).items():
            self._client.log_param(self._run, key, value)

    def finalize(self, status: str) -> None:
        """End the run."""
        self._client.set_terminated(self._run, "FINISHED" if status == "success" else "FAILED")
