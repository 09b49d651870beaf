import numpy as np
import pytest
import torch

from bench import registry
from bench.conformance.trial import made_up
from bench.detector import Images, NormalImages
from bench.errors import MethodError
from bench.execution import seeding
from fakes.method_samples import ellipse, images_to_test, normal_images, small_run
from methods.inpainting.phanes import Inpainting, PhanesLike, random_holes, refill, smoothed
from methods.shared.training import train

CARD = registry.method("phanes-like")


@pytest.fixture(autouse=True)
def one_thread():
    seeding.seed_everything(0, threads=1, device="cpu")


def config(**changes):
    return dict(CARD.config) | changes


def fitted(folder, normal=None, *, seed=0, steps=2, **changes):
    detector = PhanesLike(config(**changes))
    torch.manual_seed(seed)
    detector.fit(normal or normal_images(), small_run(folder, seed=seed, steps=steps))
    return detector


def threshold(detector):
    return float(detector._network.threshold)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_refilling_changes_only_what_is_masked():
    images = torch.rand(2, 3, 21, 18)
    holes = torch.zeros(2, 1, 21, 18, dtype=torch.bool)
    holes[:, :, 5:9, 6:12] = True
    found = refill(Inpainting(3, 8).eval(), images, holes)
    everywhere = holes.expand_as(images)
    assert torch.equal(found[~everywhere], images[~everywhere])
    assert (found[everywhere] != images[everywhere]).all()


def test_a_filling_does_not_see_what_it_replaces():
    network = Inpainting(1, 8).eval()
    holes = torch.zeros(1, 1, 20, 20, dtype=torch.bool)
    holes[..., 8:12, 8:12] = True
    images = torch.rand(1, 1, 20, 20)
    lesion = torch.where(holes, images + 5, images)
    assert torch.equal(refill(network, images, holes)[holes], refill(network, lesion, holes)[holes])


def test_a_filling_sees_what_surrounds_it():
    network = Inpainting(1, 8).eval()
    holes = torch.zeros(1, 1, 20, 20, dtype=torch.bool)
    holes[..., 8:12, 8:12] = True
    images = torch.rand(1, 1, 20, 20)
    filled = refill(network, images, holes)[holes]
    assert not torch.equal(filled, refill(network, images + 1, holes)[holes])


def test_holes_lie_in_the_foreground_and_vary_in_size():
    mask = torch.from_numpy(ellipse(48))
    masks = mask.expand(200, -1, -1)
    holes = random_holes(masks, 0.4, generator())
    assert not (holes[:, 0] & ~masks).any()
    shares = holes.sum((1, 2, 3)) / mask.sum()
    assert shares.max() < 0.42
    assert shares.mean() == pytest.approx(0.2, abs=0.03)
    assert shares.std() == pytest.approx(0.4 / 12**0.5, abs=0.03)


def test_holes_are_blobs():
    masks = torch.ones(20, 64, 64, dtype=torch.bool)
    holes = random_holes(masks, 1.0, generator())
    border = (holes[..., 1:] != holes[..., :-1]).float().mean()
    assert 0 < border < 0.1  # single pixels strewn at random would have about a third


def test_holes_follow_from_the_generator_and_bear_an_empty_mask():
    masks = torch.from_numpy(np.stack([ellipse(), np.zeros((32, 32), dtype=bool)]))
    first, second, other = (random_holes(masks, 0.5, generator(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert not first[1].any()


def test_the_threshold_leaves_its_share_of_normal_pixels(tmp_path):
    validation = NormalImages(*made_up(6, 1, 32, seed=5))
    normal = normal_images()
    normal = NormalImages(normal.images, normal.masks, validation)
    detector = fitted(tmp_path, normal, quantile=0.8, growth=0.0)
    found = detector.predict(Images(validation.images, validation.masks))
    masked = (found.maps != 0)[validation.masks].mean()
    assert masked == pytest.approx(0.2, abs=0.01)


def test_the_threshold_comes_from_validation_where_there_is_any(tmp_path):
    normal = normal_images()
    dull = NormalImages(0.1 * normal.images, normal.masks)
    with_it = fitted(tmp_path, NormalImages(normal.images, normal.masks, dull))
    without = fitted(tmp_path, normal)
    assert threshold(with_it) < threshold(without)


def test_the_threshold_is_kept_where_moving_the_networks_replaces_it(tmp_path, monkeypatch):
    def moved(network, device):
        # What `placed` does on the way to a GPU: the module gets new tensors.
        for module in network.modules():
            for name, buffer in module.named_buffers(recurse=False):
                module.register_buffer(name, buffer.clone())
        return network

    expected = threshold(fitted(tmp_path))
    monkeypatch.setattr("methods.inpainting.phanes.placed", moved)
    assert threshold(fitted(tmp_path)) == pytest.approx(expected) != 0


def test_judging_leaves_the_threshold(tmp_path):
    detector = fitted(tmp_path)
    before = threshold(detector)
    odd = images_to_test()
    detector.predict(Images(50 * odd.images, odd.masks))
    assert threshold(detector) == before > 0


def test_the_map_is_zero_where_nothing_was_suspicious(tmp_path):
    detector = fitted(tmp_path)
    images = images_to_test()
    some = detector.predict(images)
    assert ((some.maps != 0).mean(axis=(1, 2)) < images.masks.mean(axis=(1, 2))).any()
    detector._network.threshold.fill_(1e6)
    assert (detector.predict(images).maps == 0).all()


def test_a_mask_grows_on_all_sides(tmp_path):
    point = np.zeros((32, 32), dtype=np.float32)
    point[16, 16] = 9
    sizes = [fitted(tmp_path, growth=g)._hole(point).sum() for g in (0.0, 1 / 32, 2 / 32)]
    assert sizes == [1, 5, 13]  # diamonds


def test_saving_keeps_the_threshold(tmp_path):
    detector = fitted(tmp_path)
    folder = tmp_path / "saved"
    folder.mkdir()
    detector.save(folder)
    loaded = PhanesLike(config())
    loaded.load(folder)
    assert threshold(loaded) == threshold(detector) > 0
    images = images_to_test()
    assert np.array_equal(loaded.predict(images).maps, detector.predict(images).maps)


def test_training_learns_to_rebuild_and_to_fill(tmp_path, monkeypatch):
    losses = {}

    def watched(*arguments, steps, **options):
        losses[steps] = train(*arguments, steps=steps, **options)
        return losses[steps]

    monkeypatch.setattr("methods.inpainting.phanes.train", watched)
    flat = normal_images(count=4)
    for steps in (1, 80):
        fitted(tmp_path, NormalImages(0.2 * flat.images + 0.5, flat.masks), steps=steps)
    assert losses[80]["coarse"] < 0.5 * losses[1]["coarse"]
    assert losses[80]["inpainting"] < 0.5 * losses[1]["inpainting"]


def test_before_fit_it_says_what_to_do():
    with pytest.raises(MethodError, match="call fit or load first"):
        PhanesLike(config()).predict(images_to_test())


def test_smoothing_keeps_a_constant_map_up_to_the_rim():
    mask = ellipse()
    found = smoothed(np.where(mask, 2, 0).astype(np.float32), mask, 0.1)
    assert found[mask] == pytest.approx(2)
    assert (found[~mask] == 0).all()


def test_smoothing_without_foreground_is_zero():
    empty = np.zeros((32, 32), dtype=bool)
    assert (smoothed(np.zeros((32, 32), dtype=np.float32), empty, 0.1) == 0).all()
