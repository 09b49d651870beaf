"""Detectors that behave, and detectors that do not, each in its own way."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np

from bench.detector import Prediction, Skip


class Brightness:
    """Mean brightness of the training images against each pixel; well behaved."""

    def __init__(self, config):
        self.config = dict(config)
        self.level = 0.0
        self.n_parameters = 1

    def fit(self, normal, run):
        if os.path.exists(self.config.get("kill", "")):
            os.kill(os.getpid(), signal.SIGKILL)
        self.level = float(normal.images[normal.masks[:, None]].mean(dtype=np.float64))
        self.level += float(np.random.default_rng(run.seed).normal()) * 1e-3
        count = self.config.get("log")
        if count:
            with open(count, "a") as handle:
                handle.write(f"fit {run.seed}\n")
        run.progress(1, 1, "fit")

    def predict(self, images):
        maps = np.abs(images.images.mean(axis=1) - self.level).astype(np.float32)
        return Prediction(maps=maps, scores=maps.mean(axis=(1, 2), dtype=np.float32))

    def save(self, folder):
        (folder / "level.json").write_text(json.dumps(self.level))

    def load(self, folder):
        self.level = json.loads((folder / "level.json").read_text())


class FitsFew(Brightness):
    """Computes on a device that holds `most` images."""

    def predict(self, images):
        import torch

        if len(images) > self.config["most"]:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().predict(images)


class Rebuilds(Brightness):
    """Gives every image back as it was."""

    def reconstructions(self, images):
        return np.array(images.images)


class Logs(Brightness):
    def fit(self, normal, run):
        super().fit(normal, run)
        run.log_values({"loss": np.float32(0.5), "\x1b[31mred": 1}, 7)


class Derives(Brightness):
    """Keeps something expensive that follows from the images alone."""

    def fit(self, normal, run):
        def make(folder):
            with open(self.config["made"], "a") as handle:
                handle.write(f"made by seed {run.seed}\n")
            np.save(folder / "mean.npy", normal.images.mean(axis=0))

        key = hashlib.sha256(np.ascontiguousarray(normal.images)).hexdigest()
        assert np.load(run.derived(key, make) / "mean.npy").shape == normal.images.shape[1:]
        super().fit(normal, run)


class Slow(Brightness):
    """Waits in `predict` until a file appears, so that a test can kill it there."""

    def predict(self, images):
        while not os.path.exists(self.config["until"]):
            time.sleep(0.02)
        return super().predict(images)


class Raises(Brightness):
    def fit(self, normal, run):
        raise RuntimeError("the loss is a teapot")


class RunsOutOfMemory(Brightness):
    def fit(self, normal, run):
        raise MemoryError("no more")


class Refuses(Brightness):
    def fit(self, normal, run):
        raise Skip("only on Sundays")


class Killed(Brightness):
    def fit(self, normal, run):
        os.kill(os.getpid(), signal.SIGKILL)


class KilledOnce(Brightness):
    """Is killed where a file is, which it removes first."""

    def fit(self, normal, run):
        if os.path.exists(self.config["once"]):
            os.remove(self.config["once"])
            os.kill(os.getpid(), signal.SIGKILL)
        super().fit(normal, run)


class Hungry(Brightness):
    """A process below it holds much memory until it is stopped."""

    def fit(self, normal, run):
        held = f"bytearray(b'x') * {self.config['megabytes']}_000_000"
        subprocess.run([sys.executable, "-c", f"held = {held}; import time; time.sleep(600)"])


class Exits(Brightness):
    def fit(self, normal, run):
        os._exit(7)


class Nan(Brightness):
    def predict(self, images):
        good = super().predict(images)
        maps = good.maps.copy()
        maps[0, 0, 0] = np.nan
        return Prediction(maps=maps, scores=good.scores)


class WrongShape(Brightness):
    def predict(self, images):
        return Prediction(maps=None, scores=np.zeros(1, np.float32))


class Constant(Brightness):
    def predict(self, images):
        n, _, h, w = images.images.shape
        return Prediction(maps=np.zeros((n, h, w), np.float32), scores=np.zeros(n, np.float32))


class Spy(Brightness):
    """Writes down what it is given, for the test that labels never reach a detector."""

    def fit(self, normal, run):
        seen = sorted(vars(normal)) + sorted(vars(normal.validation or normal))
        (run.scratch / "x").write_text("scratch can be written")
        with open(self.config["told"], "w") as handle:
            json.dump({"seen": seen, "train": len(normal), "run": sorted(vars(run))}, handle)
        super().fit(normal, run)


class Weighted(Brightness):
    """Begins with a number from a file, as others begin with pretrained weights."""

    def fit(self, normal, run):
        super().fit(normal, run)
        with open(self.config["weights"]) as handle:
            self.level += float(handle.read())
