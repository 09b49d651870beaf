"""Volumes that nibabel reads: NIfTI, Analyze, FreeSurfer, MINC, AFNI, PAR/REC."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt
from nibabel.analyze import AnalyzeImage
from nibabel.arrayproxy import ArrayProxy
from nibabel.brikhead import AFNIImage
from nibabel.nifti1 import Nifti1Header, Nifti1Pair
from nibabel.openers import ImageOpener
from nibabel.parrec import PARRECImage
from nibabel.spatialimages import SpatialImage
from nibabel.spm99analyze import Spm99AnalyzeImage
from nibabel.tripwire import TripWireError

from bench.data.arrays import FloatArray
from bench.data.read.damage import AGAIN, require_promise
from bench.data.read.grids import GRID_TOLERANCE_VOXELS, farthest
from bench.data.read.nifti_header import require_usable
from bench.errors import DataError, an

_PAR_REC = (".par", ".rec")
_PACKED = (".gz", ".bz2", ".zst")


class NibabelVolume:
    """A volume of nibabel's; see `bench.data.read.contract.OpenVolume`."""

    def __init__(self, path: Path, image: SpatialImage) -> None:
        self._path, self._image = path, image

    @property
    def shape(self) -> tuple[int, int, int]:
        """(I, J, K)."""
        i, j, k = self._image.shape[:3]
        return int(i), int(j), int(k)

    @property
    def channels(self) -> int:
        """Product of all further axes."""
        return int(np.prod(self._image.shape[3:], dtype=np.int64))

    @property
    def affine(self) -> npt.NDArray[np.float64] | None:
        """As nibabel chooses it: sform before qform."""
        affine = self._image.affine
        return None if affine is None else np.asarray(affine, dtype=np.float64)

    @property
    def oriented(self) -> bool:
        """Whether one of the codes is set; of other formats, all but plain Analyze say it."""
        header: Any = self._image.header
        if isinstance(self._image, Nifti1Pair):
            return any(int(header[name]) > 0 for name in ("sform_code", "qform_code"))
        return not isinstance(self._image, AnalyzeImage) or _has_matrix(self._image)

    @property
    def nifti_header(self) -> Nifti1Header | None:
        """The header of a NIfTI file or pair."""
        return self._image.header if isinstance(self._image, Nifti1Pair) else None

    def slabs(self, thick: int) -> Iterator[tuple[int, FloatArray]]:
        """Scaled values; the file is unpacked once, in order, and to its end.

        There stands the checksum of a packed file, which is compared only by who reads so far.
        """
        size = self.shape[2]
        with _opened(self._image) as (values, file):
            for start in range(0, size, thick):
                part = slice(start, min(start + thick, size))
                where = (slice(None), slice(None), part, *[0] * (len(self._image.shape) - 3))
                yield start, np.asarray(values[where], dtype=np.float32)
            if file is not None:
                self._require_end(_rest_of(file))

    def _require_end(self, rest: int) -> None:
        """Refuse a file with more voxels than its header says: some of them would be dropped.

        Raises:
            DataError: a whole slice or more is left; less is what some writers pad with.
        """
        one = math.prod(self.shape[:2]) * _itemsize(self._image)
        if isinstance(self._image, AnalyzeImage) and rest >= one:  # FreeSurfer's files have a tail
            raise DataError(
                f"{self._path} holds {rest} bytes behind the {' x '.join(map(str, self.shape))}"
                f" voxels of its header, {rest / one:.4g} times as many as a slice has",
                hint="the header has too few slices, or another type of values than the file:"
                " convert the original again",
            )


def open_volume(path: Path) -> NibabelVolume:
    """Read the header; see `bench.data.read.contract.VolumeReader`."""
    # Not mapped, because pages of a map count as memory in use. Kept open, so that a compressed
    # file of the formats that only nibabel opens is not unpacked from the start for each slab.
    options = {} if path.name.lower().endswith(_PAR_REC) else {"keep_file_open": True}
    try:
        image: Any = nibabel.load(path, mmap=False, **options)
    except (ModuleNotFoundError, TripWireError) as error:
        needed = error.name if isinstance(error, ModuleNotFoundError) else "backports.zstd"
        raise DataError(
            f"{path} can only be read with {needed}, which is not installed",
            hint=f"pip install {needed}, or convert the file to .nii.gz",
        ) from error
    if not isinstance(image, SpatialImage):
        raise DataError(f"{path} is {an(type(image).__name__)}, expected a volume", hint=AGAIN)
    if len(image.shape) < 3:
        raise DataError(
            f"{path} has shape {image.shape}, expected a volume of three axes", hint=AGAIN
        )
    kind = image.get_data_dtype().kind
    if kind not in "iufb":
        raise DataError(
            f"{path} holds {image.get_data_dtype()} values, expected grey ones", hint=AGAIN
        )
    require_usable(path, image, has_matrix=_has_matrix(image))
    if isinstance(image, AnalyzeImage):  # and its children: NIfTI, SPM
        stored: Any = image.file_map["image"].filename
        itemsize = _itemsize(image)
        require_promise(Path(stored), math.prod(int(one) for one in image.shape) * itemsize)
    if isinstance(image, Nifti1Pair):
        _require_one_space(path, image)
    return NibabelVolume(path, image)


@contextmanager
def _opened(image: Any) -> Iterator[tuple[Any, ImageOpener | None]]:  # noqa: ANN401
    """The array of an image, and the file it comes from; None where only nibabel can open it."""
    proxy = image.dataobj
    if type(proxy) is not ArrayProxy:
        yield proxy, None
        stored = image.file_map["image"].filename
        if stored.lower().endswith(_PACKED):
            with ImageOpener(stored) as file:
                _rest_of(file)  # for the checksum
        return
    spec = proxy.shape, proxy.dtype, proxy.offset, proxy.slope, proxy.inter
    with ImageOpener(proxy.file_like) as file:
        yield ArrayProxy(file, spec, mmap=False, order=proxy.order), file  # type: ignore[no-untyped-call]


def _rest_of(file: ImageOpener) -> int:
    """Bytes from here to the end of a file."""
    count = 0
    while part := file.read(2**20):
        count += len(part)
    return count


def _has_matrix(image: Any) -> bool:  # noqa: ANN401 - nibabel has no types
    """Whether SPM's matrix is beside an Analyze pair."""
    matrix = image.file_map.get("mat")
    return matrix is not None and Path(matrix.filename).is_file()


def _itemsize(image: Any) -> int:  # noqa: ANN401 - nibabel has no types
    return int(image.get_data_dtype().itemsize)


def _require_one_space(path: Path, image: Any) -> None:  # noqa: ANN401 - nibabel has no types
    """Refuse a header whose two affines disagree: no reader can know which one was meant."""
    header = image.header
    if not (header["sform_code"] and header["qform_code"]):
        return
    repair = (
        "find out which one is right (`bench data show` draws the sform), and write it to both with"
        " nibabel: image.set_sform(A, 1), image.set_qform(A, 1)"
    )
    sform, qform = header.get_sform(), header.get_qform()
    apart = farthest(sform - qform, image.shape[:3])
    voxel = float(np.linalg.norm(sform[:3, :3], axis=0).min())
    if not apart <= GRID_TOLERANCE_VOXELS * voxel:
        raise DataError(
            f"the sform and the qform of {path} differ by up to {apart:.3g} mm: the sform maps"
            f" voxel 0, 0, 0 to {_point(sform)} with axes {_axes(sform)}, the qform to"
            f" {_point(qform)} with axes {_axes(qform)}",
            hint=repair,
        )


def _point(affine: npt.NDArray[np.float64]) -> str:
    return "(" + ", ".join(f"{one:.4g}" for one in affine[:3, 3]) + ")"


def _axes(affine: npt.NDArray[np.float64]) -> str:
    return "".join(one or "?" for one in nibabel.aff2axcodes(affine))  # type: ignore[no-untyped-call]


def files_beside(path: Path) -> tuple[Path, ...]:
    """The files that nibabel opens for a header or for the voxels of a pair, without ``path``.

    Raises:
        DataError: one of them is missing.
    """
    # SPM's matrix beside a pair replaces its affine, but few pairs have one.
    kind: Any = Spm99AnalyzeImage
    if path.name.lower().endswith(_PAR_REC):
        kind = PARRECImage
    elif not path.name.lower().removesuffix(".gz").endswith((".hdr", ".img")):
        kind = AFNIImage
    found = {role: Path(one.filename) for role, one in kind.filespec_to_file_map(path).items()}
    matrix = found.pop("mat", None)
    others = [one for one in found.values() if one.name != path.name]
    for other in others:
        if not other.is_file():
            raise DataError(
                f"{path} needs {other.name} beside it, which does not exist",
                hint="copy both files of the pair, or convert it to one file: .nii.gz",
            )
    return tuple(sorted([*others, *([matrix] if matrix is not None and matrix.is_file() else [])]))
