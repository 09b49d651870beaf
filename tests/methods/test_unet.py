import pytest
import torch

from methods.shared.unet import UNet


@pytest.mark.parametrize(("rows", "columns"), [(32, 32), (37, 45), (5, 3)])
def test_the_unet_keeps_the_shape_and_trains_every_parameter(rows, columns):
    network = UNet(2, 4, 3)
    images = torch.rand(2, 2, rows, columns)
    cleaned = network(images)
    assert cleaned.shape == images.shape
    cleaned.square().mean().backward()
    assert all(value.grad is not None for value in network.parameters())


def test_skip_connections_carry_every_level():
    """Cut one skip after the other: each changes what comes out."""
    torch.manual_seed(0)
    network, images = UNet(1, 8, 3).eval(), torch.rand(1, 1, 32, 32)
    whole = network(images)
    for merge in network.merge:
        kept = [conv.weight.detach().clone() for conv in (merge.main[2], merge.shortcut)]
        with torch.no_grad():
            for conv in (merge.main[2], merge.shortcut):
                conv.weight[:, : conv.weight.shape[1] // 2] = 0
        assert not torch.allclose(network(images), whole, atol=1e-3)
        with torch.no_grad():
            for conv, weight in zip((merge.main[2], merge.shortcut), kept, strict=True):
                conv.weight.copy_(weight)
