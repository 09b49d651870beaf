"""Training on a CPU: the loop against bare steps, and bare steps against what the CPU can give.

    python benchmarks/training_cpu.py steps [METHOD ...] [--size 64] [--only "bf16"]
    python benchmarks/training_cpu.py threads [METHOD ...] [--size 64]

`steps`: ``bare`` is forward, backward and optimiser on one batch that does not change, as the loop
of `methods.shared.training` has them (channels last, fused Adam, deterministic operations, new
memory not filled); each variant changes one thing, and all take turns in one process. Printed are
images per processor second, and bare's wall and processor time over the variant's: above 1 is
faster. ``same bytes``: ten steps from the same weights end with the bytes of bare ones.

`threads`: one cell with all cores, against a cell of one thread for each core; images per second of
all cells together, by the wall clock, so that it needs a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import logging
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import numpy as np
from method_times import KEYS, fitted, in_turns, median, ratio

METHODS = ("ae", "dae", "proxyano")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=["steps", "threads"])
    parser.add_argument("methods", nargs="*", default=METHODS)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--only", action="append", default=[], help="a variant of `steps`")
    parser.add_argument("--steps", type=int, default=5, help="of one turn")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8, help="of one turn of `threads`")
    parser.add_argument("--threads", type=int, help=argparse.SUPPRESS)  # of a child
    options = parser.parse_args()
    if options.threads:
        child(options)
        return
    if options.what == "steps":
        print("| training | variant | images per CPU s | wall | processor | |")
        print("| --- | --- | ---: | ---: | ---: | --- |", flush=True)
    for name in options.methods:
        if options.what == "threads":
            together(name, options)
        else:
            print(ended(started(name, 1, options)), end="", flush=True)


def started(name: str, threads: int, options: argparse.Namespace) -> subprocess.Popen[str]:
    """This script for one method, in a process of so many threads."""
    words = [sys.executable, "-W", "ignore", __file__, options.what, name, f"--threads={threads}"]
    words += [f"--{one}={getattr(options, one)}" for one in ("size", "steps", "turns", "seconds")]
    words += [f"--only={one}" for one in options.only]
    # Processes that compile are children that nobody waits for: their time would not be seen.
    environment = os.environ | {"TORCHINDUCTOR_COMPILE_THREADS": "1"}
    environment.pop("OMP_NUM_THREADS", None)  # it would cap the threads of a cell
    pipe = subprocess.PIPE
    return subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True, env=environment)


def ended(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"a process ended with {process.returncode}")
    return said


def child(options: argparse.Namespace) -> None:
    from bench.execution import seeding

    logging.disable()
    seeding.seed_everything(0, threads=options.threads, device="cpu")
    (name,) = options.methods
    trainings = caught(name, options.size)
    if options.what == "threads":
        print(images_per_second(Bare(trainings[0]), options))
    else:
        for training in trainings:
            for line in compare(name, training, options):
                print(line, flush=True)


def caught(name: str, size: int) -> list[dict[str, Any]]:
    """What a method hands to the loop, after two steps of each training."""
    from methods.shared import training as loop

    plain, found = loop.train, []

    def noted(*given: Any, steps: int, note: str) -> dict[str, float]:  # noqa: ANN401
        found.append({**dict(zip(("players", "arrays", "run"), given, strict=True)), "note": note})
        return plain(*given, steps=2, note=note)

    users = [one for one in sys.modules.values() if getattr(one, "train", None) is plain]
    for module in users:
        module.train = noted  # type: ignore[attr-defined]
    fitted(name, size, steps=2)
    for module in users:
        module.train = plain  # type: ignore[attr-defined]
    return found


class Bare:
    """Forward, backward and optimiser of all players of a training, with nothing around them."""

    def __init__(self, training: dict[str, Any]) -> None:
        from methods.shared import training as loop

        self.players, self.run = training["players"], training["run"]
        arrays = training["arrays"]
        count = len(next(iter(arrays.values())))
        chosen = next(loop.batch_order(count, self.run.budget.batch_size, 1, 0))
        self.batch = loop._draw(arrays, chosen, loop._fabric("cpu"))
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

    def steps(self, count: int, around: Callable[[], Any] = nullcontext) -> None:
        """So many steps of all players; ``around`` makes the context of each loss."""
        from methods.shared import training as loop

        for number in range(count):
            step = loop.Step(number / count, dict(self.batch))
            for player, optimiser in zip(self.players, self.optimisers, strict=True):
                player.network.train()
                optimiser.zero_grad()
                with around():
                    loss = player.loss(step)
                loss.backward()
                optimiser.step()

    def digest(self, call: Callable[[int], None]) -> str:
        """The weights after ten steps from the first ones."""
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
        call(10)
        flat = [one.detach().contiguous() for net in self.networks for one in net.parameters()]
        return hashlib.sha256(b"".join(one.numpy().tobytes() for one in flat)).hexdigest()


def _state(generator: Any) -> Any:  # noqa: ANN401 - NumPy's or torch's
    state = getattr(generator, "bit_generator", None)
    return generator.get_state() if state is None else state.state


def variants(bare: Bare) -> dict[str, Callable[[int], None]]:
    """What takes so many steps, by name; each changes one thing and puts it back."""
    import torch
    from torch.utils import deterministic

    def contiguous(count: int) -> None:
        batch = bare.batch
        bare.batch = {name: one.contiguous() for name, one in batch.items()}
        for one in bare.networks:
            one.to(memory_format=torch.contiguous_format)
        bare.steps(count)
        bare.batch = batch
        for one in bare.networks:
            one.to(memory_format=torch.channels_last)

    def adam(**how: bool) -> Callable[[int], None]:
        def call(count: int) -> None:
            bare.optimisers = bare.adams(**how)
            bare.steps(count)
            bare.optimisers = bare.adams()

        return call

    def filled(count: int) -> None:
        deterministic.fill_uninitialized_memory = True
        bare.steps(count)
        deterministic.fill_uninitialized_memory = False

    def free(count: int) -> None:
        torch.use_deterministic_algorithms(False)
        bare.steps(count)
        torch.use_deterministic_algorithms(True)

    def bfloat(count: int) -> None:
        bare.steps(count, lambda: torch.autocast("cpu", torch.bfloat16))

    def compiled(count: int) -> None:
        for one in bare.networks:
            one.compile()
        bare.steps(count)
        for one in bare.networks:
            one._compiled_call_impl = None

    return {
        "bare": bare.steps,
        "contiguous": contiguous,
        "Adam foreach": adam(foreach=True),
        "Adam plain": adam(foreach=False, fused=False),
        "memory filled": filled,
        "not deterministic": free,
        "bf16": bfloat,
        "compiled": compiled,
    }


def compare(name: str, training: dict[str, Any], options: argparse.Namespace) -> list[str]:
    """A line per variant."""
    from methods.shared import training as loop

    bare = Bare(training)
    calls = variants(bare)
    calls = {one: calls[one] for one in calls if one in ("bare", *(options.only or calls))}
    compiling = busy()
    if "compiled" in calls:
        calls["compiled"](2)
    compiling = busy() - compiling

    def ours(count: int) -> None:
        loop.train(
            training["players"], training["arrays"], bare.run, steps=count, note=training["note"]
        )

    peers = {one: partial(call, options.steps) for one, call in calls.items()}
    times = in_turns({"loop": partial(ours, options.steps), **peers}, options.turns)
    plain = bare.digest(calls["bare"])
    images, lines = options.steps * bare.run.budget.batch_size, []
    for one, found in times.items():
        rate = images / median(found, "processor")
        parts = [f"{rate:.0f}", *[f"{1 / ratio(found, times['bare'], key):.2f}" for key in KEYS]]
        note = ""
        if one in calls:
            note = "same bytes" if bare.digest(calls[one]) == plain else "other bytes"
        if one == "compiled":
            gained = median(times["bare"], "processor") - median(found, "processor")
            repaid = f"{compiling / gained * options.steps:.0f} steps" if gained > 0 else "no"
            note += f", compiled in {compiling:.0f} s, repaid after {repaid}"
        lines.append(f"| {name}: {training['note']} | {one} | {' | '.join(parts)} | {note} |")
    return lines


def busy() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in both)


# --- threads ----------------------------------------------------------------------------------


def images_per_second(bare: Bare, options: argparse.Namespace) -> float:
    """Of some seconds, which begin when all processes are ready."""
    bare.steps(5)
    print("ready", flush=True)
    sys.stdin.readline()
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < options.seconds:
        bare.steps(1)
        count += bare.run.budget.batch_size
    return count / (time.perf_counter() - start)


def together(name: str, options: argparse.Namespace) -> None:
    """One cell of one thread, one with a thread for each core, and a cell for each core."""
    cores = len(os.sched_getaffinity(0))
    found: dict[tuple[int, int], list[float]] = {(1, 1): [], (1, cores): [], (cores, 1): []}
    for _ in range(options.turns):
        for (cells, threads), rates in found.items():
            rates.append(sum(rates_of([started(name, threads, options) for _ in range(cells)])))
    first = statistics.median(found[1, 1])
    for (cells, threads), rates in found.items():
        rate = statistics.median(rates)
        print(
            f"{name}, {options.size} px: {cells} cell(s) of {threads} thread(s):"
            f" {rate:.0f} images/s, {rate / first:.2f} times one thread",
            flush=True,
        )


def rates_of(processes: Sequence[subprocess.Popen[str]]) -> list[float]:
    for one in processes:
        assert one.stdout is not None
        if one.stdout.readline() != "ready\n":
            raise SystemExit("a process ended before it was ready")
    for one in processes:
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    return [float(ended(one)) for one in processes]


if __name__ == "__main__":
    main()
