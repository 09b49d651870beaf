import itertools

import cc3d
import nibabel
import numpy as np
import pytest

from bench.data.files import SubjectFiles
from bench.errors import DataError
from fakes.brain_files import (
    CENTRE,
    PREPARATION,
    RADII,
    ball,
    brain,
    is_inside,
    millimetres,
    prepare,
    stored_affine,
    subject,
    world,
    write,
)

# --- what the arrays are ----------------------------------------------------------------------


def test_shapes_types_and_background(tmp_path):
    prepared = prepare(subject(tmp_path, label=ball((10, 5, 3), 5)), tmp_path, size=32)
    count = len(prepared.images)
    assert prepared.images.shape == (count, 1, 32, 32)
    assert prepared.images.dtype == np.float32
    assert isinstance(prepared.images, np.memmap)
    assert not prepared.images.flags.writeable
    assert prepared.masks.shape == prepared.labels.shape == (count, 32, 32)
    assert prepared.masks.dtype == prepared.labels.dtype == prepared.image_labels.dtype == np.bool_
    assert prepared.image_labels.shape == (count,)
    assert (prepared.images[:, 0][~prepared.masks] == 0).all()
    assert prepared.geometry.spacing_mm == (3.0, 3.0, 2.0)
    np.testing.assert_array_equal(np.diff(prepared.geometry.slices), 1)


def test_percentiles_of_the_foreground_become_0_and_1_without_clipping(tmp_path):
    prepared = prepare(subject(tmp_path), tmp_path)
    values = prepared.images[:, 0][prepared.masks]
    np.testing.assert_allclose(np.percentile(values, [1, 99]), [0, 1], atol=0.02)
    assert values.min() < 0 < 1 < values.max()


def test_front_on_top_right_on_the_right_and_slices_upward(tmp_path):
    images = prepare(subject(tmp_path, axes="PSR"), tmp_path).images[:, 0]
    slices, rows, columns = (n // 2 for n in images.shape)
    assert images[slices, rows, columns + 8] > images[slices, rows, columns - 8]
    assert images[slices, rows - 8, columns] > images[slices, rows + 8, columns]
    assert images[slices + 8, rows, columns] > images[slices - 8, rows, columns]


@pytest.mark.parametrize("axes", ["LAS", "PSR", "IPL", "SRA"])
def test_the_stored_axes_change_nothing(tmp_path, axes):
    expected = prepare(subject(tmp_path / "a", label=ball((8, 4, 2), 4)), tmp_path)
    found = prepare(subject(tmp_path / "b", label=ball((8, 4, 2), 4), axes=axes), tmp_path)
    np.testing.assert_allclose(found.images, expected.images, atol=1e-4)
    np.testing.assert_array_equal(found.masks, expected.masks)
    np.testing.assert_array_equal(found.labels, expected.labels)


def test_only_this_subject_decides_and_scale_does_not_matter(tmp_path):
    expected = prepare(subject(tmp_path / "a"), tmp_path)
    brighter = subject(tmp_path / "b", field=lambda mm: 37 * brain(mm))
    np.testing.assert_allclose(prepare(brighter, tmp_path).images, expected.images, atol=1e-4)


@pytest.mark.parametrize("voxel", [(1, 1, 1), (2, 2, 2), (1.5, 1, 3)])
@pytest.mark.parametrize("size", [16, 48, 64])
def test_no_dark_rim_and_no_bright_one(tmp_path, voxel, size):
    field = lambda mm: np.where(is_inside(mm), 100 + (mm[0] > CENTRE[0]), 0)  # noqa: E731
    prepared = prepare(subject(tmp_path, field=field, voxel=voxel), tmp_path, size=size)
    values = prepared.images[:, 0][prepared.masks]
    assert values.min() >= -1e-5
    assert values.max() <= 1 + 1e-5


def test_the_given_mask_decides_not_the_skull(tmp_path):
    skull = lambda mm: np.where(is_inside(mm), brain(mm), 500 + mm[0])  # noqa: E731
    files = subject(tmp_path / "a", field=skull, mask=is_inside)
    expected = prepare(subject(tmp_path / "b"), tmp_path)
    found = prepare(files, tmp_path)
    np.testing.assert_array_equal(found.masks, expected.masks)
    np.testing.assert_allclose(found.images, expected.images, atol=1e-4)


def test_negative_values_are_foreground(tmp_path):
    files = subject(tmp_path, field=lambda mm: np.where(is_inside(mm), brain(mm) - 110, 0))
    assert prepare(files, tmp_path).masks.mean() == pytest.approx(
        prepare(subject(tmp_path / "b"), tmp_path).masks.mean(), rel=0.01
    )


def test_channels_keep_their_order_and_are_scaled_apart(tmp_path):
    files = subject(tmp_path, modalities=("T1", "T2"))
    write(files.paths["T2"], lambda mm: np.where(is_inside(mm), 300 - brain(mm), 0))
    both = prepare(files, tmp_path, channels=["T2", "T1"]).images
    np.testing.assert_array_equal(both[:, 1], prepare(files, tmp_path).images[:, 0])
    assert np.corrcoef(both[:, 0].ravel(), both[:, 1].ravel())[0, 1] < 0.9


# --- where things lie -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("axes", "tilt", "size"), [("RAS", 0, 48), ("PSR", 0, 64), ("LIA", 25, 40), ("ILP", -15, 24)]
)
def test_geometry_leads_a_pixel_back_to_the_input_voxel(tmp_path, axes, tilt, size):
    files = subject(tmp_path, axes=axes, tilt=tilt, voxel=(1, 1.5, 2))
    image = nibabel.load(files.paths["T1"])
    data = image.get_fdata(dtype=np.float32)
    deep = np.argwhere(is_inside(world(data.shape, image.affine), 0.5))
    marked = deep[len(deep) // 3]
    data[tuple(marked)] = 10000
    nibabel.save(nibabel.Nifti1Image(data, image.affine), files.paths["T1"])
    prepared = prepare(files, tmp_path, size=size)
    place, _, row, column = np.unravel_index(np.argmax(prepared.images), prepared.images.shape)
    # The brightest pixel, refined by the weights of its neighbours.
    window = [
        (p, r, c)
        for p, r, c in itertools.product(*[range(n - 2, n + 3) for n in (place, row, column)])
        if 0 <= p < len(prepared.images)
    ]
    weights = np.array([max(0, prepared.images[p, 0, r, c] - 2) for p, r, c in window])
    where = np.array([millimetres(prepared, r, c, p) for p, r, c in window])
    found = np.average(where, axis=0, weights=weights)
    back = np.linalg.inv(prepared.geometry.input_affine) @ [*found, 1]
    voxel_mm = np.linalg.norm(prepared.geometry.input_affine[:3, :3], axis=0)
    coarser = np.maximum(1, max(prepared.geometry.spacing_mm) / voxel_mm)
    assert (np.abs(back[:3] - marked) <= 0.5 * coarser).all()
    assert prepared.geometry.input_shape == data.shape
    np.testing.assert_allclose(prepared.geometry.input_affine, image.affine, atol=1e-5)


def test_geometry_is_exact_for_a_linear_field(tmp_path):
    """Each pixel's value says where it comes from."""
    for axis in range(3):
        field = lambda mm, n=axis: np.where(is_inside(mm), 500 + mm[n], 0)  # noqa: E731
        files = subject(tmp_path / str(axis), field=field, axes="PIL", voxel=(1, 1.5, 2))
        prepared = prepare(files, tmp_path, size=48)
        stored = nibabel.load(files.paths["T1"]).get_fdata()
        low, high = np.percentile(stored[stored != 0], [1, 99])
        deep = np.argwhere(prepared.masks)[::500]
        for place, row, column in deep:
            where = millimetres(prepared, row, column, place)
            if np.linalg.norm((where - CENTRE) / RADII) > 0.8:
                continue  # at the rim means are one-sided
            value = prepared.images[place, 0, row, column] * (high - low) + low - 500
            assert value == pytest.approx(where[axis], abs=0.05)


def test_the_centre_of_mass_is_the_centre_of_the_grid(tmp_path):
    prepared = prepare(subject(tmp_path, axes="PSR"), tmp_path)
    middle = prepared.geometry.affine @ [23.5, 23.5, 17.5, 1]
    np.testing.assert_allclose(middle[:3], CENTRE, atol=1e-6)


def test_a_brain_that_does_not_fit_is_refused_with_its_size(tmp_path):
    small = PREPARATION.model_copy(update={"grid": (30, 30, 30)})
    with pytest.raises(DataError, match=r"60 x 7\d x 5\d mm.*60 x 60 x 60 mm"):
        prepare(subject(tmp_path), tmp_path, preparation=small)


# --- labels -----------------------------------------------------------------------------------


def test_labels_lie_where_the_lesion_is(tmp_path):
    centre = np.array([12, -9, 6])
    files = subject(tmp_path, label=ball(centre, 6), axes="LIA", voxel=(1, 1, 1))
    prepared = prepare(files, tmp_path)
    found = np.mean(
        [millimetres(prepared, r, c, s) for s, r, c in np.argwhere(prepared.labels)], axis=0
    )
    # Half a voxel for rounding, and as much for the mean over a ball of few pixels.
    np.testing.assert_allclose(found, CENTRE + centre, atol=1)
    np.testing.assert_array_equal(prepared.image_labels, prepared.labels.any(axis=(1, 2)))


def test_image_labels_are_taken_before_resizing(tmp_path):
    files = subject(tmp_path, label=ball((3, 3, 1), 1.9))
    sizes = [prepare(files, tmp_path, size=size) for size in (16, 48)]
    np.testing.assert_array_equal(sizes[0].image_labels, sizes[1].image_labels)
    assert sizes[0].image_labels.any()
    assert sizes[0].labels.sum() < sizes[1].labels.sum()


def test_the_kept_slices_do_not_depend_on_the_size(tmp_path):
    files = subject(tmp_path)
    kept = [prepare(files, tmp_path, size=size).geometry.slices for size in (16, 33, 64)]
    np.testing.assert_array_equal(kept[0], kept[1])
    np.testing.assert_array_equal(kept[0], kept[2])
    share = PREPARATION.min_foreground
    full = prepare(files, tmp_path).masks.mean(axis=(1, 2))
    assert full[0] >= share
    assert full[-1] >= share


def test_lesion_free_drops_every_slice_that_a_lesion_touches(tmp_path):
    files = subject(tmp_path, label=ball((5, 5, 2), 5), voxel=(1, 1, 1))
    whole = prepare(files, tmp_path)
    free = prepare(files, tmp_path, lesion_free=True, with_label=False)
    assert free.labels is None
    assert not free.image_labels.any()
    kept = set(free.geometry.slices)
    lesion = set(whole.geometry.slices[whole.image_labels])
    assert kept
    assert not kept & (lesion | {n + 1 for n in lesion} | {n - 1 for n in lesion})
    same = np.isin(whole.geometry.slices, free.geometry.slices)
    np.testing.assert_array_equal(free.images, whole.images[same])


def test_a_lesion_between_two_slices_is_not_called_normal(tmp_path):
    """One voxel thick where the grid takes every other: the label there is empty."""
    files = subject(tmp_path, label=ball((0, 0, 1), 20), voxel=(1, 1, 1))
    image = nibabel.load(files.label)
    thin = image.get_fdata()
    layers = np.flatnonzero(thin.any(axis=(0, 1)))
    for layer in layers[:2]:
        one = np.zeros_like(thin, dtype=np.uint8)
        one[:, :, layer] = thin[:, :, layers[len(layers) // 2]]
        nibabel.save(nibabel.Nifti1Image(one, image.affine), files.label)
        free = prepare(files, tmp_path, lesion_free=True, with_label=False)
        position = (image.affine @ [0, 0, layer, 1])[2]
        heights = [millimetres(free, 0, 0, k)[2] for k in range(len(free.images))]
        assert np.abs(np.array(heights) - position).min() >= 2


def test_without_labels_nothing_is_a_lesion(tmp_path):
    files = subject(tmp_path, label=ball((5, 5, 2), 5))
    prepared = prepare(files, tmp_path, with_label=False)
    assert prepared.labels is None
    assert not prepared.image_labels.any()


# --- refusals ---------------------------------------------------------------------------------


def test_a_missing_modality_or_label_is_named(tmp_path):
    files = subject(tmp_path)
    with pytest.raises(DataError, match="no FLAIR, no label"):
        prepare(files, tmp_path, channels=["T1", "FLAIR"], with_label=True)


def test_channels_on_two_grids_are_refused(tmp_path):
    files = subject(tmp_path, modalities=("T1", "T2"))
    write(files.paths["T2"], voxel=(1, 2, 2))
    with pytest.raises(DataError, match="another grid"):
        prepare(files, tmp_path, channels=["T1", "T2"])


def test_empty_mask_constant_image_and_thin_brain_are_refused(tmp_path):
    empty = subject(tmp_path / "a", mask=lambda mm: 0 * mm[0])
    with pytest.raises(DataError, match=r"mask .* is empty"):
        prepare(empty, tmp_path)
    with pytest.raises(DataError, match="constant"):
        prepare(subject(tmp_path / "b", field=is_inside), tmp_path)
    thin = subject(tmp_path / "c", field=lambda mm: brain(mm) * is_inside(mm, 0.1))
    with pytest.raises(DataError, match="no slice"):
        prepare(thin, tmp_path)


# --- real volumes -----------------------------------------------------------------------------


def test_real_lesions_are_bright_on_flair_and_dark_on_t1(shared_data, tmp_path):
    folder = shared_data / "mslub/cross_sectional/MNI/patient19"
    label = next(folder.glob("GOLD*"))
    images = {m: next(folder.glob(f"{m}_*")) for m in ("T1", "FLAIR")}
    files = SubjectFiles("mslub", "19", images, label=label)
    grid = PREPARATION.model_copy(update={"spacing_mm": (1, 1, 2), "grid": (224, 224, 90)})
    prepared = prepare(files, tmp_path, channels=["T1", "FLAIR"], preparation=grid, size=112)
    lesion = prepared.labels & prepared.masks
    normal = ~prepared.labels & prepared.masks
    t1, flair = prepared.images[:, 0], prepared.images[:, 1]
    assert flair[lesion].mean() > flair[normal].mean() + 0.2
    assert np.percentile(flair[lesion], 50) > np.percentile(flair[normal], 95)
    assert t1[lesion].mean() < t1[normal].mean() + 0.1
    voxels = np.count_nonzero(nibabel.load(label).get_fdata())
    assert lesion.sum() * np.prod(prepared.geometry.spacing_mm) == pytest.approx(voxels, rel=0.1)


def test_real_label_goes_there_and_back(shared_data, tmp_path):
    """Lesion pixels lead to lesion voxels of the file's own array."""
    folder = shared_data / "mslub/cross_sectional/MNI/patient07"
    label = next(folder.glob("GOLD*"))
    files = SubjectFiles("mslub", "07", {"T1": next(folder.glob("T1_*"))}, label=label)
    grid = PREPARATION.model_copy(update={"spacing_mm": (1, 1, 2), "grid": (224, 224, 90)})
    prepared = prepare(files, tmp_path, preparation=grid, size=128)
    stored = nibabel.load(label).get_fdata()
    for place, row, column in np.argwhere(prepared.labels):
        index = [*millimetres(prepared, row, column, place), 1]
        voxel = np.linalg.inv(prepared.geometry.input_affine) @ index
        # A prepared pixel is larger than a voxel: it has part of a lesion somewhere in it.
        half = np.abs(np.linalg.inv(prepared.geometry.input_affine)[:3, :3]) @ [0.876, 0.876, 1.001]
        low, high = np.floor(voxel[:3] - half + 0.5), np.floor(voxel[:3] + half + 0.5)
        box = tuple(slice(int(a), int(b) + 1) for a, b in zip(low, high, strict=True))
        assert stored[box].any()
    truth = prepared.truth
    assert truth.lesions == cc3d.connected_components(stored > 0, connectivity=26).max()
    assert truth.lesions_kept == truth.lesions
    assert truth.voxels == np.count_nonzero(stored)
    assert truth.volume_ml == pytest.approx(truth.voxels / 1000)
    assert truth.volume_kept_ml == pytest.approx(truth.volume_ml, rel=0.05)


def test_grid_helpers_agree():
    affine = stored_affine((10, 12, 14), axes="PSR")
    np.testing.assert_allclose((affine @ [4.5, 5.5, 6.5, 1])[:3], CENTRE)
