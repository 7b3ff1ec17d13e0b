"""The compiled kernels against the float64 reference, and the properties that follow from the formulas."""

from __future__ import annotations

import threading
from dataclasses import replace
from itertools import chain, combinations

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data import BadInput, Geometry, Schedule
from models.kernels import membrane, membrane_reference
from models.kernels.bend import saturate
from models.kernels.memory import address
from models.kernels.tiles import WIDTH, load, store
from models.parameters import TERMS, ChipParameters
from tests.models.chips import SMALL, random_chip, random_codes

FULL_SCALE = 256.0
ALL_TERMS = [tuple(t) for t in chain.from_iterable(combinations(TERMS, n) for n in range(4))]


@st.composite
def schedules(draw: st.DrawFn, rows: int) -> Schedule:
    order = draw(st.none() | st.permutations(range(rows)).map(tuple))
    return Schedule(
        order=order,
        spacing_ns=8 * draw(st.integers(1, 20)),
        sends=draw(st.integers(1, 4)),
        skip_zeros=draw(st.booleans()),
        settle_ns=draw(st.sampled_from([0, 8, 1000])),
    )


@pytest.mark.parametrize("terms", ALL_TERMS, ids="+".join)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_kernel_follows_the_reference(terms: tuple, data: st.DataObject) -> None:
    rows = data.draw(st.sampled_from([1, 5, 12]))
    geometry = Geometry(rows=rows, columns=data.draw(st.sampled_from([1, 7, 17])))
    seed = data.draw(st.integers(0, 10**6))
    chip = random_chip(seed, terms, geometry, gain=data.draw(st.sampled_from([0.002, 0.02])))
    activations, weights = random_codes(
        seed, data.draw(st.sampled_from([0, 1, 6])), geometry, data.draw(st.sampled_from([0.0, 0.5, 1.0]))
    )
    schedule = data.draw(schedules(rows))
    voltages = membrane(activations, weights, chip, schedule)
    assert voltages.dtype == np.float32
    expected = membrane_reference(activations, weights, chip, schedule)
    np.testing.assert_allclose(voltages, expected, rtol=0, atol=1e-4 * FULL_SCALE)
    np.testing.assert_allclose(voltages, expected, rtol=1e-4, atol=2e-4)


@pytest.mark.parametrize("skip_zeros", [True, False])
def test_unordered_kernel_follows_the_reference(skip_zeros: bool) -> None:
    chip = replace(random_chip(3), ordered=False, terms=frozenset())
    activations, weights = random_codes(3, 20)
    schedule = Schedule(sends=3, skip_zeros=skip_zeros)
    voltages = membrane(activations, weights, chip, schedule)
    assert np.any(voltages == chip.rail_high.astype(np.float32)), "the rails must act for this to test them"
    np.testing.assert_allclose(voltages, membrane_reference(activations, weights, chip, schedule), atol=1e-4)


@pytest.mark.parametrize("columns", [1, 127, 128, 130, 300])
@pytest.mark.parametrize("terms", [("leak", "rails"), TERMS], ids="+".join)
@pytest.mark.parametrize("gain", [0.0005, 0.004, 0.05])
def test_ragged_tiles_follow_the_reference(columns: int, terms: tuple, gain: float) -> None:
    """Rows over several chunks, columns over several tiles, rails out of reach, within reach, and always reached."""
    geometry = Geometry(rows=37, columns=columns)
    chip = random_chip(12, terms, geometry, gain=gain)
    activations, weights = random_codes(12, 3, geometry)
    for schedule in (Schedule(sends=3), Schedule(skip_zeros=False, order=tuple(reversed(range(37))))):
        expected = membrane_reference(activations, weights, chip, schedule)
        np.testing.assert_allclose(membrane(activations, weights, chip, schedule), expected, rtol=1e-4, atol=2e-4)


def test_rails_that_only_a_later_send_reaches() -> None:
    """Each send moves 12 codes up and 4 down: rails at 20 clip in the third one, rails at 30 never."""
    geometry = Geometry(rows=2, columns=2)
    chip = replace(ChipParameters.ideal(geometry, 0.5), ordered=True, terms=frozenset({"rails"}))
    chip = replace(chip, rail_low=np.array([-20.0, -30.0]), rail_high=np.array([20.0, 30.0]))
    weights = np.array([[24, 24], [-8, -8]], np.int8)
    voltages = membrane(np.array([[1, 1]], np.uint8), weights, chip, Schedule(sends=3))
    np.testing.assert_allclose(voltages, [[16.0, 24.0]], rtol=1e-6)


def walked(weights: list[int], rail: float, terms: tuple = ("rails",), sends: int = 1, **own: float) -> np.ndarray:
    """Rows that send a unit charge each, so that the voltage follows the weights; with the reference beside it."""
    geometry = Geometry(rows=len(weights), columns=1)
    chip = replace(ChipParameters.ideal(geometry, 1.0), ordered=True, terms=frozenset(terms))
    chip = replace(chip, rail_low=np.array([-rail]), rail_high=np.array([rail]))
    chip = replace(chip, **{name: np.array([value]) for name, value in own.items()})
    job = np.ones((1, len(weights)), np.uint8), np.array(weights, np.int8)[:, None], chip, Schedule(sends=sends)
    return np.array([membrane(*job)[0, 0], membrane_reference(*job)[0, 0]])


def test_a_rail_between_two_looks_at_the_voltage_clips() -> None:
    """Up to 10 and back to 0 every four slots, with a rail at 8."""
    kernel, reference = walked([5, 5, -5, -5] * 5, rail=8.0)
    assert reference != 0
    assert kernel == pytest.approx(reference, abs=1e-5)


@pytest.mark.parametrize("sends", [1, 2, 3, 4, 9])
def test_a_later_send_clips_at_its_height_and_not_at_its_end(sends: int) -> None:
    """Up to 20 and down to 4: rails at 25 are first reached in the third send."""
    kernel, reference = walked([1] * 20 + [-1] * 16, rail=25.0, sends=sends)
    assert (reference == 4 * sends) == (sends < 3)
    assert kernel == pytest.approx(reference, abs=1e-5)


def test_a_rail_within_half_a_chunk_clips_with_a_nearly_straight_line() -> None:
    line = {"tau_line_ns": 1.0, "line_limit": 1e4}
    kernel, reference = walked([3] * 8 + [-1] * 8, 20.0, ("rails", "line"), **line)
    assert reference == pytest.approx(12.0, abs=1e-3)
    assert kernel == pytest.approx(reference, abs=1e-3)


@pytest.mark.parametrize(("low", "high"), [(-np.inf, 6.0), (-6.0, np.inf)])
@pytest.mark.parametrize("terms", [("leak", "rails"), TERMS], ids="+".join)
def test_a_rail_on_one_side_only(terms: tuple, low: float, high: float) -> None:
    chip = random_chip(13, terms, gain=0.02)
    chip = replace(chip, rail_low=np.full(SMALL.columns, low), rail_high=np.full(SMALL.columns, high))
    activations, weights = random_codes(13, 20)
    voltages = membrane(activations, weights, chip, Schedule(sends=2))
    expected = membrane_reference(activations, weights, chip, Schedule(sends=2))
    assert np.abs(expected).max() > 12, "the open side must be used for this to test it"
    np.testing.assert_allclose(voltages, expected, rtol=0, atol=1e-4)


def test_everything_on_the_rails() -> None:
    chip = random_chip(1, ("rails",), gain=1.0)
    activations = np.full((3, SMALL.rows), 31, np.uint8)
    weights = np.full((SMALL.rows, SMALL.columns), 63, np.int8)
    voltages = membrane(activations, weights, chip, Schedule())
    np.testing.assert_array_equal(voltages, np.tile(chip.rail_high.astype(np.float32), (3, 1)))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), order=st.permutations(range(SMALL.rows)))
@pytest.mark.parametrize("ordered", [True, False])
def test_order_changes_nothing_without_an_order_dependent_term(ordered: bool, seed: int, order: list[int]) -> None:
    chip = replace(ChipParameters.ideal(SMALL, 0.01), ordered=ordered, gain=np.linspace(0.005, 0.02, SMALL.columns))
    activations, weights = random_codes(seed, 4)
    straight = membrane(activations, weights, chip, Schedule(sends=2))
    np.testing.assert_array_equal(membrane(activations, weights, chip, Schedule(order=tuple(order), sends=2)), straight)
    permuted = membrane(activations[:, order], weights[order], chip, Schedule(sends=2))
    np.testing.assert_array_equal(permuted, straight)


@pytest.mark.parametrize("term", TERMS)
def test_order_changes_the_voltage_with_any_order_dependent_term(term: str) -> None:
    chip = random_chip(5, (term,), gain=0.02, rail=8.0)
    activations, weights = random_codes(5, 20, zeros=0.0)
    backwards = Schedule(order=tuple(reversed(range(SMALL.rows))))
    difference = membrane(activations, weights, chip, Schedule()) - membrane(activations, weights, chip, backwards)
    assert np.abs(difference).max() > 0.1


def test_moving_the_order_moves_the_rows_with_it() -> None:
    """Sending permuted rows in ascending order is sending the rows in that order."""
    chip = random_chip(6, TERMS)
    chip = replace(chip, row_gain=np.ones(SMALL.rows))
    activations, weights = random_codes(6, 10)
    order = np.random.default_rng(0).permutation(SMALL.rows)
    moved = membrane(activations[:, order], weights[order], chip, Schedule(sends=2))
    sent = membrane(activations, weights, chip, Schedule(sends=2).with_order(order))
    np.testing.assert_allclose(moved, sent, atol=1e-6)


def test_terms_out_of_use_make_the_ordered_model_the_unordered_one() -> None:
    chip = random_chip(7, ())
    activations, weights = random_codes(7, 10)
    ordered = membrane(activations, weights, chip, Schedule(sends=2))
    np.testing.assert_array_equal(
        ordered, membrane(activations, weights, replace(chip, ordered=False), Schedule(sends=2))
    )
    neutral = replace(chip, terms=frozenset(TERMS))
    np.testing.assert_allclose(
        membrane(activations, weights, neutral, Schedule(sends=2)), ordered, rtol=1e-5, atol=1e-4
    )


def test_a_line_that_does_not_saturate_conserves_charge() -> None:
    plain = replace(ChipParameters.ideal(Geometry(6, 4)), ordered=True)
    slow = np.full(4, 700.0)
    line = replace(plain, terms=frozenset({"line"}), tau_line_ns=slow, line_limit=np.full(4, 1e7))
    rng = np.random.default_rng(2)
    activations = rng.integers(0, 32, (20, 6)).astype(np.uint8)
    weights = rng.integers(-63, 64, (6, 4)).astype(np.int8)
    schedule = Schedule(sends=2, settle_ns=20_000)
    expected = membrane(activations, weights, plain, schedule)
    np.testing.assert_allclose(membrane(activations, weights, line, schedule), expected, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(membrane_reference(activations, weights, line, schedule), expected, rtol=1e-4, atol=1e-3)


def test_a_line_that_neither_stores_nor_saturates_changes_nothing() -> None:
    plain = random_chip(8, ())
    line = replace(plain, terms=frozenset({"line"}), tau_line_ns=np.full(7, 1.0), line_limit=np.full(7, 1e9))
    activations, weights = random_codes(8, 10)
    schedule = Schedule(spacing_ns=80)
    expected = membrane(activations, weights, plain, schedule)
    np.testing.assert_allclose(membrane(activations, weights, line, schedule), expected, rtol=1e-4, atol=1e-3)


def test_a_dead_column_stays_at_zero() -> None:
    chip = random_chip(9, TERMS)
    chip = replace(chip, gain=np.where(np.arange(7) == 2, 0.0, chip.gain))
    activations, weights = random_codes(9, 5)
    voltages = membrane(activations, weights, chip, Schedule())
    assert np.all(np.isfinite(voltages))
    np.testing.assert_array_equal(voltages[:, 2], 0.0)


@pytest.mark.parametrize("high", [None, 1e4, np.inf], ids=["own", "far", "open"])
@pytest.mark.parametrize("terms", [("leak", "rails"), TERMS], ids="+".join)
def test_results_do_not_depend_on_threads_or_batches(terms: tuple, high: float | None) -> None:
    chip = random_chip(10, terms)
    if high is not None:
        chip = replace(chip, rail_high=np.full(SMALL.columns, high))
    activations, weights = random_codes(10, 50)
    activations[:14] //= 8
    together = membrane(activations, weights, chip, Schedule())
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        alone = np.concatenate([membrane(activations[i : i + 7], weights, chip, Schedule()) for i in range(0, 50, 7)])
    finally:
        numba.set_num_threads(before)
    np.testing.assert_array_equal(alone, together)


def test_two_threads_may_compute_at_once() -> None:
    chip = random_chip(11)
    activations, weights = random_codes(11, 200)
    expected = membrane(activations, weights, chip, Schedule())
    results: list[np.ndarray] = []

    def work() -> None:
        results.extend(membrane(activations, weights, chip, Schedule()) for _ in range(20))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 40
    for result in results:
        np.testing.assert_array_equal(result, expected)


def test_tanh_is_good_to_float32() -> None:
    @numba.njit
    def kernel(values, out):
        for place in range(0, len(values), WIDTH):
            store(address(out), place, saturate(load(address(values), place)))

    x = np.concatenate([np.linspace(-12, 12, 160 * WIDTH), np.geomspace(1e-30, 1, 8 * WIDTH)]).astype(np.float32)
    out = np.empty_like(x)
    kernel(x, out)
    np.testing.assert_allclose(out, np.tanh(x.astype(np.float64)), rtol=1e-6, atol=1e-30)


@pytest.mark.parametrize(
    ("activations", "weights", "schedule", "message"),
    [
        (np.full((1, 12), 32, np.uint8), np.zeros((12, 7), np.int8), Schedule(), "activation 32 at vector 0, row 0"),
        (np.zeros((1, 12), np.uint8), np.full((12, 7), 64, np.int8), Schedule(), "weight 64 at row 0, column 0"),
        (np.zeros((1, 11), np.uint8), np.zeros((12, 7), np.int8), Schedule(), "have shape 1 x 11"),
        (np.zeros((1, 12), np.uint8), np.zeros((12, 7), np.int8), Schedule(spacing_ns=12), "event spacing 12 ns"),
    ],
)
def test_bad_input_is_named(activations: np.ndarray, weights: np.ndarray, schedule: Schedule, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        membrane(activations, weights, random_chip(), schedule)
