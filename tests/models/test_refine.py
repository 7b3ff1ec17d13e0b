"""Parameters that are wrong on purpose come back by gradient, from outputs that were noisy, rounded and clamped."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from data import BadInput, Schedule
from models import ChipModel, Measured, refine
from models.parameters import TERMS, ChipParameters
from tests.models.chips import random_chip, random_codes

SCHEDULE = Schedule(spacing_ns=80, sends=2, settle_ns=200)


def measure(chip: ChipParameters, schedule: Schedule = SCHEDULE, seed: int = 11) -> Measured:
    activations, weights = random_codes(seed, 400)
    board = ChipModel(chip, seed=0)
    board.program(weights)
    return Measured(activations, weights, schedule, board.multiply(activations, schedule).astype(float))


def wrong(chip: ChipParameters, **factors: float) -> ChipParameters:
    return replace(chip, **{name: getattr(chip, name) * factor for name, factor in factors.items()})


@pytest.mark.parametrize("line", [False, True], ids=["membrane", "line"])
def test_time_constants_and_rails_come_back(line: bool) -> None:
    true = random_chip(11, TERMS if line else ("leak", "rails"), gain=0.012, noise=0.3)
    factors = {"tau_membrane_ns": 1.33, "rail_low": 0.7, "rail_high": 0.7, **({"tau_line_ns": 1.33} if line else {})}
    found = refine(wrong(true, **factors), list(factors), [measure(true, seed=seed) for seed in (11, 12, 13)])
    for name in factors:
        np.testing.assert_allclose(getattr(found.chip, name) / getattr(true, name), 1.0, atol=0.03, err_msg=name)
    assert found.before > 5.0
    assert found.after == pytest.approx(0.3**2 + 1 / 12, rel=0.1), "trial noise and rounding are left"


def test_curves_gains_and_offsets_come_back() -> None:
    true = random_chip(12, gain=0.008, noise=0.3)
    codes = np.arange(32.0)
    start = replace(true, activation_curve=codes, offset=np.zeros(7), asymmetry=np.zeros(7), row_gain=np.ones(12))
    sets = [measure(true, seed=seed) for seed in range(12, 16)]
    found = refine(start, ("activation_curve", "offset", "asymmetry", "row_gain"), sets, iterations=100)
    assert found.after == pytest.approx(0.3**2 + 1 / 12, rel=0.1)
    assert found.after < found.before / 20
    np.testing.assert_allclose(found.chip.offset, true.offset, atol=0.3)
    np.testing.assert_allclose(found.chip.asymmetry, true.asymmetry, atol=0.01)


def test_other_parameters_are_left_alone() -> None:
    true = random_chip(11, gain=0.012)
    found = refine(wrong(true, tau_membrane_ns=1.2), ["tau_membrane_ns"], [measure(true)], iterations=5).chip
    np.testing.assert_allclose(found.rail_high, true.rail_high, rtol=1e-6)
    np.testing.assert_allclose(found.gain, true.gain, rtol=1e-6)


def test_outputs_at_the_ends_of_the_adc_do_not_count() -> None:
    """An offset near the end of the range clamps most outputs; the rest still tells the time constant."""
    true = replace(random_chip(11, ("leak",), gain=0.012, noise=0.3), offset=np.full(7, 120.0))
    found = refine(wrong(true, tau_membrane_ns=1.3), ["tau_membrane_ns"], [measure(true)])
    np.testing.assert_allclose(found.chip.tau_membrane_ns / true.tau_membrane_ns, 1.0, atol=0.06)


def test_what_cannot_be_refined_is_named() -> None:
    chip = random_chip(11)
    with pytest.raises(BadInput, match="at least one measurement"):
        refine(chip, ["gain"], [])
    with pytest.raises(BadInput, match="the outputs have shape"):
        refine(chip, ["gain"], [replace(measure(chip), outputs=np.zeros((3, 7)))])
    with pytest.raises(BadInput, match="does not use the term line"):
        refine(chip, ["line_limit"], [measure(chip)])
