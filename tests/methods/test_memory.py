import numpy as np
import pytest
import torch

from methods.shared.memory import Memory, entropy, usage


def build(paired=True, slots=7, shrinkage=1.0, temperature=0.3):
    torch.manual_seed(0)
    return Memory(5, slots, paired=paired, temperature=temperature, shrinkage=shrinkage).eval()


def plain_recall(memory, queries):
    """The memory's answer, position by position, in NumPy."""
    keys = memory.keys.detach().numpy().astype(np.float64)
    values = (memory.keys if memory.values is None else memory.values).detach().numpy()
    standard = memory.standard
    spread = np.sqrt(standard.running_var.numpy() + standard.eps)
    answers = np.empty((queries.shape[0], values.shape[1], *queries.shape[2:]))
    weights = np.empty((queries.shape[0], len(keys), *queries.shape[2:]))
    for b, row, column in np.ndindex(queries.shape[0], *queries.shape[2:]):
        query = (queries[b, :, row, column] - standard.running_mean.numpy()) / spread
        likeness = keys @ query / np.linalg.norm(keys, axis=1) / np.linalg.norm(query)
        w = np.exp(likeness / memory.temperature)
        w /= w.sum()
        w = np.where(w > memory.threshold, w, 0)
        w /= w.sum()
        weights[b, :, row, column] = w
        answers[b, :, row, column] = w @ values
    return answers, weights


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("shrinkage", [0.0, 1.0])
def test_addressing_agrees_with_numpy(paired, shrinkage):
    memory = build(paired, shrinkage=shrinkage)
    memory.standard.running_mean.uniform_(-1, 1)
    memory.standard.running_var.uniform_(0.5, 2)
    queries = torch.randn(2, 5, 3, 4)
    features, weights = memory(queries)
    expected_features, expected_weights = plain_recall(memory, queries.numpy())
    assert weights.detach().numpy() == pytest.approx(expected_weights, abs=1e-5)
    assert features.detach().numpy() == pytest.approx(expected_features, abs=1e-5)


def test_a_single_memory_has_half_the_parameters():
    count = [sum(p.numel() for p in build(paired).parameters()) for paired in (True, False)]
    assert count == [70, 35]


def test_shrinking_drops_small_weights_and_keeps_the_sum():
    """Keys along the axes, and a query whose softmax is 0.5, 0.3, 0.15, 0.05."""
    shares = torch.tensor([0.5, 0.3, 0.15, 0.05])
    memory = Memory(4, 4, paired=True, temperature=1.0, shrinkage=0.8).eval()
    likeness = shares.log() - shares.log().mean()
    memory.temperature = 1 / likeness.norm().item()
    with torch.no_grad():
        memory.keys.copy_(torch.eye(4))
        memory.values.copy_(torch.eye(4))
    features, weights = memory(likeness.reshape(1, 4, 1, 1))
    assert weights.flatten().tolist() == pytest.approx([0.625, 0.375, 0, 0], abs=1e-5)
    assert torch.equal(features, weights)


def test_shrinking_everything_gives_zero_not_nan():
    memory = build(shrinkage=6.9, temperature=100.0)
    features, weights = memory(torch.randn(1, 5, 2, 2))
    assert not features.any()
    assert not weights.any()


def test_entropy_is_that_of_information_theory():
    even, certain = torch.full((1, 8, 2, 2), 1 / 8), torch.zeros(1, 8, 2, 2)
    certain[:, 3] = 1
    assert entropy(even).item() == pytest.approx(np.log(8), rel=1e-5)
    assert entropy(certain).item() == pytest.approx(0, abs=1e-6)


def test_usage_counts_slots():
    weights = torch.zeros(1, 4, 2, 2)
    weights[:, 0, 0], weights[:, 1, 1] = 1, 1
    found = usage(weights)
    assert found == pytest.approx({"used": 0.5, "active": 1, "effective": 2}, rel=1e-5)


def test_queries_keys_and_values_get_gradients():
    memory = build().train()
    queries = torch.randn(2, 5, 3, 3, requires_grad=True)
    memory(queries).features.square().sum().backward()
    for gradient in (queries.grad, memory.keys.grad, memory.values.grad):
        assert gradient.abs().sum() > 0


def test_one_position_of_one_image_can_be_trained():
    assert torch.isfinite(build().train()(torch.randn(1, 5, 1, 1)).features).all()


def test_an_image_of_the_batch_does_not_change_another():
    memory, queries = build(), torch.randn(3, 5, 2, 2)
    alone = memory(queries[:1]).features
    assert torch.allclose(alone, memory(queries).features[:1], atol=1e-6)
