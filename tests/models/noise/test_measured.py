"""Strengths of a board's own noise, against what the chip model of that board does to a converted network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from data import BadInput, Geometry, Schedule
from models import ChipModel, run
from models.conversion import to_integers
from models.floatnet import FloatNetwork
from models.layers import OrderedLinear
from models.nets import float_network, lenet5, mlp
from models.noise import ADDITIVE, MULTIPLICATIVE, NoisyModule, Op, Strengths, Vant, inject, measured_strengths
from models.parameters import ChipParameters

ARRAY = Geometry(rows=32, columns=20)


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def board(gain: float = 0.002, seed: int = 0) -> ChipParameters:
    noise = np.random.default_rng(seed).uniform(0.5, 3.0, ARRAY.columns)
    return replace(ChipParameters.ideal(ARRAY, gain), noise=noise)


def codes(count: int, inputs: int) -> NDArray[np.uint8]:
    return np.random.default_rng(5).integers(0, 32, (count, inputs)).astype(np.uint8)


def one_layer(inputs: int, outputs: int) -> NoisyModule:
    net = mlp(chance(), shape=(inputs,), classes=outputs, hidden=())
    return inject(net, ADDITIVE, torch.rand(2, inputs))


@pytest.mark.parametrize("gain", [0.0002, 0.002, 0.05], ids=["weak", "usual", "strong"])
@pytest.mark.parametrize("inputs", [30, 90], ids=["one-block", "three-blocks"])
def test_strengths_are_the_scatter_of_a_converted_network(gain: float, inputs: int) -> None:
    """The same inputs through the same integers again and again; the scatter of the logits, in float units."""
    chip, columns, schedule = board(gain), np.array([4, 0, 9, 17, 3, 12]), Schedule(sends=2)
    noisy = one_layer(inputs, 6)
    weights, bias = (value.detach().numpy() for value in (noisy.net.out.weight.T, noisy.net.out.bias))
    vectors = codes(400, inputs)
    integers = to_integers(FloatNetwork((weights,), (bias,), 31), chip, schedule, columns, vectors, tuple("abcdef"))
    answers = [run(integers, ChipModel(chip, seed=seed), vectors).logits for seed in range(12)]
    scatter = np.sqrt(np.var(answers, axis=0, ddof=1).mean(axis=0))
    strengths = measured_strengths(noisy, torch.from_numpy(vectors / np.float32(31)), chip, schedule, columns)
    # Rounding of a noisy value scatters less than 1/12 of a code where the noise does not dither it fully.
    np.testing.assert_allclose(strengths.value("out"), scatter, rtol=0.06)


@pytest.mark.parametrize("way", ["graph", "hooks"])
def test_batch_norm_is_folded_before_ranges_are_told(way: str) -> None:
    """The noise behind it is that of the network with folded weights, so before it that over each output's factor."""
    net, example, chip = (
        mlp(chance(), shape=(30,), classes=6, hidden=(8,), batch_norm=True),
        torch.rand(50, 30),
        board(),
    )
    net.bn1.running_var.copy_(torch.linspace(0.01, 4.0, 8))
    with torch.no_grad():
        net.bn1.weight.copy_(torch.linspace(-2.0, 3.0, 8))
    folded = float_network(net)
    plain = nn.Linear(30, 8)
    with torch.no_grad():
        plain.weight.copy_(torch.from_numpy(folded.weights[0].T))
    behind = measured_strengths(inject(nn.Sequential(plain), ADDITIVE, example), example, chip, Schedule()).value("out")
    before = measured_strengths(inject(net, ADDITIVE, example, way=way), example, chip, Schedule()).value("fc1")
    factor = np.linspace(-2.0, 3.0, 8) / np.sqrt(np.linspace(0.01, 4.0, 8) + net.bn1.eps)
    np.testing.assert_allclose(np.array(before) * np.abs(factor), behind, rtol=1e-5)
    with torch.no_grad():
        net.bn1.weight[0] = 0
    with pytest.raises(BadInput, match="the batch norm behind fc1 multiplies an output by 0"):
        measured_strengths(inject(net, ADDITIVE, example, way=way), example, chip, Schedule())


def test_only_products_have_noise_and_each_channel_its_column() -> None:
    noisy = inject(lenet5(chance(), shape=(1, 16, 16)), ADDITIVE, torch.rand(2, 1, 16, 16))
    chip, columns = board(), np.array([7, 2, 11, 5, 19])
    strengths = measured_strengths(noisy, torch.rand(20, 1, 16, 16), chip, Schedule(), columns)
    assert [name for name, _ in strengths.named] == ["conv1", "conv2", "fc1", "fc2", "out"]
    conv1 = np.array(strengths.value("conv1"))
    total = np.sqrt(chip.noise[columns] ** 2 + 1 / 12)
    np.testing.assert_allclose(conv1 / conv1[0], (total / total[0])[[0, 1, 2, 3, 4, 0]])
    noisy.set_strengths(training=strengths)
    noisy.draw(6, chance(), factor=Vant().factor(0, 6, chance(1)))
    assert noisy.point("conv1").strength.shape == (6, 6)
    assert noisy(torch.rand(6, 1, 16, 16)).shape == (6, 10)


def test_larger_weights_do_not_outgrow_the_noise() -> None:
    noisy, example, chip = one_layer(30, 6), torch.rand(50, 30), board(0.05)
    before = np.array(measured_strengths(noisy, example, chip, Schedule()).value("out"))
    with torch.no_grad():
        noisy.net.out.weight.mul_(10)
    after = np.array(measured_strengths(noisy, example, chip, Schedule()).value("out"))
    np.testing.assert_allclose(after, 10 * before, rtol=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_modes_stay_and_noise_drawn_before_does_not_count(training: bool) -> None:
    noisy, example, chip = one_layer(30, 6).train(training), torch.rand(50, 30), board()
    quiet = measured_strengths(noisy, example, chip, Schedule())
    noisy.set_strengths(training=Strengths.everywhere(100.0), evaluation=Strengths.everywhere(100.0))
    noisy.draw(50, chance())
    assert measured_strengths(noisy, example, chip, Schedule()) == quiet
    assert noisy.training is training


def test_hooks_do_as_well() -> None:
    net, example = mlp(chance(), shape=(30,), classes=6, hidden=(8,)), torch.rand(50, 30)
    ways = [inject(net, ADDITIVE, example, way=way) for way in ("graph", "hooks")]
    one, other = (measured_strengths(noisy, example, board(), Schedule()) for noisy in ways)
    assert one == other


def test_layers_of_ours_have_the_noise_of_their_chip() -> None:
    """In output codes; against repeats of the layer's own trial noise, which comes in before it rounds."""
    chip = board(0.02)
    layer = OrderedLinear(torch.randint(-63, 64, (90, 6), generator=chance()).float(), chip, Schedule())
    vectors = torch.randint(0, 32, (300, 90), generator=chance(1)).float()
    noisy = inject(nn.Sequential(layer), ADDITIVE, vectors)
    strengths = np.array(measured_strengths(noisy, vectors, board(1.0, seed=9), Schedule()).value("out"))
    answers = torch.stack([layer(vectors, layer.draw(300, chance(seed))).detach() for seed in range(12)])
    scatter = answers.var(dim=0).mean(dim=0).sqrt().numpy()
    np.testing.assert_allclose(np.sqrt(strengths**2 + 3 / 12), scatter, rtol=0.06)


def test_what_has_no_such_noise_is_refused() -> None:
    net, example = mlp(chance(), shape=(30,), classes=6), torch.rand(50, 30)
    noisy = inject(net, ADDITIVE, example)
    with pytest.raises(BadInput, match="additive; this network has multiplicative"):
        measured_strengths(inject(net, MULTIPLICATIVE, example), example, board(), Schedule())
    with pytest.raises(BadInput, match="among the 20 of the array"):
        measured_strengths(noisy, example, board(), Schedule(), np.array([20]))
    with pytest.raises(BadInput, match="before fc1 gives nothing but zeros"):
        measured_strengths(noisy, torch.zeros(5, 30), board(), Schedule())
    with pytest.raises(BadInput, match="no noise of a board fits it"):
        measured_strengths(inject(net, ADDITIVE, example, ops=[Op.RELU]), example, board(), Schedule())
