"""Gradients of every chip parameter: against finite differences, against float64, and as a fit needs them."""

from __future__ import annotations

from dataclasses import replace

import numba
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from data import BadInput, Geometry, Schedule
from models.chip_tensors import LEARNABLE, TENSORS, ChipTensors
from models.kernels.coefficients import NAMES, Coefficients
from models.kernels.parameter_gradients import _bend, _saturate
from models.ordered import ordered_multiply
from models.parameters import TERMS, ChipParameters
from models.tensor_coefficients import TensorCoefficients
from tests.models.chips import random_chip, random_codes

NEEDED = {
    "tau_membrane_ns": "leak",
    "rail_low": "rails",
    "rail_high": "rails",
    "tau_line_ns": "line",
    "line_limit": "line",
}
CASES = [("leak",), ("rails",), ("leak", "rails"), ("line",), TERMS]


def gradients_of_all(
    charges: Tensor, weights: Tensor, coefficients: TensorCoefficients, schedule: Schedule
) -> dict[str, Tensor]:
    own = {name: getattr(coefficients, name).clone().requires_grad_() for name in NAMES}
    x, w = charges.clone().requires_grad_(), weights.clone().requires_grad_()
    voltages = ordered_multiply(x, w, replace(coefficients, **own), schedule)
    direction = torch.randn(voltages.shape, generator=torch.Generator().manual_seed(1)).to(voltages.dtype)
    torch.autograd.backward((voltages * direction).sum())
    leaves = {"charges": x, "weights": w, **own}
    return {name: value.grad.double() for name, value in leaves.items() if value.grad is not None}


@pytest.mark.parametrize("terms", CASES, ids="+".join)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_compiled_gradients_follow_float64(terms: tuple, data: st.DataObject) -> None:
    rows = data.draw(st.sampled_from([1, 5, 12, 40]))
    geometry = Geometry(rows=rows, columns=data.draw(st.sampled_from([1, 7, 130])))
    schedule = Schedule(
        order=data.draw(st.none() | st.permutations(range(rows)).map(tuple)),
        spacing_ns=8 * data.draw(st.integers(1, 20)),
        sends=data.draw(st.integers(1, 4)),
        skip_zeros=data.draw(st.booleans()),
        settle_ns=data.draw(st.sampled_from([0, 8, 1000])),
    )
    seed = data.draw(st.integers(0, 10**6))
    rail = data.draw(st.sampled_from([3.0, 12.0, 1000.0]))
    chip = ChipTensors.of(random_chip(seed, terms, geometry, gain=0.02, rail=rail), torch.float64)
    zeros = data.draw(st.sampled_from([0.0, 0.5, 1.0]))
    drawn = [random_codes(seed + block, data.draw(st.sampled_from([0, 1, 3])), geometry, zeros) for block in range(1)]
    blocks = data.draw(st.integers(1, 3))
    activations = torch.as_tensor(np.stack([drawn[0][0]] * blocks, axis=1))
    charges = chip.input_charges(activations)
    weights = chip.folded_weights(
        torch.as_tensor(np.stack([np.roll(drawn[0][1], b, 0) for b in range(blocks)])).double()
    )
    coefficients = chip.coefficients(schedule)
    exact = gradients_of_all(charges, weights, coefficients, schedule)
    compiled = gradients_of_all(charges.float(), weights.float(), coefficients, schedule)
    for name, theirs in exact.items():
        ours = compiled.get(name, torch.zeros_like(theirs))
        size = float(theirs.abs().max()) if theirs.numel() else 0.0
        torch.testing.assert_close(
            ours, theirs, rtol=3e-4, atol=1e-4 * size + 1e-6, msg=lambda text, n=name: f"{n}: {text}"
        )


@pytest.mark.parametrize("terms", [*CASES, ()], ids=lambda terms: "+".join(terms) or "none")
def test_gradcheck_of_every_parameter(terms: tuple) -> None:
    """From the parameters of the record to the voltages, activations and weights included, by finite differences."""
    small = Geometry(rows=5, columns=3, activation_max=7, weight_max=5)
    schedule = Schedule(sends=2, settle_ns=200, order=(4, 0, 2, 1, 3))
    base = replace(random_chip(5, terms, small, gain=1.0, rail=14.0), row_gain=np.linspace(0.9, 1.1, 5))
    if "line" in terms:
        base = replace(base, line_limit=np.array([12.0, 20.0, 30.0]))
    chip = ChipTensors.of(base, torch.float64)
    activations, codes = (torch.as_tensor(a).double() for a in random_codes(5, 4, small, zeros=0.2))
    names = [n for n in LEARNABLE if n != "offset" and (n not in NEEDED or NEEDED[n] in terms)]

    def voltages(x: Tensor, w: Tensor, *values: Tensor) -> Tensor:
        own = replace(chip, **dict(zip(names, values, strict=True)))
        charges = own.input_charges(x, whole=False)[:, None]
        return own.voltages(charges, own.folded_weights(w, whole=False)[None], schedule)

    x = (activations + 0.3).clamp(max=6.7).requires_grad_()
    w = (codes.clamp(-4, 4) + 0.4).requires_grad_()
    leaves = [getattr(chip, name).clone().requires_grad_() for name in names]
    if "rails" in terms:
        clipped = voltages(x, w, *leaves)
        assert torch.any(clipped.abs() > 8), "rails must act for this to test them"
    assert torch.autograd.gradcheck(voltages, (x, w, *leaves), eps=1e-6, atol=1e-5, rtol=1e-4)


def test_gradcheck_of_the_read_out() -> None:
    chip = ChipTensors.of(random_chip(5), torch.float64)
    offset = chip.offset.clone().requires_grad_()
    level = torch.full((2, 7), 3.3, dtype=torch.float64)
    replace(chip, offset=offset).read_out(level, torch.zeros(2, 7)).sum().backward()
    assert offset.grad is not None
    assert offset.grad.tolist() == [2.0] * 7


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_clipped_output_moves_with_its_rail_and_nothing_else(dtype: torch.dtype) -> None:
    """Decay 1/2, rails -6 and 10, events of 8, 8 (clips at 10) and -1: v = 10 / 2 - 1, so dv / d(upper rail) = 1/2."""
    chip = Coefficients.of(random_chip(0, ("leak", "rails")).select(np.arange(1)), Schedule())
    half = np.array([0.5])
    chip = replace(chip, decay=half, settle=np.ones(1), low=np.array([-6.0]), high=np.array([10.0]))
    weights = torch.tensor([[8.0], [8.0], [-1.0]], dtype=dtype)
    found = gradients_of_all(torch.ones(1, 3, dtype=dtype), weights, TensorCoefficients.of(chip), Schedule())
    sign = float(torch.randn(1, 1, generator=torch.Generator().manual_seed(1)))
    expected = {"high": 0.5, "low": 0.0, "decay": 10.0, "settle": 4.0}
    for name, value in expected.items():
        assert found[name].item() == pytest.approx(sign * value, rel=1e-6), name
    np.testing.assert_allclose(found["weights"][:, 0], [0.0, 0.0, sign], rtol=1e-6)


def test_at_a_rail_that_is_just_reached_the_gradient_passes() -> None:
    """A sum that ends exactly on the rail is not clipped, in both precisions alike."""
    chip = Coefficients.of(random_chip(0, ("rails",)).select(np.arange(1)), Schedule())
    chip = replace(chip, low=np.array([-10.0]), high=np.array([10.0]))
    for dtype in (torch.float32, torch.float64):
        weights = torch.tensor([[8.0], [2.0]], dtype=dtype)
        found = gradients_of_all(torch.ones(1, 2, dtype=dtype), weights, TensorCoefficients.of(chip), Schedule())
        assert found["high"].item() == 0.0
        assert torch.all(found["weights"] != 0)


def test_coefficients_as_tensors_are_those_of_the_kernels() -> None:
    for terms in CASES:
        base = random_chip(3, terms)
        base = replace(base, gain=np.where(np.arange(7) == 2, 0.0, base.gain))
        if "line" in terms:
            base = replace(base, tau_line_ns=np.where(np.arange(7) == 1, 0.0, base.tau_line_ns))
            base = replace(base, line_limit=np.where(np.arange(7) == 4, np.inf, base.line_limit))
        schedule = Schedule(spacing_ns=80, settle_ns=0)
        rows = ChipTensors.of(base, torch.float64).coefficients(schedule).rows
        np.testing.assert_allclose(rows.numpy(), Coefficients.of(base, schedule).rows, rtol=1e-14)


def test_dead_and_unlimited_columns_have_finite_gradients() -> None:
    base = random_chip(3, TERMS)
    base = replace(base, gain=np.where(np.arange(7) == 2, 0.0, base.gain))
    base = replace(base, line_limit=np.where(np.arange(7) == 4, np.inf, base.line_limit))
    chip = ChipTensors.of(base).learning(("gain", "line_limit", "tau_line_ns", "tau_membrane_ns"))
    activations, weights = (torch.as_tensor(a).float() for a in random_codes(3, 4))
    voltages = chip.voltages(chip.input_charges(activations)[:, None], chip.folded_weights(weights)[None], Schedule())
    torch.autograd.backward(voltages.sum())
    for name in ("gain", "line_limit", "tau_line_ns", "tau_membrane_ns"):
        gradient = getattr(chip, name).grad
        assert torch.all(gradient.isfinite()), name


def test_parameters_come_back_as_they_went() -> None:
    base = random_chip(2, TERMS)
    again = ChipTensors.of(base, torch.float64).parameters()
    assert again.terms == base.terms
    for name in TENSORS:
        np.testing.assert_array_equal(getattr(again, name), getattr(base, name))


def test_threads_change_no_bit() -> None:
    chip = ChipTensors.of(random_chip(7, TERMS, Geometry(rows=40, columns=130), gain=0.02, rail=12.0))
    activations, codes = (torch.as_tensor(a).float() for a in random_codes(7, 37, Geometry(rows=40, columns=130)))
    charges, weights = chip.input_charges(activations), chip.folded_weights(codes)
    coefficients = chip.coefficients(Schedule(sends=2))
    before = numba.get_num_threads()
    together = gradients_of_all(charges, weights, coefficients, Schedule(sends=2))
    numba.set_num_threads(1)
    try:
        alone = gradients_of_all(charges, weights, coefficients, Schedule(sends=2))
    finally:
        numba.set_num_threads(before)
    for name, value in together.items():
        assert torch.equal(value, alone[name]), name


def test_the_bend_is_good_to_float32() -> None:
    @numba.njit
    def kernel(values, out):
        for place in range(len(values)):
            bent = _saturate(values[place])
            out[place] = _bend(values[place], bent, np.float32(1) - bent * bent)

    u = np.concatenate([np.linspace(-7, 7, 2001), np.geomspace(1e-8, 1, 500)]).astype(np.float32)
    out = np.empty_like(u)
    kernel(u, out)
    x = torch.from_numpy(u.astype(np.float64))
    limit = torch.ones_like(x, requires_grad=True)
    (limit * torch.tanh(x / limit)).sum().backward()
    assert limit.grad is not None
    exact = torch.where(x.abs() < 1e-3, x**3 * 2 / 3, limit.grad)
    np.testing.assert_allclose(out, exact, rtol=4e-6, atol=2e-7 * 1e-3)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("tau_membrane_ns", np.nan, "a membrane decay of one slot of nan"),
        ("tau_membrane_ns", -500.0, "column 3 a membrane decay of one slot of 1.0"),
        ("rail_high", np.nan, "upper rail of nan"),
        ("rail_high", -1.0, "upper rail of -1; it must be 0 to inf"),
        ("rail_low", 2.0, "lower rail of 2; it must be -inf to 0"),
        ("tau_line_ns", -1.0, "line decay of one slot"),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_parameters_of_no_board_are_refused(name: str, value: float, message: str, dtype: torch.dtype) -> None:
    base = random_chip(1, TERMS)
    broken: ChipParameters = replace(base, **{name: np.where(np.arange(7) == 3, value, getattr(base, name))})
    chip = ChipTensors.of(broken, dtype)
    with pytest.raises(BadInput, match=message):
        chip.voltages(torch.ones(1, 1, 12, dtype=dtype), torch.ones(1, 12, 7, dtype=dtype), Schedule())


def test_a_name_that_cannot_be_learned_is_named() -> None:
    chip = ChipTensors.of(random_chip(1, ("leak",)))
    with pytest.raises(BadInput, match="'tau' is no parameter"):
        chip.learning(("tau",))
    with pytest.raises(BadInput, match="rail_low cannot be learned: the chip model does not use the term rails"):
        chip.learning(("rail_low",))
