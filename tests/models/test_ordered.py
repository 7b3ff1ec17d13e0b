"""The ordered multiply's values and gradients, against plain torch operations in float64."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from data import BadInput, Geometry, Schedule
from models.kernels import membrane_reference
from models.kernels.coefficients import Coefficients, input_charges, weight_charges
from models.ordered import ordered_multiply, unordered_multiply
from models.parameters import TERMS
from tests.models.chips import SMALL, random_chip, random_codes

CASES = [("leak",), ("rails",), ("leak", "rails"), ("line",), TERMS]
SCHEDULES = [
    Schedule(),
    Schedule(sends=3, settle_ns=200),
    Schedule(sends=2, skip_zeros=False, order=tuple(reversed(range(SMALL.rows)))),
]


def problem(seed: int, terms: tuple, schedule: Schedule, blocks: int = 1) -> tuple[Tensor, Tensor, Coefficients]:
    """Charges (6, blocks, rows) with zeros among them, weights (blocks, rows, columns) large enough for the rails."""
    chip = random_chip(seed, terms, gain=0.02, rail=12.0)
    pairs = [random_codes(seed + block, 6) for block in range(blocks)]
    charges = np.stack([input_charges(a, chip) for a, _ in pairs], axis=1)
    weights = np.stack([weight_charges(w, chip) * chip.gain for _, w in pairs])
    return torch.from_numpy(charges), torch.from_numpy(weights), Coefficients.of(chip, schedule)


def gradients(charges: Tensor, weights: Tensor, factors: Coefficients, schedule: Schedule) -> tuple[Tensor, ...]:
    x, w = charges.clone().requires_grad_(), weights.clone().requires_grad_()
    y = ordered_multiply(x, w, factors, schedule)
    direction = torch.randn(y.shape, generator=torch.Generator().manual_seed(1)).to(y.dtype)
    (y * direction).sum().backward()
    assert x.grad is not None
    assert w.grad is not None
    return y.detach(), x.grad, w.grad


@pytest.mark.parametrize("schedule", SCHEDULES, ids=["plain", "sends", "reversed"])
@pytest.mark.parametrize("terms", CASES, ids="+".join)
@pytest.mark.parametrize("blocks", [1, 3])
def test_kernels_follow_the_operations(terms: tuple, schedule: Schedule, blocks: int) -> None:
    charges, weights, factors = problem(2, terms, schedule, blocks)
    exact = gradients(charges, weights, factors, schedule)
    compiled = gradients(charges.float(), weights.float(), factors, schedule)
    for ours, theirs in zip(compiled, exact, strict=True):
        assert ours.dtype == torch.float32
        torch.testing.assert_close(ours.double(), theirs, rtol=2e-5, atol=2e-5 * float(theirs.abs().max()))


@pytest.mark.parametrize("rail", [6.0, 12.0, 1000.0])
@pytest.mark.parametrize("terms", [("leak", "rails"), TERMS], ids="+".join)
def test_kernels_follow_the_operations_over_several_tiles(terms: tuple, rail: float) -> None:
    geometry = Geometry(rows=37, columns=130)
    chip = random_chip(3, terms, geometry, gain=0.01, rail=rail)
    activations, codes = random_codes(3, 5, geometry)
    schedule = Schedule(sends=2, settle_ns=200)
    charges = torch.from_numpy(input_charges(activations, chip))
    weights = torch.from_numpy(weight_charges(codes, chip) * chip.gain)
    factors = Coefficients.of(chip, schedule)
    exact = gradients(charges, weights, factors, schedule)
    compiled = gradients(charges.float(), weights.float(), factors, schedule)
    for ours, theirs in zip(compiled, exact, strict=True):
        torch.testing.assert_close(ours.double(), theirs, rtol=2e-5, atol=3e-5 * float(theirs.abs().max()))


@pytest.mark.parametrize("terms", CASES, ids="+".join)
def test_operations_follow_the_reference(terms: tuple) -> None:
    chip = random_chip(4, terms, gain=0.02, rail=12.0)
    activations, weights = random_codes(4, 9)
    schedule = Schedule(sends=2)
    charges = torch.from_numpy(input_charges(activations, chip))
    folded = torch.from_numpy(weight_charges(weights, chip) * chip.gain)
    voltages = ordered_multiply(charges, folded, Coefficients.of(chip, schedule), schedule)
    expected = membrane_reference(activations, weights, chip, schedule)
    np.testing.assert_allclose(voltages.numpy(), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("terms", CASES, ids="+".join)
def test_gradcheck(terms: tuple) -> None:
    """The operations' gradients are those of finite differences, in float64, away from zero activations."""
    charges, weights, factors = problem(5, terms, SCHEDULES[1])
    x = (charges[:2, :, :] + 1.0).requires_grad_()
    w = weights.clone().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda a, b: ordered_multiply(a, b, factors, SCHEDULES[1]), (x, w), eps=1e-7, fast_mode=True
    )


def test_what_came_before_a_clip_has_no_gradient() -> None:
    """One column, rail 10: rows of 4, 8 (clips) and 1 codes, sent once; only the last row still matters."""
    chip = random_chip(0, ("rails",))
    factors = Coefficients.of(chip, Schedule())
    first = {name: getattr(factors, name)[:1] for name in ("decay", "settle", "line", "line_settle", "limit")}
    factors = replace(factors, **first, low=np.array([-10.0]), high=np.array([10.0]))
    weights = torch.tensor([[4.0], [8.0], [-1.0]], requires_grad=True)
    charges = torch.ones(1, 3, requires_grad=True)
    voltage = ordered_multiply(charges, weights, factors, Schedule())
    voltage.sum().backward()
    assert voltage.item() == 9.0
    assert weights.grad is not None
    assert charges.grad is not None
    assert weights.grad[:, 0].tolist() == [0.0, 0.0, 1.0]
    assert charges.grad[0].tolist() == [0.0, 0.0, -1.0]


def test_neutral_terms_give_the_unordered_product() -> None:
    chip = replace(random_chip(6, ()), terms=frozenset(TERMS))
    schedule = Schedule(sends=3)
    charges = torch.from_numpy(input_charges(random_codes(6, 9)[0], chip)).float()
    weights = torch.from_numpy(weight_charges(random_codes(6, 9)[1], chip) * chip.gain).float()
    ordered = ordered_multiply(charges, weights, Coefficients.of(chip, schedule), schedule)
    low, high = torch.full((7,), -torch.inf), torch.full((7,), torch.inf)
    torch.testing.assert_close(ordered, unordered_multiply(charges, weights, low, high, schedule), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("terms", [("leak", "rails"), TERMS], ids="+".join)
def test_threads_change_nothing(terms: tuple) -> None:
    charges, weights, factors = problem(7, terms, SCHEDULES[1], 3)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        together = gradients(charges.float(), weights.float(), factors, SCHEDULES[1])
        torch.set_num_threads(1)
        alone = gradients(charges.float(), weights.float(), factors, SCHEDULES[1])
    finally:
        torch.set_num_threads(before)
    for ours, theirs in zip(alone, together, strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("vectors", [0, 1])
def test_small_batches(vectors: int) -> None:
    charges, weights, factors = problem(8, ("leak", "rails"), Schedule())
    result = gradients(charges[:vectors].float(), weights.float(), factors, Schedule())
    assert result[0].shape == (vectors, 1, 7)
    assert torch.all(result[2] == 0) or vectors


def test_shapes_that_do_not_fit_are_named() -> None:
    charges, weights, factors = problem(9, ("leak",), Schedule())
    with pytest.raises(BadInput, match="do not fit weights"):
        ordered_multiply(charges[:, :, :5], weights, factors, Schedule())
    with pytest.raises(BadInput, match="5 columns, the chip parameters 7"):
        ordered_multiply(charges, weights[:, :, :5], factors, Schedule())
