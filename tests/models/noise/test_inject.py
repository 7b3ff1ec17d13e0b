"""Injection points: where they are, what they are called, and that the network stays what it was."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn import functional

from data import BadInput
from models.nets import lenet5, mlp
from models.noise import (
    ADDITIVE,
    NOT_AFTER_BATCH_NORM,
    Mixed,
    NoiseKind,
    NoisyModule,
    Op,
    Strengths,
    inject,
)

MIXED = Mixed.of_ratio(0.3)


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(*shape: int, seed: int = 1) -> Tensor:
    return torch.rand(shape, generator=chance(seed))


def noisy_lenet(kind: NoiseKind = ADDITIVE, **options: object) -> NoisyModule:
    return inject(lenet5(chance(), shape=(1, 16, 16), **options), kind, images(2, 1, 16, 16))


MLP = "input fc1 relu1 fc2 relu2 fc3 relu3 out"
MLP_BN = "input fc1 bn1 relu1 fc2 bn2 relu2 fc3 bn3 relu3 out"
LENET = "input conv1 relu1 pool1 conv2 relu2 pool2 fc1 relu3 fc2 relu4 out"
LENET_BN = "input conv1 bn1 relu1 pool1 conv2 bn2 relu2 pool2 fc1 bn3 relu3 fc2 bn4 relu4 out"


@pytest.mark.parametrize(
    ("build", "batch_norm", "names"),
    [(mlp, False, MLP), (mlp, True, MLP_BN), (lenet5, False, LENET), (lenet5, True, LENET_BN)],
    ids=["mlp", "mlp-bn", "lenet", "lenet-bn"],
)
@pytest.mark.parametrize("way", ["graph", "hooks"])
def test_every_operation_has_a_point_in_order(build, batch_norm: bool, names: str, way: str) -> None:
    noisy = inject(build(chance(), batch_norm=batch_norm), ADDITIVE, images(2, 1, 28, 28), way=way)
    assert [point.name for point in noisy.points] == names.split()
    assert noisy.way == way


def test_points_know_shape_operation_and_source() -> None:
    points = {point.name: point for point in noisy_lenet().points}
    assert points["conv1"].shape == (6, 12, 12)
    assert points["pool2"].shape == (16, 1, 1)
    assert points["out"].shape == (10,)
    assert points["out"].op is Op.OUT
    assert points["relu3"].source == "relu3"


def test_a_kind_of_operation_can_be_left_out_without_renaming_the_others() -> None:
    net = lenet5(chance(), shape=(1, 16, 16), batch_norm=True)
    noisy = inject(net, ADDITIVE, images(2, 1, 16, 16), ops=NOT_AFTER_BATCH_NORM)
    assert [point.name for point in noisy.points] == LENET.split()


def by_hand(net: nn.Sequential, x: Tensor, noise: dict[str, Tensor]) -> Tensor:
    """LeNet-5 with additive noise, written out."""
    x = x + noise["input"]
    x = functional.conv2d(x, net.conv1.weight, net.conv1.bias) + noise["conv1"]
    x = functional.max_pool2d(x.relu() + noise["relu1"], 2) + noise["pool1"]
    x = functional.conv2d(x, net.conv2.weight, net.conv2.bias) + noise["conv2"]
    x = functional.max_pool2d(x.relu() + noise["relu2"], 2) + noise["pool2"]
    x = x.flatten(1) @ net.fc1.weight.T + net.fc1.bias + noise["fc1"]
    x = (x.relu() + noise["relu3"]) @ net.fc2.weight.T + net.fc2.bias + noise["fc2"]
    return (x.relu() + noise["relu4"]) @ net.out.weight.T + net.out.bias + noise["out"]


@pytest.mark.parametrize("way", ["graph", "hooks"])
def test_noise_comes_in_where_the_names_say(way: str) -> None:
    net = lenet5(chance(), shape=(1, 16, 16)).double()
    x = images(5, 1, 16, 16).double()
    noisy = inject(net, ADDITIVE, x, way=way)
    noisy.set_strengths(training=Strengths(0.3, (("fc1", 2.0),)))
    noisy.draw(5, chance(7))
    noise = {p.name: noisy.point(p.name).strength * noisy.point(p.name).draw for p in noisy.points}
    torch.testing.assert_close(noisy(x), by_hand(net, x, noise))


def test_the_network_itself_stays_without_noise_and_shares_its_weights() -> None:
    net = lenet5(chance(), shape=(1, 16, 16))
    before, x = copy.deepcopy(net.state_dict()), images(4, 1, 16, 16)
    plain = net(x)
    noisy = inject(net, ADDITIVE, x)
    noisy.set_strengths(training=Strengths.everywhere(1.0))
    noisy.draw(4, chance())
    assert not torch.equal(noisy(x), plain)
    assert torch.equal(net(x), plain)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    noisy(x).sum().backward()
    assert net.conv1.weight.grad is not None
    assert [name.removeprefix("net.") for name in noisy.state_dict()] == list(before)


@pytest.mark.parametrize(("way", "prefix"), [("graph", "net."), ("hooks", "net.net.")])
def test_members_computed_together_are_as_alone(way: str, prefix: str) -> None:
    """Two networks with noise at different points: one computation of both, and each for itself."""
    nets = [lenet5(chance(seed), shape=(1, 16, 16)) for seed in (1, 2)]
    x = images(6, 1, 16, 16)
    noisy = inject(nets[0], MIXED, x, way=way)
    members = [Strengths.at("conv1", 0.5), Strengths.everywhere(0.2)]
    held = [point.name for point in noisy.points]
    buffers = [noisy.buffers_of(s, 6, chance(s_), held=held) for s_, s in enumerate(members)]
    weights = [{f"{prefix}{name}": value for name, value in net.named_parameters()} for net in nets]

    def stacked(many: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        return {name: torch.stack([one[name] for one in many]) for name in many[0]}

    together = vmap(lambda w, b: functional_call(noisy, {**w, **b}, (x,)))(stacked(weights), stacked(buffers))
    for index, net in enumerate(nets):
        alone = inject(net, MIXED, x)
        alone.set_strengths(training=members[index])
        alone.draw(6, chance(index))
        torch.testing.assert_close(together[index], alone(x))


def test_noise_that_was_not_drawn_is_an_error() -> None:
    noisy, x = noisy_lenet(), images(3, 1, 16, 16)
    noisy.set_strengths(training=Strengths.at("pool1", 0.5))
    with pytest.raises(BadInput, match="noise at pool1, but none was drawn"):
        noisy(x)
    noisy.draw(3, chance())
    noisy(x)
    with pytest.raises(BadInput, match="draw for every batch anew"):
        noisy(x[:2])
    assert torch.equal(noisy.eval()(x), noisy(x)), "nothing is asked for in evaluation"
    with pytest.raises(BadInput, match="none was drawn"):
        noisy.train()(x)


def test_strengths_that_cannot_be_are_refused_all_at_once() -> None:
    noisy = noisy_lenet()
    with pytest.raises(BadInput) as caught:
        noisy.set_strengths(evaluation=Strengths(-1.0, (("conv9", 1.0), ("fc1", (1.0, 2.0)))))
    for word in ("others is -1.0", "no point 'conv9'", "2 strengths"):
        assert word in str(caught.value)
