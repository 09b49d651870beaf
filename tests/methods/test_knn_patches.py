import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from bench.detector import Images, NormalImages
from bench.errors import MethodError
from bench.execution import seeding
from fakes.method_samples import ellipse, images_to_test, normal_images, small_run
from methods.features import neighbours
from methods.features.grid import foreground_cells, pixel_map
from methods.features.knn_patches import KnnPatches, describe
from methods.features.neighbours import Bank
from methods.features.settings import PatchSettings
from methods.shared.coreset import greedy_coreset

CONFIG = {
    "finest": 0.03125,
    "scales": 3,
    "position": 1.0,
    "bank": 500,
    "neighbours": 1,
}


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    seeding.seed_everything(0, threads=1, device="cpu")


def vectors(count, dimensions=7, seed=0, offset=0.0):
    generator = np.random.default_rng(seed)
    return torch.from_numpy(generator.normal(offset, 1, (count, dimensions)).astype(np.float32))


@pytest.mark.parametrize("count", [1, 3, 9])
@pytest.mark.parametrize("offset", [0.0, 100.0])
def test_neighbours_are_those_of_brute_force(count, offset):
    bank, queries = vectors(400, offset=offset), vectors(300, seed=1, offset=offset)
    distances, indices = Bank(bank).nearest(queries, count)
    every = cdist(queries.double(), bank.double())
    assert distances.numpy() == pytest.approx(np.sort(every)[:, :count], rel=1e-5)
    assert np.array_equal(indices, every.argsort()[:, :count])


def test_a_vector_of_the_bank_has_distance_zero_exactly():
    bank = vectors(50, offset=1000.0)
    distances, indices = Bank(bank).nearest(bank, 1)
    assert (distances == 0).all()
    assert np.array_equal(indices[:, 0], np.arange(50))


def test_no_more_neighbours_than_the_bank_holds():
    distances, indices = Bank(vectors(2)).nearest(vectors(5, seed=1), 9)
    assert distances.shape == indices.shape == (5, 2)


def test_the_search_never_holds_more_than_a_chunk(monkeypatch):
    monkeypatch.setattr(neighbours, "CHUNK", 16)
    bank, queries = Bank(vectors(40)), vectors(50, seed=1)
    shapes, plain = [], torch.mm

    def watched(first, second, out):
        shapes.append(tuple(out.shape))
        return plain(first, second, out=out)

    monkeypatch.setattr(torch, "mm", watched)
    bank.nearest(queries, 1)
    assert shapes == [(16, 40), (16, 40), (16, 40), (2, 40)]


def brute_coreset(points, count):
    points = points.double().numpy()
    chosen = [int(((points - points.mean(axis=0)) ** 2).sum(axis=1).argmin())]
    while len(chosen) < count:
        chosen.append(int(cdist(points, points[chosen]).min(axis=1).argmax()))
    return chosen


@pytest.mark.parametrize("offset", [0.0, 50.0])
def test_the_coreset_is_that_of_brute_force(offset):
    points = vectors(200, offset=offset)
    assert greedy_coreset(points, 30).tolist() == brute_coreset(points, 30)


def test_the_coreset_covers_better_than_chance():
    points = torch.cat([vectors(500), vectors(10, seed=1, offset=20.0)])

    def reach(chosen):
        return cdist(points, points[chosen]).min(axis=1).max()

    assert reach(greedy_coreset(points, 20)) < 0.6 * reach(torch.arange(20))


def test_a_coreset_takes_nothing_twice():
    points = vectors(5).repeat(4, 1)
    assert sorted(greedy_coreset(points, 20).tolist()) == list(range(20))
    assert len(greedy_coreset(points, 50)) == 20
    assert len({tuple(points[i].tolist()) for i in greedy_coreset(points, 5)}) == 5


def test_the_coreset_allocates_nothing_of_the_vectors_number_within_a_step():
    class Watching(TorchDispatchMode):
        count = 0

        def __torch_dispatch__(self, function, types, given=(), named=None):
            known = {one.untyped_storage().data_ptr() for one in given if isinstance(one, Tensor)}
            known |= {one.untyped_storage().data_ptr() for one in (named or {}).values()
                      if isinstance(one, Tensor)}  # fmt: skip
            made = function(*given, **(named or {}))
            for one in made if isinstance(made, tuple) else (made,):
                if isinstance(one, Tensor) and one.untyped_storage().data_ptr() not in known:
                    self.count += len(one) if one.ndim and len(one) == 300 else 0
            return made

    points, made = torch.rand(300, 8), []
    for count in (5, 50):
        with Watching() as watching:
            greedy_coreset(points, count)
        made.append(watching.count)
    assert made[0] == made[1] > 0


def test_cells_are_those_with_any_foreground():
    mask = np.zeros((8, 8), dtype=bool)
    mask[0, 3] = True
    assert foreground_cells(mask, 4, 4).nonzero().tolist() == [[0, 1]]
    assert foreground_cells(np.zeros((8, 8), dtype=bool), 4, 4).all()


def test_a_constant_grid_is_a_constant_map_up_to_the_rim():
    mask = ellipse(32)
    cells = foreground_cells(mask, 16, 16)
    found = pixel_map(torch.full((int(cells.sum()),), 3.0), cells, mask)
    assert found[mask] == pytest.approx(3.0, rel=1e-6)
    assert not found[~mask].any()


def test_values_stand_where_their_cells_are():
    mask = np.ones((16, 16), dtype=bool)
    values = torch.zeros(8, 8)
    values[2, 5] = 1.0
    found = pixel_map(values.flatten(), torch.ones(8, 8, dtype=torch.bool), mask)
    assert np.unravel_index(found.argmax(), found.shape) in [(4, 10), (4, 11), (5, 10), (5, 11)]


def description(image, mask, **config):
    return describe(image, mask, PatchSettings(**(CONFIG | config)))


@pytest.mark.parametrize("channels", [1, 3])
def test_the_description_holds_the_box_means_around_a_pixel(channels):
    image = normal_images(1, channels=channels).images[0]
    mask = np.ones((32, 32), dtype=bool)
    found, cells = description(image, mask, position=0.0)
    assert cells.all()
    found = found.reshape(32, 32, -1)
    middle = found[16, 20, : 9 * channels].reshape(9, channels) * np.sqrt(9 * channels)
    # The finest scale is one pixel here, so its box means are the pixels themselves.
    expected = image[:, 15:18, 19:22].reshape(channels, 9).T
    assert middle == pytest.approx(expected, abs=1e-6)


def test_the_place_is_measured_within_the_foreground():
    mask = np.zeros((32, 32), dtype=bool)
    mask[8:24, 4:12] = True
    found, cells = description(np.zeros((1, 32, 32), dtype=np.float32), mask, position=2.0)
    rows, columns = cells.nonzero(as_tuple=True)
    assert found[:, -2] == pytest.approx(2 * (rows.numpy() - 8) / 16)
    assert found[:, -1] == pytest.approx(2 * (columns.numpy() - 4) / 8)


def test_large_images_have_a_bounded_grid():
    image = np.zeros((1, 225, 225), dtype=np.float32)
    found, cells = description(image, np.ones((225, 225), dtype=bool))
    assert max(cells.shape) <= 112
    assert len(found) == cells.numel()


def fitted(normal, folder, **config):
    detector = KnnPatches(CONFIG | config)
    detector.fit(normal, small_run(folder))
    return detector


@pytest.mark.parametrize(("images", "bank"), [(3, 100), (40, 25), (2, 10_000)])
def test_the_bank_is_bounded(images, bank, tmp_path):
    normal = normal_images(images)
    pixels = int(normal.masks.sum())
    detector = fitted(normal, tmp_path, bank=bank)
    detector.save(tmp_path)
    with np.load(tmp_path / "bank.npz", allow_pickle=False) as kept:
        assert len(kept["vectors"]) == min(bank, pixels)


def test_with_everything_in_the_bank_a_known_image_has_no_distance(tmp_path):
    normal = normal_images(3)
    detector = fitted(normal, tmp_path, bank=100_000)
    assert not detector.predict(Images(normal.images, normal.masks)).maps.any()


def test_a_lesion_stands_out(tmp_path):
    generator = np.random.default_rng(0)
    mask = ellipse(32)
    noise = generator.normal(0.4, 0.03, (21, 1, 32, 32))
    images = np.where(mask, noise, 0).astype(np.float32)
    masks = np.repeat(mask[None], 21, axis=0)
    detector = fitted(NormalImages(images[:20], masks[:20]), tmp_path, bank=2000)
    altered = images[20:].copy()
    altered[0, 0, 14:18, 14:18] += 0.4
    plain = detector.predict(Images(images[20:], masks[20:]))
    found = detector.predict(Images(altered, masks[20:]))
    assert found.scores[0] > plain.scores[0]
    assert found.maps[0, 14:18, 14:18].min() > plain.maps[0].max()


def test_saved_and_loaded_it_is_the_same(tmp_path):
    detector = fitted(normal_images(5), tmp_path)
    detector.save(tmp_path)
    again = KnnPatches(CONFIG)
    again.load(tmp_path)
    first, second = (one.predict(images_to_test()) for one in (detector, again))
    assert first.maps.tobytes() == second.maps.tobytes()


def test_before_fit_and_without_images_it_says_so(tmp_path):
    with pytest.raises(MethodError, match="call fit or load first"):
        KnnPatches(CONFIG).predict(images_to_test())
    normal = normal_images(1)
    with pytest.raises(MethodError, match="no normal images"):
        fitted(NormalImages(normal.images[:0], normal.masks[:0]), tmp_path)
