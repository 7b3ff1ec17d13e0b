"""Members trained together against each of them trained alone, by a plain loop of torch."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace

import pytest
import torch
from torch import nn

from data.errors import BadInput, Cancelled
from models.batched import Build, Member, Recipe, TrainedMembers, train_members
from models.batched.chunks import shares
from models.nets import lenet5, mlp, resnet18
from models.noise import ADDITIVE, MULTIPLICATIVE, Dropout, Mixed, NoiseKind, Ramp, Strengths, Vant
from tests.models.batched.reference import Given, digits, trained_alone

EXACT = Recipe(epochs=3, batch=64, learning_rate=3e-3, precision="float64")


def perceptron(batch_norm: bool = False) -> Build:
    return lambda chance: mlp(chance, shape=(1, 8, 8), batch_norm=batch_norm, hidden=(24, 16))


def lenet(batch_norm: bool = False) -> Build:
    return lambda chance: lenet5(chance, shape=(1, 16, 16), batch_norm=batch_norm)


def check(
    trained: TrainedMembers, build: Build, data: Given, kind: NoiseKind = ADDITIVE, tolerance: float = 1e-9
) -> None:
    for index, member in enumerate(trained.members):
        alone, losses = trained_alone(build, data, member, trained.recipe, kind)
        assert trained.losses[index] == pytest.approx(losses, abs=tolerance)
        state = trained.net(index).state_dict()
        for name, value in alone.state_dict().items():
            torch.testing.assert_close(
                state[name], value, atol=tolerance, rtol=tolerance, msg=lambda text, name=name: f"{name}: {text}"
            )


@pytest.mark.parametrize("batch_norm", [False, True])
def test_perceptrons_learn_together_what_each_learns_alone(batch_norm: bool) -> None:
    members = [Member(seed) for seed in (0, 1, 7)]
    check(train_members(perceptron(batch_norm), digits(), members, EXACT), perceptron(batch_norm), digits())


@pytest.mark.parametrize("batch_norm", [False, True])
def test_convolutional_networks_learn_together_what_each_learns_alone(batch_norm: bool) -> None:
    data, recipe = digits(150, 2), replace(EXACT, epochs=2)
    check(train_members(lenet(batch_norm), data, [Member(3), Member(4)], recipe), lenet(batch_norm), data)


@pytest.mark.parametrize("kind", [ADDITIVE, MULTIPLICATIVE, Mixed.of_ratio(0.3)], ids=lambda kind: kind.name)
def test_noise_is_each_members_own(kind: NoiseKind) -> None:
    members = [
        Member(0),
        Member(1, Strengths.everywhere(0.3)),
        Member(1, Strengths.at("conv1", 0.5)),
        Member(1, Strengths.of({"conv1": [0.1] * 5 + [0.9], "out": 0.2}), Ramp(2)),
        Member(2, Strengths.everywhere(0.5), Vant(theta=0.3)),
    ]
    data, recipe = digits(100, 2), replace(EXACT, epochs=2)
    check(train_members(lenet(), data, members, recipe, kind=kind), lenet(), data, kind)


def test_schedules_of_all_kinds_share_a_batch_of_one_sample() -> None:
    members = [Member(0, Strengths.at("fc1", 0.3)), Member(1, Strengths.at("fc1", 0.3), Vant(theta=0.3)), Member(2)]
    data, recipe = digits(65), replace(EXACT, epochs=2)
    check(train_members(perceptron(), data, members, recipe), perceptron(), data)


def test_masks_of_dropout_do_not_depend_on_the_noise_of_neighbours() -> None:
    def build(chance: torch.Generator) -> nn.Module:
        net = mlp(chance, shape=(1, 8, 8), hidden=(24,))
        return nn.Sequential(OrderedDict(flatten=net.flatten, fc1=net.fc1, dropout=Dropout(0.5, (24,)), out=net.out))

    members = [Member(3, schedule=Vant(theta=0.3)), Member(4, Strengths.at("fc1", 0.3), Vant(theta=0.3))]
    check(train_members(build, digits(), members, EXACT), build, digits())
    check(train_members(build, digits(), members[:1], EXACT), build, digits())


def test_parameters_that_the_network_keeps_fixed_stay_as_they_are() -> None:
    def build(chance: torch.Generator) -> nn.Module:
        net = perceptron()(chance)
        net.get_parameter("fc1.weight").requires_grad_(False)
        return net

    check(train_members(build, digits(), [Member(0), Member(1)], EXACT), build, digits())


def test_noise_after_batch_norm() -> None:
    members = [Member(5, Strengths.everywhere(0.4)), Member(6, Strengths.at("bn1", 0.2))]
    check(train_members(perceptron(True), digits(), members, EXACT), perceptron(True), digits())


def test_a_residual_network() -> None:
    def build(chance: torch.Generator) -> nn.Module:
        return resnet18(chance, shape=(1, 8, 8), width=2)

    data, recipe = digits(60), replace(EXACT, epochs=1, batch=30)
    members = [Member(0), Member(1, Strengths.everywhere(0.1))]
    check(train_members(build, data, members, recipe), build, data)


def test_layers_without_a_batched_form_go_through_vmap() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(2, 4, 3, groups=2, padding="same")
            self.act = nn.Tanh()
            self.out = nn.Linear(4, 10)

        def forward(self, values: torch.Tensor) -> torch.Tensor:
            twice = torch.cat([values, -values], dim=1)
            result: torch.Tensor = self.out(self.act(self.conv(twice)).mean((2, 3)))
            return result

    def build(chance: torch.Generator) -> nn.Module:
        net = Odd()
        with torch.no_grad():
            for value in net.parameters():
                value.copy_(0.2 * torch.randn(value.shape, generator=chance))
        return net

    members = [Member(0), Member(1, Strengths.at("act1", 0.3))]
    check(train_members(build, digits(100), members, EXACT), build, digits(100))


def test_clamped_weights_stay_within_the_limit() -> None:
    recipe = replace(EXACT, clamp=0.1)
    trained = train_members(perceptron(True), digits(), [Member(0), Member(1)], recipe)
    check(trained, perceptron(True), digits())
    weights = [value for name, value in trained.state.items() if name.startswith(("fc", "out")) and "weight" in name]
    assert max(float(value.abs().max()) for value in weights) <= 0.1
    assert max(float(value.abs().max()) for name, value in trained.state.items() if "bn" in name) > 0.1


def test_single_precision_agrees_within_its_own_error() -> None:
    recipe = Recipe(epochs=2, batch=64)
    check(
        train_members(lenet(), digits(150, 2), [Member(0), Member(1)], recipe), lenet(), digits(150, 2), ADDITIVE, 2e-4
    )


def test_neighbours_and_threads_do_not_matter() -> None:
    members = [Member(seed, Strengths.everywhere(0.1 * (seed % 3))) for seed in range(9)]
    together = train_members(perceptron(True), digits(), members, EXACT, threads=1)
    shared = train_members(perceptron(True), digits(), members, EXACT, threads=3)
    alone = train_members(perceptron(True), digits(), members[4:5], EXACT, threads=1)
    for name, value in together.state.items():
        torch.testing.assert_close(shared.state[name], value, atol=1e-10, rtol=1e-10)
        torch.testing.assert_close(alone.state[name][0], value[4], atol=1e-10, rtol=1e-10)
    assert torch.get_num_threads() >= 1


def test_networks_learn_and_can_be_selected() -> None:
    trained = train_members(
        perceptron(), digits(), [Member(seed) for seed in range(4)], Recipe(epochs=20, batch=32, learning_rate=1e-2)
    )
    assert (trained.losses[:, -1] < 0.3 * trained.losses[:, 0]).all()
    some = trained.select([3, 1])
    assert [member.seed for member in some.members] == [3, 1]
    assert torch.equal(some.net(0).get_parameter("fc1.weight"), trained.net(3).get_parameter("fc1.weight"))
    with pytest.raises(BadInput, match="there is no member 2; there are 2"):
        some.net(2)


def test_augmentation_is_each_members_own() -> None:
    seen: dict[int, float] = {}

    def shift(images: object, chance: object) -> object:
        moved = images + 0.1 * chance.random()  # type: ignore[attr-defined, operator]
        seen[threading.get_ident()] = float(moved.mean())
        return moved.astype("float32")

    one = train_members(perceptron(), digits(), [Member(0), Member(1)], EXACT, augment=shift, threads=1)
    two = train_members(perceptron(), digits(), [Member(1)], EXACT, augment=shift, threads=1)
    plain = train_members(perceptron(), digits(), [Member(1)], EXACT, threads=1)
    assert seen
    torch.testing.assert_close(one.state["out.weight"][1], two.state["out.weight"][0])
    assert not torch.allclose(plain.state["out.weight"], two.state["out.weight"])


def test_a_training_can_be_watched_and_stopped() -> None:
    heard: list[float] = []

    def progress(share: float, what: str) -> None:
        heard.append(share)
        assert what == "training of 2 networks"

    with pytest.raises(Cancelled, match="training of 2 networks was stopped"):
        train_members(
            perceptron(),
            digits(),
            [Member(0), Member(1)],
            Recipe(epochs=100_000),
            progress=progress,
            should_stop=lambda: len(heard) > 2,
        )
    assert heard == sorted(heard)
    assert 0 < heard[-1] < 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"epochs": 0, "learning_rate": -1.0}, "epochs is 0; it must be positive; learning_rate is -1.0"),
        ({"precision": "half"}, "it must be 'float32' or 'float64'"),
        ({"batch": 299}, "batch norm can learn nothing; take another batch size than 299"),
        ({"batch": 1}, "batch norm can learn nothing; take another batch size than 1"),
    ],
)
def test_recipes_that_cannot_be_are_refused(change: dict[str, object], reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        train_members(perceptron(True), digits(), [Member(0)], replace(EXACT, **change))  # type: ignore[arg-type]


def test_members_and_networks_that_cannot_be_are_refused() -> None:
    with pytest.raises(BadInput, match="there is no member to train"):
        train_members(perceptron(), digits(), [], EXACT)
    with pytest.raises(BadInput, match="the seed of a member is -1; it must be 0 or more"):
        train_members(perceptron(), digits(), [Member(0), Member(-1)], EXACT)
    with pytest.raises(BadInput, match="there is no point 'conv1'"):
        train_members(perceptron(), digits(), [Member(0, Strengths.at("conv1", 1.0))], EXACT)
    with pytest.raises(BadInput, match="must have the same layers"):
        train_members(
            lambda chance: mlp(chance, shape=(1, 8, 8), hidden=(chance.initial_seed() % 7 + 2,)),
            digits(),
            [Member(seed) for seed in range(5)],
            EXACT,
        )
    with pytest.raises(BadInput, match="the layer 1 has no running statistics"):
        train_members(
            lambda chance: nn.Sequential(
                nn.Flatten(), nn.BatchNorm1d(64, track_running_stats=False), nn.Linear(64, 10)
            ),
            digits(),
            [Member(0)],
            EXACT,
        )
    with pytest.raises(BadInput, match="remembers or draws while it computes"):
        train_members(
            lambda chance: nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, 10)), digits(), [Member(0)], EXACT
        )


def test_networks_whose_steps_do_not_stand_for_all_members_are_refused() -> None:
    class Viewed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.out = nn.Linear(64, 10)

        def forward(self, values: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = self.out(values.view(values.size(0), -1))
            return result

    def tied(_: torch.Generator) -> nn.Module:
        net = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.Linear(64, 10))
        net[3].weight = net[1].weight
        return net

    with pytest.raises(BadInput, match="the step size of the network gives no tensor"):
        train_members(lambda _: Viewed(), digits(), [Member(0)], EXACT)
    with pytest.raises(BadInput, match=r"the parameter 3\.weight belongs to another layer, too"):
        train_members(tied, digits(), [Member(0)], EXACT)


def test_chunks_are_even_and_as_many_as_keep_all_threads_busy() -> None:
    assert [len(part) for part in shares(10, 4, 2)] == [2, 3, 3, 2]
    assert [len(part) for part in shares(3, 32, 2)] == [2, 1]
    assert [len(part) for part in shares(1, 32, 8)] == [1]
    for count, size, threads in ((100, 7, 3), (64, 32, 2), (5, 1, 2)):
        parts = shares(count, size, threads)
        assert [i for part in parts for i in part] == list(range(count))
        assert max(map(len, parts)) <= size
