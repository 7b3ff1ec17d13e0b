"""Accuracies of many members at many strengths against one network at a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from data.errors import BadInput, Cancelled
from models.batched import Member, Recipe, Stream, TrainedMembers, evaluate, evaluate_each, generator, train_members
from models.nets import initialise, lenet5, mlp, resnet18
from models.noise import ADDITIVE, SILENT, Mixed, NoiseKind, Strengths, inject
from tests.models.batched.reference import Given, digits

WALK = [
    SILENT,
    Strengths.at("input", 0.3),
    Strengths.at("relu2", 0.5),
    Strengths.at("input", 1.0),
    Strengths.everywhere(0.2),
    Strengths.of({"fc1": [0.1] * 119 + [2.0]}),
    Strengths.at("out", 1.0),
]


@pytest.fixture(scope="module")
def lenets() -> TrainedMembers:
    members = [Member(0), Member(1), Member(5, Strengths.everywhere(0.2))]
    recipe = Recipe(epochs=6, batch=50, learning_rate=5e-3, precision="float64")
    return train_members(
        lambda chance: lenet5(chance, shape=(1, 16, 16), batch_norm=True), digits(200, 2), members, recipe, threads=1
    )


def one_at_a_time(trained: TrainedMembers, data: Given, index: int, grid: list[Strengths], kind: NoiseKind, seed: int):
    """Accuracies of one network by torch's own layers, (len(grid),)."""
    inputs = torch.from_numpy(data.inputs).to(trained.recipe.dtype)
    noisy = inject(trained.net(index), kind, inputs[:2]).to(trained.recipe.dtype).eval()
    found = []
    for entry, strengths in enumerate(grid):
        noisy.set_strengths(evaluation=strengths)
        noisy.draw(len(inputs), generator(trained.members[index].seed, Stream.EVALUATION, seed, entry, 0, 0))
        found.append(float((noisy(inputs).argmax(1).numpy() == data.labels).mean()))
    return found


@pytest.mark.parametrize("kind", [ADDITIVE, Mixed.of_ratio(0.5)], ids=lambda kind: kind.name)
def test_many_at_once_are_as_accurate_as_one_at_a_time(lenets: TrainedMembers, kind: NoiseKind) -> None:
    data = digits(260, 2)
    found = evaluate(lenets, data, WALK, kind=kind, seed=3)
    assert found.shape == (3, len(WALK))
    for index in range(3):
        assert found[index] == pytest.approx(one_at_a_time(lenets, data, index, WALK, kind, 3))
    assert len(np.unique(found)) > 8


def test_members_can_have_grids_of_their_own(lenets: TrainedMembers) -> None:
    data = digits(120, 2)
    grids = [WALK[:2], WALK[2:4], [WALK[4], SILENT]]
    found = evaluate_each(lenets, data, grids)
    for index, grid in enumerate(grids):
        assert found[index] == pytest.approx(one_at_a_time(lenets, data, index, grid, ADDITIVE, 0))


def test_how_much_is_computed_at_once_does_not_matter(lenets: TrainedMembers, monkeypatch: pytest.MonkeyPatch) -> None:
    data = digits(120, 2)
    wide = evaluate(lenets, data, WALK, draws=2)
    monkeypatch.setattr("models.batched.chunks._MEMORY", 1)
    assert evaluate(lenets, data, WALK, draws=2) == pytest.approx(wide)
    assert evaluate(lenets.select([1]), data, WALK, draws=2)[0] == pytest.approx(wide[1])


def test_more_samples_than_are_drawn_for_at_a_time(lenets: TrainedMembers, monkeypatch: pytest.MonkeyPatch) -> None:
    data, silent = digits(130, 2), [SILENT]
    whole = evaluate(lenets, data, silent)
    monkeypatch.setattr("models.batched.evaluation._SAMPLES", 50)
    assert evaluate(lenets, data, silent) == pytest.approx(whole)


def test_draws_are_fresh_and_averaged(lenets: TrainedMembers) -> None:
    data, grid = digits(60, 2), [Strengths.at("input", 0.6)] * 24
    single, many = evaluate(lenets, data, grid), evaluate(lenets, data, grid, draws=9)
    assert len(np.unique(single[0])) > 3
    assert not np.array_equal(single, evaluate(lenets, data, grid, seed=1))
    assert 2 < single.std(axis=1).mean() / many.std(axis=1).mean() < 4.5


def test_a_residual_network_whose_ways_meet_behind_the_noise() -> None:
    data = digits(60)
    trained = train_members(
        lambda chance: resnet18(chance, shape=(1, 8, 8), width=2),
        data,
        [Member(0), Member(1)],
        Recipe(epochs=1, batch=30, precision="float64"),
        threads=1,
    )
    grid = [Strengths.at("conv3", 0.5), Strengths.at("conv2", 0.5), Strengths.at("conv3", 1.5)]
    found = evaluate(trained, data, grid)
    for index in range(2):
        assert found[index] == pytest.approx(one_at_a_time(trained, data, index, grid, ADDITIVE, 0))


def test_ways_that_meet_in_any_function_behind_the_noise() -> None:
    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.flatten = nn.Flatten()
            self.way, self.gate, self.out = nn.Linear(64, 16), nn.Linear(64, 16), nn.Linear(16, 10)

        def forward(self, values: torch.Tensor) -> torch.Tensor:
            flat = self.flatten(values)
            result: torch.Tensor = self.out(self.way(flat) * torch.sigmoid(self.gate(flat)))
            return result

    def build(chance: torch.Generator) -> nn.Module:
        net = Gated()
        initialise(net, chance)
        return net

    data, grid = digits(100), [Strengths.at("fc1", 0.5), Strengths.at("fc1", 1.5)]
    trained = train_members(build, data, [Member(0), Member(1)], Recipe(epochs=2, precision="float64"), threads=1)
    found = evaluate(trained, data, grid)
    for index in range(2):
        assert found[index] == pytest.approx(one_at_a_time(trained, data, index, grid, ADDITIVE, 0))


def test_an_evaluation_can_be_watched_and_stopped(lenets: TrainedMembers) -> None:
    heard: list[float] = []

    def progress(share: float, what: str) -> None:
        heard.append(share)

    evaluate(lenets, digits(60, 2), WALK, progress=progress)
    assert heard[-1] == 1.0
    with pytest.raises(Cancelled, match="evaluation of 3 networks was stopped"):
        evaluate(lenets, digits(60, 2), WALK * 100, draws=50, should_stop=lambda: True)


def test_what_cannot_be_evaluated_is_refused(lenets: TrainedMembers) -> None:
    data = digits(60, 2)
    with pytest.raises(BadInput, match="there is no point 'conv9'"):
        evaluate(lenets, data, [Strengths.at("conv9", 1.0)])
    with pytest.raises(BadInput, match="need as many grids of strengths"):
        evaluate_each(lenets, data, [WALK])
    with pytest.raises(BadInput, match="at least once"):
        evaluate(lenets, data, WALK, draws=0)
    with pytest.raises(BadInput, match="the number of threads is 0"):
        evaluate(lenets, data, WALK, threads=0)
    with pytest.raises(BadInput, match="one label for each"):
        evaluate(lenets, replace(data, labels=data.labels[:10]), WALK)
    assert evaluate(lenets, data, []).shape == (3, 0)


def test_without_noise_all_entries_are_the_same(lenets: TrainedMembers) -> None:
    data = digits(60, 2)
    found = evaluate(lenets, data, [SILENT, WALK[1], SILENT, Strengths.at("out", 0.0)], draws=3)
    assert np.array_equal(found[:, [0, 0]], found[:, [2, 3]])
    for index in range(3):
        assert found[index, 0] == pytest.approx(one_at_a_time(lenets, data, index, [SILENT], ADDITIVE, 0)[0])


def test_a_perceptron_of_vectors() -> None:
    data = Given(digits(100).inputs.reshape(100, 64), digits(100).labels)
    trained = train_members(lambda chance: mlp(chance, shape=(64,)), data, [Member(0)], Recipe(epochs=1), threads=1)
    assert evaluate(trained, data, [SILENT])[0] == pytest.approx(one_at_a_time(trained, data, 0, [SILENT], ADDITIVE, 0))
