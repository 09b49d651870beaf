import logging

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from scipy.spatial.distance import mahalanobis as scipy_mahalanobis

from bench.detector import Images, NormalImages
from bench.errors import MethodError
from bench.execution import seeding
from fakes.method_samples import images_to_test, normal_images, small_run
from methods.features.encoder import (
    DenseVicreg,
    FeatureEncoder,
    draw,
    features_of,
    local_features,
    pretrain,
    vicreg,
)
from methods.features.neighbours import Bank
from methods.features.padim import SslPadim, Sums, mahalanobis
from methods.features.patchcore import SslPatchcore, image_score
from methods.features.settings import EncoderSettings

SHARED = {
    "levels": 3,
    "learning_rate": 5e-3,
    "jitter": 0.1,
    "noise": 0.1,
    "mask_ratio": 0.4,
    "mask_squares": 8,
}
SETTINGS = EncoderSettings(**SHARED)
CONFIGS = {
    SslPadim: SHARED | {"dimensions": 10, "prior_images": 4.0, "regularisation": 0.01},
    SslPatchcore: SHARED | {"candidates": 400, "bank": 60, "neighbours": 9},
}
BOTH = pytest.mark.parametrize("build", CONFIGS)


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    seeding.seed_everything(0, threads=1, device="cpu")


def smooth_images(count, seed=0):
    """Images whose hidden squares can be told from what surrounds them."""
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[:32, :32] / 32
    phases = generator.uniform(0, 2 * np.pi, (2, count, 1, 1))
    waves = np.sin(5 * rows + phases[0]) + np.sin(5 * columns + phases[1])
    images = (0.5 + 0.2 * waves + generator.normal(0, 0.02, waves.shape)).astype(np.float32)
    return NormalImages(images[:, None], np.ones(images.shape, dtype=bool))


# --- the encoder ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """An encoder after a short training, the logged losses, and its normal images."""
    losses = []

    class Catching(logging.Handler):
        def emit(self, record):
            losses.append(float(record.getMessage().rsplit(" ", 1)[1]))

    logger = logging.Logger("ssl", logging.INFO)
    logger.addHandler(Catching())
    torch.manual_seed(0)
    normal = smooth_images(24)
    run = small_run(tmp_path_factory.mktemp("ssl"), steps=100, width=8, batch=8, logger=logger)
    return pretrain(normal, run, SETTINGS), losses, normal, run


def test_training_lowers_the_loss_below_0_7_of_the_first(trained):
    _, losses, _, _ = trained
    assert losses[-1] < 0.7 * losses[0]


def test_features_do_not_collapse(trained):
    encoder, _, normal, run = trained
    encoder.mean.zero_()
    encoder.scale.fill_(1)
    rows = np.arange(len(normal))
    found = torch.cat([one[cells] for one, cells in features_of(encoder, normal, rows, "cpu")])
    spread = found.std(dim=0)
    assert (spread > 0.02).float().mean() > 0.5
    eigenvalues = torch.linalg.eigvalsh(torch.cov(found.T))
    assert eigenvalues[-1] < 0.9 * eigenvalues.sum()
    standard = draw(encoder, normal, run, 1000)
    assert standard.mean(dim=0).abs().max() < 1e-4
    assert standard.square().mean() == pytest.approx(1, rel=1e-4)


def test_what_is_drawn_is_bounded_and_what_the_encoder_gives_from_then_on(trained):
    encoder, _, normal, run = trained
    encoder.mean.zero_()
    encoder.scale.fill_(1)
    drawn = draw(encoder, normal, run, 50)
    assert len(drawn) == 50
    rows = np.arange(len(normal))
    every = torch.cat([one[cells] for one, cells in features_of(encoder, normal, rows, "cpu")])
    assert cdist(drawn, every).min(axis=1).max() < 1e-4


def task(seed=0, **changes):
    return DenseVicreg(FeatureEncoder(1, 4, 3), SETTINGS.model_copy(update=changes), seed)


def test_the_loss_is_vicreg():
    generator = torch.Generator().manual_seed(0)
    first, second = (torch.randn(200, 5, generator=generator) * 0.5 for _ in range(2))
    expected = 25 * np.mean((first.numpy() - second.numpy()) ** 2)
    for one in (first.double().numpy(), second.double().numpy()):
        lacking = np.maximum(0, 1 - np.sqrt(one.var(axis=0, ddof=1) + 1e-4))
        covariance = np.cov(one.T)
        expected += 12.5 * lacking.mean()
        expected += (covariance[~np.eye(5, dtype=bool)] ** 2).sum() / 5
    assert vicreg(first, second).item() == pytest.approx(expected, rel=1e-4)
    assert vicreg(torch.zeros(20, 5), torch.zeros(20, 5)).item() == pytest.approx(24.75)


def test_places_are_of_the_foreground_alone():
    masks = torch.zeros(3, 1, 32, 32, dtype=torch.bool)
    masks[1, :, 4:8, 16:20] = True
    image, row, column = task()._places(masks, 8, 8)
    assert (image.tolist(), row.tolist(), column.tolist()) == ([1], [1], [4])
    assert len(task()._places(torch.zeros_like(masks), 8, 8)[0]) == 3 * 64


def test_views_hide_whole_squares_and_alter_mildly():
    images, masks = torch.full((200, 1, 32, 32), 0.5), torch.ones(200, 1, 32, 32, dtype=torch.bool)
    plain = task(jitter=0.0, noise=0.0).view(images, masks)
    assert set(plain.unique().tolist()) == {0.0, 0.5}
    assert (plain == 0).float().mean() == pytest.approx(0.4, abs=0.02)
    assert plain.unfold(2, 4, 4).unfold(3, 4, 4).flatten(4).std(dim=4).max() == 0
    jittered = task(mask_ratio=0.0, noise=0.0).view(images, masks)
    assert (jittered - 0.5).abs().max() <= 0.1 + 1e-6
    assert jittered[:, 0, 0, 0].std() > 0.02
    noisy = task(mask_ratio=0.0, jitter=0.0).view(images, masks).flatten(1).std(dim=1)
    assert 0.09 < noisy.max() < 0.11
    assert noisy.min() < 0.01


def test_views_follow_from_the_seed():
    images, masks = torch.rand(4, 1, 32, 32), torch.ones(4, 1, 32, 32, dtype=torch.bool)
    first, again, other = (task(seed).view(images, masks) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_features_are_local(trained):
    encoder = trained[0]
    pair = np.concatenate([images_to_test(1, size=96).images] * 2)
    pair[1, 0, 0, 0] += 10.0
    images = Images(pair, np.ones((2, 96, 96), dtype=bool))
    first, second = (found for found, _ in local_features(encoder, images))
    assert not torch.equal(first[0, 0], second[0, 0])
    assert torch.equal(first[24:, 24:], second[24:, 24:])


@pytest.mark.parametrize(("size", "cells"), [(45, 23), (64, 32), (225, 56)])
def test_the_grid_is_that_of_the_first_level_up_to_its_limit(size, cells):
    encoder = FeatureEncoder(1, 4, 3).eval()
    found, _ = next(local_features(encoder, images_to_test(1, size=size)))
    assert found.shape == (cells, cells, 28)


# --- Gaussians --------------------------------------------------------------------------------


def test_distances_are_those_of_scipy():
    generator = np.random.default_rng(0)
    features = generator.normal(size=(60, 2, 3, 5)).astype(np.float32)
    features += generator.normal(size=(2, 3, 5)).astype(np.float32)
    sums = Sums(2, 3, 5)
    for part in np.split(features, 4):
        tensor = torch.from_numpy(part)
        sums.add(tensor, torch.ones(tensor.shape[:3], dtype=torch.bool))
    mean, whitening = sums.gaussians(torch.zeros(2, 5), prior=1e-9, added=0.01)
    query = generator.normal(size=(2, 3, 5)).astype(np.float32)
    found = mahalanobis(
        torch.from_numpy(query).flatten(0, 1) - mean.flatten(0, 1), whitening.flatten(0, 1)
    )
    for i, (row, column) in enumerate(np.ndindex(2, 3)):
        seen = features[:, row, column]
        inverse = np.linalg.inv(np.cov(seen.T, bias=True) + 0.01 * np.eye(5))
        expected = scipy_mahalanobis(query[row, column], seen.mean(axis=0), inverse)
        assert found[i] == pytest.approx(expected, rel=1e-3)


def test_only_images_that_cover_a_position_count_and_the_prior_fills_in():
    usual = torch.from_numpy(np.random.default_rng(0).normal(2, 1, (500, 3)).astype(np.float32))
    sums = Sums(1, 2, 3)
    cells = torch.tensor([[[True, False]]]).expand(40, 1, 2)
    sums.add(torch.full((40, 1, 2, 3), 7.0), cells)
    mean, _ = sums.gaussians(usual, prior=4.0, added=0.01)
    expected = (40 * 7 + 4 * usual.mean(dim=0)) / 44
    assert mean[0, 0].numpy() == pytest.approx(expected.numpy(), rel=1e-5)
    assert mean[0, 1].numpy() == pytest.approx(usual.mean(dim=0).numpy(), rel=1e-5)


# --- PatchCore --------------------------------------------------------------------------------


def test_the_image_score_is_the_equation():
    generator = torch.Generator().manual_seed(0)
    vectors, queries = (torch.randn(n, 4, generator=generator) for n in (30, 12))
    bank = Bank(vectors)
    distances, nearest = bank.nearest(queries, 1)
    found = image_score(queries, distances[:, 0], nearest[:, 0], bank, 5)
    every = cdist(queries, vectors)
    query, entry = every.min(axis=1).argmax(), every[every.min(axis=1).argmax()].argmin()
    around = cdist(vectors[entry : entry + 1], vectors)[0].argsort()[:5]
    largest = every[query, entry]
    expected = (1 - np.exp(largest) / np.exp(every[query, around]).sum()) * largest
    assert found == pytest.approx(expected, rel=1e-4)


def test_a_bank_of_one_and_huge_distances_give_finite_scores():
    one = Bank(torch.zeros(1, 4))
    queries = torch.full((3, 4), 1e4)
    distances, nearest = one.nearest(queries, 1)
    assert image_score(queries, distances[:, 0], nearest[:, 0], one, 9) == pytest.approx(2e4)
    two = Bank(torch.tensor([[0.0] * 4, [1.0] * 4]))
    distances, nearest = two.nearest(queries, 1)
    assert np.isfinite(image_score(queries, distances[:, 0], nearest[:, 0], two, 9))


def test_the_bank_is_bounded(tmp_path):
    detector = SslPatchcore(CONFIGS[SslPatchcore])
    detector.fit(normal_images(20), small_run(tmp_path))
    detector.save(tmp_path)
    with np.load(tmp_path / "bank.npz", allow_pickle=False) as kept:
        assert len(kept["vectors"]) == 60


# --- both -------------------------------------------------------------------------------------


@BOTH
def test_a_lesion_stands_out(build, tmp_path):
    detector = build(CONFIGS[build])
    torch.manual_seed(0)
    detector.fit(smooth_images(24), small_run(tmp_path, steps=30, width=8, batch=8))
    pair = smooth_images(1, seed=1)
    images = np.concatenate([pair.images] * 2)
    images[1, :, 12:18, 12:18] += 0.6
    found = detector.predict(Images(images, np.concatenate([pair.masks] * 2)))
    assert found.scores[1] > found.scores[0]
    plain, altered = found.maps[:, 13:17, 13:17].mean(axis=(1, 2))
    assert altered > 1.3 * plain


@BOTH
def test_saved_and_loaded_it_is_the_same(build, tmp_path):
    detector = build(CONFIGS[build])
    detector.fit(normal_images(5, channels=3), small_run(tmp_path))
    detector.save(tmp_path)
    again = build(CONFIGS[build])
    again.load(tmp_path)
    first, second = (one.predict(images_to_test(channels=3)) for one in (detector, again))
    assert first.maps.tobytes() == second.maps.tobytes()
    assert first.scores.tobytes() == second.scores.tobytes()
    assert again.n_parameters == detector.n_parameters > 0


@BOTH
def test_before_fit_and_without_images_it_says_so(build, tmp_path):
    with pytest.raises(MethodError, match="call fit or load first"):
        build(CONFIGS[build]).predict(images_to_test())
    normal = normal_images(1)
    with pytest.raises(MethodError, match="no normal images"):
        build(CONFIGS[build]).fit(
            NormalImages(normal.images[:0], normal.masks[:0]), small_run(tmp_path)
        )
