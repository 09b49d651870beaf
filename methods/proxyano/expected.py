"""What errors are usual: learned on normal training images, taken out of the map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from bench.detector import BoolArray, FloatArray

FILE = "expected.npz"
BLUR, NEAR = 1 / 64, 1.5 / 64
"""Standard deviations, as shares of the longer side, of local means of intensities and errors."""
BINS, WIDTH = 30, 0.05
"""Bins of intensity and their width; foregrounds are about 0 to 1."""
PRIOR = 20.0
"""Pixels that a bin behaves as if it had in addition, with the mean of all pixels."""


class ExpectedError:
    """The usual size of a pixel's error, by the intensity that is rebuilt there.

    Reconstructions are worse in some tissue than in other: the same error says more where errors
    are usually small. Errors are averaged locally before their size is taken, because noise and
    shifted edges, which change their sign from pixel to pixel, do not make a map wrong.

    Attributes:
        scale: `BINS` float64, mean size of the locally averaged error where the locally averaged
            reconstruction is ``WIDTH`` times the bin's number, or up to ``WIDTH`` more. Above 0.
    """

    def __init__(self, scale: npt.NDArray[np.float64]) -> None:
        self.scale = scale

    @classmethod
    def learn(cls, errors: FloatArray, rebuilt: FloatArray, masks: BoolArray) -> ExpectedError:
        """From normal images.

        Args:
            errors: (N, H, W), image minus reconstruction.
            rebuilt: (N, H, W), reconstructions, mean over channels.
            masks: (N, H, W) bool.
        """
        counts, sizes = np.zeros(BINS), np.zeros(BINS)
        for error, one, mask in zip(errors, rebuilt, masks, strict=True):
            where = _bins(one, mask)[mask]
            counts += np.bincount(where, minlength=BINS)
            sizes += np.bincount(where, np.abs(averaged(error, mask, NEAR))[mask], BINS)
        usual = sizes.sum() / max(counts.sum(), 1) or 1.0
        return cls((sizes + PRIOR * usual) / (counts + PRIOR))

    def in_units(self, error: FloatArray, rebuilt: FloatArray, mask: BoolArray) -> FloatArray:
        """The error of one image, in units of what is usual.

        Args:
            error: (H, W), image minus reconstruction.
            rebuilt: (H, W), the reconstruction, mean over channels.
            mask: (H, W) bool; the result is 0 outside.

        Returns:
            (H, W) float32, with the sign of the error.
        """
        return np.where(mask, error / self.scale[_bins(rebuilt, mask)], 0).astype(np.float32)

    def save(self, folder: Path) -> None:
        """Write the table."""
        np.savez(folder / FILE, scale=self.scale)

    @classmethod
    def load(cls, folder: Path) -> ExpectedError:
        """Read the table."""
        with np.load(folder / FILE, allow_pickle=False) as table:
            return cls(table["scale"])


def _bins(rebuilt: FloatArray, mask: BoolArray) -> npt.NDArray[np.intp]:
    """Each pixel's bin, (H, W)."""
    return np.clip(averaged(rebuilt, mask, BLUR) / WIDTH, 0, BINS - 1).astype(np.intp)


def averaged(values: FloatArray, mask: BoolArray, share: float) -> npt.NDArray[np.float64]:
    """Local mean within the mask, 0 outside.

    Args:
        values: (H, W).
        mask: (H, W) bool.
        share: standard deviation of the Gaussian, as a share of the longer side.
    """
    sd = share * max(mask.shape)
    weight = gaussian_filter(mask.astype(np.float64), sd, mode="constant")
    total = gaussian_filter(np.where(mask, values, 0).astype(np.float64), sd, mode="constant")
    mean: npt.NDArray[np.float64] = np.divide(total, weight, out=np.zeros_like(total), where=mask)
    return mean
