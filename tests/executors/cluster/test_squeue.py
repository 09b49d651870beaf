"""Questions to Slurm, answered by a double: the real one is in tests/clusters."""

import subprocess

import pytest

from bench.errors import RunError
from bench.executors.cluster import squeue


@pytest.fixture
def slurm(monkeypatch):
    """What the commands print, and how they were called."""
    said = {"stdout": "", "stderr": "", "code": 0, "calls": []}

    def run(command, **options):
        said["calls"].append(command)
        if said["code"]:
            raise subprocess.CalledProcessError(said["code"], command, "", said["stderr"])
        return subprocess.CompletedProcess(command, 0, said.get(command[0], said["stdout"]), "")

    monkeypatch.setattr(squeue.subprocess, "run", run)
    return said


def test_one_question_for_all_jobs_of_an_array(slurm):
    slurm["stdout"] = "12_0|RUNNING\n12_1|PENDING\n12_2|COMPLETED\n99|RUNNING\n"
    states = squeue.job_states([f"12_{number}" for number in range(4)])
    assert states == {"12_0": "RUNNING", "12_1": "PENDING", "12_2": "COMPLETED", "12_3": "GONE"}
    assert len(slurm["calls"]) == 1
    assert slurm["calls"][0][-1] == "12"


def test_no_job_is_no_question(slurm):
    assert squeue.job_states([]) == {}
    assert slurm["calls"] == []


def test_jobs_that_slurm_forgot_are_gone(slurm):
    slurm.update(code=1, stderr="slurm_load_jobs error: Invalid job id specified\n")
    assert squeue.job_states(["7"]) == {"7": "GONE"}


def test_a_controller_that_is_down_is_not_an_end(slurm):
    slurm.update(code=1, stderr="squeue: error: Unable to contact slurm controller\n")
    with pytest.raises(squeue.NoAnswer, match="Unable to contact slurm controller"):
        squeue.job_states(["7"])


@pytest.mark.parametrize(("known", "room"), [("", 5), ("3_0\n3_1\n9\n", 2), ("1\n" * 6, 0)])
def test_the_room_of_a_queue_is_what_the_controller_keeps_less_one(slurm, known, room):
    slurm["scontrol"] = "MaxArraySize            = 1001\nMaxJobCount             = 6\n"
    slurm["squeue"] = known
    assert squeue.room() == room


def test_the_room_is_not_known_where_nobody_says_it(slurm):
    assert squeue.room() is None
    slurm.update(code=1, stderr="squeue: error: Unable to contact slurm controller\n")
    assert squeue.room() is None


def test_names_of_jobs_that_are_options_reach_no_command(slurm):
    assert squeue.job_states(["--user=all"]) == {"--user=all": "GONE"}
    squeue.cancel(["--user=all", "12_3"])
    assert slurm["calls"] == [["scancel", "12_3"]]


def test_a_machine_without_slurm_says_where_to_go(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(RunError, match="squeue of Slurm is not on this machine"):
        squeue.job_states(["7"])
