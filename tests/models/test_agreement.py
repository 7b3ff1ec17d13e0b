"""The compiled multiply against float64 where it might leave work out: rails just reached, order, threads, shapes."""

from __future__ import annotations

from dataclasses import replace

import numba
import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from data import Geometry, Schedule
from models.kernels.coefficients import Coefficients
from models.ordered import ordered_multiply
from models.parameters import TERMS
from tests.models.chips import random_chip

FULL_SCALE = 256.0
CLOSE = 1e-4 * FULL_SCALE
CASES = [("leak",), ("leak", "rails"), ("line",), TERMS]


def factors(columns: int, uses_line: bool = False, **values: float) -> Coefficients:
    """The same coefficients in every column; without values given neither leak nor rails."""
    geometry = Geometry(rows=1, columns=columns)
    base = Coefficients.of(random_chip(0, ("line",) if uses_line else (), geometry), Schedule())
    own = {"decay": 1.0, "settle": 1.0, **values}
    return replace(base, **{name: np.full(columns, value) for name, value in own.items()})


def both(charges: Tensor, weights: Tensor, chip: Coefficients, schedule: Schedule) -> tuple[list[Tensor], list[Tensor]]:
    """Voltages and gradients of charges and weights, compiled and by plain operations in float64."""
    results = []
    for dtype in (torch.float32, torch.float64):
        x, w = (value.detach().to(dtype).requires_grad_() for value in (charges, weights))
        voltages = ordered_multiply(x, w, chip, schedule)
        top = torch.randn(voltages.shape, generator=torch.Generator().manual_seed(1)).to(dtype)
        results.append([voltages.detach(), *torch.autograd.grad(voltages, (x, w), top)])
    return results[0], results[1]


def compare(charges: Tensor, weights: Tensor, chip: Coefficients, schedule: Schedule) -> Tensor:
    compiled, exact = both(charges, weights, chip, schedule)
    torch.testing.assert_close(compiled[0].double(), exact[0], rtol=0, atol=CLOSE)
    for ours, theirs in zip(compiled[1:], exact[1:], strict=True):
        size = float(theirs.abs().max()) if theirs.numel() else 0.0
        torch.testing.assert_close(ours.double(), theirs, rtol=1e-4, atol=1e-4 * size + 1e-7)
    return exact[0]


@pytest.mark.parametrize("terms", CASES, ids="+".join)
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_any_shape_follows_float64(terms: tuple, data: st.DataObject) -> None:
    rows, columns = data.draw(st.sampled_from([1, 3, 17, 34])), data.draw(st.sampled_from([1, 127, 129]))
    vectors, blocks = data.draw(st.sampled_from([0, 1, 4])), data.draw(st.integers(1, 2))
    schedule = Schedule(
        order=data.draw(st.none() | st.permutations(range(rows)).map(tuple)),
        sends=data.draw(st.integers(1, 3)),
        skip_zeros=data.draw(st.booleans()),
    )
    chance = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    rail = data.draw(st.sampled_from([0.5, 20.0, 1000.0]))
    chip = Coefficients.of(
        random_chip(int(chance.integers(10**6)), terms, Geometry(rows, columns), rail=rail), schedule
    )
    charges = chance.random((vectors, blocks, rows)) * (
        chance.random((vectors, blocks, rows)) < chance.choice([0, 0.5, 1])
    )
    weights = chance.normal(0, 4, (blocks, rows, columns))
    # A block that is not full: rows of it that send nothing.
    charges[:, -1, rows // 2 + 1 :] = 0
    compare(torch.as_tensor(charges), torch.as_tensor(weights), chip, schedule)


@settings(max_examples=60, deadline=None)
@given(
    rising=st.integers(1, 40),
    falling=st.integers(0, 40),
    sends=st.integers(1, 4),
    columns=st.sampled_from([1, 17, 130]),
    short=st.floats(0.002, 0.09),
    decay=st.sampled_from([1.0, 0.999]),
    sign=st.sampled_from([-1.0, 1.0]),
    far=st.sampled_from([160.0, 1e6, np.inf]),
    uses_line=st.booleans(),
)
@example(rising=16, falling=0, sends=1, columns=1, short=0.05, decay=1.0, sign=1.0, far=160.0, uses_line=False)
@example(rising=40, falling=8, sends=1, columns=130, short=0.01, decay=1.0, sign=-1.0, far=160.0, uses_line=False)
@example(rising=10, falling=0, sends=3, columns=17, short=0.03, decay=1.0, sign=1.0, far=np.inf, uses_line=False)
@example(rising=16, falling=16, sends=1, columns=17, short=0.03, decay=1.0, sign=1.0, far=160.0, uses_line=True)
@example(rising=16, falling=16, sends=1, columns=17, short=0.03, decay=1.0, sign=-1.0, far=1e6, uses_line=True)
def test_a_rail_that_is_only_just_reached_clips(
    rising: int,
    falling: int,
    sends: int,
    columns: int,
    short: float,
    decay: float,
    sign: float,
    far: float,
    uses_line: bool,
) -> None:
    """Voltages rise together to a peak a few per cent beyond the rail and fall again: nothing may be left out.

    What is left out is decided by bounds on how far a chunk of slots moves any column. Rows that all move all columns
    the same way are the case in which those bounds are tight.
    """
    # 0.77: no number of steps down is as far as one of steps up, so no later send ends exactly on the rail.
    moves = [sign] * rising + [-0.77 * sign] * falling
    # A line that keeps nearly nothing and does not saturate: as good as none, but another kernel.
    fast = {"line": 0.001, "line_settle": 0.0, "limit": 1e6} if uses_line else {}
    peak = _peak([sign * move for move in moves] * sends, decay, fast.get("line", 0.0))
    scale = 0.5 * FULL_SCALE / ((1 - short) * peak)
    weights = scale * torch.tensor(moves, dtype=torch.float64)[None, :, None].expand(-1, -1, columns)
    charges = torch.ones(2, 1, rising + falling, dtype=torch.float64)
    near = 0.5 * FULL_SCALE
    rails = {"low": -far, "high": near} if sign > 0 else {"low": -near, "high": far}
    chip = factors(columns, uses_line, decay=decay, **rails, **fast)
    expected = compare(charges, weights, chip, Schedule(sends=sends))
    if sends == 1 and 0.77 * scale * falling < far:
        free = ordered_multiply(charges, weights, factors(columns, uses_line, decay=decay, **fast), Schedule())
        assert torch.all((expected - free).abs() > 5 * CLOSE), "the rail must matter for this to test it"


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_a_straight_line_that_carries_voltages_over_a_rail_clips(sign: float) -> None:
    """A slow line, charged to a quarter of its limit, moves voltages as far as a nearly straight line can in 8 slots.

    They start where that just reaches beyond the rail, and the line is reversed before anything looks at them again.
    """
    line, limit = 0.995, 4000.0
    arriving = torch.zeros(24, dtype=torch.float64)
    arriving[7], arriving[16] = 0.249 * limit * sign, -0.5 * limit * sign
    charges, weights = torch.ones(1, 1, 24, dtype=torch.float64), arriving[None, :, None].expand(-1, -1, 3)
    charge = 0.249 * np.concatenate([[0.0] * 7, line ** np.arange(9)])
    free = np.cumsum((1 - line) * limit * np.tanh(charge))
    rail = 0.05 * free[7] + 0.95 * free[15]
    chip = factors(3, True, line=line, line_settle=1.0, limit=limit, low=-rail, high=rail)
    expected = compare(charges, weights, chip, Schedule())
    unclipped = ordered_multiply(charges, weights, replace(chip, low=-2 * chip.high, high=2 * chip.high), Schedule())
    assert torch.all((expected - unclipped).abs() > 1.0), "the rail must matter for this to test it"


def _peak(moves: list[float], decay: float, line: float) -> float:
    """The highest voltage on the way."""
    voltage = on_line = farthest = 0.0
    for move in moves:
        on_line = on_line * line + move
        voltage = voltage * decay + (1 - line) * on_line
        farthest = max(farthest, voltage)
    return farthest


@pytest.mark.parametrize("uses_line", [False, True])
@pytest.mark.parametrize("rails", [(-85.0, 1e6), (-np.inf, 85.0), (-1e6, 2e6), (-85.0, 200.0)], ids=str)
def test_a_rail_far_away_costs_no_digits(rails: tuple[float, float], uses_line: bool) -> None:
    """Voltages of some ten codes; one of the near rails is reached, and far ones might as well not be there."""
    chance = torch.Generator().manual_seed(5)
    charges = torch.rand(20, 1, 128, generator=chance, dtype=torch.float64)
    weights = 16 * torch.randn(1, 128, 130, generator=chance, dtype=torch.float64)
    line = {"line": 0.7, "line_settle": 0.1, "limit": 100.0} if uses_line else {}
    chip = factors(130, uses_line, decay=0.99, settle=0.98, low=rails[0], high=rails[1], **line)
    compiled, exact = both(charges, weights, chip, Schedule(sends=2))
    torch.testing.assert_close(compiled[0].double(), exact[0], rtol=0, atol=3e-4)
    moved = ordered_multiply(
        charges, weights, factors(130, uses_line, decay=0.99, settle=0.98, **line), Schedule(sends=2)
    )
    assert bool((moved != exact[0]).any()) == (min(-rails[0], rails[1]) < 100)


def test_everything_at_the_rails_and_nothing_at_all() -> None:
    chip = factors(130, low=-5.0, high=7.0, decay=0.99)
    weights = torch.full((1, 40, 130), 63.0)
    assert torch.all(compare(torch.full((3, 1, 40), 31.0), weights, chip, Schedule(sends=2)) == 7.0)
    assert torch.all(compare(torch.full((3, 1, 40), 31.0), -weights, chip, Schedule(sends=2)) == -5.0)
    assert torch.all(compare(torch.zeros(3, 1, 40), weights, chip, Schedule(sends=2)) == 0.0)


@settings(max_examples=20, deadline=None)
@given(order=st.permutations(range(37)), seed=st.integers(0, 10**6))
def test_out_of_reach_no_order_changes_any_bit(order: list[int], seed: int) -> None:
    """Whole charges far from the rails and no leak: sums that float32 holds. A line that is empty at once rounds."""
    chance = np.random.default_rng(seed)
    charges = torch.as_tensor(chance.integers(0, 32, (5, 37)).astype(np.float32))
    weights = torch.as_tensor(chance.integers(-63, 64, (37, 130)).astype(np.float32))
    chip = factors(130, low=-1e6, high=1e6)
    straight = ordered_multiply(charges, weights, chip, Schedule(sends=2))
    moved = ordered_multiply(charges, weights, chip, Schedule(sends=2, order=tuple(order)))
    assert torch.equal(moved, straight)
    assert torch.equal(straight, 2 * charges @ weights)
    chip = factors(130, True, low=-1e6, high=1e6, line=0.0, line_settle=0.0, limit=1e9)
    lined = ordered_multiply(charges, weights, chip, Schedule(sends=2, order=tuple(order)))
    torch.testing.assert_close(lined, straight, rtol=0, atol=1e-6 * float(straight.abs().max()))


SIGNS = torch.tensor([3.0] * 10 + [-2.0] * 10)[:, None]
POSITIVE_FIRST, NEGATIVE_FIRST = tuple(range(20)), tuple(reversed(range(20)))


def test_with_leak_what_comes_last_weighs_most() -> None:
    chip = factors(1, decay=0.9)
    first, last = (
        float(ordered_multiply(torch.ones(1, 20), SIGNS, chip, Schedule(order=order)))
        for order in (POSITIVE_FIRST, NEGATIVE_FIRST)
    )
    assert first < 10 < last, "the sum without leak lies between"


def test_at_a_rail_what_overshoots_is_lost() -> None:
    chip = factors(1, low=-100.0, high=12.0)
    first, last = (
        float(ordered_multiply(torch.ones(1, 20), SIGNS, chip, Schedule(order=order)))
        for order in (POSITIVE_FIRST, NEGATIVE_FIRST)
    )
    assert first == pytest.approx(12.0 - 20.0), "the positive charge beyond 12 is lost"
    assert last == pytest.approx(10.0), "nothing is"


def test_on_the_line_bursts_are_compressed_and_pauses_help() -> None:
    """Events without charge between the others let the line discharge; then less of it saturates."""
    chip = factors(1, True, line=0.7, line_settle=0.0, limit=5.0)
    weights = torch.tensor([3.0] * 6 + [0.0] * 6)[:, None]
    spread = tuple(row for pair in zip(range(6), range(6, 12), strict=True) for row in pair)
    burst, apart = (
        float(ordered_multiply(torch.ones(1, 12), weights, chip, Schedule(order=order, skip_zeros=False)))
        for order in (None, spread)
    )
    assert burst < 0.9 * apart < apart < 18


@pytest.mark.parametrize("terms", CASES, ids="+".join)
def test_threads_change_no_bit_of_values_or_gradients(terms: tuple) -> None:
    chance = torch.Generator().manual_seed(0)
    chip = Coefficients.of(random_chip(4, terms, Geometry(20, 300), rail=12.0), Schedule(sends=2))
    charges, weights = torch.rand(40, 2, 20, generator=chance), torch.randn(2, 20, 300, generator=chance)
    before = numba.get_num_threads()
    together = both(charges, weights, chip, Schedule(sends=2))[0]
    numba.set_num_threads(1)
    try:
        alone = both(charges, weights, chip, Schedule(sends=2))[0]
    finally:
        numba.set_num_threads(before)
    for ours, theirs in zip(alone, together, strict=True):
        assert torch.equal(ours, theirs)
