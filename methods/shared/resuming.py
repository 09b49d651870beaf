"""The state of a training, to and from a checkpoint."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from bench.detector import Run

Generator = np.random.Generator | torch.Generator
TENSORS, REST = "state.safetensors", "state.json"


@dataclass(frozen=True)
class Turn:
    """One network in training, with what moves it.

    Attributes:
        network: what is optimised.
        optimiser: Adam.
        schedule: of its learning rate.
        generators: of the network's loss, besides those of torch, NumPy and Python.
    """

    network: nn.Module
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    generators: tuple[Generator, ...]


def keep(
    run: Run,
    stage: str,
    turns: Iterable[Turn],
    done: int,
    sums: Mapping[str, Any],
    *,
    ended: bool,
) -> None:
    """Write the whole state of a training.

    Args:
        run: with checkpoints; without them nothing is written.
        stage: name of the training within its fit.
        turns: all networks in training.
        done: steps that are done; with the seed this is the place in the order of batches.
        sums: plain numbers of the loop itself.
        ended: the training has ended, so that its optimisers' memories, two thirds of the
            state, are not needed any more.
    """
    if run.checkpoints is None:
        return

    def fill(folder: Path) -> None:
        tensors: dict[str, Tensor] = dict(_random_tensors())
        rest: dict[str, Any] = {"done": done, "sums": sums, "random": _random_numbers()}
        rest["turns"] = []
        for place, turn in enumerate(turns):
            for name, value in turn.network.state_dict().items():
                tensors[f"{place}.network.{name}"] = value
            state = turn.optimiser.state_dict()
            for number, values in ({} if ended else state["state"]).items():
                for name, value in values.items():
                    tensors[f"{place}.optimiser.{number}.{name}"] = value
            generators: list[Any] = []
            for number, one in enumerate(turn.generators):
                if isinstance(one, torch.Generator):
                    tensors[f"{place}.generator.{number}"] = one.get_state()
                generators.append(None if isinstance(one, torch.Generator) else _plain(one))
            rest["turns"].append(
                {
                    "groups": state["param_groups"],
                    "schedule": turn.schedule.state_dict(),
                    "generators": generators,
                }
            )
        whole = {name: one.detach().cpu().contiguous().clone() for name, one in tensors.items()}
        (folder / TENSORS).write_bytes(save(whole))
        (folder / REST).write_text(json.dumps(rest), encoding="utf-8")

    run.checkpoints.write(stage, fill)


def restore(run: Run, stage: str, turns: Iterable[Turn]) -> tuple[int, dict[str, Any]]:
    """Bring a training to the state that its checkpoint holds.

    Args:
        run: its checkpoints are asked.
        stage: name of the training within its fit.
        turns: all networks in training, as they were built at the beginning.

    Returns:
        The steps that are done, and the numbers of the loop; 0 and nothing without a checkpoint.
    """
    folder = None if run.checkpoints is None else run.checkpoints.read(stage)
    if folder is None:
        return 0, {}
    tensors = load((folder / TENSORS).read_bytes())
    rest = json.loads((folder / REST).read_text(encoding="utf-8"))
    for place, (turn, kept) in enumerate(zip(turns, rest["turns"], strict=True)):
        turn.network.load_state_dict(_below(tensors, f"{place}.network."))
        _restore_optimiser(turn, _below(tensors, f"{place}.optimiser."), kept["groups"])
        turn.schedule.load_state_dict(kept["schedule"])
        for number, one in enumerate(turn.generators):
            if isinstance(one, torch.Generator):
                one.set_state(tensors[f"{place}.generator.{number}"])
            else:
                one.bit_generator.state = kept["generators"][number]
    _restore_random(tensors, rest["random"])
    return int(rest["done"]), dict(rest["sums"])


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) :]: one for name, one in tensors.items() if name.startswith(prefix)}


def _restore_optimiser(
    turn: Turn, tensors: Mapping[str, Tensor], groups: list[dict[str, Any]]
) -> None:
    """Put memories back in the memory layout of their parameters, which fused steps rely on."""
    parameters = [one for group in turn.optimiser.param_groups for one in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        number, kind = name.split(".", 1)
        like = parameters[int(number)]
        if value.shape == like.shape and kind != "step":
            value = torch.empty_like(like, dtype=value.dtype).copy_(value)
        state.setdefault(int(number), {})[kind] = value
    for group in groups:
        group["betas"] = tuple(group["betas"])
    turn.optimiser.load_state_dict({"state": state, "param_groups": groups})


def _random_tensors() -> dict[str, Tensor]:
    found = {"random.torch": torch.get_rng_state()}
    if torch.cuda.is_available():
        found["random.cuda"] = torch.cuda.get_rng_state()
    return found


def _random_numbers() -> dict[str, Any]:
    name, keys, *rest = np.random.get_state(legacy=True)
    version, numbers, gauss = random.getstate()
    return {"numpy": [name, np.asarray(keys).tolist(), *rest],
            "python": [version, list(numbers), gauss]}  # fmt: skip


def _restore_random(tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
    torch.set_rng_state(tensors["random.torch"])
    if "random.cuda" in tensors:
        torch.cuda.set_rng_state(tensors["random.cuda"])
    name, keys, *rest = numbers["numpy"]
    np.random.set_state((name, np.array(keys, dtype=np.uint32), *rest))
    version, words, gauss = numbers["python"]
    random.setstate((version, tuple(words), gauss))


def _plain(generator: np.random.Generator) -> Any:  # noqa: ANN401
    """The state of a generator as JSON has it: PCG64 holds integers of 128 bits."""
    return dict(generator.bit_generator.state)
