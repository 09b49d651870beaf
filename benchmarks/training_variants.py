"""Ways to take a training step, each against bare steps as the loop has them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from itertools import chain
from typing import Any

from training_steps import (
    WARM_UP,
    Bare,
    Spent,
    Training,
    best,
    busy,
    caught,
    clock,
    shares,
    timed,
)

Calls = dict[str, Callable[[int], None]]


def measure_variants(task: dict[str, Any]) -> list[dict[str, Any]]:
    """A row per variant; those that compile have a measurement of their own."""
    on_cpu = task["device"] == "cpu"

    def look(training: Training) -> list[dict[str, Any]]:
        bare = Bare(training)
        calls = cpu_variants(bare) if on_cpu else gpu_variants(bare)
        for call in calls.values():
            call(WARM_UP)
        times = best({one: _timed(call, task) for one, call in calls.items()}, task["turns"])
        rows = [_row(training, one, bare, times[one], times["bare"], task) for one in calls]
        if on_cpu:
            digests = [bare.digest(call) for call in calls.values()]
            for row, digest in zip(rows, digests, strict=True):
                row["bytes"] = "same" if digest == digests[0] else "other"
        return rows

    return list(chain(*caught(task["method"], task["size"], look, task["device"])))


def measure_compiled(task: dict[str, Any]) -> list[dict[str, Any]]:
    """`torch.compile` with an empty cache: what it takes, and after how many steps that is repaid.

    Compiled is what losses call: a player's network, or those of its parts that they call.
    """
    import torch

    def look(training: Training) -> list[dict[str, Any]]:
        bare = Bare(training)
        bare.steps(WARM_UP)
        plain = best({"bare": _timed(bare.steps, task)}, task["turns"])["bare"]
        called = _called(bare)
        start, processor = clock(task["device"]), busy()
        for one in called:
            one.compile(mode=task["mode"])
        bare.steps(1)
        took, processor = clock(task["device"]) - start, busy() - processor
        bare.steps(WARM_UP)  # some graphs are recorded in a second and third step
        found = best({"compiled": _timed(bare.steps, task)}, task["turns"])["compiled"]
        for one in called:
            one._compiled_call_impl = None
        torch.compiler.reset()
        row = _row(training, f"compiled ({task['mode']})", bare, found, plain, task)
        gained = (plain.wall - found.wall) / task["steps"]
        row |= {"compile s": took.wall, "compile CPU s": processor}
        row["repaid after steps"] = round(took.wall / gained) if gained > 0 else None
        return [_row(training, "bare", bare, plain, plain, task), row]

    with tempfile.TemporaryDirectory() as cache:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = cache
        return list(chain(*caught(task["method"], task["size"], look, task["device"])))


def measure_graph(task: dict[str, Any]) -> list[dict[str, Any]]:
    """A whole step as one CUDA graph: what the GPU gives when nothing is launched one by one.

    The graph repeats what was drawn on the CPU when it was recorded, so that it bounds what could
    be gained and is not a way to train.
    """
    import torch

    def look(training: Training) -> dict[str, Any]:
        bare = Bare(training)
        bare.steps(WARM_UP)
        plain = best({"bare": _timed(bare.steps, task)}, task["turns"])["bare"]
        bare.optimisers = bare.adams(fused=True, capturable=True)
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            bare.steps(WARM_UP)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            bare.steps(1)

        def replay(count: int) -> None:
            for _ in range(count):
                graph.replay()

        found = best({"graph": _timed(replay, task)}, task["turns"])["graph"]
        return _row(training, "CUDA graph", bare, found, plain, task)

    return caught(task["method"], task["size"], look, "cuda")


def _timed(call: Callable[[int], None], task: dict[str, Any]) -> Callable[[], Spent]:
    return partial(timed, call, task["steps"], task["device"])


def _row(
    training: Training,
    name: str,
    bare: Bare,
    found: Spent,
    plain: Spent,
    task: dict[str, Any],
) -> dict[str, Any]:
    images = task["steps"] * bare.images
    rates = {"images/s": images / found.wall, "images/CPU s": images / found.processor}
    return {"training": training["note"], "variant": name, **rates, **shares(found, plain)}


def _called(bare: Bare) -> list[Any]:
    """The modules that losses call, without those that these call."""
    found: list[Any] = []
    depth = 0

    def before(module: Any, given: Any) -> None:  # noqa: ANN401
        nonlocal depth
        if depth == 0 and not any(module is one for one in found):
            found.append(module)
        depth += 1

    def after(module: Any, given: Any, result: Any) -> None:  # noqa: ANN401
        nonlocal depth
        depth -= 1

    modules = [one for network in bare.networks for one in network.modules()]
    hooks = [one.register_forward_pre_hook(before) for one in modules]
    hooks += [one.register_forward_hook(after) for one in modules]
    bare.steps(1)
    for hook in hooks:
        hook.remove()
    return found


def cpu_variants(bare: Bare) -> Calls:
    """Variants by name; each changes one thing and puts it back."""
    import torch
    from torch.utils import deterministic

    @contextmanager
    def filled() -> Iterator[None]:
        deterministic.fill_uninitialized_memory = True  # type: ignore[attr-defined]
        yield
        deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]

    return {
        "bare": bare.steps,
        "contiguous, not channels last": partial(_contiguous, bare),
        "Adam foreach": partial(_adam, bare, {"foreach": True}),
        "Adam plain": partial(_adam, bare, {"foreach": False, "fused": False}),
        "bf16 (autocast)": partial(_around, bare, lambda: torch.autocast("cpu", torch.bfloat16)),
        "memory filled": partial(_within, bare, filled),
        "not deterministic": partial(_within, bare, _free),
    }


def gpu_variants(bare: Bare) -> Calls:
    """The same for a GPU, where bare steps compute in bf16 if it can."""
    import torch

    @contextmanager
    def searched() -> Iterator[None]:
        torch.backends.cudnn.benchmark = True
        with _free():
            yield
        torch.backends.cudnn.benchmark = False

    @contextmanager
    def tf32() -> Iterator[None]:
        torch.set_float32_matmul_precision("high")
        yield
        torch.set_float32_matmul_precision("highest")

    def float32(count: int) -> None:
        with tf32():
            _around(bare, nullcontext, count)

    return {
        "bare": bare.steps,
        "contiguous, not channels last": partial(_contiguous, bare),
        "Adam foreach": partial(_adam, bare, {"foreach": True}),
        "float32 (TF32), not bf16": float32,
        "not deterministic": partial(_within, bare, _free),
        "not deterministic, cuDNN searches": partial(_within, bare, searched),
    }


@contextmanager
def _free() -> Iterator[None]:
    import torch

    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(False)
    yield
    torch.use_deterministic_algorithms(True, warn_only=warns)


def _within(bare: Bare, context: Callable[[], Any], count: int) -> None:
    with context():
        bare.steps(count)


def _around(bare: Bare, around: Callable[[], Any], count: int) -> None:
    before, bare.around = bare.around, around
    bare.steps(count)
    bare.around = before


def _adam(bare: Bare, how: dict[str, bool], count: int) -> None:
    before, bare.optimisers = bare.optimisers, bare.adams(**how)
    bare.steps(count)
    bare.optimisers = before


def _contiguous(bare: Bare, count: int) -> None:
    import torch

    batch = bare.batch
    bare.batch = {name: one.contiguous() for name, one in batch.items()}
    for one in bare.networks:
        one.to(memory_format=torch.contiguous_format)
    _adam(bare, {"fused": True}, count)
    bare.batch = batch
    for one in bare.networks:
        one.to(memory_format=torch.channels_last)
