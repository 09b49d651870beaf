"""Every trained method on a second device, and in bfloat16: what a GPU does that CI does not have.

The device is torch's meta device. Its tensors have shapes and types and no values. An operation on
tensors of two devices fails as on a GPU, so each move that is missing shows.
"""

from contextlib import contextmanager, nullcontext
from dataclasses import replace

import lightning_fabric as fabric
import numpy as np
import pytest
import torch

from bench import registry
from bench.detector import Images
from fakes.method_samples import images_to_test, normal_images, small_run
from methods.shared import training

# These compute in NumPy alone, whatever the device is.
WITHOUT_DEVICE = {"gaussian", "knn-patches", "pca"}
TRAINED = [
    name
    for name, card in registry.load_methods().items()
    if card.cost != "none"
    and not {"anomalib", "pretrained"} & set(card.extras)
    and name not in WITHOUT_DEVICE
]
# These ask for values in mid-training (which pixels are foreground), which the double lacks.
ASK_FOR_VALUES = {
    "phanes-like",
    "ssl-patchcore",
    "ssl-padim",
    "imagenet-patchcore",
    "imagenet-padim",
}


class Fabric:
    """What `training` uses of lightning's Fabric, which knows no such device."""

    device = torch.device("meta")

    def autocast(self):
        return nullcontext()

    def setup_optimizers(self, optimiser):
        return optimiser

    def to_device(self, tensor):
        return tensor.to(self.device)

    def backward(self, loss):
        assert loss.device.type == "meta"
        loss.backward()


def as_on_cpu(tensor):
    """What comes back from the device: anything of that shape and type."""
    return torch.zeros(tensor.shape, dtype=tensor.dtype)


@contextmanager
def second_device(monkeypatch, resident):
    monkeypatch.setattr(training, "_fabric", lambda device: Fabric())
    monkeypatch.setattr(training, "fits_on", lambda device, arrays: resident)
    adam = torch.optim.Adam
    monkeypatch.setattr(torch.optim, "Adam", lambda *given, fused, **more: adam(*given, **more))
    monkeypatch.setattr(torch, "autocast", lambda device, **more: nullcontext())
    monkeypatch.setattr(torch.Tensor, "__float__", lambda self: 0.5)
    monkeypatch.setattr(torch.Tensor, "cpu", as_on_cpu)
    yield


@pytest.mark.parametrize("resident", [True, False])
@pytest.mark.parametrize("name", [name for name in TRAINED if name not in ASK_FOR_VALUES])
def test_a_method_moves_all_that_it_needs(name, resident, tmp_path, monkeypatch):
    card = registry.method(name)
    channels = 3 if card.channels == [3] else 1
    run = replace(small_run(tmp_path, steps=2), device="meta")
    images = images_to_test(2, channels)
    with second_device(monkeypatch, resident):
        detector = registry.load_class(card)(registry.resolve_config(card, {}))
        detector.fit(normal_images(4, channels), run)
        devices = {one.device.type for one in detector._network.parameters()}
        found = detector.predict(Images(images.images, images.masks, "meta"))
    assert devices == {"meta"}
    assert found.scores.shape == (2,)


@pytest.mark.parametrize("name", TRAINED)
def test_a_method_trains_in_bfloat16(name, tmp_path, monkeypatch):
    """As `training` does on a GPU: mixed precision, and the data as tensors on the device."""
    half = fabric.Fabric(accelerator="cpu", devices=1, precision="bf16-mixed")
    monkeypatch.setattr(training, "_fabric", lambda device: half)
    monkeypatch.setattr(training, "fits_on", lambda device, arrays: True)
    card = registry.method(name)
    channels = 3 if card.channels == [3] else 1
    detector = registry.load_class(card)(registry.resolve_config(card, {}))
    detector.fit(normal_images(4, channels), small_run(tmp_path, steps=2))
    found = detector.predict(images_to_test(2, channels))
    assert np.isfinite(found.scores).all()
    assert found.scores.dtype == np.float32
    assert found.maps is None or np.isfinite(found.maps).all()
