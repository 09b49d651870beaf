"""What Slurm says of its jobs. Without accounting, so that it works on any cluster."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Mapping

from bench.errors import RunError

ANSWER_S = 60.0
WAITING = {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "RESV_DEL_HOLD",
           "SPECIAL_EXIT"}  # fmt: skip
RUNNING = {"RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT", "RESIZING"}
GONE = "GONE"
"""Of a job that Slurm does not know (any more): it forgets jobs minutes after their end."""

_MOST_NUMBERS = 500  # of one command line
_NUMBER = re.compile(r"[0-9]+(_[0-9]+)?")


class NoAnswer(RunError):
    """The controller does not answer; it may be back in a moment."""


def job_states(jobs: Iterable[str]) -> Mapping[str, str]:
    """The states of jobs by their numbers, in Slurm's words; `GONE` where it knows nothing.

    One question for all jobs, whatever their number: a controller must not be asked for each.

    Raises:
        NoAnswer: the controller is down or busy.
    """
    wanted = set(jobs)
    if not wanted:
        return {}
    numbers = sorted({job.split("_")[0] for job in wanted if _NUMBER.fullmatch(job)})
    known: dict[str, str] = {}
    for begin in range(0, len(numbers), _MOST_NUMBERS):
        chosen = ",".join(numbers[begin : begin + _MOST_NUMBERS])
        lines = _list_jobs(chosen).splitlines()
        known |= dict(line.strip().split("|", 1) for line in lines if "|" in line)
    return {job: known.get(job, GONE) for job in wanted}


def room() -> int | None:
    """How many more jobs the controller takes now; None where it does not say.

    It keeps `MaxJobCount` jobs of all users, ended ones too until it forgets them. sbatch itself
    asks for two minutes before it says that they are too many.
    """
    try:
        config = _ask(["scontrol", "show", "config"])
        most = re.search(r"^MaxJobCount\s*=\s*([0-9]+)\s*$", config, re.MULTILINE)
        if most is None:
            return None
        known = _ask(["squeue", "--noheader", "--array", "--states=all", "--format=%i"])
    except RunError:  # only a forecast: sbatch will say what is wrong
        return None
    return max(0, int(most[1]) - len(known.splitlines()) - 1)  # it keeps one place free


def is_alive(state: str) -> bool:
    """Whether a job waits or runs."""
    return state in WAITING or state in RUNNING


def cancel(jobs: Iterable[str]) -> None:
    """End jobs, waiting or running.

    Raises:
        NoAnswer: the controller is down or busy.
    """
    # What is not a number could be an option of scancel: a stranger's store runs nothing.
    numbers = [job for job in jobs if _NUMBER.fullmatch(job)]
    for begin in range(0, len(numbers), _MOST_NUMBERS):
        _ask(["scancel", *numbers[begin : begin + _MOST_NUMBERS]])


def _list_jobs(numbers: str) -> str:
    try:
        return _ask(
            ["squeue", "--noheader", "--array", "--states=all", "--format=%i|%T", "--jobs", numbers]
        )
    except NoAnswer as error:
        if "Invalid job id" in str(error):  # it has forgotten all of them
            return ""
        raise


def _ask(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=ANSWER_S, check=True
        )
    except FileNotFoundError as error:
        raise RunError(
            f"the command {command[0]} of Slurm is not on this machine",
            hint="run this on a login node of the cluster",
        ) from error
    except subprocess.TimeoutExpired as error:
        raise NoAnswer(f"{command[0]} gave no answer within {ANSWER_S:g} s") from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip().splitlines() or [f"exit code {error.returncode}"]
        raise NoAnswer(f"{command[0]}: {said[-1]}") from error
    return done.stdout
