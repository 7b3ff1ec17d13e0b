from __future__ import annotations

from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from data.errors import BadInput, Problems
from models.robustness import (
    binarisation,
    executed_strengths,
    signal_to_noise,
    survival,
    tailored_repeats,
    two_levels,
    uniform_repeats,
    unit_sizes,
    weight_growth,
)
from models.robustness.survival import EXTREME


def test_two_levels_explain_what_theory_says() -> None:
    rng = np.random.default_rng(0)
    normal, uniform = binarisation(rng.standard_normal(200_000)), binarisation(rng.random((400, 500)))
    assert normal.explained == pytest.approx(2 / np.pi, abs=0.01)
    assert uniform.explained == pytest.approx(0.75, abs=0.01)
    # Halves cut at the mean: m = +-sqrt(2/pi), v = 1 - 2/pi; and a quarter on either side, v = 1/48.
    assert normal.separation == pytest.approx(2 / np.sqrt(np.pi / 2 - 1), rel=0.02)
    assert uniform.separation == pytest.approx(np.sqrt(12), rel=0.02)
    exact = binarisation(np.array([3.0, 3.0, 7.0, 3.0]))
    assert (exact.explained, exact.separation, exact.low, exact.high) == (1.0, inf, 3.0, 7.0)
    assert exact.upper_share == 0.25


def test_ashmans_separation_of_two_normals_is_their_distance_in_widths() -> None:
    rng = np.random.default_rng(1)
    for distance in (6.0, 10.0):
        values = np.concatenate([rng.standard_normal(50_000), distance + rng.standard_normal(50_000)])
        assert binarisation(values).separation == pytest.approx(distance, rel=0.02)


@given(some.lists(some.integers(-50, 50), min_size=3, max_size=9), some.sampled_from([1.0, 1e-6, 1e6]))
def test_the_two_groups_are_the_best_of_all(values: list[int], scale: float) -> None:
    data = np.sort(np.array(values, np.float64)) * scale
    if data[0] == data[-1]:
        with pytest.raises(BadInput):
            binarisation(data)
        return
    every = [
        1
        - (np.sum((data[:k] - data[:k].mean()) ** 2) + np.sum((data[k:] - data[k:].mean()) ** 2))
        / np.sum((data - data.mean()) ** 2)
        for k in range(1, len(data))
    ]
    assert binarisation(data).explained == pytest.approx(max(every), abs=1e-9)


def test_two_levels_keep_signs_and_the_mean_size_of_each_unit() -> None:
    values = np.array([[1.0, -2.0, 0.0], [3.0, 4.0, 0.0], [0.0, -6.0, 0.0]], np.float32)
    assert unit_sizes(values).tolist() == [2.0, 4.0, 0.0]
    assert np.array_equal(two_levels(values, unit_sizes(values)), np.array([[2, -4, 0], [2, 4, 0], [0, -4, 0]]))
    signs = np.sign(np.random.default_rng(0).standard_normal((20, 3, 4))) * np.arange(1.0, 5.0)
    assert np.allclose(two_levels(signs, unit_sizes(signs)), signs)


def test_growth_is_the_ratio_of_sizes() -> None:
    weights = np.random.default_rng(0).standard_normal((30, 20))
    assert weight_growth({"fc1": -4 * weights}, {"fc1": weights}) == pytest.approx({"fc1": 4.0})
    for wrong in ({"fc2": weights}, {"fc1": weights[:2]}):
        with pytest.raises(BadInput, match=r"have layers|have shapes"):
            weight_growth(wrong, {"fc1": weights})
    with pytest.raises(BadInput, match="all zero"):
        weight_growth({"fc1": weights}, {"fc1": 0 * weights})


def test_signal_to_noise_leaves_out_what_is_the_same_for_all_samples() -> None:
    signal = np.random.default_rng(0).standard_normal((5000, 8))
    assert signal_to_noise(100 + 3 * signal, 1.5) == pytest.approx(2.0, rel=0.03)
    with pytest.raises(BadInput, match="must be positive"):
        signal_to_noise(signal, 0.0)
    with pytest.raises(BadInput, match="two samples"):
        signal_to_noise(signal[:1], 1.0)


def test_survival_is_what_is_left_above_chance() -> None:
    kept = survival([0.92, 0.9, 0.91], [0.95, 0.95, 0.95], 0.1, 500)
    assert kept.survives is True
    assert kept.left.value == pytest.approx((0.91 - 0.1) / 0.85)
    assert survival([0.1, 0.11, 0.09], [0.95] * 3, 0.1, 500).survives is False
    assert survival([0.9, 0.1, 0.5], [0.95] * 3, 0.1, 500).survives is None
    with pytest.raises(BadInput, match="nothing to lose"):
        survival([0.1], [0.1], 0.1, 10)
    assert EXTREME == 1e10


def test_what_is_left_of_one_network_has_the_interval_of_both_counts() -> None:
    rng, held, trials = np.random.default_rng(0), 0, 1000
    for noisy, clean in zip(rng.binomial(500, 0.8, trials) / 500, rng.binomial(500, 0.85, trials) / 500, strict=True):
        left = survival([noisy], [clean], 0.1, 500).left
        held += left.low <= 0.7 / 0.75 <= left.high
    assert 0.87 * trials <= held <= 0.93 * trials


@given(
    some.lists(some.floats(1e-4, 1e6) | some.just(inf), min_size=1, max_size=16).filter(lambda v: min(v) < inf),
    some.integers(0, 300),
)
def test_tailored_budgets_keep_the_total_and_the_order_of_need(levels: list[float], extra: int) -> None:
    midpoints = {f"op{k}": value for k, value in enumerate(levels)}
    total = len(levels) + extra
    found = tailored_repeats(midpoints, total)
    assert sum(found.values()) == total
    assert min(found.values()) >= 1
    assert list(found) == list(midpoints)
    for one, level in midpoints.items():
        for other, higher in midpoints.items():
            if level < higher:
                assert found[one] >= found[other]


def test_tailored_budgets_are_in_proportion_to_one_over_the_midpoint() -> None:
    assert tailored_repeats({"a": 1.0, "b": 2.0, "c": 4.0}, 70) == {"a": 40, "b": 20, "c": 10}
    assert tailored_repeats({"a": 0.5, "b": 0.5}, 7) == {"a": 4, "b": 3}
    # b and c could not even have one: what they get is taken from a.
    assert tailored_repeats({"a": 1.0, "b": 1e6, "c": inf}, 9) == {"a": 7, "b": 1, "c": 1}


def test_equal_midpoints_give_uniform_repeats() -> None:
    levels = {"a": 0.3, "b": 0.3, "c": 0.3}
    assert tailored_repeats(levels, 12) == uniform_repeats(levels, 4)


def test_budgets_that_make_no_sense_are_refused() -> None:
    with pytest.raises(BadInput, match="2 executions are too few for 3 operations"):
        tailored_repeats({"a": 1.0, "b": 1.0, "c": 1.0}, 2)
    with pytest.raises(Problems, match="2 problems"):
        tailored_repeats({"a": 0.0, "b": float("nan"), "c": 1.0}, 9)
    with pytest.raises(BadInput, match="nothing to divide"):
        tailored_repeats({"a": inf}, 3)
    with pytest.raises(BadInput, match="at least once"):
        uniform_repeats({"a": 1.0}, 0)


def test_averaged_noise_is_weaker_by_the_root_of_the_repeats() -> None:
    rng = np.random.default_rng(0)
    strengths = executed_strengths(2.0, {"a": 9, "b": 1})
    assert strengths == pytest.approx({"a": 2 / 3, "b": 2.0})
    averaged = (2.0 * rng.standard_normal((9, 40_000))).mean(axis=0)
    assert averaged.std() == pytest.approx(strengths["a"], rel=0.02)
