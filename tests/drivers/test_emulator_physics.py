"""The emulated array: exact where it has to be, right in direction, and against a slow integration of its equations."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.values import Schedule
from drivers.emulator.array import SynapseArray
from drivers.emulator.chip import Chip, draw_chip
from drivers.emulator.drift import draw_weather
from drivers.emulator.strengths import EFFECTS, ORDER, parse_strengths

Make = Callable[..., SynapseArray]


def make_array(*physics: str, seed: int = 1) -> SynapseArray:
    strengths = parse_strengths(physics)
    return SynapseArray(draw_chip(seed, strengths), draw_weather(seed, strengths))


@pytest.fixture
def array() -> Iterator[Make]:
    made: list[SynapseArray] = []

    def build(*physics: str, seed: int = 1) -> SynapseArray:
        made.append(make_array(*physics, seed=seed))
        return made[-1]

    yield build
    for item in made:
        item.close()


def outputs(
    array: SynapseArray, weights: np.ndarray, activations: np.ndarray, schedule: Schedule | None = None
) -> np.ndarray:
    array.program(weights)
    array.arrange(schedule or Schedule())
    return array.multiply(activations, 0)[0]


def random_codes(seed: int, vectors: int, rows: int = 128, columns: int = 256) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    weights = rng.integers(-63, 64, (rows, columns)).astype(np.int8)
    return weights, rng.integers(0, 32, (vectors, rows)).astype(np.uint8)


codes = st.integers(0, 2**32 - 1)


@settings(max_examples=60, deadline=None)
@given(seed=codes, sends=st.integers(1, 64), size=st.integers(1, 3), skip=st.booleans(), small=st.booleans())
def test_with_everything_off_it_is_the_exact_clamped_product(
    seed: int, sends: int, size: int, skip: bool, small: bool
) -> None:
    rng = np.random.default_rng(seed)
    reach = 3 if small else 64
    weights = rng.integers(1 - reach, reach, (7 * size, 11 * size)).astype(np.int8)
    activations = rng.integers(0, min(reach, 32), (5, 7 * size)).astype(np.uint8)
    order = tuple(int(row) for row in rng.permutation(7 * size))
    array = make_array(f"geometry={7 * size}x{11 * size}", "all=off,gain=1", seed=seed % 1000)
    got = outputs(array, weights, activations, Schedule(order, 40, sends, skip))
    array.close()
    exact = activations.astype(np.int64) @ weights.astype(np.int64) * sends
    np.testing.assert_array_equal(got, np.clip(exact, -128, 127))


def test_gain_scales_before_rounding_down(array: Make) -> None:
    weights, activations = random_codes(1, 50)
    got = outputs(array("all=off"), weights, activations, Schedule(sends=2))
    exact = activations.astype(np.int64) @ weights.astype(np.int64) * 2
    np.testing.assert_array_equal(got, np.clip(np.floor(exact * 0.002), -128, 127))


def test_full_scale_of_the_largest_board_stays_exact(array: Make) -> None:
    weights = np.full((1024, 1), 63, np.int8)
    weights[::2] = -63
    activations = np.full((1, 1024), 31, np.uint8)
    activations[0, 1] = 30
    got = outputs(array("geometry=1024x1,all=off,gain=1"), weights, activations, Schedule(sends=2))
    assert got[0, 0] == -126


@pytest.mark.parametrize("effect", sorted(EFFECTS))
def test_every_effect_is_seen_alone_and_missed_alone(array: Make, effect: str) -> None:
    """Strong enough to be seen: rails near, a line that saturates, a short reset, a long board time."""
    strong = "rail=12,line_limit=3000,voltage=20,reset_ns=4000,pulse=2,adc=3,temperature=20,drift=5"
    weights, activations = random_codes(2, 40)

    def measure(*physics: str) -> np.ndarray:
        item = array(strong, *physics)
        item.program(weights)
        item.arrange(Schedule(sends=2))
        return item.multiply(activations, 3_000_000_000)[0]

    assert np.any(measure("all=off", f"{effect}=on") != measure("all=off"))
    assert np.any(measure(f"{effect}=off") != measure())


def test_leak_makes_early_events_weigh_less_by_its_time_constant(array: Make) -> None:
    rows, spacing = 32, 80
    weights = np.zeros((rows, 8), np.int8)
    weights[0] = 63
    activations = np.full((1, rows), 31, np.uint8)
    board = array(f"geometry={rows}x8", "all=off,leak_us=2,gain=0.05")
    heights = []
    for position in (0, 10, 20, rows - 1):
        order = [*range(1, rows)]
        order.insert(position, 0)
        heights.append(outputs(board, weights, activations, Schedule(tuple(order), spacing, settle_ns=0))[0, 0])
    slots = rows - np.array([0, 10, 20, rows - 1])
    expected = 31 * 63 * 0.05 * np.exp(-slots * spacing / 2000)
    np.testing.assert_allclose(np.array(heights) + 0.5, expected, atol=0.51)
    assert sorted(heights) == heights
    assert heights[0] < heights[-1]


def test_without_order_effects_the_order_of_rows_changes_nothing(array: Make) -> None:
    weights, activations = random_codes(3, 30)
    order = tuple(int(row) for row in np.random.default_rng(4).permutation(128))
    straight = outputs(array("order=off"), weights, activations, Schedule(sends=3))
    mixed = outputs(array("order=off"), weights, activations, Schedule(order, sends=3))
    np.testing.assert_array_equal(straight, mixed)
    assert np.any(
        outputs(array("noise=off"), weights, activations, Schedule(sends=3))
        != outputs(array("noise=off"), weights, activations, Schedule(order, sends=3))
    )


def test_charge_beyond_a_rail_is_lost_for_later_events(array: Make) -> None:
    rows, charge = 30, 31 * 63 * 0.004
    weights = np.full((rows, 4), -63, np.int8)
    weights[:20] = 63
    activations = np.full((1, rows), 31, np.uint8)
    board = array(f"geometry={rows}x4", "all=off,rail=100,knee=0.01,gain=0.004")
    up_first = outputs(board, weights, activations)[0]
    down_first = outputs(board, weights, activations, Schedule(tuple(range(rows - 1, -1, -1))))[0]
    np.testing.assert_allclose(up_first, 100 - 10 * charge, atol=1.1)
    np.testing.assert_allclose(down_first, 10 * charge, atol=1.1)
    free = array(f"geometry={rows}x4", "all=off,gain=0.004,leak_us=1000000")
    np.testing.assert_allclose(outputs(free, weights, activations)[0], 10 * charge, atol=1.1)


def test_sends_multiply_the_output(array: Make) -> None:
    weights, activations = random_codes(5, 20)
    board = array("order=off,noise=off,adc=off,offset=off,drift=off,temperature=off,bad=off,gain=0.0005")
    one, four = (outputs(board, weights, activations, Schedule(sends=sends)) for sends in (1, 4))
    assert np.max(np.abs(four - 4 * (one + 0.5))) <= 3


def test_a_saturating_line_compresses_events_close_together(array: Make) -> None:
    weights, activations = np.full((64, 4), 40, np.int8), np.full((1, 64), 31, np.uint8)
    board = array("geometry=64x4", "all=off,line_limit=4000,gain=0.001")
    near, apart = (
        outputs(board, weights, activations, Schedule(None, spacing, settle_ns=4000))[0, 0] for spacing in (8, 1600)
    )
    full = 64 * 40 * 31 * 0.001
    assert near < 0.6 * full
    assert apart > 0.9 * full


def test_zeros_take_a_slot_only_when_they_are_not_skipped(array: Make) -> None:
    weights, activations = random_codes(6, 10)
    half = np.maximum(activations, 1)
    half[:, ::2] = 0
    silent = weights.copy()
    silent[::2] = 0
    board = array("noise=off,drift=off,temperature=off")
    with_slots = outputs(board, weights, half, Schedule(skip_zeros=False))
    padded = outputs(board, silent, np.where(half == 0, 31, half).astype(np.uint8), Schedule())
    np.testing.assert_array_equal(with_slots, padded)
    assert np.any(with_slots != outputs(board, weights, half, Schedule()))


def test_a_short_reset_leaves_a_rest_of_the_last_vector(array: Make) -> None:
    board = array("geometry=1x2", "all=off,reset=on,gain=0.05")
    weights = np.array([[63, -63]], np.int8)
    vectors = np.array([[31], [0], [31], [0]], np.uint8)
    rest = outputs(board, weights, vectors, Schedule(reset_ns=400))
    full = 31 * 63 * 0.05
    np.testing.assert_allclose(rest[1] + 0.5, [full / np.e, -full / np.e], atol=0.51)
    clean = outputs(array("geometry=1x2", "all=off,reset=on,gain=0.05"), weights, vectors)
    assert clean[1].tolist() == [0, -1]  # a few ten-thousandths of a code are left, rounded down


@pytest.mark.parametrize("physics", ["", "order=off", "line=off"])
def test_answers_do_not_depend_on_how_vectors_are_cut_into_batches(array: Make, physics: str) -> None:
    weights, activations = random_codes(7, 24)
    whole, cut = array(physics), array(physics)
    schedule = Schedule(reset_ns=600, sends=2)
    expected = outputs(whole, weights, activations, schedule)
    cut.program(weights)
    cut.arrange(schedule)
    time, parts = 0, []
    for part in np.split(activations, [1, 2, 9, 9, 20]):
        got, took = cut.multiply(part, time)
        time += took
        parts.append(got)
    np.testing.assert_array_equal(np.concatenate(parts), expected)


def test_a_seed_is_a_chip(array: Make) -> None:
    weights, activations = random_codes(8, 20)
    first, again, other = (outputs(array(seed=seed), weights, activations) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert np.corrcoef(first.ravel(), other.ravel())[0, 1] > 0.7
    assert np.mean(first != other) > 0.8


def test_switching_one_effect_off_leaves_the_rest_of_the_chip() -> None:
    whole, part = (draw_chip(9, parse_strengths(physics)) for physics in ((), ("rows=off,synapses=off,leak=off",)))
    for name in ("gain", "offset", "rail_high", "noise", "asymmetry", "pulse", "excitatory", "cubic"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(part, name))
    assert np.all(part.synapse == 1)
    assert np.all(np.isinf(part.tau_membrane))


def test_trial_noise_has_the_asked_width_and_a_normal_shape(array: Make) -> None:
    board = array("all=off,noise=4", "columns=off")
    got = outputs(board, np.zeros((128, 256), np.int8), np.zeros((2000, 128), np.uint8)).astype(float)
    centred = got + 0.5
    assert abs(centred.mean()) < 0.05
    assert np.std(centred) == pytest.approx(np.sqrt(16 + 1 / 12), rel=0.01)
    assert np.mean(centred**4) / np.mean(centred**2) ** 2 == pytest.approx(3, abs=0.05)
    assert abs(np.corrcoef(centred[:-1].ravel(), centred[1:].ravel())[0, 1]) < 0.01
    assert abs(np.corrcoef(centred[:, :-1].ravel(), centred[:, 1:].ravel())[0, 1]) < 0.01


def test_the_default_noise_is_about_one_and_a_half_codes(array: Make) -> None:
    got = outputs(array(), np.zeros((128, 256), np.int8), np.ones((400, 128), np.uint8))
    assert np.median(got.std(axis=0)) == pytest.approx(1.4, abs=0.2)


def test_gain_wanders_with_board_time_and_not_otherwise(array: Make) -> None:
    weights, activations = random_codes(10, 50)
    board = array("noise=off,drift=2")
    board.program(weights)
    early, again, late = (board.multiply(activations, time)[0] for time in (0, 0, 20_000_000_000))
    np.testing.assert_array_equal(early, again)
    assert np.any(early != late)


def test_gain_wanders_from_vector_to_vector_by_the_time_they_take(array: Make) -> None:
    """Each of the same 500 vectors takes over a millisecond; in one batch or in five the drift is the same."""
    weights, _ = random_codes(12, 1)
    activations = np.full((500, 128), 20, np.uint8)
    schedule = Schedule(reset_ns=1_000_000)
    whole, cut = array("noise=off,drift=20"), array("noise=off,drift=20")
    expected = outputs(whole, weights, activations, schedule)
    cut.program(weights)
    cut.arrange(schedule)
    time, parts = 0, []
    for part in np.split(activations, 5):
        got, took = cut.multiply(part, time)
        time += took
        parts.append(got)
    np.testing.assert_array_equal(np.concatenate(parts), expected)
    assert time == 500 * (128 * 40 + 1_000_000 + 1000 + 2000)
    assert np.max(np.ptp(expected, axis=0)) >= 2


def test_two_or_three_columns_do_not_work() -> None:
    kinds = set()
    for seed in range(12):
        bad = draw_chip(seed, parse_strengths(())).bad
        assert len(bad) in (2, 3)
        assert len({column for column, _ in bad}) == len(bad)
        kinds |= {kind for _, kind in bad}
    assert kinds == {"stuck", "noisy", "weak"}


def test_curves_are_monotone_and_start_at_nothing() -> None:
    for seed in range(20):
        chip = draw_chip(seed, parse_strengths(()))
        for curve in (chip.pulse, chip.excitatory, chip.inhibitory):
            assert curve[0] == 0
            assert np.all(np.diff(curve) > 0)
        assert np.max(np.abs(chip.excitatory - np.arange(64))) < 1.0


def integrate(
    chip: Chip, weights: np.ndarray, activations: np.ndarray, schedule: Schedule, step_ns: float = 0.5
) -> np.ndarray:
    """The equations of the array by small explicit steps in double precision; no noise, no rounding."""
    use = chip.strengths
    knee, pull = use.knee, use.of("voltage") / 100 / use.rail
    size = np.abs(weights.astype(int))
    excitatory = np.where(weights > 0, chip.excitatory[size] * (1 + chip.asymmetry), 0) * chip.synapse
    inhibitory = np.where(weights < 0, chip.inhibitory[size] * (1 - chip.asymmetry), 0) * chip.synapse
    answers = []
    for vector in activations:
        v = np.zeros(weights.shape[1])
        e, i = np.zeros_like(v), np.zeros_like(v)

        def pass_time(time_ns: float) -> None:
            nonlocal v, e, i
            for _ in range(round(time_ns / step_ns)):
                u, w = e / chip.limit_excitatory, i / chip.limit_inhibitory
                up = e / np.sqrt(1 + u**2) / chip.tau_line
                down = i * (1 + w) / (1 + w + w**2) / chip.tau_line
                push = chip.gain * (up * (1 - pull * v) - down * (1 + pull * v)) * step_ns
                room = np.where(push > 0, chip.rail_high - v, v - chip.rail_low)
                v = v + push * np.minimum(1, room / knee) - v / chip.tau_membrane * step_ns
                v = np.clip(v, chip.rail_low, chip.rail_high)
                e, i = e * (1 - step_ns / chip.tau_line), i * (1 - step_ns / chip.tau_line)

        for _ in range(schedule.sends):
            for row in schedule.order_array(len(weights)):
                if vector[row] or not schedule.skip_zeros:
                    e = e + chip.pulse[vector[row]] * excitatory[row]
                    i = i + chip.pulse[vector[row]] * inhibitory[row]
                    pass_time(schedule.spacing_ns)
        pass_time(schedule.settle_ns)
        answers.append(v + chip.offset)
    return np.array(answers)


@pytest.mark.parametrize(
    ("physics", "schedule"),
    [
        ("", Schedule(sends=2)),
        ("line_limit=2500,voltage=6", Schedule(sends=2)),
        ("rail=12,leak_us=2", Schedule(tuple(range(15, -1, -1)), spacing_ns=200, settle_ns=200)),
        ("line_limit=4000,rail=15,knee=1,voltage=3", Schedule(None, 16, 3, False, 400)),
        ("line_ns=60,leak_us=1", Schedule(None, 504, 1, True, 0)),
        ("line_ns=30,leak_us=3,gain=0.03", Schedule(None, 800, 1, True, 1600)),
    ],
)
def test_compiled_physics_agrees_with_a_slow_integration(array: Make, physics: str, schedule: Schedule) -> None:
    still = "geometry=16x40,gain=0.01,noise=off,drift=off,temperature=off,adc=off,bad=off"
    weights, activations = random_codes(11, 3, 16, 40)
    weights[:6, :20] = np.abs(weights[:6, :20])
    got = outputs(array(still, physics, seed=4), weights, activations, schedule)
    exact = integrate(draw_chip(4, parse_strengths((still, physics))), weights, activations, schedule)
    assert np.ptp(exact) > 15
    inside = (exact > -127) & (exact < 126)
    error = np.maximum(got - exact, exact - (got + 1))[inside]
    assert np.max(error) < 0.1


def test_order_effects_are_named() -> None:
    assert ORDER < EFFECTS
    assert not parse_strengths(("order=off",)).ordered
    assert parse_strengths(("all=off,voltage=1",)).ordered
