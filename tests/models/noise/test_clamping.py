"""Weights kept within limits."""

from __future__ import annotations

import pytest
import torch

from data import BadInput
from models.nets import lenet5
from models.noise import ADDITIVE, clamp_weights, clampable, inject


def test_all_weights_but_those_of_batch_norm_are_clamped() -> None:
    net = lenet5(torch.Generator().manual_seed(0), shape=(1, 16, 16), batch_norm=True)
    with torch.no_grad():
        for value in net.parameters():
            value.mul_(50).add_(3)
    before = {name: value.detach().clone() for name, value in net.named_parameters()}
    names = clampable(net)
    assert names == ("conv1.weight", "conv2.weight", "fc1.weight", "fc2.weight", "out.weight")
    clamp_weights(net.get_parameter(name) for name in names)
    for name, value in net.named_parameters():
        assert torch.equal(value, before[name].clamp(-1, 1) if name in names else before[name]), name


def test_names_are_those_of_the_module_asked() -> None:
    net = lenet5(torch.Generator().manual_seed(0), shape=(1, 16, 16))
    noisy = inject(net, ADDITIVE, torch.rand(2, 1, 16, 16))
    assert clampable(noisy) == tuple(f"net.{name}" for name in clampable(net))


def test_stacked_weights_and_other_limits() -> None:
    stacked = torch.linspace(-2, 2, 12, requires_grad=True)
    clamp_weights([stacked], 0.5)
    assert (stacked.min().item(), stacked.max().item()) == (-0.5, 0.5)
    with pytest.raises(BadInput, match="must be positive"):
        clamp_weights([stacked], 0.0)
