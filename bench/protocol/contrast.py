"""How far lesions stand out from what is around them: a property of the images, of no method."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from bench.metrics.regions import Bools, connected_regions

# The surroundings reach so many pixels beyond a lesion.
RING = 3


def lesion_contrasts(
    images: npt.NDArray[np.floating[Any]], labels: Bools, masks: Bools, *, stack: bool
) -> npt.NDArray[np.float32]:
    """Of each lesion, the difference of its mean intensity from that of its surroundings.

    In standard deviations of the normal foreground of the whole stack, without a sign; of several
    channels the largest. The surroundings are the normal foreground pixels within 3 pixels.

    Args:
        images: (S, C, H, W); a memory-mapped array will do.
        labels: (S, H, W) bool, lesions.
        masks: (S, H, W) bool, foreground.
        stack: whether lesions are those of the stack, or of each image.

    Returns:
        (L,) float32 in the order of `connected_regions`; NaN where a lesion has no surroundings
        or the normal foreground is constant.
    """
    from scipy import ndimage

    lesions, number = connected_regions(labels, 3 if stack else 2)
    contrasts = np.full(number, np.nan, dtype=np.float32)
    normal = masks & ~labels
    if not number or not normal.any():
        return contrasts
    spread = [float(np.std(images[:, at][normal])) for at in range(images.shape[1])]
    reach = (RING if stack else 0, RING, RING)
    for at, box in enumerate(ndimage.find_objects(lesions)):
        if box is None:
            continue
        near = tuple(
            slice(max(one.start - far, 0), one.stop + far)
            for one, far in zip(box, reach, strict=True)
        )
        inside = lesions[near] == at + 1
        size = [2 * far + 1 for far in reach]
        around = ndimage.maximum_filter(inside, size=size) & normal[near]
        if not around.any():
            continue
        found = [
            abs(float(part[inside].mean()) - float(part[around].mean())) / deviation
            for channel, deviation in enumerate(spread)
            if deviation > 0
            for part in [np.asarray(images[near[0], channel, near[1], near[2]], dtype=np.float64)]
        ]
        contrasts[at] = max(found, default=np.nan)
    return contrasts
