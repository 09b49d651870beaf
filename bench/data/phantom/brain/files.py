"""One subject of the phantom as the bytes of NIfTI files."""

from __future__ import annotations

import gzip

import numpy as np
import numpy.typing as npt
from nibabel.nifti1 import Nifti1Image

from bench.data.phantom.brain.anatomy import build_anatomy, node_places
from bench.data.phantom.brain.contrast import scan
from bench.data.phantom.brain.fields import AFFINE, BoolArray, FloatArray
from bench.data.phantom.brain.glioma import glioma, plan_mass
from bench.data.phantom.brain.lesions import no_lesions
from bench.data.phantom.brain.ms import ms_lesions
from bench.data.phantom.brain.subjects import PhantomSubject

# Scanner units per stored step. Coarse against the last digits in which CPUs differ, fine
# against the noise (at least 2 units).
_STEP = 0.25


def volumes(subject: PhantomSubject) -> tuple[bytes, bytes, bytes]:
    """Make one subject.

    Returns:
        Gzipped NIfTI files: T1, T2 (int16 with a scale factor of 0.25, more than 0 in the brain,
        exactly 0 outside) and lesion label (uint8, 0 or 1).
    """
    places = node_places(subject.name)
    if subject.kind == "glioma":
        mass = plan_mass(subject, places)
        anatomy = build_anatomy(subject.name, places, mass.origin_of)
        lesions = glioma(subject.name, mass, anatomy)
    else:
        anatomy = build_anatomy(subject.name, places)
        lesions = ms_lesions(subject, anatomy) if subject.kind == "ms" else no_lesions()
    t1, t2 = (scan(subject.name, modality, anatomy, lesions) for modality in ("T1", "T2"))
    return (
        _image(t1, anatomy.brain),
        _image(t2, anatomy.brain),
        _nifti(lesions.label.astype(np.uint8), scale=1),
    )


def _image(volume: FloatArray, brain: BoolArray) -> bytes:
    steps = np.clip(np.rint(volume / _STEP), 1, np.iinfo(np.int16).max)
    return _nifti(np.where(brain, steps, 0).astype(np.int16), scale=_STEP)


def _nifti(array: npt.NDArray[np.integer], scale: float) -> bytes:
    """The same bytes for the same array: no time stamp, no file name in them."""
    image = Nifti1Image(array, AFFINE)  # type: ignore[no-untyped-call]
    image.header.set_xyzt_units("mm")  # type: ignore[no-untyped-call]
    image.header.set_slope_inter(scale, 0)  # type: ignore[no-untyped-call]
    return gzip.compress(image.to_bytes(), compresslevel=1, mtime=0)
