"""Profiles: what a cluster wants to be told, in one TOML file that the user writes once."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from bench.cards import Card, read_card
from bench.errors import UsageError


class Profile(Card):
    """How cells become jobs of a queue.

    Attributes:
        partition, account, qos, constraint, gres: as the queue knows them; None asks for none.
        gpus: GPUs of a job.
        cpus: cores of a job.
        memory_gb: memory of a job (2**30 bytes).
        time_minutes: time limit of a job.
        signal_seconds: how long before the limit a job is told, so that it can be put back.
        requeues: how often a job that met its time limit goes back into the queue.
        cells_per_job: cells of a job, one after another. Cells that share a fit stay together.
        jobs_at_once: jobs of one array that run at the same time.
        prepare: ``here`` prepares the data before anything is handed in, ``job`` in a first job
            that the others wait for.
        setup: lines of shell before the cells, for example ``module load python``.
        python: the command that starts Python, for example in a container:
            ``apptainer exec --nv bench.sif python``. None takes the Python that runs now.
        parameters: any other option of sbatch, without its dashes.
        poll_seconds: how often the queue is asked.
    """

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    gres: str | None = None
    gpus: int = Field(default=0, ge=0)
    cpus: int = Field(default=2, ge=1)
    memory_gb: float = Field(default=16, gt=0)
    time_minutes: int = Field(default=240, ge=1)
    signal_seconds: int = Field(default=90, ge=1)
    requeues: int = Field(default=10, ge=0)
    cells_per_job: int = Field(default=4, ge=1)
    jobs_at_once: int = Field(default=100, ge=1)
    prepare: Literal["here", "job"] = "here"
    setup: list[str] = Field(default_factory=list)
    python: str | None = None
    parameters: dict[str, str | int | bool] = Field(default_factory=dict)
    poll_seconds: float = Field(default=5, gt=0)


EXAMPLE = """\
# How cells become jobs of a Slurm cluster. Use it with:
#   bench run --executor slurm --profile {name} ...
# A line that begins with # is the default, or an example.

# What your cluster calls them; ask its documentation, or `sinfo` and `sacctmgr show assoc`.
# partition = "gpu"
# account = "my-lab"
# qos = "normal"
# constraint = "a100"
# gres = "gpu:1"

# What one job gets.
# gpus = 0
# cpus = 2
# memory_gb = 16
# time_minutes = 240

# A job that meets its time limit is told this long before, goes back into the queue, and its
# cells go on.
# signal_seconds = 90
# requeues = 10

# Small cells share a job, one after another; cells that share a fit always do.
# cells_per_job = 4
# jobs_at_once = 100

# "here": this machine prepares the data before it hands in jobs. "job": a first job does, and
# the others wait for it. The cache (BENCH_CACHE) and the results must be on a shared disk.
# prepare = "here"

# Lines of shell before the cells, and the command that starts Python, here in a container.
# setup = ["module load cuda"]
# python = "apptainer exec --nv bench.sif python"

# Any other option of sbatch, without its dashes.
# [parameters]
# mail-type = "FAIL"
"""


def read_profile(path: Path | None) -> Profile:
    """The profile of a file; without a file all is as the cluster has it.

    Raises:
        UsageError: there is no such file.
        CardError: the file is not a profile.
    """
    if path is None:
        return Profile()
    if not path.is_file():
        raise UsageError(f"there is no profile {path}", hint=f"write one: bench cluster new {path}")
    return read_card(path, Profile)
