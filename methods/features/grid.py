"""Between pixels and the coarser grid on which local features stand."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from bench.detector import BoolArray, FloatArray


def foreground_cells(mask: BoolArray, rows: int, columns: int) -> Tensor:
    """Cells that hold any foreground; all cells where there is none.

    Args:
        mask: (H, W) bool.
        rows: of the grid, at most H.
        columns: of the grid, at most W.

    Returns:
        (rows, columns) bool, on the CPU.
    """
    pixels = torch.from_numpy(np.asarray(mask, dtype=np.float32))
    cells = F.adaptive_max_pool2d(pixels[None, None], (rows, columns))[0, 0] > 0
    return cells if cells.any() else torch.ones_like(cells)


def pixel_map(values: Tensor, cells: Tensor, mask: BoolArray) -> FloatArray:
    """Interpolate values of foreground cells to pixels.

    Linear, and normalised by the share of foreground cells, so that the background's missing
    values do not dim the rim.

    Args:
        values: (P,) float32, one per True in `cells`.
        cells: (h, w) bool, as `foreground_cells` gives it.
        mask: (H, W) bool.

    Returns:
        (H, W) float32, 0 outside the mask.
    """
    grid = torch.zeros(2, *cells.shape)
    grid[0, cells] = values.cpu()
    grid[1, cells] = 1
    total, weight = F.interpolate(grid[None], mask.shape, mode="bilinear")[0].numpy()
    result = np.zeros(mask.shape, dtype=np.float32)
    result[mask] = total[mask] / np.maximum(weight[mask], np.float32(1e-6))
    return result
