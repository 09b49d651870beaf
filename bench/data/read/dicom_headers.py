"""Headers of DICOM files: geometry and how values are stored, and nothing that names a person.

Only the attributes in `_WANTED` are read from a file. An error names the file and the kind of
fault, never a value: a damaged header may have a name where a number is expected.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.data.read.damage import AGAIN
from bench.data.read.optional import library
from bench.errors import BenchError, DataError

Vector = npt.NDArray[np.float64]

_WANTED = [
    "SeriesInstanceUID", "SeriesNumber", "SeriesDescription", "EchoNumbers", "ImageType",
    "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation",
    "BitsAllocated", "BitsStored", "HighBit", "ImagePositionPatient", "ImageOrientationPatient",
    "PixelSpacing", "SliceThickness", "SpacingBetweenSlices", "RescaleSlope", "RescaleIntercept",
    "ModalityLUTSequence", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
]  # fmt: skip

# Directions are written with few digits; a length that is further from 1 moves a far pixel.
_UNIT = 1e-3
_NOWHERE = "does not say where its image lies (position, orientation and pixel size)"


@dataclass(frozen=True)
class Frame:
    """One image: a file, or a frame of a multi-frame file. Millimetres in DICOM's axes (LPS).

    Attributes:
        number: of the frame in its file, from 0.
        corner: (3,) centre of the first pixel.
        along: (2, 3) unit vectors along which the column and the row number grow.
        pixel: mm between columns, and between rows.
        thickness: mm between slices, as the header says; of a single slice nothing else does. 0
            where it does not say.
        slope: of the values.
        intercept: of the values.
    """

    path: Path
    number: int
    corner: Vector
    along: Vector
    pixel: tuple[float, float]
    thickness: float
    slope: float
    intercept: float


@dataclass(frozen=True)
class Header:
    """What is kept of one file.

    Attributes:
        series: UID of its series; a multi-frame file is a series of its own.
        name: number and description of the series, for the choice that a card makes; kept in
            memory only.
        kind: echo and type of the image, which tell volumes in one series apart.
        size: columns and rows.
        frames: its images; none where it does not say where they lie.
        fault: why it cannot be used; empty where it can.
    """

    path: Path
    series: str
    name: tuple[str, str]
    kind: str
    size: tuple[int, int]
    frames: tuple[Frame, ...]
    fault: str


@contextmanager
def unnamed_damage(path: Path) -> Iterator[None]:
    """As `bench.data.read.damage.damage`, but what was read never stands in the message.

    Raises:
        DataError: whatever the decoder raised; its chain is cut, which would show the values.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they quote values
            yield
    except BenchError:
        raise
    except MemoryError:
        raise DataError(
            f"{path} does not fit in memory, or its header is damaged", hint=AGAIN
        ) from None
    except Exception as error:
        raise DataError(
            f"{path} is truncated or damaged: {type(error).__name__} in its DICOM data", hint=AGAIN
        ) from None


def read_header(path: Path) -> Header | None:
    """Read what is wanted of a file's header.

    Returns:
        None of a file without an image: a directory, a report, a plan.

    Raises:
        DataError: damaged.
    """
    pydicom = library("pydicom", path)
    with unnamed_damage(path):
        pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
        data = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=_WANTED)
        if "Rows" not in data or "Columns" not in data:
            kind = data.file_meta.MediaStorageSOPClassUID.name
            if "Image Storage" in kind:  # else it is a whole report, plan or directory
                raise EOFError
            return None
        shared = first_of(data, "SharedFunctionalGroupsSequence")
        every = data.get("PerFrameFunctionalGroupsSequence")
        count = int(data.get("NumberOfFrames") or 1)
        several = bool(every) or count > 1
        own = list(every) if every else [None] * count
        if len(own) != count:
            raise DataError(
                f"{path} is truncated or damaged: it says {count} frames and describes {len(own)}",
                hint=AGAIN,
            )
        places = [_frame(path, at, [one, shared, data]) for at, one in enumerate(own)]
        frames = tuple(one for one in places if one is not None)
        if len(frames) < len(places):
            frames = ()
        return Header(
            path,
            f"{path}" if several else str(data.get("SeriesInstanceUID", "")),
            (str(data.get("SeriesNumber") or ""), str(data.get("SeriesDescription") or "")),
            f"{data.get('EchoNumbers')} {data.get('ImageType')}",
            (int(data.Columns), int(data.Rows)),
            frames,
            _fault(data, frames),
        )


def _fault(data: Any, frames: tuple[Frame, ...]) -> str:  # noqa: ANN401 - pydicom has no types
    colour = str(data.get("PhotometricInterpretation") or "MONOCHROME2")
    if int(data.get("SamplesPerPixel") or 1) != 1 or colour != "MONOCHROME2":
        return f"holds {colour} values, expected grey ones whose high values are bright"
    fault = stored_fault(data)
    if fault:
        return fault
    if not frames:
        return _NOWHERE
    for one in frames:
        turned = one.along @ one.along.T
        if np.abs(turned - np.eye(2)).max() > _UNIT or min(one.pixel) <= 0:
            return (
                "has directions that are not of length 1 and at right angles, or a pixel size that"
                " is not above 0"
            )
        if one.slope == 0:
            return "has a rescale slope of 0, which makes all its values equal"
    return ""


def stored_fault(data: Any) -> str:  # noqa: ANN401 - pydicom has no types
    """Why the stored values cannot be used, whatever the image is; empty where they can."""
    if "ModalityLUTSequence" in data:
        return "has a table of values (modality LUT), which is not read"
    bits, high = data.get("BitsStored"), data.get("HighBit")
    if bits is not None and high is not None and int(high) != int(bits) - 1:
        return (
            "keeps its values in other bits than the lowest (HighBit is not BitsStored - 1), which"
            " is not read"
        )
    return ""


def _frame(path: Path, number: int, groups: list[Any]) -> Frame | None:
    """One image; ``groups`` are the header of the frame, of all frames, of the file.

    Returns:
        None where it lies nowhere.
    """
    corner = _numbers(groups, "PlanePositionSequence", "ImagePositionPatient", 3)
    along = _numbers(groups, "PlaneOrientationSequence", "ImageOrientationPatient", 6)
    pixel = _numbers(groups, "PixelMeasuresSequence", "PixelSpacing", 2)
    if corner is None or along is None or pixel is None:
        return None
    apart, thick = (
        _numbers(groups, "PixelMeasuresSequence", one, 1)
        for one in ("SpacingBetweenSlices", "SliceThickness")
    )
    slope, intercept = scale_of(groups)
    thickness = next((abs(one[0]) for one in (apart, thick) if one is not None and one[0]), 0.0)
    return Frame(
        path,
        number,
        np.array(corner),
        np.array(along).reshape(2, 3),
        (pixel[1], pixel[0]),  # stored as the distance of rows, then of columns
        thickness,
        slope,
        intercept,
    )


def scale_of(groups: list[Any]) -> tuple[float, float]:
    """Slope and intercept of the values, from the nearest header that has them; else 1 and 0.

    Args:
        groups: the header of the frame, of all frames, of the file; None for one that is not there.

    Raises:
        ValueError: one of them is not a finite number.
    """
    found = []
    for name, default in (("RescaleSlope", 1.0), ("RescaleIntercept", 0.0)):
        value = _nearest(groups, "PixelValueTransformationSequence", name)
        number = default if value is None else float(value)
        if not math.isfinite(number):
            raise ValueError(name)
        found.append(number)
    return found[0], found[1]


def _numbers(groups: list[Any], sequence: str, name: str, count: int) -> list[float] | None:
    """An attribute from the nearest header that has it; None without one, or if not a number."""
    value = _nearest(groups, sequence, name)
    if value is None:
        return None
    found = [float(n) for n in ([value] if count == 1 else value)]
    return found if len(found) == count and all(map(math.isfinite, found)) else None


def _nearest(groups: list[Any], sequence: str, name: str) -> Any:  # noqa: ANN401 - as above
    for at, one in enumerate(groups):
        holder = one if at == len(groups) - 1 or one is None else first_of(one, sequence)
        value = None if holder is None else holder.get(name)
        if value is not None and value != "":
            return value
    return None


def first_of(data: Any, sequence: str) -> Any:  # noqa: ANN401 - pydicom has no types
    """The first entry of a sequence; None without one."""
    found = data.get(sequence)
    return found[0] if found else None
