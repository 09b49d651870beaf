"""Networks to and from a folder: safetensors for the weights, JSON for how to build them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from bench.errors import MethodError

N = TypeVar("N", bound=nn.Module)


def save_network(folder: Path, network: nn.Module, shape: dict[str, int]) -> None:
    """Write a network.

    Args:
        folder: existing and empty.
        network: on any device.
        shape: what its builder needs besides the config: channels, width.
    """
    tensors = {name: value.cpu().contiguous() for name, value in network.state_dict().items()}
    save_file(tensors, folder / "weights.safetensors")
    (folder / "network.json").write_text(json.dumps(shape, sort_keys=True), encoding="utf-8")


def load_network(folder: Path, build: Callable[[dict[str, int]], N]) -> tuple[N, dict[str, int]]:
    """Read what `save_network` wrote.

    Args:
        folder: the one it was saved in.
        build: makes the untrained network from its shape.

    Returns:
        The network, on the CPU, and its shape.

    Raises:
        MethodError: a file is missing or damaged, or holds another network.
    """
    try:
        shape = json.loads((folder / "network.json").read_text(encoding="utf-8"))
        network = build(shape)
        network.load_state_dict(load_file(folder / "weights.safetensors", device="cpu"))
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise MethodError(
            f"no network of this kind can be read from {folder}: {error}",
            hint="train it again with: bench run --force",
        ) from error
    return network, shape


def count_parameters(network: nn.Module | None) -> int | None:
    """Trainable numbers of a network; None before there is one."""
    if network is None:
        return None
    return sum(value.numel() for value in network.parameters())
