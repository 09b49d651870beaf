"""The variational autoencoder: its distribution, its bound, what it predicts from."""

import numpy as np
import pytest
import torch
from torch.distributions import Laplace, Normal, kl_divergence

from bench import registry
from bench.execution import seeding
from fakes.method_samples import images_to_test, normal_images, small_run
from methods.autoencoders.latent import Posterior
from methods.autoencoders.vae import VariationalAutoencoder, negative_elbo

CONFIG = registry.method("vae").config | {"depth": 3, "latent": 6}


def fitted(folder, *, steps=3, **changes):
    seeding.seed_everything(0, threads=1, device="cpu")
    detector = VariationalAutoencoder(CONFIG | changes)
    detector.fit(normal_images(), small_run(folder, steps=steps))
    return detector


def posterior_of(*shape):
    generator = torch.Generator().manual_seed(0)
    return Posterior(*(torch.randn(*shape, generator=generator) for _ in range(2)))


@pytest.mark.parametrize("shape", [(3, 5), (3, 5, 4, 2)])
def test_divergence_is_that_of_torch(shape):
    posterior = posterior_of(*shape)
    normal = Normal(posterior.mean, torch.exp(posterior.log_variance / 2))
    expected = kl_divergence(normal, Normal(0.0, 1.0)).flatten(1).sum(dim=1)
    assert torch.allclose(posterior.divergence(), expected, rtol=1e-5)


def test_samples_have_the_posterior_s_mean_and_spread():
    torch.manual_seed(0)
    mean, log_variance = torch.tensor([[1.0, -2.0]]), torch.tensor([[0.0, -1.4]])
    many = Posterior(mean.expand(20000, 2), log_variance.expand(20000, 2)).sample()
    assert torch.allclose(many.mean(dim=0), mean[0], atol=0.03)
    assert torch.allclose(many.std(dim=0), torch.exp(log_variance[0] / 2), rtol=0.03)


def test_samples_have_a_gradient_to_both_parameters():
    posterior = Posterior(torch.zeros(1, 3, requires_grad=True), torch.zeros(1, 3).requires_grad_())
    posterior.sample().square().sum().backward()
    assert posterior.mean.grad.abs().min() > 0
    assert posterior.log_variance.grad.abs().min() > 0


def test_the_bound_is_that_of_a_laplace_decoder():
    torch.manual_seed(0)
    images, rebuilt, weight = torch.rand(3, 2, 6, 7), torch.rand(3, 2, 6, 7), 0.3
    posterior = posterior_of(3, 5)
    likelihood = Laplace(rebuilt, weight).log_prob(images).flatten(1).sum(dim=1)
    bound = likelihood - posterior.divergence()
    # As documented: times the weight, per value, without the constant.
    expected = -weight * bound / (2 * 6 * 7) - weight * np.log(2 * weight)
    assert torch.allclose(negative_elbo(images, rebuilt, posterior, weight), expected, rtol=1e-4)


def test_the_elbo_score_by_hand(tmp_path):
    detector, images = fitted(tmp_path, score="elbo", kl_weight=0.7), images_to_test()
    scores = detector.predict(images).scores
    for image, score in zip(images.images, scores, strict=True):
        with torch.inference_mode():
            rebuilt, (mean, log_variance) = detector._network(torch.from_numpy(image[None]))
        terms = [
            m**2 / 2 + np.exp(v) / 2 - 1 / 2 - v / 2
            for m, v in zip(mean[0].tolist(), log_variance[0].tolist(), strict=True)
        ]
        values = np.abs(image - rebuilt[0].numpy())
        assert score == pytest.approx(values.mean() + 0.7 * sum(terms) / values.size, rel=1e-4)


def test_the_score_changes_no_map(tmp_path):
    images = images_to_test()
    residual, elbo = (fitted(tmp_path, score=one).predict(images) for one in ("residual", "elbo"))
    assert np.array_equal(residual.maps, elbo.maps)
    means = [
        np.abs(one[mask]).mean() for one, mask in zip(residual.maps, images.masks, strict=True)
    ]
    assert residual.scores == pytest.approx(means, rel=1e-5)
    assert not np.allclose(residual.scores, elbo.scores, rtol=1e-2)


def test_it_samples_in_training_and_predicts_from_the_mean(tmp_path):
    detector, image = fitted(tmp_path), torch.rand(1, 1, 32, 32)
    network = detector._network
    with torch.no_grad():
        once, again = network(image)[0], network(image)[0]
        assert torch.equal(once, again)
        assert torch.equal(once, network.decoder(network(image)[1].mean))
        network.train()
        assert not torch.allclose(network(image)[0], network(image)[0])


def test_the_weight_presses_the_posterior_to_the_prior(tmp_path):
    images = torch.from_numpy(normal_images().images)
    divergences = []
    for weight in (0.0, 100.0):
        network = fitted(tmp_path, steps=60, kl_weight=weight)._network
        with torch.no_grad():
            divergences.append(network(images)[1].divergence().mean().item())
    assert divergences[1] < 0.05 * divergences[0]
