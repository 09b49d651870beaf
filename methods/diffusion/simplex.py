"""Simplex noise in several octaves, for whole images at once.

Written here because the packages at hand compute it point by point in Python (opensimplex
0.4.5: 37 ms for one octave of 64 x 64 pixels; this: under 1 ms).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from bench.detector import FloatArray

SKEW = (math.sqrt(3) - 1) / 2
UNSKEW = (3 - math.sqrt(3)) / 6
# Variance of one octave: a vertex whose unit gradient has a random direction adds
# r**2 / 2 * (1/2 - r**2)**8 at distance r; its integral over the plane times the sqrt(3)
# vertices per unit of area.
VARIANCE = math.sqrt(3) * math.pi / 184_320


def simplex_field(
    rows: int,
    columns: int,
    *,
    coarsest: float,
    octaves: int,
    persistence: float,
    generator: np.random.Generator,
) -> FloatArray:
    """Fractal simplex noise with mean 0 and variance 1 over all fields (not over each).

    Args:
        rows: pixels.
        columns: pixels.
        coarsest: edge of the first octave's cells in pixels; each octave halves it.
        octaves: how many at most; except for the first, none has cells of a pixel or less.
        persistence: amplitude of each octave against the one before.
        generator: where randomness comes from.

    Returns:
        (rows, columns) float32.

    Source: Perlin 2001, "Noise hardware" (simplex noise); Wyatt et al. 2022, "AnoDDPM",
    section 3.2 (octaves and their persistence).
    """
    total = np.zeros((rows, columns))
    power = 0.0
    for octave in range(octaves):
        cell = coarsest / 2**octave
        if octave and cell <= 1:
            break
        amplitude = persistence**octave
        total += amplitude * _octave(rows, columns, cell, generator)
        power += amplitude**2
    return (total / math.sqrt(power)).astype(np.float32)


def _octave(
    rows: int, columns: int, cell: float, generator: np.random.Generator
) -> npt.NDArray[np.float64]:
    """One octave of unit variance on a lattice of triangles, placed at random."""
    y, x = np.mgrid[:rows, :columns] / cell
    shift_u, shift_v = generator.random(2)
    u = x + (x + y) * SKEW + shift_u
    v = y + (x + y) * SKEW + shift_v
    i, j = np.floor(u).astype(int), np.floor(v).astype(int)
    u, v = u - i, v - j
    angles = generator.uniform(0, 2 * np.pi, (i.max() + 2, j.max() + 2))
    gradient_x, gradient_y = np.cos(angles), np.sin(angles)

    right = u > v  # which of its cell's two triangles a point is in
    total = np.zeros((rows, columns))
    for corner_u, corner_v in ((0, 0), (right, ~right), (1, 1)):
        du, dv = u - corner_u, v - corner_v
        dx, dy = du - (du + dv) * UNSKEW, dv - (du + dv) * UNSKEW
        reach = np.maximum(0.5 - dx**2 - dy**2, 0) ** 4
        at = i + corner_u, j + corner_v
        total += reach * (gradient_x[at] * dx + gradient_y[at] * dy)
    return total / math.sqrt(VARIANCE)
