"""Headers that nibabel repairs or overlooks without a word, and that no reader should guess at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nibabel.analyze import AnalyzeImage
from nibabel.freesurfer.mghformat import MGHImage
from nibabel.nifti1 import Nifti1Image, Nifti1Pair
from nibabel.openers import ImageOpener

from bench.errors import DataError

# NIfTI-1, field xyzt_units, its lower three bits; 2 are millimetres, 0 is unknown.
_OTHER_UNITS = {1: "metres", 3: "micrometres"}
# Version, four sizes, type and dof stand before FreeSurfer's goodRASFlag.
_FLAG_AT = 28


def require_usable(path: Path, image: Any, *, has_matrix: bool) -> None:  # noqa: ANN401
    """Refuse a header whose geometry would be a guess.

    Args:
        path: the file, for messages.
        image: of nibabel, its values not read yet.
        has_matrix: SPM's matrix is beside it, which counts instead of the header.

    Raises:
        DataError: no size of the voxels, lengths in another unit, or voxels within the header.
    """
    if isinstance(image, MGHImage):
        _require_place(path, image)
    if isinstance(image, AnalyzeImage) and not has_matrix:
        _require_size(path, image)
    if isinstance(image, Nifti1Pair):
        _require_millimetres(path, image)
    if isinstance(image, Nifti1Image):
        _require_offset(path, image)


def _require_place(path: Path, image: Any) -> None:  # noqa: ANN401 - nibabel has no types
    with ImageOpener(image.file_map["image"].filename) as file:
        flag = file.read(_FLAG_AT + 2)[_FLAG_AT:]
    if not any(flag):
        raise DataError(
            f"the header of {path} does not say where its voxels lie and how large they are"
            " (goodRASFlag is 0)",
            hint="write it again from the original, for example with mri_convert",
        )


def _require_size(path: Path, image: Any) -> None:  # noqa: ANN401 - nibabel has no types
    """Refuse voxels of no size, of which nibabel makes 1 mm."""
    where = image.file_map.get("header") or image.file_map["image"]
    with ImageOpener(where.filename) as file:
        stored = type(image.header).from_fileobj(file, check=False)
    if "sform_code" in stored and int(stored["sform_code"]) > 0:
        return  # it says the sizes itself
    sizes = [float(one) for one in stored["pixdim"][1:4]]
    if 0 in sizes:
        raise DataError(
            f"the header of {path} says voxels of {' x '.join(f'{one:g}' for one in sizes)} mm,"
            " expected sizes above 0",
            hint="repair the header (pixdim) from the scanner's export",
        )


def _require_millimetres(path: Path, image: Any) -> None:  # noqa: ANN401 - nibabel has no types
    unit = _OTHER_UNITS.get(int(image.header["xyzt_units"]) & 7)
    if unit is not None:
        raise DataError(
            f"the header of {path} counts lengths in {unit}, expected millimetres",
            hint="convert the affine to millimetres; if it is in millimetres already, say so with"
            " nibabel: image.header.set_xyzt_units('mm')",
        )


def _require_offset(path: Path, image: Any) -> None:  # noqa: ANN401 - nibabel has no types
    offset, size = int(image.dataobj.offset), int(image.header.sizeof_hdr)
    if offset < size:
        raise DataError(
            f"the header of {path} says that the voxels begin at byte {offset}, which is within"
            f" the header of {size} bytes",
            hint="repair the header (vox_offset), or convert the original again",
        )
