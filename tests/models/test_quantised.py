"""Quantised networks against a quantiser written out by hand."""

import copy
import sys

import numpy as np
import pytest
import torch
from torch import nn

from data.errors import BadInput
from models.quantised.nets import activation_steps, quantise
from models.quantised.rules import Quantisation


def weights_by_hand(weights, bits, per_channel):
    """Signed, symmetric, narrow range; float64."""
    top = 2 ** (bits - 1) - 1
    axes = tuple(range(1, weights.ndim)) if per_channel else None
    step = np.abs(weights).max(axis=axes, keepdims=True) / top
    return np.clip(np.rint(weights / step), -top, top) * step


def activations_by_hand(sums, step, bits):
    return step * np.clip(np.rint(sums / step), 0, 2**bits - 1)


def array(tensor):
    return tensor.detach().numpy().astype(np.float64)


def perceptron(seed=1, dtype=torch.float64):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(20, 16), nn.ReLU(), nn.Linear(16, 5)).to(dtype)


@pytest.mark.parametrize(("bits", "largest"), [(4, 15), (8, 256), (16, 65536)])
def test_the_largest_activation_is_that_of_the_published_grid(bits, largest):
    quantisation = Quantisation(bits, scale=0.5)
    assert quantisation.ceiling == largest * 0.5
    net = quantise(perceptron(), quantisation).eval()
    torch.manual_seed(0)
    with torch.no_grad():
        seen = net[1](torch.tensor([-1.0, 0.0, 0.24, 0.26, 1e9], dtype=torch.float64))
    step = largest * 0.5 / (2**bits - 1)
    assert activation_steps(net) == {"1": pytest.approx(step, rel=1e-6)}
    assert seen.numpy() == pytest.approx([0, 0, 0, step, largest * 0.5], rel=1e-6)


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("scale", [0.03, 0.25])
def test_a_perceptron_is_what_the_formulas_say(bits, scale):
    net = perceptron()
    made = quantise(net, Quantisation(bits, scale))
    inputs = torch.rand(200, 20, dtype=torch.float64)
    first = weights_by_hand(array(net[0].weight), bits, per_channel=False)
    last = weights_by_hand(array(net[2].weight), bits, per_channel=False)
    sums = array(inputs) @ first.T + array(net[0].bias)
    (step,) = activation_steps(made).values()
    hidden = activations_by_hand(sums, step, bits)
    assert len(np.unique(hidden)) > 3
    expected = hidden @ last.T + array(net[2].bias)
    assert array(made(inputs)) == pytest.approx(expected, abs=1e-9)
    assert np.abs(array(net(inputs)) - expected).max() > 1e-3


@pytest.mark.parametrize("bits", [4, 8])
def test_a_convolution_has_a_scale_for_each_output_channel(bits):
    torch.manual_seed(2)
    net = nn.Sequential(nn.Conv2d(2, 3, 3, stride=2, padding=1, bias=False), nn.ReLU()).double()
    with torch.no_grad():
        net[0].weight[1] *= 10
    made = quantise(net, Quantisation(bits, 0.1))
    expected = weights_by_hand(array(net[0].weight), bits, per_channel=True)
    assert array(made[0].quant_weight().value) == pytest.approx(expected, abs=1e-9)
    inputs = torch.rand(4, 2, 9, 9, dtype=torch.float64)
    by_hand = nn.functional.conv2d(inputs, torch.from_numpy(expected), stride=2, padding=1)
    (step,) = activation_steps(made).values()
    assert array(made(inputs)) == pytest.approx(activations_by_hand(array(by_hand), step, bits), abs=1e-9)


def trained(net, steps, seed=3):
    chance = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(net.parameters(), lr=0.01)
    net.train()
    for _ in range(steps):
        inputs = torch.rand(64, 20, generator=chance, dtype=torch.float64)
        labels = (inputs[:, :5]).argmax(dim=1)
        optimiser.zero_grad()
        torch.autograd.backward(nn.functional.cross_entropy(net(inputs), labels))
        optimiser.step()
    return net.eval()


def test_constant_scales_stay_and_learned_ones_move():
    constant = quantise(perceptron(), Quantisation(4, 0.125))
    before, weights = activation_steps(constant), constant[0].weight.detach().clone()
    trained(constant, 60)
    assert activation_steps(constant) == before == {"1": 0.125}
    assert (constant[0].weight - weights).abs().max() > 0.05

    learned = quantise(perceptron(), Quantisation(4, collect_steps=10))
    (first,) = activation_steps(trained(learned, 10)).values()
    (later,) = activation_steps(trained(learned, 60)).values()
    assert abs(later / first - 1) > 0.02


def test_a_learned_scale_starts_where_the_activations_end():
    net = perceptron()
    made = quantise(net, Quantisation(8, collect_steps=300)).train()
    inputs = torch.rand(500, 20, dtype=torch.float64)
    made(inputs)
    quantised_first = array(inputs) @ weights_by_hand(array(net[0].weight), 8, per_channel=False).T
    largest = (quantised_first + array(net[0].bias)).max()
    (step,) = activation_steps(made.eval()).values()
    assert step * 255 == pytest.approx(largest, rel=0.02)


def test_the_network_given_and_the_chance_of_torch_are_left_alone():
    net = perceptron(dtype=torch.float32)
    before = copy.deepcopy(net.state_dict())
    torch.manual_seed(11)
    made = quantise(net, Quantisation(4))
    drawn = torch.rand(3)
    torch.manual_seed(11)
    assert torch.equal(drawn, torch.rand(3))
    trained(made.double(), 5)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert [type(module) for module in net] == [nn.Linear, nn.ReLU, nn.Linear]
    assert {name for name, _ in made.named_parameters()} >= {"0.weight", "0.bias", "2.weight", "2.bias"}


def test_what_makes_no_sense_is_said_at_once():
    with pytest.raises(BadInput, match=r"5 bits.*scale of -1.*from 0 batches"):
        quantise(perceptron(), Quantisation(5, -1.0, 0))
    with pytest.raises(BadInput, match="no rectifier"):
        quantise(nn.Sequential(nn.Linear(3, 3)), Quantisation())
    with pytest.raises(BadInput, match="no convolution"):
        quantise(nn.Sequential(nn.ReLU()), Quantisation())
    with pytest.raises(BadInput, match="a single layer"):
        quantise(nn.Linear(3, 3), Quantisation())


def test_without_brevitas_one_sentence_says_what_to_type(monkeypatch):
    monkeypatch.setitem(sys.modules, "brevitas", None)
    with pytest.raises(BadInput, match=r'type `pip install "labctl\[studies\]"`'):
        quantise(perceptron(), Quantisation())
