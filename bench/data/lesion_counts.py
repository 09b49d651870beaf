"""How much of the truth preparation keeps: lesions, voxels and slices, before and after."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Truth:
    """The lesions of one subject in its files, and what of them can be ranked after preparation.

    A lesion is a connected region: of a volume in three dimensions, of a 2-D image within it.
    What is kept is inside the foreground of the prepared images, since protocols rank nothing
    else.

    Attributes:
        lesions: in the files.
        lesions_kept: of them, those with at least one prepared pixel in the foreground.
        voxels: lesion voxels, of 2-D images pixels, in the files.
        voxels_kept: lesion pixels in the foreground of the prepared images.
        slices: axial slices of the file, or 2-D images, with a lesion.
        slices_kept: prepared images with a lesion pixel in the foreground.
        volume_ml: of the lesions in the file; None for 2-D images.
        volume_kept_ml: of the lesion pixels that are kept; None for 2-D images.
    """

    lesions: int = 0
    lesions_kept: int = 0
    voxels: int = 0
    voxels_kept: int = 0
    slices: int = 0
    slices_kept: int = 0
    volume_ml: float | None = None
    volume_kept_ml: float | None = None
