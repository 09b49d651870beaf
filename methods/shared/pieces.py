"""A batch in pieces: what does not fit into memory at once is computed one piece after another."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class Step:
    """What a loss sees of one step.

    Attributes:
        share: how much of the training is done, from 0 to below 1.
        batch: tensors by name, on the device: those drawn from the arrays, and what an earlier
            player's loss left there for a later one.
    """

    share: float
    batch: dict[str, Tensor]

    def __len__(self) -> int:
        return len(next(iter(self.batch.values())))


def cut(step: Step, count: int) -> list[Step]:
    """A step in at most so many pieces, of nearly equal length and in order."""
    if count == 1:
        return [step]
    pieces = [step]
    while len(pieces) < count:
        finer = halved(pieces)
        if len(finer) == len(pieces):
            break
        pieces = finer
    return pieces


def halved(pieces: list[Step]) -> list[Step]:
    """Each piece as two; pieces of one image stay whole.

    What a loss left for a later player is cut with the images that it belongs to.
    """
    finer = []
    for piece in pieces:
        length = len(piece)
        if length == 1:
            finer.append(piece)
            continue
        for part in (slice(0, length // 2), slice(length // 2, None)):
            batch = {
                name: one[part] if one.ndim and len(one) == length else one
                for name, one in piece.batch.items()
            }
            finer.append(Step(piece.share, batch))
    return finer


def free_memory(device: torch.device) -> None:
    """Give blocks that are not used any more back to the GPU."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
