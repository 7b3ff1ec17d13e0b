"""Kinds of noise against formulas written out, moments of what they do, and their gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from data import BadInput
from models.noise import ADDITIVE, MULTIPLICATIVE, Mixed, NoiseKind, NoisePoint, kind_named

KINDS = [ADDITIVE, MULTIPLICATIVE, Mixed.of_ratio(0.3), Mixed.of_ratio(0.3, "additive"), Mixed(2.0, 0.1)]


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def draw_for(kind: NoiseKind, *shape: int, seed: int = 9) -> Tensor:
    return normal(*shape, seed=seed) if kind.draws == 1 else normal(kind.draws, *shape, seed=seed)


def expected(kind: NoiseKind, x: float, s: float, z: Tensor) -> float:
    """One activation with plain numbers."""
    if kind is ADDITIVE:
        return x + s * float(z)
    if kind is MULTIPLICATIVE:
        return x * (1 + s * float(z))
    added, factor = kind.additive * s * float(z[0]), 1 + kind.multiplicative * s * float(z[1])
    return (x + added) * factor if kind.first == "additive" else x * factor + added


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("axes", [(), (4,), (1, 3), (4, 3)], ids=["one", "samples", "channels", "both"])
def test_each_activation_gets_its_own_noise(kind: NoiseKind, axes: tuple[int, ...]) -> None:
    x, z = normal(4, 3, 2), draw_for(kind, 4, 3, 2)
    strength = normal(*axes, seed=3).abs()
    ours = kind(x, strength, z)
    for b, c, p in torch.cartesian_prod(torch.arange(4), torch.arange(3), torch.arange(2)).tolist():
        s = float(strength[tuple(min(i, n - 1) for i, n in zip((b, c), axes, strict=False))])
        assert float(ours[b, c, p]) == pytest.approx(expected(kind, float(x[b, c, p]), s, z[..., b, c, p]), rel=1e-12)


@pytest.mark.parametrize(
    ("kind", "mean", "deviation"),
    [
        (ADDITIVE, 3.0, 0.5),
        (MULTIPLICATIVE, 3.0, 1.5),
        (Mixed.of_ratio(0.4), 3.0, (0.2**2 + (3 * 0.3) ** 2) ** 0.5),
        (Mixed.of_ratio(0.4, "additive"), 3.0, (0.2**2 * (1 + 0.3**2) + (3 * 0.3) ** 2) ** 0.5),
    ],
    ids=["additive", "multiplicative", "mixed", "mixed-additive-first"],
)
def test_moments(kind: NoiseKind, mean: float, deviation: float) -> None:
    """At x = 3 and strength 0.5; the standard error of the mean is 0.4 % of the deviation here."""
    count = 60_000
    values = kind(torch.full((count,), 3.0), torch.tensor(0.5), draw_for(kind, count).float())
    assert float(values.mean()) == pytest.approx(mean, abs=5 * deviation / count**0.5)
    assert float(values.std()) == pytest.approx(deviation, rel=0.02)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_gradcheck(kind: NoiseKind) -> None:
    inputs = normal(3, 2), normal(3, seed=4).abs(), draw_for(kind, 3, 2)
    inputs = tuple(value.requires_grad_() for value in inputs)
    assert torch.autograd.gradcheck(kind, inputs)
    assert torch.autograd.gradgradcheck(kind, inputs)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_extreme_strengths_stay_finite(kind: NoiseKind) -> None:
    values = kind(torch.ones(1000), torch.tensor(1e16), draw_for(kind, 1000).float())
    assert values.isfinite().all()
    assert float(values.abs().median()) > 1e14


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_names_go_back_and_forth(kind: NoiseKind) -> None:
    assert kind_named(kind.name) == kind


def test_short_names_of_mixtures() -> None:
    assert kind_named("mixed-0.25") == Mixed(0.25, 0.75)
    assert kind_named("mixed-1e-17-additive-first") == Mixed(1e-17, 1.0, "additive")
    for wrong in ("mixed", "mixed-", "mixed-x", "gauss", "mixed-0.1-"):
        with pytest.raises(BadInput, match="there is no noise called"):
            kind_named(wrong)


def test_mixtures_that_cannot_be_are_refused() -> None:
    with pytest.raises(BadInput, match="ratio of mixed noise"):
        Mixed.of_ratio(1.5)
    with pytest.raises(BadInput, match="multiplicative share"):
        Mixed(0.1, float("nan"))
    with pytest.raises(BadInput, match="begins with"):
        Mixed(0.1, 0.1, "both")


def test_a_silent_point_hands_over_the_very_tensor() -> None:
    x, point = torch.ones(3, 2), NoisePoint(ADDITIVE)
    assert point(x) is x
    assert not point.state_dict()
    point.strength, point.draw = torch.tensor(1.0), torch.ones(3, 2)
    assert torch.equal(point(x), 2 * x)
    with pytest.raises(BadInput, match="draw for every batch anew"):
        point(x[:1])
    point.quiet()
    assert point(x) is x
