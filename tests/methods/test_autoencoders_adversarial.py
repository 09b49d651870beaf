"""AnoVAEGAN and f-AnoGAN: penalty, players, score."""

import numpy as np
import pytest
import torch
from torch import nn

from bench import registry
from bench.execution import seeding
from fakes.method_samples import images_to_test, normal_images, small_run
from methods.autoencoders import anovaegan, fanogan
from methods.autoencoders.adversary import Critic, gradient_penalty
from methods.autoencoders.settings import AnoVaeGanSettings, FAnoGanSettings
from methods.shared.training import Step, train

SHAPE = {"channels": 1, "width": 4, "rows": 32, "columns": 32}


def fanogan_settings(**changes):
    config = registry.method("fanogan").config | {"depth": 3, "latent": 8} | changes
    return FAnoGanSettings.model_validate(config)


def anovaegan_settings(**changes):
    config = registry.method("anovaegan").config | {"depth": 3, "latent": 8} | changes
    return AnoVaeGanSettings.model_validate(config)


def state(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


# --- critic and penalty -------------------------------------------------------------------------


def test_the_penalty_against_differences_of_the_critic():
    torch.manual_seed(0)
    critic = Critic(1, 4, 2).double()
    real, made = torch.rand(3, 1, 6, 6).double(), torch.rand(3, 1, 6, 6).double()
    shares = torch.tensor([0.0, 0.3, 1.0]).double()
    tiny, expected = 1e-6, []
    for one, other, share in zip(real, made, shares, strict=True):
        point = one + share * (other - one)
        moved = torch.eye(36).double().reshape(36, 1, 6, 6) * tiny
        with torch.no_grad():
            slopes = (critic(point + moved) - critic(point - moved)) / (2 * tiny)
        expected.append((slopes.square().sum().sqrt() - 1) ** 2)
    found = gradient_penalty(critic, real, made, shares)
    assert found.item() == pytest.approx(torch.stack(expected).mean().item(), rel=1e-5)


class Linear(nn.Module):
    def __init__(self, slope):
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(slope))

    def forward(self, images):
        return self.slope * images.flatten(1).sum(dim=1)


@pytest.mark.parametrize("slope", [0.0, 0.25, 0.5])
def test_the_penalty_of_a_linear_critic(slope):
    """Sixteen pixels: the slope's norm is four times that of one pixel."""
    critic, images = Linear(slope), torch.rand(5, 1, 4, 4)
    found = gradient_penalty(critic, images, images + 1, torch.rand(5))
    assert found.item() == pytest.approx((4 * slope - 1) ** 2, abs=1e-5)
    found.backward()
    assert critic.slope.grad.item() == pytest.approx(8 * (4 * slope - 1) * (slope > 0), abs=1e-4)


def test_the_penalty_trains_the_critic_and_nothing_else():
    critic, made = Critic(1, 4, 2), torch.rand(2, 1, 8, 8)
    gradient_penalty(critic, torch.rand(2, 1, 8, 8), made, torch.rand(2)).backward()
    assert made.grad is None
    assert critic.head.weight.grad.abs().sum() > 0


def test_the_critic_judges_each_image_alone():
    torch.manual_seed(0)
    critic, images = Critic(2, 4, 3), torch.rand(4, 2, 37, 20)
    with torch.no_grad():
        together = critic(images)
        alone = torch.cat([critic(one[None]) for one in images])
    assert together.shape == (4,)
    assert torch.allclose(together, alone, atol=1e-6)


# --- AnoVAEGAN ----------------------------------------------------------------------------------


def adversaries(**changes):
    torch.manual_seed(0)
    settings = anovaegan_settings(**changes)
    network, judge = anovaegan.AnoVaeGanNetwork(1, 4, settings), Critic(1, 4, 3)
    return network, judge, anovaegan.adversarial_players(network, judge, settings)


def test_each_adversary_trains_itself_alone():
    network, judge, (first, second) = adversaries()
    step = Step(0.0, {"images": torch.rand(2, 1, 32, 32)})
    first.loss(step).backward()
    assert all(value.grad is not None for value in network.parameters())
    assert all(value.grad is None for value in judge.parameters())
    network.zero_grad(set_to_none=True)
    second.loss(step).backward()
    assert all(value.grad is None for value in network.parameters())
    assert all(value.grad is not None for value in judge.parameters())


def test_the_adversarial_losses_are_cross_entropies():
    network, judge, players = adversaries(adversarial_weight=0.5, kl_weight=0.0)
    network.eval()
    images = torch.rand(2, 1, 32, 32)
    step = Step(0.0, {"images": images})
    rebuilding, telling = (player.loss(step).item() for player in players)
    with torch.no_grad():
        rebuilt = network(images)[0]
        real, made = torch.sigmoid(judge(images)), torch.sigmoid(judge(rebuilt))
    difference = (images - rebuilt).abs().mean()
    assert rebuilding == pytest.approx((difference - 0.5 * made.log().mean()).item(), rel=1e-4)
    told = -real.log().mean() - (1 - made).log().mean()
    assert telling == pytest.approx(told.item(), rel=1e-4)


def test_a_discriminator_left_alone_learns_to_tell(tmp_path):
    network, _, players = adversaries(learning_rate=0.02)
    images = normal_images(count=4).images
    with torch.no_grad():
        made = network.eval()(torch.from_numpy(images))[0].numpy()
    judge = players[1]
    arrays = {"images": images, "rebuilt": made}
    losses = train([judge], arrays, small_run(tmp_path), steps=150, note="train")
    assert losses["discriminator"] < 0.5 * 2 * np.log(2)  # that of a guess


# --- f-AnoGAN -----------------------------------------------------------------------------------


def test_generator_and_critic_train_themselves_alone():
    torch.manual_seed(0)
    settings = fanogan_settings()
    network = fanogan.FAnoGanNetwork(SHAPE, settings)
    first, second = fanogan.generating_players(network, settings)
    step = Step(0.0, {"images": torch.rand(2, 1, 32, 32)})
    first.loss(step).backward()
    assert all(value.grad is not None for value in network.generator.parameters())
    assert all(value.grad is None for value in network.critic.parameters())
    network.zero_grad(set_to_none=True)
    second.loss(step).backward()
    assert all(value.grad is None for value in network.generator.parameters())
    trained = {name for name, value in network.critic.named_parameters() if value.grad is not None}
    assert "head.weight" in trained
    assert len(trained) > 10


def test_the_critic_s_loss_by_hand():
    torch.manual_seed(0)
    settings = fanogan_settings(penalty_weight=3.0)
    network = fanogan.FAnoGanNetwork(SHAPE, settings)
    critic = fanogan.generating_players(network, settings)[1]
    real, made = torch.rand(2, 1, 32, 32), torch.rand(2, 1, 32, 32)
    torch.manual_seed(1)
    found = critic.loss(Step(0.0, {"images": real, "made": made})).item()
    torch.manual_seed(1)
    penalty = gradient_penalty(network.critic, real, made, torch.rand(2)).item()
    judged = (network.critic(made).mean() - network.critic(real).mean()).item()
    assert found == pytest.approx(judged + 3 * penalty, rel=1e-4)


def test_the_second_stage_trains_the_encoder_alone(tmp_path):
    seeding.seed_everything(0, threads=1, device="cpu")
    settings = fanogan_settings()
    network = fanogan.FAnoGanNetwork(SHAPE, settings).eval()
    before = {name: state(part) for name, part in network.named_children()}
    arrays = {"images": normal_images().images}
    player = fanogan.encoding_player(network, settings)
    losses = [
        train([player], arrays, small_run(tmp_path), steps=steps, note="encode")["encoder"]
        for steps in (1, 60)
    ]
    assert losses[1] < losses[0]
    assert same(before["generator"], state(network.generator))
    assert same(before["critic"], state(network.critic))
    assert not same(before["encoder"], state(network.encoder))


@pytest.mark.parametrize("kappa", [0.0, 2.0])
def test_the_score_by_hand(tmp_path, kappa):
    config = registry.method("fanogan").config | {"depth": 3, "kappa": kappa}
    seeding.seed_everything(0, threads=1, device="cpu")
    detector = fanogan.FAnoGan(config)
    detector.fit(normal_images(), small_run(tmp_path))
    images = images_to_test(count=2)
    network = detector._network
    for image, score in zip(images.images, detector.predict(images).scores, strict=True):
        with torch.inference_mode():
            real = torch.from_numpy(image[None])
            made = network.generator(network.encoder(real))
            residual = (real - made).square().mean().item()
            features = network.critic.features(real) - network.critic.features(made)
        expected = residual + kappa * features.square().mean().item()
        assert score == pytest.approx(expected, rel=1e-4)
