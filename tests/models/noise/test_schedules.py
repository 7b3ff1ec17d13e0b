"""Schedules of the strength, by epoch and by sample."""

from __future__ import annotations

import math

import pytest
import torch

from data import BadInput
from models.noise import Constant, NoiseSchedule, Overshoot, Ramp, Vant


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def factors(schedule: NoiseSchedule, epochs: list[int]) -> list[float]:
    return [round(float(schedule.factor(epoch, 4, chance())), 6) for epoch in epochs]


def test_schedules_without_scatter() -> None:
    assert factors(Constant(), [0, 500]) == [1, 1]
    assert factors(Ramp(100), [0, 25, 99, 100, 400]) == [0, 0.25, 0.99, 1, 1]
    assert factors(Ramp(100, after=20), [0, 20, 70, 119, 120]) == [0, 0, 0.5, 0.99, 1]
    assert factors(Ramp(0), [0]) == [1]
    assert factors(Overshoot(100, 75, 1.5), [0, 50, 100, 130, 175, 300]) == [0, 0.75, 1.5, 1.3, 1, 1]
    assert factors(Overshoot(0, 0, 2.0), [0]) == [1]


def test_schedules_without_scatter_draw_nothing() -> None:
    generator = chance()
    before = generator.get_state()
    for schedule in (Constant(), Ramp(5), Overshoot(), Vant(ramp=Ramp(5))):
        assert schedule.factor(2, 4, generator).shape == ()
    assert torch.equal(generator.get_state(), before)


@pytest.mark.parametrize(
    ("rule", "mean", "deviation"),
    [
        ("normal", 0.45, 0.15),
        ("half-normal", 0.45 + 0.15 * math.sqrt(2 / math.pi), 0.15 * math.sqrt(1 - 2 / math.pi)),
    ],
)
def test_every_sample_has_a_strength_of_its_own(rule: str, mean: float, deviation: float) -> None:
    factor = Vant(0.45, 0.15, rule).factor(0, 50_000, chance())
    assert factor.shape == (50_000,)
    assert float(factor.mean()) == pytest.approx(mean, abs=0.005)
    assert float(factor.std()) == pytest.approx(deviation, rel=0.03)
    assert float(factor.min()) >= (0.45 if rule == "half-normal" else 0)


def test_strengths_scatter_once_the_ramp_is_over() -> None:
    schedule = Vant(0.45, 0.15, ramp=Ramp(10))
    assert float(schedule.factor(9, 8, chance())) == pytest.approx(0.9)
    assert schedule.factor(10, 8, chance()).shape == (8,)


def test_the_published_scatter_is_in_units_of_the_activations() -> None:
    assert Vant.of_scatter(0.35, 0.7) == Vant(0.45, 0.5)
    with pytest.raises(BadInput, match="must be positive"):
        Vant.of_scatter(0.35, 0.0)


def test_what_cannot_be_is_refused() -> None:
    for make, words in (
        (lambda: Ramp(-1), "epochs = -1"),
        (lambda: Overshoot(peak=0.5), "peak"),
        (lambda: Vant(theta=float("inf")), "theta"),
        (lambda: Vant(rule="uniform"), "'uniform'"),
    ):
        with pytest.raises(BadInput, match=words):
            make()
