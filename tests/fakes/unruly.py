"""Detectors that do to their process what users' code does, and worse."""

import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from multiprocessing import connection
from pathlib import Path

import numpy as np

from fakes.detectors import Brightness


class RealTimeSignal(Brightness):
    def fit(self, normal, run):
        os.kill(os.getpid(), signal.SIGRTMIN + 3)


class Wordless(Exception):
    def __str__(self):
        raise RuntimeError("no words")


class RaisesWordless(Brightness):
    def fit(self, normal, run):
        raise Wordless


class RaisesMuch(Brightness):
    def fit(self, normal, run):
        raise RuntimeError("\x1b[31mred\x1b[0m \ud800 " + "x" * 10**6)


def _sleep(seconds=600.0):
    time.sleep(seconds)


def _note(folder, pid):
    with open(Path(folder) / "pids", "a") as handle:
        handle.write(f"{pid}\n")


class DiesWithChildren(Brightness):
    """Killed while a child of its own holds all of its pipes."""

    def fit(self, normal, run):
        child = multiprocessing.Process(target=_sleep)
        child.start()
        _note(self.config["folder"], child.pid)
        os.kill(os.getpid(), signal.SIGKILL)


class LeavesProcesses(Brightness):
    """Leaves a child, a program in a session of its own, and an orphan of one that ended."""

    def fit(self, normal, run):
        super().fit(normal, run)
        folder = self.config["folder"]
        child = multiprocessing.Process(target=_sleep)
        child.start()
        _note(folder, child.pid)
        program = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"],
                                   start_new_session=True)  # fmt: skip
        _note(folder, program.pid)
        if os.fork() == 0:
            os.setsid()
            pid = os.fork()
            if pid == 0:
                time.sleep(600)
            _note(folder, pid)
            os._exit(0)
        os.wait3(0)

    def predict(self, images):
        while self.config.get("slow"):
            time.sleep(0.05)
        return super().predict(images)


class UsesProcesses(Brightness):
    """A data loader with workers, and a pool."""

    def fit(self, normal, run):
        import torch
        from torch.utils.data import DataLoader, TensorDataset

        data = TensorDataset(torch.arange(8.0).reshape(8, 1))
        loader = DataLoader(data, batch_size=2, num_workers=2, persistent_workers=True)
        self.loader = loader  # still running when the cell ends
        assert sum(float(batch.sum()) for (batch,) in loader) == 28
        with multiprocessing.Pool(2) as pool:
            assert pool.map(abs, [-1, 2]) == [1, 2]
        super().fit(normal, run)


class PrintsMuch(Brightness):
    def fit(self, normal, run):
        print("first line")
        for _ in range(3000):
            print("x" * 999)
        os.write(2, b"from below Python\n")
        print("last line", flush=True)
        run.logger.info("%s", "y" * 3 * 10**6)
        super().fit(normal, run)


class ChangesItsProcess(Brightness):
    def fit(self, normal, run):
        os.umask(0o777)
        os.chdir("/")
        os.environ.clear()
        np.seterr(all="raise")
        super().fit(normal, run)


class WritesIntoTheChannel(Brightness):
    def fit(self, normal, run):
        for one in gc.get_objects():
            if isinstance(one, connection.Connection) and one.writable:
                one.send_bytes(b"\x80\x04]q\x00.")  # an empty list is no message
        time.sleep(600)
