"""Images in pieces: what a device cannot judge at once is judged in halves, quarters and so on.

A detector's answer for an image depends on no other image (conformance holds it), so pieces
change no number.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch

from bench.detector import Images, Prediction

T = TypeVar("T")
_LOG = logging.getLogger(__name__)


@dataclass
class Pieces:
    """Asks a detector about images, and remembers how many fit at once.

    Attributes:
        most: images of a piece; None while memory has sufficed for all.
    """

    most: int | None = None
    log: logging.Logger = _LOG

    def ask(self, question: Callable[[Images], T], images: Images) -> list[T]:
        """The answers for the images, in order, one per piece.

        Args:
            question: a method of a detector, and the check of what it returns.
            images: at least one.

        Raises:
            torch.OutOfMemoryError: one image at a time does not fit either. MemoryError too.
        """
        answers: list[T] = []
        done = 0
        while done < len(images):
            piece = part(images, done, done + (self.most or len(images)))
            try:
                answers.append(question(piece))
                done += len(piece)
                continue
            except (MemoryError, torch.OutOfMemoryError):
                if len(piece) == 1:
                    raise
            # After the block: what the error still held of the failed attempt is free only now.
            self.most = -(-len(piece) // 2)
            if images.device == "cuda":
                torch.cuda.empty_cache()
            self.log.warning("out of memory: %d images at a time are judged", self.most)
        return answers

    def predict(self, question: Callable[[Images], Prediction], images: Images) -> Prediction:
        """As `ask`, with the predictions of all pieces as one."""
        found = self.ask(question, images)
        if len(found) == 1:
            return found[0]
        maps = [one.maps for one in found if one.maps is not None]
        return Prediction(
            maps=np.concatenate(maps) if maps else None,
            scores=np.concatenate([one.scores for one in found]),
            signed=found[0].signed,
        )

    @property
    def note(self) -> list[str]:
        """What a record says of it; nothing where memory sufficed."""
        if self.most is None:
            return []
        return [f"at most {self.most} images predicted at a time, since the memory did not suffice"]


def part(images: Images, start: int, stop: int) -> Images:
    """Some of the images, as views."""
    chosen = slice(start, stop)
    return Images(
        images.images[chosen],
        images.masks[chosen],
        images.device,
        None if images.positions is None else images.positions[chosen],
    )
