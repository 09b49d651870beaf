import numpy as np
import pytest

from bench.detector import Images, NormalImages
from bench.errors import MethodError
from fakes.method_samples import ellipse, images_to_test, normal_images, small_run
from methods.classical import pca
from methods.classical.pca import Pca, bounding_box, principal_components

CONFIG = {"components": 4, "residual": "signed"}


def full_images(count, rank=4, seed=0, noise=0.0):
    """Images without background, so that framing leaves them, from a space of known rank."""
    generator = np.random.default_rng(seed)
    basis = np.random.default_rng(7).normal(size=(rank, 1, 16, 16)) / 4
    weights = generator.normal(size=(count, rank)) * np.arange(rank, 0, -1)
    images = np.tensordot(weights, basis, axes=1) + 0.5
    images += noise * generator.normal(size=images.shape)
    return NormalImages(images.astype(np.float32), np.ones((count, 16, 16), dtype=bool))


def fitted(normal, folder, **config):
    detector = Pca(CONFIG | config)
    detector.fit(normal, small_run(folder))
    return detector


def exact(normal, count):
    rows = normal.images.reshape(len(normal), -1).astype(np.float64)
    _, _, components = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    return rows.mean(axis=0), components[:count]


def test_components_are_those_of_the_full_decomposition():
    normal = full_images(60, noise=0.01)
    mean, components = principal_components(normal, 4)
    expected_mean, expected = exact(normal, 4)
    assert mean == pytest.approx(expected_mean, abs=1e-5)
    assert components @ components.T == pytest.approx(np.eye(4), abs=1e-5)
    assert components.T @ components == pytest.approx(expected.T @ expected, abs=1e-3)


def test_batches_give_nearly_the_components_of_all_images(monkeypatch):
    normal = full_images(90, noise=0.01)
    monkeypatch.setattr(pca, "BATCH", 20)
    mean, components = principal_components(normal, 4)
    expected_mean, expected = exact(normal, 4)
    assert mean == pytest.approx(expected_mean, abs=1e-5)
    cosines = np.linalg.svd(components @ expected.T, compute_uv=False)
    assert cosines.min() > 0.999


def test_memory_is_bounded_by_the_batch(monkeypatch):
    monkeypatch.setattr(pca, "BATCH", 8)
    monkeypatch.setattr(pca, "MOST_IMAGES", 24)
    sizes = []

    class Counting(pca.IncrementalPCA):
        def partial_fit(self, rows):
            sizes.append(len(rows))
            return super().partial_fit(rows)

    monkeypatch.setattr(pca, "IncrementalPCA", Counting)
    principal_components(full_images(100), 4)
    assert max(sizes) < 16
    assert sum(sizes) <= 24


def test_an_image_of_the_space_is_rebuilt_and_an_altered_one_is_not(tmp_path):
    detector = fitted(full_images(60), tmp_path)
    new = full_images(2, seed=1).images.copy()
    new[1, 0, 4:7, 4:7] += 1.0
    found = detector.predict(Images(new, np.ones((2, 16, 16), dtype=bool)))
    assert found.scores[0] < 1e-3
    assert found.scores[1] > 50 * found.scores[0]
    assert found.maps[1, 4:7, 4:7].min() > 3 * np.median(np.abs(found.maps[1]))


def test_a_signed_map_says_what_is_too_bright_and_what_too_dark(tmp_path):
    new = full_images(1, seed=1).images.copy()
    new[0, 0, 4:7, 4:7] += 1.0
    new[0, 0, 10:13, 10:13] -= 1.0
    images = Images(new, np.ones((1, 16, 16), dtype=bool))
    signed, squared = (
        fitted(full_images(60), tmp_path, residual=residual).predict(images)
        for residual in ("signed", "squared")
    )
    assert signed.signed
    assert not squared.signed
    assert signed.maps[0, 4:7, 4:7].min() > 0 > signed.maps[0, 10:13, 10:13].max()
    assert squared.maps == pytest.approx(signed.maps**2, abs=1e-5)
    assert signed.scores[0] == pytest.approx(np.abs(signed.maps).mean())


def test_a_brain_of_another_size_and_place_is_framed_alike(tmp_path):
    mask = ellipse(32)
    rows, columns = bounding_box(mask)
    moved = np.zeros_like(mask)
    height, width = mask[rows, columns].shape
    moved[1 : 1 + height, 2 : 2 + width] = mask[rows, columns]
    masks = np.stack([mask, moved])
    images = np.zeros((2, 1, 32, 32), dtype=np.float32)
    images[:, 0][masks] = np.tile(np.linspace(0, 1, mask.sum(), dtype=np.float32), 2)
    detector = fitted(normal_images(20), tmp_path)
    found = detector.predict(Images(images, masks))
    assert found.scores[0] == pytest.approx(found.scores[1], rel=1e-5)
    assert found.maps[0][mask] == pytest.approx(found.maps[1][moved], abs=1e-5)


def test_no_more_components_than_images_span(tmp_path):
    assert principal_components(normal_images(3), 4)[1].shape[0] == 2
    twice = normal_images(1)
    same = NormalImages(np.repeat(twice.images, 5, axis=0), np.repeat(twice.masks, 5, axis=0))
    found = fitted(same, tmp_path).predict(Images(same.images, same.masks))
    assert np.abs(found.maps).max() < 1e-5


def test_saved_and_loaded_it_is_the_same(tmp_path):
    detector = fitted(normal_images(20), tmp_path)
    detector.save(tmp_path)
    again = Pca(CONFIG)
    again.load(tmp_path)
    first, second = (one.predict(images_to_test()) for one in (detector, again))
    assert first.maps.tobytes() == second.maps.tobytes()


def test_before_fit_and_without_images_it_says_so(tmp_path):
    with pytest.raises(MethodError, match="call fit or load first"):
        Pca(CONFIG).predict(images_to_test())
    normal = normal_images(1)
    with pytest.raises(MethodError, match="no normal images"):
        fitted(NormalImages(normal.images[:0], normal.masks[:0]), tmp_path)
