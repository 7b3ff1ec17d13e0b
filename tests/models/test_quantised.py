"""Quantised networks against a quantiser written out by hand."""

import copy
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from data.errors import BadInput, Cancelled
from data.labelled import Labelled
from models.batched import Member, Recipe, Stream, evaluate, generator, train_members
from models.nets import cnn_s, lenet5, mlp, resnet18, vgg11
from models.noise import ADDITIVE, Strengths, inject
from models.quantised.nets import activation_steps, quantise
from models.quantised.rules import Quantisation
from models.quantised.training import accuracies, cut_shares, train_quantised


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


def task(count=300, seed=4):
    """Which of the first 4 of 6 x 4 pixels is the brightest."""
    rng = np.random.default_rng(seed)
    inputs = rng.random((count, 1, 6, 4)).astype(np.float32)
    return Labelled(inputs, inputs.reshape(count, -1)[:, :4].argmax(axis=1).astype(np.int64))


def small(chance):
    return mlp(chance, shape=(1, 6, 4), classes=4, hidden=(24,))


MEMBER, RECIPE = Member(seed=7), Recipe(epochs=25, batch=32, learning_rate=0.01)


def by_hand(quantisation, member, recipe, samples):
    """The training written out: initial weights, order and noise of the member, Adam, cosine by epochs."""
    inputs, labels = torch.from_numpy(samples.inputs).double(), torch.from_numpy(samples.labels)
    noisy = inject(small(generator(member.seed, Stream.WEIGHTS)).double(), ADDITIVE, inputs[:2])
    noisy.set_strengths(training=member.strengths)
    noisy = quantise(noisy, quantisation).train()
    order, noise = generator(member.seed, Stream.ORDER), generator(member.seed, Stream.NOISE)
    optimiser = torch.optim.Adam(noisy.parameters())
    for epoch in range(recipe.epochs):
        for group in optimiser.param_groups:
            group["lr"] = recipe.learning_rate * (1 + np.cos(np.pi * epoch / recipe.epochs)) / 2
        shuffled = torch.randperm(len(inputs), generator=order)
        for start in range(0, len(inputs), recipe.batch):
            rows = shuffled[start : start + recipe.batch]
            noisy.draw(len(rows), noise)
            optimiser.zero_grad()
            torch.autograd.backward(nn.functional.cross_entropy(noisy(inputs[rows]), labels[rows]))
            optimiser.step()
    return noisy.eval()


@pytest.mark.parametrize("strength", [0.0, 0.2])
@pytest.mark.parametrize("scale", [None, 0.125])
def test_a_training_is_that_of_the_recipe(strength, scale):
    samples, quantisation = task(), Quantisation(4, scale, collect_steps=5)
    member = replace(MEMBER, strengths=Strengths.everywhere(strength))
    recipe = replace(RECIPE, epochs=3, precision="float64")
    made = train_quantised(small, quantisation, samples, member, recipe)
    expected = by_hand(quantisation, member, recipe, samples)
    for (name, ours), theirs in zip(made.named_parameters(), expected.parameters(), strict=True):
        assert array(ours) == pytest.approx(array(theirs), abs=1e-12), name


def test_a_quantised_network_learns_and_noise_costs_it_what_it_knows():
    trained = train_quantised(small, Quantisation(8, 0.0625), task(), MEMBER, RECIPE)
    unseen = task(200, seed=5)
    grid = [Strengths(), Strengths.everywhere(0.2), Strengths.everywhere(100.0)]
    right = accuracies(trained, unseen, grid, seed=1, draws=3)
    assert right[0] * 200 == pytest.approx(round(right[0] * 200))
    assert right[0] > 0.75
    assert right[0] > right[1] > right[2]
    assert right[2] == pytest.approx(0.25, abs=0.08)
    assert np.array_equal(accuracies(trained, unseen, grid, seed=1, draws=3), right)
    assert accuracies(trained, unseen, grid[1:2], 1)[0] != accuracies(trained, unseen, grid[1:2], 2)[0]
    assert trained.evaluation_strengths == Strengths()


@pytest.mark.parametrize("bits", [4, 8])
def test_what_a_rectifier_cuts_is_counted(bits):
    def two(chance):
        return mlp(chance, shape=(1, 6, 4), classes=4, hidden=(24, 12))

    trained = train_quantised(two, Quantisation(bits, 0.04), task(), MEMBER, replace(RECIPE, epochs=3))
    trained.set_strengths(evaluation=Strengths.everywhere(0.3))
    shares, (first, second) = cut_shares(trained, task(700, seed=5)), activation_steps(trained)
    assert list(shares) == [first, second]
    assert trained.evaluation_strengths == Strengths.everywhere(0.3)
    weights = {name: array(value) for name, value in trained.named_parameters()}
    names = [name for name in weights if name.endswith("weight")]
    values, expected = task(700, seed=5).inputs.reshape(700, -1).astype(np.float64), []
    for name in names[:2]:
        sums = values @ weights_by_hand(weights[name], bits, per_channel=False).T
        sums += weights[name.replace("weight", "bias")]
        step = {4: 15, 8: 256}[bits] * 0.04 / (2**bits - 1)
        expected.append(np.mean(sums[sums > 0] > step * (2**bits - 1)))
        values = activations_by_hand(sums, step, bits)
    assert list(shares.values()) == pytest.approx(expected, abs=2e-3)
    assert (max(expected) > 0.1) == (bits == 4), "a ceiling of 0.6 cuts, one of 10 does not"


def test_a_training_can_be_stopped_and_watched():
    told: list[float] = []
    train_quantised(
        small, Quantisation(4), task(), MEMBER, replace(RECIPE, epochs=4), progress=lambda share, _: told.append(share)
    )
    assert told == [0.25, 0.5, 0.75, 1.0]
    with pytest.raises(Cancelled, match="stopped"):
        train_quantised(small, Quantisation(4), task(), MEMBER, RECIPE, should_stop=lambda: True)
    with pytest.raises(BadInput, match="learning_rate"):
        train_quantised(small, Quantisation(4), task(), MEMBER, replace(RECIPE, learning_rate=0))


def test_members_that_cannot_be_trained_together_cannot_be_trained_alone():
    with pytest.raises(BadInput, match="the seed of a member is -1"):
        train_quantised(small, Quantisation(4), task(), replace(MEMBER, seed=-1), RECIPE)
    with pytest.raises(BadInput, match="there is no point 'conv9'"):
        train_quantised(small, Quantisation(4), task(), replace(MEMBER, strengths=Strengths.at("conv9", 1.0)), RECIPE)

    def normed(chance):
        return nn.Sequential(small(chance), nn.BatchNorm1d(4), nn.ReLU())

    with pytest.raises(BadInput, match="a batch of its own"):
        train_quantised(normed, Quantisation(4), task(), MEMBER, replace(RECIPE, batch=1))


def test_weights_are_kept_within_the_clamp():
    clamped = train_quantised(small, Quantisation(4, 1.0), task(), MEMBER, replace(RECIPE, clamp=0.1))
    free = train_quantised(small, Quantisation(4, 1.0), task(), MEMBER, RECIPE)
    names = [name for name, _ in free.named_parameters() if name.endswith("weight")]
    largest = [
        max(float(dict(net.named_parameters())[n].detach().abs().max()) for n in names) for net in (clamped, free)
    ]
    assert largest[0] == pytest.approx(0.1)
    assert largest[1] > 0.5


@pytest.mark.parametrize(
    ("build", "shape", "layers", "rectifiers"),
    [
        (lenet5, (1, 28, 28), 5, 4),
        (cnn_s, (1, 10, 49), 4, 3),
        (lambda chance: vgg11(chance, width=4, hidden=16), (3, 32, 32), 11, 10),
        (lambda chance: resnet18(chance, width=4), (3, 32, 32), 21, 17),
    ],
    ids=["lenet5", "cnn_s", "vgg11", "resnet18"],
)
def test_every_network_can_be_quantised_with_its_noise_points(build, shape, layers, rectifiers):
    import brevitas.nn as quantised

    inputs = torch.rand(2, *shape, generator=torch.Generator().manual_seed(0))
    noisy = inject(build(torch.Generator().manual_seed(1)), ADDITIVE, inputs)
    made = quantise(noisy, Quantisation(4, 0.25)).eval()
    kinds = [type(module) for module in made.modules()]
    assert sum(kind in (quantised.QuantConv2d, quantised.QuantLinear) for kind in kinds) == layers
    assert len(activation_steps(made)) == kinds.count(quantised.QuantReLU) == rectifiers
    assert not {nn.Conv2d, nn.Linear} & set(kinds)
    assert made.points == noisy.points
    seen: dict[str, torch.Tensor] = {}
    for point in made.points:
        made.point(point.name).register_forward_hook(
            lambda _module, given, _result, name=point.name: seen.update({name: given[0]})
        )
    with torch.no_grad():
        silent = made(inputs)
        made.set_strengths(evaluation=Strengths.everywhere(0.5))
        made.draw(2, torch.Generator().manual_seed(2))
        assert not torch.equal(made(inputs), silent)
    steps = seen["relu1"] / 0.25
    assert torch.equal(steps, steps.round()), "a noise point sees what the quantised rectifier gives"
    assert 0 <= steps.min() < steps.max() <= 15


def test_the_noise_is_that_of_networks_that_are_judged_together():
    trained = train_members(small, task(), [MEMBER], replace(RECIPE, epochs=2), threads=1)
    grid = [Strengths(), Strengths.everywhere(0.1), Strengths.at("fc1", 0.5)]
    together = evaluate(trained, task(700, seed=5), grid, draws=2, threads=1)[0]
    noisy = inject(trained.net(0), ADDITIVE, torch.from_numpy(task().inputs[:2])).eval()
    assert accuracies(noisy, task(700, seed=5), grid, MEMBER.seed, draws=2) == pytest.approx(together, abs=2e-3)
