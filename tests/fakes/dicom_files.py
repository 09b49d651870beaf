"""DICOM series for tests, with names and dates of a patient that nobody may see again."""

from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    MRImageStorage,
    RLELossless,
    generate_uid,
)

NAME, PATIENT, BORN = "Muster^Erika", "PID-ZK4711QX", "19640812"
SECRETS = ("Muster", "Erika", "ZK4711QX", "19640812", "Spital", "Dr^Who")


def header(series, *, number=1, description="T1 MPRAGE", storage=MRImageStorage):
    data = Dataset()
    data.SOPClassUID, data.SOPInstanceUID = storage, generate_uid()
    data.SeriesInstanceUID, data.SeriesNumber = series, number
    data.SeriesDescription, data.Modality = description, "MR"
    data.PatientName, data.PatientID, data.PatientBirthDate = NAME, PATIENT, BORN
    data.InstitutionName, data.ReferringPhysicianName = "Spital", "Dr^Who"
    data.ImageType = ["ORIGINAL", "PRIMARY", "M"]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = 16
    data.HighBit, data.PixelRepresentation = 15, 1
    return data


def save(data, path: Path):
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = data.SOPClassUID
    meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = FileDataset(str(path), data, file_meta=meta, preamble=b"\0" * 128)
    whole.save_as(path, enforce_file_format=True)
    return path


def _place(affine, k):
    """Corner, directions and spacing of a slice; the affine is RAS, DICOM is LPS."""
    lps = np.diag([-1.0, -1, 1, 1]) @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    along = lps[:3, :2] / spacing[:2]
    corner = lps[:3, 3] + k * lps[:3, 2]
    return corner.tolist(), along.T.ravel().tolist(), spacing


def series(folder: Path, values, affine, *, slope=1.0, intercept=0.0, name="IM{:04d}", **options):
    """Write (I, J, K) int16 as a file per slice; their names do not follow their positions."""
    count = values.shape[2]
    assert count % 7, "the names would not differ"
    uid, slopes = generate_uid(), np.broadcast_to(slope, count)
    paths = []
    for k in range(count):
        data = header(uid, **options)
        corner, along, spacing = _place(affine, k)
        data.ImagePositionPatient, data.ImageOrientationPatient = corner, along
        data.PixelSpacing = [spacing[1], spacing[0]]
        data.SliceThickness = spacing[2]
        data.RescaleSlope, data.RescaleIntercept = float(slopes[k]), intercept
        data.Columns, data.Rows = values.shape[:2]
        data.PixelData = values[:, :, k].T.astype("<i2").tobytes()
        paths.append(save(data, folder / name.format((k * 7) % count)))
    return sorted(paths)


def multi_frame(path: Path, values, affine, *, slope=1.0, intercept=0.0, order=None):
    """Write (I, J, K) int16 as one enhanced file, its frames in any order."""
    order = range(values.shape[2]) if order is None else order
    data = header(generate_uid(), storage=EnhancedMRImageStorage)
    data.Columns, data.Rows, data.NumberOfFrames = *values.shape[:2], values.shape[2]
    _, along, spacing = _place(affine, 0)
    shared, measures, turned, scale = Dataset(), Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [spacing[1], spacing[0]], spacing[2]
    turned.ImageOrientationPatient = along
    scale.RescaleSlope, scale.RescaleIntercept = slope, intercept
    shared.PixelMeasuresSequence = Sequence([measures])
    shared.PlaneOrientationSequence = Sequence([turned])
    shared.PixelValueTransformationSequence = Sequence([scale])
    data.SharedFunctionalGroupsSequence = Sequence([shared])
    frames = []
    for k in order:
        one, place = Dataset(), Dataset()
        place.ImagePositionPatient = _place(affine, k)[0]
        one.PlanePositionSequence = Sequence([place])
        frames.append(one)
    data.PerFrameFunctionalGroupsSequence = Sequence(frames)
    data.PixelData = b"".join(values[:, :, k].T.astype("<i2").tobytes() for k in order)
    return save(data, path)


def picture(path: Path, stored, kind="MONOCHROME2", **tags):
    """Write (H, W) or (H, W, 3) uint8 or int16 as an image that lies nowhere, like an X-ray's."""
    data = header(generate_uid())
    data.PhotometricInterpretation = kind
    data.Rows, data.Columns = stored.shape[:2]
    data.BitsAllocated = data.BitsStored = 8 * stored.dtype.itemsize
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, int(stored.dtype.kind == "i")
    if stored.ndim == 3:
        data.SamplesPerPixel, data.PlanarConfiguration = 3, 0
    data.PixelData = stored.tobytes() + b"\0" * (stored.nbytes % 2)
    for name, value in tags.items():
        setattr(data, name, value)
    return save(data, path)


def packed(path: Path):
    """Compress an image by runs (RLE), without loss."""
    data = dcmread(path)
    data.compress(RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
    data.save_as(path)
    return path
