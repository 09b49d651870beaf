"""2-D images in DICOM files, each by itself: X-rays, fundus photographs, single frames.

Where the image lies in space is not asked. Values are kept, and nothing else of a header.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.data.read.codecs import lossy_label
from bench.data.read.damage import require_promise
from bench.data.read.dicom import stored_values
from bench.data.read.dicom_headers import first_of, scale_of, stored_fault, unnamed_damage
from bench.data.read.optional import library
from bench.errors import DataError, counted

_WANTED = [
    "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation",
    "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "RescaleSlope",
    "RescaleIntercept", "ModalityLUTSequence", "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
]  # fmt: skip
# JPEG of 8 and of 12 bits.
_LOSSY = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")
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
        if indices and str(data.file_meta.TransferSyntaxUID) in _LOSSY:
            raise lossy_label(path)
        values = int(data.Rows) * int(data.Columns) * int(data.get("SamplesPerPixel") or 1)
        require_promise(path, values * (int(data.BitsAllocated) // 8))
        # Colours that are kept as brightness and hue become RGB.
        stored = stored_values(path, pydicom.dcmread(path))
        if kind in _COLOUR or indices:
            return np.asarray(stored)
        bright = stored.astype(np.float64)
        if kind == "MONOCHROME1":
            bits, signed = int(data.BitsStored), int(data.PixelRepresentation)
            # The sum of the lowest and the highest value that can be stored.
            bright = (-1 if signed else 2**bits - 1) - bright
        # An enhanced file of one frame has its scale in the header of the frame.
        frames, shared = "PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence"
        slope, intercept = scale_of([first_of(data, frames), first_of(data, shared), data])
        return np.asarray(bright * slope + intercept)


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
    fault = stored_fault(data)
    if fault:
        raise DataError(f"{path} {fault}", hint="export the image again with plain values")
    kind = str(data.get("PhotometricInterpretation") or "MONOCHROME2")
    if kind not in (*_GREY, *_COLOUR):
        # What stands there is not quoted: in a damaged header it may be a name.
        raise DataError(
            f"{path} is neither grey nor RGB (photometric interpretation)",
            hint="convert the image to grey or RGB",
        )
    samples = int(data.get("SamplesPerPixel") or 1)
    if samples != (1 if kind in _GREY else 3):
        raise DataError(
            f"{path} has {counted(samples, 'value')} per pixel, and says that it is"
            f" {'grey' if kind in _GREY else 'coloured'}",
            hint="export the image again",
        )
    return kind
