"""What the benchmarks of training share: bare steps, the loop's own steps, and their clocks."""

from __future__ import annotations

import copy
import hashlib
import logging
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from method_times import fitted

Training = dict[str, Any]
Found = TypeVar("Found")
WARM_UP = 3
LONG = 1000
"""Steps of the training in whose middle the loop is measured, as in `smoke` and `quick`."""

BUDGETS = {"cpu": "smoke", "cuda": "paper"}
"""Whose batch and width are taken on a device."""


@dataclass(frozen=True)
class Spent:
    """Seconds of a clock on the wall, and of the processor over all threads of this process."""

    wall: float
    processor: float

    def __sub__(self, other: Spent) -> Spent:
        return Spent(self.wall - other.wall, self.processor - other.processor)


class _EnoughError(Exception):
    """Ends a training from within its progress."""


def prepare(device: str, threads: int) -> None:
    """Settings of a cell: seeds, threads, deterministic operations; before torch is used."""
    from bench.execution import seeding

    logging.disable()
    seeding.prepare_environment(device, None)
    seeding.seed_everything(0, threads=threads, device=device)


def usable(count: int | None = None) -> list[int]:
    """Processors that this process may use, one of each core before the second ones.

    Args:
        count: so many of them; more than there are is the same as all.
    """
    if not hasattr(os, "sched_getaffinity"):
        return list(range(os.cpu_count() or 1))[:count]

    def rank(one: int) -> tuple[int, int]:
        path = Path(f"/sys/devices/system/cpu/cpu{one}/topology/thread_siblings_list")
        same = path.read_text().replace("-", ",").split(",") if path.exists() else [str(one)]
        return (int(one != int(same[0])), one)

    return sorted(os.sched_getaffinity(0), key=rank)[:count]


def cores() -> int:
    """Cores among the usable processors; two processors of one core count once."""
    path = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"
    files = [Path(path.format(one)) for one in usable()]
    return len({one.read_text() for one in files if one.exists()}) or len(files)


def pin(processors: Sequence[int]) -> None:
    """Bind all threads of this process to processors, where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        return
    tasks = Path("/proc/self/task")
    for task in [int(one.name) for one in tasks.iterdir()] if tasks.is_dir() else [0]:
        with suppress(ProcessLookupError):  # it ended meanwhile
            os.sched_setaffinity(task, processors)


def caught(name: str, size: int, look: Callable[[Training], Found], device: str) -> list[Found]:
    """Look at what a method hands to the loop, within its fit, after two steps of each training.

    Args:
        name: of the method.
        size: side of the images in pixels.
        look: gets ``players``, ``arrays``, ``run`` and ``note`` of a training. It is called within
            the fit, since a later training may freeze what an earlier one moved.
        device: ``cpu`` or ``cuda``.

    Returns:
        What it found, one for each training.
    """
    from bench import registry
    from methods.shared import training as loop

    plain, found = loop.train, []

    def noted(*given: Any, steps: int, note: str) -> dict[str, float]:  # noqa: ANN401
        result = plain(*given, steps=2, note=note)
        parts = dict(zip(("players", "arrays", "run"), given, strict=True))
        found.append(look({**parts, "note": note, "train": plain}))
        for player in parts["players"]:
            player.network.eval()
        return result

    registry.load_class(registry.method(name))  # imported before `train` is replaced
    # Other packages' modules may import more when they are asked for a name.
    ours = [one for name, one in list(sys.modules.items()) if name.startswith("methods.")]
    users = [one for one in ours if getattr(one, "train", None) is plain]
    try:
        for module in users:
            module.train = noted  # type: ignore[attr-defined]
        fitted(name, size, steps=2, device=device, budget=BUDGETS[device])
    finally:
        for module in users:
            module.train = plain  # type: ignore[attr-defined]
    if not found:
        raise ValueError(f"{name} hands nothing to the loop")
    return found


class Bare:
    """Forward, backward and optimiser of all players of a training, with nothing around them.

    As the loop has them: channels last, fused Adam, bf16 on a GPU, one batch that does not change.
    """

    def __init__(self, training: Training) -> None:
        from methods.shared import training as loop

        self.players, self.run = training["players"], training["run"]
        self.images = self.run.budget.batch_size
        fabric = loop._fabric(self.run.device)
        arrays = training["arrays"]
        count = len(next(iter(arrays.values())))
        chosen = next(loop.batch_order(count, self.images, 1, 0))
        self.batch = loop._draw(arrays, chosen, fabric)
        self.around: Callable[[], Any] = (
            nullcontext if fabric.device.type == "cpu" else (fabric.autocast)
        )
        self.networks = [one.network for one in self.players]
        self._weights = [copy.deepcopy(one.state_dict()) for one in self.networks]
        drawn = [one for player in self.players for one in player.generators]
        self._generators = [(one, copy.deepcopy(_state(one))) for one in drawn]
        self.optimisers = self.adams()

    def adams(self, **how: bool) -> list[Any]:
        """An Adam for each player, fused where nothing is said."""
        import torch

        how = how or {"fused": True}
        return [
            torch.optim.Adam(one.network.parameters(), lr=one.learning_rate, **how)
            for one in self.players
        ]

    def steps(self, count: int) -> None:
        """So many steps of all players."""
        from methods.shared import training as loop

        for number in range(count):
            step = loop.Step(number / count, dict(self.batch))
            for player, optimiser in zip(self.players, self.optimisers, strict=True):
                player.network.train()
                optimiser.zero_grad()
                with self.around():
                    loss = player.loss(step)
                loss.backward()
                optimiser.step()

    def digest(self, call: Callable[[int], None], count: int = 5) -> str:
        """The weights after some steps from the first ones, on a CPU."""
        import torch

        for network, weights in zip(self.networks, self._weights, strict=True):
            network.load_state_dict(weights)
        for generator, state in self._generators:
            if isinstance(generator, torch.Generator):
                generator.set_state(state)
            else:
                generator.bit_generator.state = state
        torch.manual_seed(0)
        np.random.seed(0)
        self.optimisers = self.adams()
        call(count)
        flat = [one.detach().contiguous() for net in self.networks for one in net.parameters()]
        return hashlib.sha256(b"".join(one.numpy().tobytes() for one in flat)).hexdigest()


def _state(generator: Any) -> Any:  # noqa: ANN401 - NumPy's or torch's
    state = getattr(generator, "bit_generator", None)
    return generator.get_state() if state is None else state.state


def clock(device: str) -> Spent:
    """Now, when the device has done what it was told."""
    if device == "cuda":
        import torch

        torch.cuda.synchronize()
    return Spent(time.perf_counter(), time.process_time())


def timed(call: Callable[[int], None], steps: int, device: str) -> Spent:
    """What so many steps take."""
    start = clock(device)
    call(steps)
    return clock(device) - start


def looped(training: Training, steps: int) -> Spent:
    """What so many steps of the real loop take, in the middle of it; its start is left out."""
    marks = []

    def progress(done: int, total: int, note: str) -> None:
        if done in (WARM_UP, WARM_UP + steps):
            marks.append(clock(training["run"].device))
        if done == WARM_UP + steps:
            raise _EnoughError

    run = replace(training["run"], progress=progress)
    given = training["players"], training["arrays"], run
    with suppress(_EnoughError):
        training["train"](*given, steps=max(LONG, 2 * steps), note=training["note"])
    return marks[1] - marks[0]


def best(peers: dict[str, Callable[[], Spent]], turns: int) -> dict[str, Spent]:
    """The shortest of some turns by each clock; peers take turns, so that they meet one load."""
    times: dict[str, list[Spent]] = {name: [] for name in peers}
    for _ in range(turns):
        for name, call in peers.items():
            times[name].append(call())
    return {
        name: Spent(min(one.wall for one in found), min(one.processor for one in found))
        for name, found in times.items()
    }


def shares(ours: Spent, other: Spent) -> dict[str, float]:
    """How much faster the first one is, by each clock."""
    return {
        "times wall": other.wall / ours.wall,
        "times processor": other.processor / ours.processor,
    }


def busy() -> float:
    """Processor seconds of this process and of its children that ended."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in both)


def measure_loop(task: dict[str, Any]) -> list[dict[str, Any]]:
    """The loop against bare steps, a row for each training of a method."""
    device, steps = task["device"], task["steps"]

    def look(training: Training) -> dict[str, Any]:
        bare = Bare(training)
        bare.steps(WARM_UP)
        times = best(
            {
                "loop": lambda: looped(training, steps),
                "bare": lambda: timed(bare.steps, steps, device),
            },
            task["turns"],
        )
        images = steps * bare.images
        return {
            "training": training["note"],
            "images/s": images / times["loop"].wall,
            "bare images/s": images / times["bare"].wall,
            "images/CPU s": images / times["loop"].processor,
            **shares(times["loop"], times["bare"]),
        }

    return caught(task["method"], task["size"], look, device)
