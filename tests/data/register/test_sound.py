"""Files that cannot be registered: each is said in plain words, and none ends the others' work."""

import nibabel
import numpy as np
import pytest

from bench.data.files import SubjectFiles
from bench.data.read.volumes import read_volume
from bench.errors import DataError

sitk = pytest.importorskip("SimpleITK")

from bench.data.register.affine import Template  # noqa: E402 - it needs SimpleITK
from bench.data.register.sound import require_covered  # noqa: E402
from bench.data.register.subject import Steps, register_subject  # noqa: E402

SHAPE = (30, 36, 28)
AFFINE = np.diag([6.0, 6, 6, 1])
AFFINE[:3, 3] = -90


def saved(path, values, affine=AFFINE):
    nibabel.save(nibabel.Nifti1Image(values, affine), path)
    return path


def ball():
    index = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij")).astype(float)
    return np.linalg.norm(index - 14, axis=0) < 10  # 0.9 litres


def image():
    return (np.random.default_rng(0).random(SHAPE) + ball()).astype(np.float32)


def refused(folder, said, values, affine=AFFINE, mask=None):
    path = saved(folder / "T1.nii.gz", values, affine)
    files = SubjectFiles("toy", "s", {"T1": path}, mask=mask)
    with pytest.raises(DataError, match=said):
        register_subject(files, folder / "out", "key", Steps(4))


def test_an_empty_or_tiny_mask_is_no_brain(tmp_path):
    mask = np.zeros(SHAPE, np.uint8)
    for count, said in ((0, "has 0 voxels, 0 ml"), (2, "has 2 voxels, 0.432 ml")):
        mask[:count, 0, 0] = 1
        path = saved(tmp_path / "mask.nii.gz", mask)
        refused(tmp_path, rf"brain mask \(given\) of .*T1\.nii\.gz {said}", image(), mask=path)


def test_an_image_without_contrast_is_refused(tmp_path):
    refused(tmp_path, "is 100 everywhere in its brain", ball() * np.float32(100))


def test_a_slice_is_no_head(tmp_path):
    refused(tmp_path, "has 30 x 36 x 3 voxels, expected 4 or more", image()[:, :, :3])


def test_centimetres_taken_for_millimetres_are_no_head(tmp_path):
    turned = np.diag([10.0, 10, 10, 1]) @ AFFINE
    refused(tmp_path, "spans 1800 x 2160 x 1680 mm, expected a head", image(), turned)


def test_an_image_that_lies_elsewhere_is_not_registered_as_empty(tmp_path):
    """It would be 0 in the whole brain, without a word."""
    template = Template.load(4)
    first = read_volume(saved(tmp_path / "T1.nii.gz", image()))
    away = AFFINE.copy()
    away[2, 3] += 5000
    other = read_volume(saved(tmp_path / "T2.nii.gz", image(), away))
    same = sitk.Transform(3, sitk.sitkIdentity)
    require_covered(first, first, same, template, template.mask)
    said = r"T2\.nii\.gz covers 0 % of the brain, by the header of .*T1\.nii\.gz"
    with pytest.raises(DataError, match=said):
        require_covered(other, first, same, template, template.mask)
    with pytest.raises(DataError, match=r"nothing of the brain of .*T1\.nii\.gz lies where"):
        require_covered(first, first, same, template, np.zeros_like(template.mask))
