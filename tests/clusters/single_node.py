"""A real Slurm of one node on loopback, in a folder of its own, for tests.

It needs Debian's packages ``slurmctld``, ``slurmd``, ``slurm-client`` and ``munge``, and root.
All daemons are children of this process and end with it.

    python tests/clusters/single_node.py FOLDER    start one and wait for Ctrl-C
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel")
START_S = 30.0

# Loopback only; no cgroups and no accounting, which need systemd and a database.
_CONF = """\
ClusterName=bench
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
InactiveLimit=0
KillWait=5
MinJobAge={forget_s}
SlurmdTimeout=20
SlurmctldTimeout=20
MaxArraySize={most_jobs}
MaxJobCount={most_queued}
SchedulerParameters=sched_interval=2,requeue_delay=1
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
JobRequeue=1
NodeName=localhost NodeAddr=127.0.0.1 NodeHostname={hostname} CPUs=2 RealMemory=4000
PartitionName=test Nodes=localhost Default=YES MaxTime=60 State=UP
"""


def missing_programs() -> list[str]:
    """Programs of Slurm and munge that are not installed here."""
    return [one for one in PROGRAMS if shutil.which(one) is None]


class SingleNode:
    """Slurm's three daemons, each a child process.

    Args:
        folder: for sockets, logs and state. Its path must be short: sockets have a limit.
        most_jobs: elements of an array that the controller takes.
        most_queued: jobs that it keeps, ended ones too until it forgets them.
        forget_s: seconds from the end of a job until it forgets it.
    """

    def __init__(
        self,
        folder: Path,
        most_jobs: int = 1001,
        most_queued: int = 10_000,
        forget_s: int = 3600,
    ) -> None:
        self.folder = folder
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        for name in ("state", "spool"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "slurm.conf").write_text(
            _CONF.format(
                folder=folder,
                hostname=socket.gethostname().split(".")[0],
                controller=_free_port(),
                node=_free_port(),
                most_jobs=most_jobs,
                most_queued=most_queued,
                forget_s=forget_s,
            ),
            encoding="utf-8",
        )
        self.environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}

    def start(self) -> None:
        """Start all daemons and wait until the node takes jobs."""
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        self.folder.chmod(0o755)
        self._begin(
            "munged",
            "--foreground",
            "--force",
            f"--socket={self.folder}/munge.socket",
            f"--key-file={key}",
            f"--pid-file={self.folder}/munged.pid",
            f"--seed-file={self.folder}/munged.seed",
            f"--log-file={self.folder}/munged.log",
        )
        self._wait_for(lambda: (self.folder / "munge.socket").exists(), "munged")
        self.start_controller()
        self.start_node()
        self._wait_for(lambda: "idle" in self.ask("sinfo", "-h", "-o", "%T"), "the node")

    def start_controller(self) -> None:
        """Start (again) what takes and hands out jobs."""
        self._begin("slurmctld", "-D", "-f", str(self.folder / "slurm.conf"))

    def start_node(self) -> None:
        """Start (again) what runs jobs."""
        # slurmd moves the jobs' step daemons into sessions of their own: they survive its end.
        self._begin("slurmd", "-D", "-f", str(self.folder / "slurm.conf"), "-N", "localhost")

    def has_saved(self, job: str) -> bool:
        """Whether the controller has written down that a job runs, which it does within seconds.

        One that is killed before that forgets the job: it gives the number to the next one and
        takes the node, which still has the first, out of service ("Duplicate jobid").
        """
        mark = f"bench saw {job} run"
        self.ask("scontrol", "update", f"JobId={job}", f"Comment={mark}")
        state = self.folder / "state" / "job_state"
        return state.exists() and mark.encode() in state.read_bytes()

    def kill(self, daemon: str) -> None:
        """Kill one daemon by its name, as a crash does."""
        process = self._daemons.pop(daemon)
        process.kill()
        process.wait()

    def ask(self, *command: str) -> str:
        """What a command of Slurm prints; empty where it fails."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        return done.stdout if done.returncode == 0 else ""

    def stop(self) -> None:
        """Cancel all jobs, then end the daemons of this folder and no other process."""
        if "slurmctld" in self._daemons and "slurmd" in self._daemons:
            self.ask("scancel", "--full", "--user", pwd.getpwuid(os.getuid()).pw_name)
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline and self.ask("squeue", "-h"):
                time.sleep(0.2)
        for name in ("slurmd", "slurmctld", "munged"):
            process = self._daemons.pop(name, None)
            if process is not None:
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def _begin(self, *command: str) -> None:
        log = (self.folder / f"{command[0]}.out").open("ab")
        self._daemons[command[0]] = subprocess.Popen(
            command, env=self.environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )
        log.close()

    def _wait_for(self, ready: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + START_S
        while not ready():
            if time.monotonic() > deadline:
                said = "\n".join(
                    f"{one.name}: {one.read_text(errors='replace')[-800:]}"
                    for one in sorted(self.folder.glob("*.out")) + sorted(self.folder.glob("*.log"))
                )
                raise RuntimeError(f"{what} did not start within {START_S:g} s\n{said}")
            time.sleep(0.2)


@contextmanager
def running(folder: Path, **limits: int) -> Iterator[SingleNode]:
    """A Slurm for the length of a block; its limits are those of `SingleNode`."""
    node = SingleNode(folder, **limits)
    try:
        node.start()
        yield node
    finally:
        node.stop()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


if __name__ == "__main__":
    lacking = missing_programs()
    if lacking:
        sys.exit(f"not installed: {', '.join(lacking)} (apt install slurmctld slurmd munge)")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with running(Path(sys.argv[1]).resolve()) as one:
        print(f"export SLURM_CONF={one.environment['SLURM_CONF']}", flush=True)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            print("stopping", flush=True)
