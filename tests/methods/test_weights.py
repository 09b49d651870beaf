import pytest
import torch

from bench.errors import MethodError
from methods.shared.blocks import AutoencoderNetwork
from methods.shared.weights import count_parameters, load_network, save_network

SHAPE = {"channels": 1, "width": 4}


def build(shape, depth=2):
    return AutoencoderNetwork(shape["channels"], shape["width"], depth)


def test_weights_survive_the_way_to_disk_and_back(tmp_path):
    network = build(SHAPE).to(memory_format=torch.channels_last)
    save_network(tmp_path, network, SHAPE)
    loaded, shape = load_network(tmp_path, build)
    assert shape == SHAPE
    assert all(
        torch.equal(a, b) for a, b in zip(network.parameters(), loaded.parameters(), strict=True)
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "network.json",
        "weights.safetensors",
    ]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MethodError, match="no network of this kind can be read") as caught:
        load_network(tmp_path, build)
    assert "--force" in caught.value.hint


def test_a_damaged_file_is_refused(tmp_path):
    save_network(tmp_path, build(SHAPE), SHAPE)
    (tmp_path / "weights.safetensors").write_bytes(b"not weights")
    with pytest.raises(MethodError, match="no network of this kind can be read"):
        load_network(tmp_path, build)


def test_another_network_is_refused(tmp_path):
    save_network(tmp_path, build(SHAPE), SHAPE)
    with pytest.raises(MethodError, match="no network of this kind can be read"):
        load_network(tmp_path, lambda shape: build(shape, depth=3))


def test_parameters_are_counted():
    assert count_parameters(None) is None
    assert count_parameters(torch.nn.Linear(3, 2)) == 8
