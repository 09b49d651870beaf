import pytest
import torch

from methods.shared.blocks import AutoencoderNetwork, Decoder, Encoder, level_channels


def test_channels_double_up_to_eight_times_the_width():
    assert level_channels(16, 6) == [16, 32, 64, 128, 128, 128]


@pytest.mark.parametrize("size", [32, 45, 64, 96, 112])
@pytest.mark.parametrize("depth", [1, 4, 5, 7])
def test_the_output_has_the_size_of_the_input(size, depth):
    images = torch.rand(1, 2, size, size - 3)
    with torch.inference_mode():
        assert AutoencoderNetwork(2, 4, depth)(images).shape == images.shape


def test_each_halving_rounds_up():
    features = Encoder(1, 4, 3)(torch.rand(2, 1, 45, 16))
    assert features.shape == (2, 16, 6, 2)
    assert Decoder(1, 4, 3)(features, 45, 16).shape == (2, 1, 45, 16)


def test_every_parameter_gets_a_gradient():
    network = AutoencoderNetwork(1, 4, 3)
    network(torch.rand(2, 1, 32, 32)).square().mean().backward()
    assert all(value.grad is not None for value in network.parameters())


def test_nothing_passes_by_the_bottleneck():
    network = AutoencoderNetwork(1, 4, 3)
    network.encoder = torch.nn.Sequential(network.encoder, Forget())
    first, second = (network(torch.rand(1, 1, 32, 32)) for _ in range(2))
    assert torch.equal(first, second)


class Forget(torch.nn.Module):
    def forward(self, features):
        return torch.zeros_like(features)


def test_one_pixel_and_one_image_can_be_normalised():
    assert torch.isfinite(AutoencoderNetwork(1, 1, 7)(torch.rand(1, 1, 16, 16))).all()
