"""The one training loop of all networks."""

from __future__ import annotations

import ctypes
import logging
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.wrappers import _FabricOptimizer
from torch import Tensor, nn

from bench.detector import Run
from bench.errors import MethodError
from methods.shared.blocks import placed
from methods.shared.pieces import Step, cut, free_memory, halved
from methods.shared.resuming import Generator, Turn, keep, restore

Arrays = Mapping[str, npt.NDArray[Any]]
__all__ = ["Player", "Step", "batch_order", "fits_on", "keep_freed_memory", "train"]
REPORTS = 20
WARM_UP = 0.1


@dataclass(frozen=True)
class Player:
    """One network in training.

    Attributes:
        name: for messages.
        network: what is optimised.
        loss: scalar to minimise; sees the players' steps in order.
        learning_rate: Adam's at its peak; it rises to it over the first tenth of the steps and
            falls to 0 along a cosine.
        betas: Adam's memories; a Wasserstein critic wants the first one short.
        generators: that the loss draws from, besides those of torch, NumPy and Python; a fit
            that goes on from a checkpoint puts them back.
    """

    name: str
    network: nn.Module
    loss: Callable[[Step], Tensor]
    learning_rate: float
    betas: tuple[float, float] = (0.9, 0.999)
    generators: tuple[Generator, ...] = ()


def train(
    players: Sequence[Player], arrays: Arrays, run: Run, *, steps: int, note: str
) -> dict[str, float]:
    """Train networks together for a number of steps.

    Batches always have ``budget.batch_size`` images, drawn without replacement from one
    shuffling after another, so that a set smaller than a batch works too. Arrays are only
    indexed, never read whole: memory does not grow with the number of images. Where they fit
    into half of a GPU's free memory, they stay there.

    The run's checkpoints are read first, so a training that was killed goes on where it was; on
    a CPU it ends with the same bytes as one that was not. A loss may change nothing but its
    network and its generators, or that does not hold.

    Where a GPU's memory does not suffice and the method's card has ``micro_batches``, the batch
    is computed in halves, quarters and so on whose gradients add up; the run is told.

    Args:
        players: one, or several that are updated in turn on each batch.
        arrays: arrays of one length by name; images (N, C, H, W) float32, masks (N, H, W) bool.
        run: circumstances; the order of batches depends on its seed alone.
        steps: optimiser steps of each player.
        note: what is being trained, for progress and log; each training of a fit has its own.

    Returns:
        Mean loss per player over the last twentieth of the steps.

    Raises:
        MethodError: there are no images, or a loss is no longer finite.
    """
    keep_freed_memory()
    fabric = _fabric(run.device)
    turns = []
    for player in players:
        player.network.train()
        placed(player.network, fabric.device)
        adam = torch.optim.Adam(
            player.network.parameters(),
            lr=player.learning_rate,
            betas=player.betas,
            fused=run.device != "mps",
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(adam, partial(_pace, steps=steps))
        turns.append(Turn(player.network, adam, schedule, player.generators))
    done, sums = restore(run, note, turns)
    optimisers = [cast(_FabricOptimizer, fabric.setup_optimizers(one.optimiser)) for one in turns]

    drawn_from = _resident(arrays, fabric)
    report = _Report(players, steps, note, run, sums)
    count = len(next(iter(arrays.values())))
    order = batch_order(count, run.budget.batch_size, steps, run.seed)
    parts = int(sums.get("parts", 1))
    for number, chosen in islice(enumerate(order), done, None):
        pieces = cut(Step(number / steps, _draw(drawn_from, chosen, fabric)), parts)
        for position, (player, turn, optimiser) in enumerate(
            zip(players, turns, optimisers, strict=True)
        ):
            loss, pieces = _update(player, optimiser, pieces, fabric, run)
            turn.schedule.step()
            report.add(position, loss)
        parts = len(pieces)
        report.step(number + 1)
        due = run.checkpoints is not None and run.checkpoints.due()
        ended = number + 1 == steps
        if due or ended:
            keep(run, note, turns, number + 1, {**report.sums(), "parts": parts}, ended=ended)
    if parts > 1:
        run.adapted(
            f"{note}: batches of {run.budget.batch_size} computed in {parts} pieces, since the"
            " memory did not suffice"
        )
    for player in players:
        player.network.eval()
    return report.last


def _update(
    player: Player, optimiser: _FabricOptimizer, pieces: list[Step], fabric: Fabric, run: Run
) -> tuple[Tensor, list[Step]]:
    """One step of one network, in more pieces where the memory does not suffice.

    Returns:
        Its loss, and the pieces in which the batch was computed.

    Raises:
        torch.OutOfMemoryError: one image at a time does not fit either, or the method's loss is
            not a mean over images.
    """
    while True:
        try:
            return _computed(player, optimiser, pieces, fabric), pieces
        except torch.OutOfMemoryError:
            finer = halved(pieces)
            if not run.micro_batches or len(finer) == len(pieces):
                raise
        # After the block: what the error still held of the failed attempt is free only now.
        pieces = finer
        optimiser.zero_grad()
        free_memory(fabric.device)
        run.logger.warning("out of memory: batches are computed in %d pieces", len(pieces))


def _computed(
    player: Player, optimiser: _FabricOptimizer, pieces: list[Step], fabric: Fabric
) -> Tensor:
    """Gradients of the mean loss over all images, summed over the pieces, and a step along them."""
    optimiser.zero_grad()
    count, total = sum(map(len, pieces)), torch.zeros((), device=fabric.device)
    for piece in pieces:
        with fabric.autocast():
            loss = player.loss(piece)
        if len(pieces) > 1:
            loss = loss * (len(piece) / count)
        fabric.backward(loss)
        total = total + loss.detach()
    optimiser.step()
    return total


def batch_order(
    count: int, batch_size: int, steps: int, seed: int
) -> Iterator[npt.NDArray[np.int64]]:
    """Indices of each step's batch.

    Args:
        count: number of images, at least 1.
        batch_size: length of every batch, also where it is larger than `count`.
        steps: number of batches.
        seed: the same seed gives the same order.
    """
    if count == 0:
        raise MethodError("there are no normal images to learn from")
    generator = np.random.default_rng([seed, count])
    waiting = np.empty(0, dtype=np.int64)
    for _ in range(steps):
        while len(waiting) < batch_size:
            waiting = np.concatenate([waiting, generator.permutation(count)])
        batch, waiting = waiting[:batch_size], waiting[batch_size:]
        yield batch


def _pace(done: int, steps: int) -> float:
    """Share of the peak learning rate after `done` steps."""
    warm_up = min(1.0, (done + 1) / (WARM_UP * steps))
    return warm_up * 0.5 * (1 + math.cos(math.pi * done / steps))


def _resident(arrays: Arrays, fabric: Fabric) -> Mapping[str, npt.NDArray[Any] | Tensor]:
    """The arrays as tensors on the GPU where they fit, so that no batch waits for a copy."""
    if not fits_on(fabric.device, arrays):
        return arrays
    try:
        return {
            name: fabric.to_device(torch.from_numpy(np.array(array)))
            for name, array in arrays.items()
        }
    except torch.OutOfMemoryError:  # another process took what was free
        return arrays


def fits_on(device: torch.device, arrays: Arrays) -> bool:
    """Whether training data may stay on a device: half of a GPU's free memory is the network's.

    Args:
        device: where the network is trained.
        arrays: all that batches are drawn from.
    """
    if device.type != "cuda":
        return False
    size = sum(array.nbytes for array in arrays.values())
    return bool(size <= torch.cuda.mem_get_info(device)[0] // 2)


def _draw(
    arrays: Mapping[str, npt.NDArray[Any] | Tensor], chosen: npt.NDArray[np.int64], fabric: Fabric
) -> dict[str, Tensor]:
    batch = {}
    for name, array in arrays.items():
        if isinstance(array, Tensor):
            tensor = array[torch.from_numpy(chosen).to(array.device)]
        else:
            tensor = torch.from_numpy(np.asarray(array[chosen]))
        if tensor.ndim == 4:
            tensor = tensor.contiguous(memory_format=torch.channels_last)
        batch[name] = fabric.to_device(tensor)
    return batch


def _fabric(device: str) -> Fabric:
    # It would say for each training in which precision it computes.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    bfloat = device == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return Fabric(
        accelerator=device,
        devices=1,
        precision="bf16-mixed" if bfloat else "32-true",
        # Without this, Fabric takes a Slurm job around us for its own cluster.
        plugins=[LightningEnvironment()],
    )


class _Report:
    """Mean losses and progress; waits for the device only when a number is due."""

    def __init__(
        self,
        players: Sequence[Player],
        steps: int,
        note: str,
        run: Run,
        sums: Mapping[str, Any],
    ) -> None:
        self.last: dict[str, float] = dict(sums.get("last", {}))
        self._names = [player.name for player in players]
        self._sums: list[Tensor | float] = list(sums.get("sums", [0.0] * len(players)))
        self._steps, self._note, self._run = steps, note, run
        self._every = -(-steps // REPORTS) or 1
        self._since = int(sums.get("since", 0))

    def sums(self) -> dict[str, Any]:
        """What a later report goes on from, as plain numbers."""
        return {"last": self.last, "sums": list(map(float, self._sums)), "since": self._since}

    def add(self, position: int, loss: Tensor) -> None:
        self._sums[position] = self._sums[position] + loss

    def step(self, done: int) -> None:
        self._since += 1
        self._run.progress(done, self._steps, self._note)
        if done % self._every and done != self._steps:
            return
        means = (float(total) / self._since for total in self._sums)
        self.last = dict(zip(self._names, means, strict=True))
        text = ", ".join(f"{name} {value:.5f}" for name, value in self.last.items())
        one = len(self.last) == 1
        logged = {"loss" if one else f"{name} loss": loss for name, loss in self.last.items()}
        self._run.log_values(logged, done)
        self._run.logger.info("%s: step %d of %d, loss: %s", self._note, done, self._steps, text)
        if not np.isfinite(list(self.last.values())).all():
            raise MethodError(
                f"training diverged: at step {done} of {self._steps} the loss is {text}",
                hint="lower it: --set learning_rate=...",
            )
        self._sums, self._since = [0.0] * len(self._names), 0


def keep_freed_memory() -> None:
    """Ask glibc to keep freed blocks instead of returning them to the system.

    Activations are freed and needed again in every step; without this the system hands out
    and clears the same pages each time (measured: 12 to 15 % of a CPU step at 64 to 224 pixels).
    """
    if sys.platform != "linux":
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):  # musl has none
        trim_threshold, mmap_threshold, large = -1, -3, 1 << 30
        library.mallopt(mmap_threshold, large)
        library.mallopt(trim_threshold, large)
