"""A perceptron as the float network that boards are given."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

from data import BadInput
from models.nets import float_network, mlp
from models.noise import Dropout


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_logits_are_those_of_the_perceptron(batch_norm: bool) -> None:
    net = mlp(chance(), shape=(1, 5, 6), classes=4, batch_norm=batch_norm, hidden=(9, 8))
    for step in range(20):
        net(torch.rand(50, 1, 5, 6, generator=chance(step)))
    with torch.no_grad():
        for value in net.parameters():
            value.add_(0.1 * torch.randn(value.shape, generator=chance(99)))
    codes = np.random.default_rng(1).integers(0, 32, (20, 30)).astype(np.uint8)
    ours = float_network(net).sums(codes)[-1]
    theirs = net.eval()(torch.from_numpy(codes).float().view(20, 1, 5, 6) / 31)
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-4, atol=1e-5)


def test_its_arrays_are_its_own() -> None:
    net = mlp(chance(), shape=(6,), classes=4, hidden=())
    made = float_network(net)
    before = made.weights[0].copy()
    with torch.no_grad():
        net.out.weight.zero_()
    assert np.array_equal(made.weights[0], before)


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ({"a": nn.Linear(3, 3), "b": nn.Linear(3, 3)}, "b cannot stand after Linear"),
        ({"a": nn.Linear(3, 3), "b": nn.Tanh(), "c": nn.Linear(3, 3)}, "b cannot stand after Linear"),
        ({"a": nn.Linear(3, 3), "b": nn.ReLU()}, "ends in a fully connected layer"),
        ({"a": nn.BatchNorm1d(3), "b": nn.Linear(3, 3)}, "a cannot stand after"),
        ({}, "ends in a fully connected layer"),
    ],
)
def test_other_networks_are_refused(layers: dict[str, nn.Module], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        float_network(nn.Sequential(OrderedDict(layers)))


def test_dropout_and_flatten_are_nothing_in_evaluation() -> None:
    fc, out = nn.Linear(6, 3), nn.Linear(3, 2)
    plain = nn.Sequential(fc, nn.ReLU(), out)
    more = nn.Sequential(nn.Flatten(), fc, nn.ReLU(), Dropout(0.5, (3,)), out)
    codes = np.arange(12, dtype=np.uint8).reshape(2, 6)
    assert np.array_equal(float_network(plain).sums(codes)[-1], float_network(more).sums(codes)[-1])
