"""Under any affine, no place moves by half a voxel: not into preparation, not back, not in files.

Three channels hold where each voxel is, in millimetres. So every voxel is a landmark: a prepared
pixel, or a voxel of a map that went back, says where it came from.
"""

import nibabel
import numpy as np
import pytest
from scipy.ndimage import binary_erosion

from bench.cards import Preparation
from bench.data.files import SubjectFiles
from bench.data.prepare.export import to_volume, write_volume
from bench.data.prepare.notes import SHEARED
from bench.data.prepare.subject import PreparationRequest, prepare_subject
from fakes.brain_files import CENTRE, is_inside, world

PREPARATION = Preparation(spacing_mm=(2, 2, 3), grid=(72, 72, 48), percentiles=(1, 99))
SIZE = 56  # pixels of 2.57 mm
FAR = 1000.0  # so that no place is 0, which is background


def rotation(degrees, seed):
    """About an axis that no one would choose."""
    axis = np.random.default_rng(seed).normal(size=3)
    axis /= np.linalg.norm(axis)
    cross = np.cross(np.eye(3), axis)
    angle = np.deg2rad(degrees)
    turn = np.cos(angle) * np.eye(3) + np.sin(angle) * cross
    return turn + (1 - np.cos(angle)) * np.outer(axis, axis)


def affine_of(matrix, voxel):
    """A grid of these axes around the brain, and how many voxels it has."""
    matrix = np.asarray(matrix, dtype=float) * np.asarray(voxel)
    corners = np.array(np.meshgrid(*[(-1, 1)] * 3)).reshape(3, -1) * 44
    reach = np.abs(np.linalg.inv(matrix) @ corners).max(axis=1)
    shape = tuple((2 * np.ceil(reach) + 3).astype(int))
    affine = np.eye(4)
    affine[:3, :3] = matrix
    affine[:3, 3] = CENTRE - matrix @ ((np.array(shape) - 1) / 2)
    return affine, shape


SHEAR = np.array([[1, 0, 0.1], [0, 1, 0.3], [0, 0, 1]])
CASES = {
    "canonical": (np.eye(3), (1.5, 1.5, 1.5)),
    "thick slices": (np.eye(3), (0.5, 0.5, 6)),
    "thick slices, axes LPS, turned": (rotation(17, 1) @ np.diag([-1, -1, 1]), (0.5, 0.5, 6)),
    "sagittal": (np.array([[0, 0, -1], [1, 0, 0], [0, -1, 0]]), (1, 1, 3)),
    "oblique": (rotation(31, 2), (1.2, 1, 2)),
    "oblique and mirrored": (rotation(38, 3) @ np.diag([1, -1, 1]), (1, 2, 1.5)),
    "tilted gantry": (SHEAR, (1, 1, 3)),
    "sheared, oblique, mirrored": (rotation(24, 4) @ np.diag([-1, 1, 1]) @ SHEAR, (1, 1.3, 2)),
}


def saved(path, values, affine, codes=(1, 1)):
    """As NIfTI with the given codes of sform and qform."""
    image = nibabel.Nifti1Image(values, None)
    # A qform cannot keep a shear: such files have a sform alone.
    image.set_sform(affine, codes[0])
    image.set_qform(affine, codes[1], strip_shears=True) if codes[1] else image.set_qform(None, 0)
    nibabel.save(image, path)
    return path


def subject(folder, matrix, voxel, codes=(1, 0), label=None):
    affine, shape = affine_of(matrix, voxel)
    mm = world(shape, affine)
    inside = is_inside(mm)
    paths = {
        name: saved(
            folder / f"{name}.nii.gz",
            np.where(inside, FAR + mm[n], 0).astype(np.float32),
            affine,
            codes,
        )
        for n, name in enumerate("XYZ")
    }
    labels = {}
    if label is not None:
        labels["label"] = saved(folder / "label.nii.gz", label(mm, inside), affine, codes)
    return SubjectFiles("toy", "s", paths, **labels), affine, mm, inside


def prepared_of(files, folder, **changes):
    request = PreparationRequest(["X", "Y", "Z"], PREPARATION, SIZE, **changes)
    return prepare_subject(files, request, folder / "cache")


def unscaled(images, mm, inside):
    """The millimetres that the prepared channels hold, (3, ...)."""
    found = []
    for channel in range(3):
        values = FAR + mm[channel][inside]
        low, high = np.percentile(values, PREPARATION.percentiles)
        found.append(images[:, channel] * (high - low) + low - FAR)
    return np.stack(found)


@pytest.mark.parametrize("case", CASES)
def test_no_place_moves_there_or_back(tmp_path, case):
    matrix, voxel = CASES[case]
    files, affine, mm, inside = subject(tmp_path, matrix, voxel)
    prepared = prepared_of(files, tmp_path)
    stack = [prepared.images[:, n] for n in range(3)]
    assert (SHEARED in prepared.notes) == ("sheared" in case or "tilted" in case)
    said = unscaled(prepared.images, mm, inside)

    # There: what a pixel holds against where the geometry says it is.
    deep = np.argwhere(binary_erosion(prepared.masks, iterations=4))[::11]
    index = deep[:, [1, 2, 0]].astype(float)
    index[:, 2] = prepared.geometry.slices[deep[:, 0]]
    places = prepared.geometry.affine[:3, :3] @ index.T + prepared.geometry.affine[:3, 3:]
    apart = said[:, deep[:, 0], deep[:, 1], deep[:, 2]] - places
    assert deep.shape[0] > 100
    assert np.abs(np.linalg.inv(affine[:3, :3]) @ apart).max() < 0.5  # voxels of the file
    assert np.abs(np.linalg.inv(prepared.geometry.affine[:3, :3]) @ apart).max() < 0.5

    # Back: the same channels as maps on the file's own grid, through a file.
    for channel, values in enumerate(stack):
        map_, where = to_volume(np.ascontiguousarray(values), prepared.masks, prepared.geometry)
        assert map_.shape == inside.shape
        path = tmp_path / f"map{channel}.nii.gz"
        write_volume(path, map_, like=files.paths["XYZ"[channel]])
        written = nibabel.load(path)
        np.testing.assert_allclose(written.affine, affine, atol=1e-4)
        stack[channel] = written.get_fdata()
        assert where[is_inside(mm, 0.7)].all()
    back = unscaled(np.stack(stack, axis=1)[:, :, None], mm, inside)[:, :, 0]
    # At the rim a mean is of one side only.
    apart = (back - mm)[:, is_inside(mm, 0.7)]
    assert np.abs(np.linalg.inv(affine[:3, :3]) @ apart).max() < 0.5


@pytest.mark.parametrize("codes", [(1, 0), (0, 1), (1, 1), (4, 2)])
def test_sform_and_qform_lead_to_the_same_place(tmp_path, codes):
    matrix, voxel = CASES["oblique"]
    made = []
    for name, one in (("a", (1, 0)), ("b", codes)):
        (tmp_path / name).mkdir()
        files, *_ = subject(tmp_path / name, matrix, voxel, one)
        made.append(prepared_of(files, tmp_path))
    np.testing.assert_allclose(made[0].geometry.affine, made[1].geometry.affine, atol=1e-3)
    # A qform keeps its turn as three numbers of float32: single pixels of the rim may differ.
    inner = binary_erosion(made[0].masks, iterations=2)
    for channel in range(3):
        one, other = (each.images[:, channel][inner] for each in made)
        np.testing.assert_allclose(one, other, atol=1e-3)


def small_lesions(mm, inside):
    """Balls of 0.8 to 4 mm radius, 18 mm apart, in file voxels; the smallest may miss them all."""
    label = np.zeros(mm.shape[1:], dtype=np.uint8)
    rng = np.random.default_rng(0)
    for offset in np.stack(np.meshgrid(*[(-18, 0, 18)] * 3), -1).reshape(-1, 3):
        centre = CENTRE + 0.8 * offset + rng.uniform(-2, 2, 3)
        apart = np.linalg.norm(mm - centre[:, None, None, None], axis=0)
        label |= ((apart <= rng.uniform(0.8, 4)) & inside).astype(np.uint8)
    return label


@pytest.mark.parametrize("case", CASES)
def test_small_lesions_keep_their_volume_or_are_counted_as_lost(tmp_path, case):
    files, affine, _, _ = subject(tmp_path, *CASES[case], label=small_lesions)
    truth = prepared_of(files, tmp_path, with_label=True).truth
    label = nibabel.load(files.label).get_fdata() > 0
    real_ml = label.sum() * abs(np.linalg.det(affine[:3, :3])) / 1000
    pixel_ml = truth.volume_kept_ml / truth.voxels_kept
    assert truth.volume_ml == pytest.approx(real_ml, rel=1e-5)
    assert truth.lesions > 12
    assert truth.lesions_kept == truth.lesions  # none is lost where all lie in the brain
    # A lesion is rounded to whole pixels, and to one at least.
    assert abs(truth.volume_kept_ml - real_ml) <= truth.lesions * pixel_ml
    assert truth.volume_kept_ml == pytest.approx(real_ml, rel=0.1)


def test_a_lesion_outside_the_brain_is_counted_as_lost(tmp_path):
    def label(mm, inside):
        above = CENTRE + np.array([0, 0, 34])
        far = np.linalg.norm(mm - above[:, None, None, None], axis=0) <= 3
        return (small_lesions(mm, inside).astype(bool) | far).astype(np.uint8)

    files, *_ = subject(tmp_path, *CASES["oblique"], label=label)
    truth = prepared_of(files, tmp_path, with_label=True).truth
    assert truth.lesions - truth.lesions_kept == 1
    assert truth.volume_kept_ml < truth.volume_ml
