"""A run and a prediction on DICOM and NRRD, from the command line; nobody's name goes anywhere."""

import nibabel
import numpy as np
import pytest

from bench.data.read.volumes import open_volume
from fakes import tiny
from fakes.here import Here

pytest.importorskip("pydicom")
sitk = pytest.importorskip("SimpleITK")
from fakes import dicom_files  # noqa: E402 - it needs pydicom

SECRETS = dicom_files.SECRETS


def test_dicom_from_files_to_maps(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    here = Here(monkeypatch)
    root = tiny.make_volumes(tmp_path / "data")
    for path in sorted(root.glob("*/T1.nii.gz")):
        volume = nibabel.load(path)
        values = np.round(volume.get_fdata()).astype(np.int16)
        dicom_files.series(path.parent / "T1", values, volume.affine)
        path.unlink()
    tiny.write_card(tmp_path)
    card = tmp_path / "datasets" / "tiny.toml"
    card.write_text(card.read_text().replace("{subject}/T1.nii.gz", "{subject}/T1/*"))

    def call(*arguments):
        done = here(tmp_path, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    data = ("--data-dir", "data")
    said = call("run", "-m", "gaussian", "-t", "tiny/t1", "-b", "smoke", "-j", "1", *data)
    given = str(root / "p1" / "T1")
    said += call("predict", "--cell", "tiny/t1:gaussian", given, "--out", "out")

    (map_,) = (tmp_path / "out").glob("*_map.nii.gz")
    first = sorted((root / "p1" / "T1").iterdir())[0]
    assert np.allclose(nibabel.load(map_).affine, open_volume(first).affine, atol=1e-4)
    _write_nrrd(first, tmp_path / "p1.nrrd")
    call("predict", "--cell", "tiny/t1:gaussian", "p1.nrrd", "--out", "itk")
    again = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "itk" / "p1_map.nrrd")))
    assert np.allclose(again.transpose(2, 1, 0), nibabel.load(map_).get_fdata(), atol=1e-4)

    for folder in ("results", "cache", "out"):
        for path in (tmp_path / folder).rglob("*"):
            text = str(path).encode() + (path.read_bytes() if path.is_file() else b"")
            assert not [one for one in SECRETS if one.encode() in text], path
    assert not [one for one in SECRETS if one in said]


def _write_nrrd(series, path):
    """The same volume as NRRD; the direction of its slices is ITK's."""
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(series.parent))
    image = sitk.Image(sitk.ReadImage(names))
    for key in image.GetMetaDataKeys():
        image.EraseMetaData(key)
    sitk.WriteImage(image, str(path))
