"""Images to a network, in batches that cannot influence the result."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from bench.detector import Images

GPU_BATCH = 16


def batches(images: Images) -> Iterator[tuple[slice, Tensor]]:
    """Cut images into batches on their device, channels last.

    On a CPU every image goes alone: a convolution's kernel, and with it the last bits of its
    result, depends on the size of the batch, and an image's score must not depend on its
    neighbours. That costs at most half of the speed of small images. On other devices batches
    are larger and the last bits are not promised.

    Yields:
        Where the batch stands among the images, and its (B, C, H, W) float32 tensor.
    """
    size = 1 if images.device == "cpu" else GPU_BATCH
    for start in range(0, len(images), size):
        where = slice(start, min(start + size, len(images)))
        batch = torch.from_numpy(np.array(images.images[where]))
        yield where, batch.to(images.device, memory_format=torch.channels_last)
