import numpy as np
import pytest
import torch
from pydantic import ValidationError

from bench import registry
from bench.errors import MethodError, UsageError
from bench.execution import seeding
from fakes.method_samples import images_to_test, normal_images, small_run
from methods.diffusion.anoddpm import (
    Anoddpm,
    Denoiser,
    NoiseBank,
    image_noise,
    rebuild,
    scaled,
    scheduler,
)
from methods.diffusion.settings import AnoddpmSettings
from methods.shared.training import train

CARD = registry.method("anoddpm")


@pytest.fixture(autouse=True)
def one_thread():
    seeding.seed_everything(0, threads=1, device="cpu")


def config(**changes):
    """The card's, but the paper's quarter of the way, which takes more than one step back."""
    return dict(CARD.config) | {"fraction": 0.25} | changes


def settings(**changes):
    return AnoddpmSettings.model_validate(config(**changes))


def fitted(folder, *, seed=0, **changes):
    detector = Anoddpm(config(**changes))
    detector.fit(normal_images(), small_run(folder, seed=seed, steps=1))
    return detector


class Oracle(torch.nn.Module):
    """Knows the clean image, so it can tell the noise exactly."""

    def __init__(self, clean, steps):
        super().__init__()
        self.clean, self.kept = clean, steps.alphas_cumprod

    def forward(self, noisy, times):
        kept = self.kept[times].reshape(-1, 1, 1, 1)
        return (noisy - kept.sqrt() * self.clean) / (1 - kept).sqrt()


def test_noising_follows_the_closed_form():
    chosen = settings()
    images = torch.rand(3, 1, 8, 8)
    noise = torch.randn(3, 1, 8, 8)
    times = torch.tensor([0, 249, 999])
    betas = np.linspace(1e-4, 0.02, 1000)
    kept = np.cumprod(1 - betas)[times.numpy()].reshape(-1, 1, 1, 1)
    expected = np.sqrt(kept) * images.numpy() + np.sqrt(1 - kept) * noise.numpy()
    found = scheduler(chosen).add_noise(images, noise, times).numpy()
    assert np.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("stride", [25, 50, 125, 250])
def test_whoever_knows_the_noise_gets_the_image_back(stride):
    chosen = settings(stride=stride)
    steps = scheduler(chosen)
    images = torch.rand(1, 1, 16, 16) * 1.5  # beyond 1: nothing may be clipped
    noise = torch.randn(1, 3, 1, 16, 16)
    oracle = Oracle(scaled(images), steps)
    assert torch.allclose(rebuild(oracle, steps, images, noise, chosen), images, atol=1e-4)


def test_the_way_back_uses_every_stride_once():
    chosen = settings(stride=50)
    seen = []

    def network(x, times):
        seen.append(times.tolist())
        return torch.zeros_like(x)

    rebuild(network, scheduler(chosen), torch.rand(2, 1, 8, 8), torch.randn(2, 1, 1, 8, 8), chosen)
    assert seen == [[time] * 2 for time in (249, 199, 149, 99, 49)]


def test_without_noise_an_image_comes_back_as_it_was(tmp_path):
    found = fitted(tmp_path, fraction=0.0).predict(images_to_test())
    assert (found.maps == 0).all()


def test_more_noise_changes_more(tmp_path):
    detector = fitted(tmp_path)
    less, more = Anoddpm(config(fraction=0.125)), Anoddpm(config(fraction=1.0))
    folder = tmp_path / "saved"
    folder.mkdir()
    detector.save(folder)
    for one in (less, more):
        one.load(folder)
    assert more.predict(images_to_test()).scores.min() > less.predict(images_to_test()).scores.max()


def test_noise_follows_from_seed_and_bytes():
    image = images_to_test(count=1, channels=3).images[0]
    noise = image_noise(image, 0, settings(draws=2))
    assert noise.shape == (2, 3, 32, 32)
    assert np.array_equal(noise, image_noise(image.copy(), 0, settings(draws=2)))
    assert not np.array_equal(noise, image_noise(image, 1, settings(draws=2)))
    changed = image.copy()
    changed[0, 16, 16] += 1e-3
    assert not np.array_equal(noise, image_noise(changed, 0, settings(draws=2)))
    flat = noise.reshape(6, -1)
    assert np.abs(np.corrcoef(flat) - np.eye(6)).max() < 0.5  # six fields, none twice


def test_one_image_gets_one_map_and_another_seed_another(tmp_path):
    images = images_to_test()
    folders = [tmp_path / name for name in ("first", "second")]
    detector = fitted(tmp_path)
    detector.save(made(folders[0]))
    loaded = Anoddpm(config())
    loaded.load(folders[0])
    assert np.array_equal(detector.predict(images).maps, loaded.predict(images).maps)
    loaded._shape["seed"] = 1
    assert not np.array_equal(detector.predict(images).maps, loaded.predict(images).maps)


def made(folder):
    folder.mkdir()
    return folder


def test_a_bank_gives_noise_of_variance_one_for_every_image():
    bank = NoiseBank([32, 24], settings(), np.random.default_rng(0))
    images = torch.zeros(16, 2, 32, 24)
    noise = torch.stack([bank.draw(images) for _ in range(20)])
    assert noise.shape == (20, *images.shape)
    assert noise.dtype == torch.float32
    assert float(noise.mean()) == pytest.approx(0, abs=0.05)
    assert float(noise.std()) == pytest.approx(1, abs=0.05)
    assert len({one.numpy().tobytes() for one in noise.flatten(0, 2)}) > 600  # of 640


@pytest.mark.parametrize("size", [(16, 16), (45, 31), (7, 50)])
def test_any_size_comes_back(size):
    network = Denoiser(3, 8).eval()
    noisy = torch.rand(2, 3, *size)
    assert network(noisy, torch.tensor([0, 9])).shape == noisy.shape


def test_training_learns_to_tell_the_noise(tmp_path, monkeypatch):
    losses = {}

    def watched(*arguments, steps, **options):
        found = train(*arguments, steps=steps, **options)
        losses[steps] = found["noise"]
        return found

    monkeypatch.setattr("methods.diffusion.anoddpm.train", watched)
    for steps in (1, 80):
        torch.manual_seed(0)
        detector = Anoddpm(config(learning_rate=3e-3))
        detector.fit(normal_images(count=4), small_run(tmp_path, steps=steps, width=8))
    assert losses[1] == pytest.approx(1, abs=0.3)  # an untrained network says 0
    assert losses[80] < 0.6 * losses[1]


def test_a_stride_that_does_not_fit_is_refused():
    with pytest.raises(ValidationError, match="stride 60 must divide noising_steps 1000"):
        AnoddpmSettings.model_validate(config(stride=60))
    with pytest.raises(UsageError, match="stride 100 must divide"):
        registry.resolve_config(CARD, {"stride": 100})


def test_before_fit_it_says_what_to_do():
    with pytest.raises(MethodError, match="call fit or load first"):
        Anoddpm(config()).predict(images_to_test())
