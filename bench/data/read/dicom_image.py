"""2-D images in DICOM files, each by itself: X-rays, fundus photographs, single frames.

Where the image lies in space is not asked. Values are kept, and nothing else of a header.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.data.read.damage import require_promise
from bench.data.read.dicom import require_codec
from bench.data.read.dicom_headers import unnamed_damage
from bench.data.read.optional import library
from bench.errors import DataError, counted

_WANTED = [
    "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation",
    "BitsAllocated", "BitsStored", "PixelRepresentation", "RescaleSlope", "RescaleIntercept",
    "ModalityLUTSequence",
]  # fmt: skip
_GREY = ("MONOCHROME1", "MONOCHROME2")
_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")


def decode(path: Path, *, indices: bool) -> npt.NDArray[Any]:
    """Read an image; see `bench.data.read.contract.ImageReader`.

    Grey values are rescaled by slope and intercept; of MONOCHROME1, where high values are dark,
    they are turned over first. Of a label (``indices``) the stored values count. A window that
    viewers apply is not applied.
    """
    pydicom = library("pydicom", path)
    with unnamed_damage(path):
        pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
        data = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=_WANTED)
        if "Rows" not in data or "Columns" not in data:
            raise DataError(f"{path} holds no image", hint="name a file with an image")
        kind = _usable_kind(path, data)
        values = int(data.Rows) * int(data.Columns) * int(data.get("SamplesPerPixel") or 1)
        require_promise(path, values * (int(data.BitsAllocated) // 8))
        with require_codec(path):
            # Colours that are stored as brightness and hue become RGB.
            stored = pydicom.pixels.pixel_array(path)
        if kind in _COLOUR or indices:
            return np.asarray(stored)
        bright = stored.astype(np.float64)
        if kind == "MONOCHROME1":
            bits, signed = int(data.BitsStored), int(data.PixelRepresentation)
            # The sum of the lowest and the highest value that can be stored.
            bright = (-1 if signed else 2**bits - 1) - bright
        slope, intercept = (data.get(one) for one in ("RescaleSlope", "RescaleIntercept"))
        bright *= 1.0 if slope is None else float(slope)
        return np.asarray(bright + (0.0 if intercept is None else float(intercept)))


def _usable_kind(path: Path, data: Any) -> str:  # noqa: ANN401 - pydicom has no types
    """How the values mean brightness or colour.

    Raises:
        DataError: they cannot be used.
    """
    frames = int(data.get("NumberOfFrames") or 1)
    if frames != 1:
        raise DataError(
            f"{path} holds {counted(frames, 'image')}, expected one",
            hint="save each image as a file of its own, or read the file as a volume",
        )
    if "ModalityLUTSequence" in data:
        raise DataError(
            f"{path} has a table of values (modality LUT), which is not read",
            hint="export the image again without it",
        )
    kind = str(data.get("PhotometricInterpretation") or "MONOCHROME2")
    if kind not in (*_GREY, *_COLOUR):
        # What stands there is not quoted: in a damaged header it may be a name.
        raise DataError(
            f"{path} is neither grey nor RGB (photometric interpretation)",
            hint="convert the image to grey or RGB",
        )
    return kind
