from __future__ import annotations

from dataclasses import replace
from math import inf, nan

import numpy as np
import pytest

from data.errors import BadInput
from models.robustness import Curve, Midpoint, fit_midpoint, midpoint_ratio
from models.robustness.fall import shares_and_slopes
from models.robustness.spread import Estimate, over_seeds

GRID = 10.0 ** np.arange(-2, 2.01, 0.25)


def drawn_curve(
    rng: np.random.Generator,
    midpoint: float = 0.7,
    *,
    seeds: int = 3,
    scatter: float = 0.08,
    steepness: float = 4.0,
    trials: int = 540,
    chance: float = 0.1,
    strengths: np.ndarray[tuple[int, ...], np.dtype[np.float64]] = GRID,
) -> Curve:
    """Counts of networks whose midpoints scatter about a known one, their clean accuracies too."""
    levels = np.log10(midpoint) + scatter * rng.standard_normal(seeds)
    clean = np.clip(0.95 + 0.01 * rng.standard_normal(seeds), 0, 0.99)
    falls = 1 / (1 + np.exp(steepness * (np.log10(strengths) - levels[:, None])))
    accuracy = chance + (clean[:, None] - chance) * falls
    return Curve(
        strengths=strengths,
        correct=rng.binomial(trials, accuracy).astype(float),
        trials=trials,
        clean_correct=rng.binomial(trials, clean).astype(float),
        clean_trials=trials,
        chance=chance,
    )


def exact_curve(midpoint: float, strengths: np.ndarray[tuple[int, ...], np.dtype[np.float64]] = GRID) -> Curve:
    """Accuracies that are exactly logistic, two seeds the same."""
    falls = 0.1 + 0.8 / (1 + (strengths / midpoint) ** (5 / np.log(10)))
    return Curve(strengths, 1e6 * np.stack([falls, falls]), 10**6, np.full(2, 9e5), 10**6, 0.1)


@pytest.mark.parametrize(("seeds", "scatter"), [(3, 0.08), (3, 0.0), (5, 0.15), (10, 0.03)])
def test_intervals_hold_the_known_midpoint_as_often_as_they_say(seeds: int, scatter: float) -> None:
    rng, held, trials = np.random.default_rng(seeds), 0, 200
    for _ in range(trials):
        found = fit_midpoint(drawn_curve(rng, seeds=seeds, scatter=scatter))
        assert found.status == "identified"
        held += found.estimate.low <= 0.7 <= found.estimate.high
    assert 0.85 * trials <= held <= 0.95 * trials


def test_the_steepness_that_seeds_share_is_part_of_the_interval() -> None:
    """One strength a decade: the fall shows at one of them, so where half is hangs on the steepness of all seeds."""
    rng, held, wide = np.random.default_rng(5), 0, 10.0 ** np.arange(-2, 3)
    for _ in range(200):
        found = fit_midpoint(drawn_curve(rng, steepness=6.0, strengths=wide))
        held += found.estimate.low <= 0.7 <= found.estimate.high
    assert 170 <= held <= 190
    assert 0 < found.common <= 1 / 12
    one = midpoint_ratio([identified(2.0, 2.0)], [replace(identified(1.0, 1.0), common=0.01)])
    assert np.log10(one.high / one.value) == pytest.approx(1.644854 * 0.1)


def test_one_seed_has_the_interval_of_its_counts() -> None:
    rng, held = np.random.default_rng(2), 0
    for _ in range(200):
        found = fit_midpoint(drawn_curve(rng, seeds=1, scatter=0.0))
        held += found.estimate.low <= 0.7 <= found.estimate.high
    assert 170 <= held <= 190


def test_an_exact_logistic_gives_its_midpoint_and_steepness() -> None:
    found = fit_midpoint(exact_curve(0.33))
    assert found.estimate.value == pytest.approx(0.33, rel=1e-6)
    assert found.steepness == pytest.approx(5.0, rel=1e-6)
    assert found.misfit < 1e-8
    assert np.allclose(found.by_seed, 0.33, rtol=1e-6)


def test_the_midpoint_scales_with_the_strengths() -> None:
    curve = drawn_curve(np.random.default_rng(1))
    scaled = Curve(
        curve.strengths * 1e6, curve.correct, curve.trials, curve.clean_correct, curve.clean_trials, curve.chance
    )
    assert fit_midpoint(scaled).estimate.value == pytest.approx(1e6 * fit_midpoint(curve).estimate.value, rel=1e-5)


def test_a_step_between_two_strengths_lies_between_them() -> None:
    accuracy = np.where(GRID < 0.5, 0.9, 0.1)
    found = fit_midpoint(Curve(GRID, 1000 * np.stack([accuracy] * 3), 1000, np.full(3, 900.0), 1000, 0.1))
    below = GRID[GRID < 0.5][-1]
    above = GRID[GRID > 0.5][0]
    assert found.estimate.low <= below < found.estimate.value < above <= found.estimate.high


def test_what_the_strengths_do_not_determine_is_said() -> None:
    weak, strong = GRID[:5], GRID[-5:]
    above = fit_midpoint(exact_curve(0.7, weak))
    assert above.status == "above"
    assert (above.estimate.low, above.estimate.high) == (weak[-1], inf)
    assert not above.estimate.known
    assert str(above) == "more than 0.1"
    below = fit_midpoint(exact_curve(0.7, strong))
    assert below.status == "below"
    assert (below.estimate.low, below.estimate.high) == (0.0, strong[0])
    assert str(below) == "less than 10"


def test_seeds_that_disagree_leave_the_midpoint_open() -> None:
    falls, stays = exact_curve(0.7), np.full(len(GRID), 8e5)
    found = fit_midpoint(Curve(GRID, np.stack([falls.correct[0], stays]), 10**6, np.full(2, 9e5), 10**6, 0.1))
    assert found.status == "partly"
    assert found.by_seed[0] == pytest.approx((0.7, 0.7))
    assert found.by_seed[1] == (100.0, inf)
    assert found.estimate.low == pytest.approx(0.7)
    assert found.estimate.high == inf
    assert np.isnan(found.estimate.value)


def test_a_network_that_guesses_has_no_midpoint() -> None:
    rng = np.random.default_rng(0)
    counts = rng.binomial(500, 0.1, (3, len(GRID))).astype(float)
    found = fit_midpoint(Curve(GRID, counts, 500, np.array([52.0, 49, 51]), 500, 0.1))
    assert found.status == "no signal"
    assert str(found) == "no signal"


def test_a_plateau_above_half_is_no_midpoint() -> None:
    accuracy = np.where(GRID < 0.5, 0.95, 0.6)
    found = fit_midpoint(Curve(GRID, 1000 * accuracy[None], 1000, np.array([950.0]), 1000, 0.1))
    assert found.status == "above"


def levelling_curve(rng: np.random.Generator, plateau: float, midpoint: float = 3.0, scatter: float = 0.08) -> Curve:
    """Three networks that keep a share of their height at any strength; half of it is left at the midpoint."""
    at = np.log10(GRID) - np.log10(midpoint) - scatter * rng.standard_normal((3, 1))
    ends = plateau + 0.02 * rng.standard_normal((3, 1))
    share = ends + (1 - ends) * (1 - 2 * ends) / (1 - 2 * ends + 10 ** (2 * at))
    correct = rng.binomial(1000, 0.1 + 0.85 * share).astype(float)
    return Curve(GRID, correct, 1000, np.full(3, 950.0), 1000, 0.1)


@pytest.mark.parametrize("plateau", [0.15, 0.35])
def test_intervals_hold_the_midpoint_of_curves_that_end_above_chance(plateau: float) -> None:
    rng, held, trials = np.random.default_rng(7), 0, 100
    for _ in range(trials):
        found = fit_midpoint(levelling_curve(rng, plateau))
        assert found.misfit < 0.03
        held += found.estimate.low <= 3.0 <= found.estimate.high
    assert 83 <= held <= 97


@pytest.mark.parametrize("ends", [np.array([]), np.array([0.0, 0.3])])
def test_slopes_of_a_fall_are_those_of_its_shares(ends: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    at, half = np.linspace(-2, 2, 9), np.array([-0.3, 0.4])
    start = np.concatenate([half, [1.2], ends])
    _, slopes = shares_and_slopes(at, half, 1.2, ends)
    for index, column in enumerate(np.moveaxis(slopes, -1, 0)):
        ends_of_step = []
        for sign in (1, -1):
            moved = start.copy()
            moved[index] += sign * 1e-6
            ends_of_step.append(shares_and_slopes(at, moved[:2], moved[2], moved[3:])[0])
        assert np.allclose(column, (ends_of_step[0] - ends_of_step[1]) / 2e-6, atol=1e-7)
    assert shares_and_slopes(half, half, 1.2, ends)[0].diagonal() == pytest.approx([0.5, 0.5])


def test_a_fit_that_the_counts_contradict_leaves_what_they_say() -> None:
    strengths = np.array([0.3, 1.0, 3.0, 10.0, 100.0, 10000.0])
    accuracy = np.array([0.87, 0.80, 0.63, 0.61, 0.57, 0.15])
    found = fit_midpoint(Curve(strengths, 1000 * np.stack([accuracy] * 3), 1000, np.full(3, 890.0), 1000, 1 / 12))
    # Half is at 0.487: more than that is left at 100.
    assert found.by_seed == ((100.0, 10000.0),) * 3
    assert found.estimate.low <= 100 <= found.estimate.value <= 10000 <= found.estimate.high


def test_misfit_tells_a_curve_that_is_no_logistic() -> None:
    plateau = np.where(GRID < 0.5, 0.95, np.where(GRID < 5, 0.4, 0.1))
    counts = 1000 * np.stack([plateau] * 3)
    found = fit_midpoint(Curve(GRID, counts, 1000, np.full(3, 950.0), 1000, 0.1))
    assert found.misfit > 0.05
    assert fit_midpoint(drawn_curve(np.random.default_rng(0))).misfit < 0.02


def identified(*levels: float) -> Midpoint:
    return Midpoint("identified", Estimate(levels[0], 0.0, inf, len(levels)), tuple((x, x) for x in levels))


ABOVE = Midpoint("above", Estimate(nan, 100.0, inf, 3), ((100.0, inf),) * 3)
BELOW = Midpoint("below", Estimate(nan, 0.0, 0.1, 3), ((0.0, 0.1),) * 3)


def test_ratios_are_taken_seed_by_seed() -> None:
    # What a seed does is common to both: the ratio is known far better than either.
    found = midpoint_ratio([identified(0.6, 3.0, 15.0)], [identified(0.2, 1.0, 5.0)])
    assert (found.value, found.low, found.high) == pytest.approx((3.0, 3.0, 3.0))
    apart = midpoint_ratio([identified(1.0, 10.0, 100.0)], [identified(1.0, 1.0, 1.0)])
    assert apart.value == pytest.approx(10.0)
    assert np.log10(apart.high) - 1 == pytest.approx(2.919986 / np.sqrt(3), rel=1e-6)


def test_ratios_of_several_are_those_of_their_geometric_means() -> None:
    found = midpoint_ratio([identified(2.0, 2.0), identified(8.0, 8.0)], [identified(0.5, 0.5)])
    assert found.value == pytest.approx(8.0)


def test_ratios_know_no_more_of_a_step_than_the_strengths_around_it() -> None:
    accuracy = np.where(GRID < 0.5, 0.9, 0.1)
    step = fit_midpoint(Curve(GRID, 1000 * np.stack([accuracy] * 2), 1000, np.full(2, 900.0), 1000, 0.1))
    ratio = midpoint_ratio([step], [identified(0.4, 0.4)])
    assert (ratio.low, ratio.high) == pytest.approx((10**-0.5 / 0.4, 10**-0.25 / 0.4))
    assert not ratio.known


def test_ratios_of_what_is_only_bounded_are_bounds() -> None:
    known = identified(2.0, 2.0, 2.0)
    above, below = midpoint_ratio([ABOVE], [known]), midpoint_ratio([known], [BELOW])
    assert (above.low, above.high) == pytest.approx((50.0, inf))
    assert (below.low, below.high) == pytest.approx((20.0, inf))
    assert midpoint_ratio([known], [ABOVE]).high == pytest.approx(0.02)
    both = midpoint_ratio([ABOVE], [ABOVE])
    assert (both.low, both.high) == (0.0, inf)
    assert not both.known
    with pytest.raises(BadInput, match="the same seeds"):
        midpoint_ratio([known], [identified(1.0)])


def test_means_over_seeds_have_students_interval() -> None:
    found = over_seeds([1.0, 2.0, 3.0])
    assert found.value == 2.0
    assert found.high - 2.0 == pytest.approx(2.919986 / np.sqrt(3), rel=1e-6)
    assert over_seeds([5.0]).high == inf
    assert over_seeds([5.0], variance=4.0).high == pytest.approx(5 + 1.644854 * 2)
    assert not over_seeds([]).known


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"strengths": GRID[::-1]}, "ascending"),
        ({"strengths": GRID[:1], "correct": np.ones((3, 1))}, "at least two strengths"),
        ({"correct": np.ones((2, len(GRID)))}, "3 seeds"),
        ({"correct": np.full((3, len(GRID)), 541.0)}, "more right decisions"),
        ({"trials": 0}, "at least one decision"),
    ],
)
def test_arrays_that_make_no_curve_are_refused(change: dict[str, object], sentence: str) -> None:
    curve = drawn_curve(np.random.default_rng(0))
    values = {name: getattr(curve, name) for name in curve.__dataclass_fields__} | change
    with pytest.raises(BadInput, match=sentence):
        fit_midpoint(Curve(**values))
