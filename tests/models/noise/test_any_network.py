"""Points in networks that were not written for them: functions, shared modules, ways that depend on the data."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from data import BadInput, Schedule
from models.layers import OrderedConv2d, OrderedLinear
from models.noise import ADDITIVE, NoisyModule, Op, Strengths, inject
from models.parameters import ChipParameters
from tests.models.chips import SMALL


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def names(noisy: NoisyModule) -> str:
    return " ".join(point.name for point in noisy.points)


X = torch.rand(3, 1, 8, 8, generator=chance(1))


class Functional(nn.Module):
    """Operations as functions and methods, one module used twice, a sum of two ways."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, padding=1)
        self.same = nn.Conv2d(2, 2, 3, padding=1)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.conv(x))
        x = self.same(x).relu() + self.same(x)
        x = functional.max_pool2d(torch.tanh(x), 2)
        return self.head(functional.adaptive_avg_pool2d(x, 2).flatten(1))


class Branching(nn.Module):
    """A way that depends on the activations, which no graph holds."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(64, 5), nn.Linear(5, 5)
        self.relu, self.out = nn.ReLU(), nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.first(x.flatten(1)))
        if x.sum() < 1000:
            x = self.relu(self.second(x))
        return self.out(x)


class FunctionalDropout(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(64, 5)

    def forward(self, x: Tensor) -> Tensor:
        return functional.dropout(self.fc(x.flatten(1)), 0.5, self.training)


def test_functions_and_methods_are_operations_too() -> None:
    noisy = inject(Functional(), ADDITIVE, X)
    assert names(noisy) == "input conv1 relu1 conv2 relu2 conv3 act1 pool1 pool2 out"
    assert {p.name: p.source for p in noisy.points}["conv3"] == "same"


def test_a_module_used_twice_has_two_points() -> None:
    net = Functional()
    noisy = inject(net, ADDITIVE, X)
    noisy.set_strengths(training=Strengths.of({"conv2": 1.0, "conv3": 2.0}))
    noisy.draw(3, chance())
    level = functional.relu(net.conv(X))
    noise = {name: noisy.point(name).strength * noisy.point(name).draw for name in ("conv2", "conv3")}
    level = (net.same(level) + noise["conv2"]).relu() + net.same(level) + noise["conv3"]
    level = functional.adaptive_avg_pool2d(functional.max_pool2d(level.tanh(), 2), 2)
    torch.testing.assert_close(noisy(X), net.head(level.flatten(1)))


def test_what_cannot_be_traced_gets_hooks_and_says_so() -> None:
    net = Branching()
    noisy = inject(net, ADDITIVE, X)
    assert noisy.way == "hooks"
    assert names(noisy) == "input fc1 relu1 fc2 relu2 out"
    plain = net(X)
    assert torch.equal(noisy(X), plain)
    noisy.set_strengths(training=Strengths.at("relu2", 1.0))
    noisy.draw(3, chance())
    assert not torch.equal(noisy(X), plain)
    assert torch.equal(net(X), plain), "the hooks are there only while the noisy network computes"
    with pytest.raises(BadInput, match="cannot be traced"):
        inject(net, ADDITIVE, X, way="graph")


def test_another_way_than_with_the_example_is_an_error() -> None:
    net = Branching()
    with torch.no_grad():
        net.first.weight.abs_()
    noisy = inject(net, ADDITIVE, X)
    with pytest.raises(BadInput, match="calls out where it called second"):
        noisy(X * 1e6)
    assert not net.out._forward_hooks


def test_a_network_that_asks_whether_it_trains_is_not_baked_into_one_answer() -> None:
    noisy = inject(FunctionalDropout().train(), ADDITIVE, X)
    assert noisy.way == "hooks"
    noisy.eval()
    assert torch.equal(noisy(X), noisy(X))


def test_tracing_leaves_nothing_behind() -> None:
    """torch.fx keeps the constants of what it traces there."""

    class Scaled(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return functional.relu(x * torch.tensor(3.0))

    net = Scaled()
    before = set(vars(net))
    noisy = inject(net, ADDITIVE, X)
    assert noisy.way == "graph"
    assert set(vars(net)) == before
    torch.testing.assert_close(noisy(X), 3 * X)


def test_modes_and_running_means_stay_as_they_were() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 2)).train()
    net[2].eval()
    before = copy.deepcopy(net.state_dict())
    for way in ("graph", "hooks"):
        noisy = inject(net, ADDITIVE, X, way=way)
        assert net.training
        assert noisy.training
        assert not net[2].training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


@pytest.mark.parametrize("way", ["graph", "hooks"])
def test_layers_of_ours_are_operations(way: str) -> None:
    """They compute as an array would, and are made of functions that are not."""
    chip = ChipParameters.ideal(SMALL, 1.0)
    first = OrderedConv2d(torch.ones(2, 1, 3, 3), chip, Schedule())
    net = nn.Sequential(first, nn.Flatten(), nn.ReLU(), OrderedLinear(torch.ones(8, 3), chip, Schedule(), codes=False))
    codes = torch.randint(0, 2, (5, 1, 4, 4), generator=chance()).float()
    noisy = inject(net, ADDITIVE, codes, way=way)
    assert names(noisy) == "input conv1 relu1 out"
    noisy.set_strengths(training=Strengths.at("out", 1.0))
    noisy.draw(5, chance())
    torch.testing.assert_close(noisy(codes), net(codes) + noisy.point("out").draw)


def test_further_classes_can_be_operations() -> None:
    """An operation made of others has one point, behind it."""

    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            return 2 * self.inner(x)

    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 4), Twice())
    for way in ("graph", "hooks"):
        noisy = inject(net, ADDITIVE, X, more={Twice: Op.ACTIVATION}, way=way)
        assert names(noisy) == "input out act1"
        noisy.set_strengths(training=Strengths.at("act1", 1.0))
        noisy.draw(3, chance())
        torch.testing.assert_close(noisy(X), net(X) + noisy.point("act1").draw)


@pytest.mark.parametrize("way", ["graph", "hooks"])
def test_points_take_the_type_of_the_network(way: str) -> None:
    net = Functional() if way == "graph" else Branching()
    noisy = inject(net.double(), ADDITIVE, X.double())
    noisy.set_strengths(training=Strengths.everywhere(1.0))
    noisy.draw(3, chance())
    assert {noisy.point(p.name).draw.dtype for p in noisy.points} == {torch.float64}


def test_copies_are_independent() -> None:
    noisy = inject(Functional(), ADDITIVE, X)
    other = copy.deepcopy(noisy)
    other.set_strengths(training=Strengths.everywhere(1.0))
    other.draw(3, chance())
    assert not torch.equal(other(X), noisy(X))
    functional_call(noisy, other.buffers_of(Strengths.everywhere(1.0), 3, chance()), (X,))


@pytest.mark.parametrize("make", [Functional, Branching], ids=["graph", "hooks"])
def test_pickles_compute_the_same(make: type[nn.Module]) -> None:
    """As it travels to another process."""
    noisy = inject(make(), ADDITIVE, X)
    noisy.set_strengths(training=Strengths.everywhere(0.1))
    noisy.draw(3, chance())
    other = pickle.loads(pickle.dumps(noisy))  # noqa: S301
    assert torch.equal(other(X), noisy(X))
    assert other.points == noisy.points


@pytest.mark.parametrize("way", ["graph", "hooks"])
def test_a_network_that_draws_by_itself_is_refused(way: str) -> None:
    class Restless(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return functional.relu(x + torch.rand(()))

    with pytest.raises(BadInput, match="draws at random by itself"):
        inject(Restless(), ADDITIVE, X, way=way)


def test_a_network_that_mixes_samples_is_refused() -> None:
    class Mixing(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return functional.relu(x.flatten())

    with pytest.raises(BadInput, match="first axis must be the samples"):
        inject(Mixing(), ADDITIVE, X)
