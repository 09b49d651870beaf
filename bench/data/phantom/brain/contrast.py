"""From tissue to scanner: T1 and T2 signal, bias field and Rician noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from bench.data.phantom.brain.anatomy import Anatomy
from bench.data.phantom.brain.fields import (
    SHAPE,
    SPACING_MM,
    FloatArray,
    node_noise,
    stream,
    upsample,
    voxel_noise,
)
from bench.data.phantom.brain.lesions import Lesions, Modality

_BONE = 0.1  # signal of bone and meninges
_BLUR_MM = 0.9  # of the scanner, as a standard deviation


@dataclass(frozen=True)
class Contrast:
    """Signal of each tissue relative to white matter, and how it varies between subjects.

    Attributes:
        grey: mean and standard deviation of grey over white matter.
        fluid: mean and standard deviation of fluid over white matter.
        nuclei: exponent on the template's local T1 ratio.
        units: lowest and highest signal of white matter, in scanner units.
    """

    grey: tuple[float, float]
    fluid: tuple[float, float]
    nuclei: float
    units: tuple[float, float]


# Measured on OASIS-1, IXI (T1) and MSLUB (T1, T2) volumes: see datasets/PHANTOM.md.
CONTRASTS: Mapping[Modality, Contrast] = {
    "T1": Contrast(grey=(0.68, 0.025), fluid=(0.28, 0.04), nuclei=1.0, units=(300.0, 900.0)),
    "T2": Contrast(grey=(1.3, 0.05), fluid=(3.2, 0.25), nuclei=-1.5, units=(150.0, 350.0)),
}


def scan(subject: str, modality: Modality, anatomy: Anatomy, lesions: Lesions) -> FloatArray:
    """Make one volume: signal of the tissues and lesions, a bias field and Rician noise.

    Args:
        subject: id; with the modality it seeds every random draw.
        modality: ``T1`` or ``T2``.
        anatomy: tissue shares, each `SHAPE` float32 from 0 to 1.
        lesions: share of each voxel that is lesion, from 0 to 1, and its signal relative to white
            matter.

    Returns:
        `SHAPE` float32 in scanner units, above 0 in the brain and exactly 0 outside.
    """
    contrast = CONTRASTS[modality]
    rng = stream(subject, modality)
    grey, fluid = rng.normal(*contrast.grey), rng.normal(*contrast.fluid)
    units = rng.uniform(*contrast.units)
    texture = 1 + 0.02 * voxel_noise(rng, 7)
    ratio = np.where(anatomy.brain, anatomy.t1_ratio, 1) ** contrast.nuclei
    signal = (anatomy.grey * grey + anatomy.white) * ratio * texture + anatomy.fluid * fluid
    signal += _BONE * anatomy.bone
    signal += lesions.share * (lesions.signal[modality] - signal)
    signal = ndimage.gaussian_filter(signal, _BLUR_MM / SPACING_MM)
    bias_sd = rng.uniform(0.02, 0.06)
    signal *= np.exp(bias_sd * upsample(node_noise(rng, 90)))
    noisy = _rician(rng, signal, sd=rng.uniform(0.008, 0.022))
    return np.where(anatomy.brain, noisy * units, 0).astype(np.float32)


def _rician(rng: np.random.Generator, signal: FloatArray, sd: float) -> FloatArray:
    real = signal + sd * rng.standard_normal(SHAPE, dtype=np.float32)
    imaginary = sd * rng.standard_normal(SHAPE, dtype=np.float32)
    return np.asarray(np.hypot(real, imaginary), dtype=np.float32)
