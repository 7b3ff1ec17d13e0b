import numpy as np
import pytest
from scipy.stats import binomtest

from labctl.statistics import accuracy, confusion, order_spread, proportion, split_residual


@pytest.mark.parametrize(("successes", "count"), [(0, 10), (3, 10), (10, 10), (871, 960), (1, 1)])
def test_interval_is_wilsons(successes: int, count: int) -> None:
    found = proportion(successes, count)
    reference = binomtest(successes, count).proportion_ci(0.95, method="wilson")
    assert found.low == pytest.approx(reference.low, abs=1e-12)
    assert found.high == pytest.approx(reference.high, abs=1e-12)


def test_nothing_measured_is_nothing_known() -> None:
    found = proportion(0, 0)
    assert np.isnan(found.value)
    assert (found.low, found.high) == (0.0, 1.0)


def test_confusion_counts_every_utterance_once() -> None:
    labels = np.array([0, 0, 1, 2, 2, 2])
    decisions = np.array([0, 1, 1, 2, 0, 2])
    matrix = confusion(decisions, labels, 3)
    assert matrix.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 2]]
    assert accuracy(decisions, labels).value == pytest.approx(4 / 6)


def test_each_part_of_a_residual_is_found_again() -> None:
    rng = np.random.default_rng(3)
    vectors, repeats, orders, columns = 300, 8, 12, 64
    predicted = rng.normal(0, 30, (vectors, columns))
    fixed = rng.normal(0, 3.0, columns)
    model_error = rng.normal(0, 2.0, (vectors, columns))
    truth = predicted + fixed + model_error
    measured = truth[:, None, :] + rng.normal(0, 1.5, (vectors, repeats, columns))
    moved = truth[:, None, None, :] + rng.normal(0, 4.0, (vectors, orders, 1, columns))
    moved = moved + rng.normal(0, 1.5, (vectors, orders, repeats, columns))

    split = split_residual(measured, predicted)

    assert split.trial_noise == pytest.approx(1.5, rel=0.02)
    assert split.fixed_pattern == pytest.approx(float(np.sqrt(np.mean(fixed**2))), rel=0.05)
    assert split.remainder == pytest.approx(2.0, rel=0.03)
    assert split.order == 0.0
    assert order_spread(moved) == pytest.approx(4.0, rel=0.03)
    blind = split_residual(measured, predicted + rng.normal(0, 3.0, predicted.shape), split)
    assert blind.remainder == split.remainder
    assert blind.order == pytest.approx(3.0, rel=0.05)
    parts = split.fixed_pattern**2 + split.trial_noise**2 + split.remainder**2
    assert split.total == pytest.approx(np.sqrt(parts), rel=0.02)


def test_a_remainder_is_not_taken_for_fixed_pattern() -> None:
    rng = np.random.default_rng(5)
    squares = []
    for _ in range(20):
        wrong = rng.normal(0, 5.0, (40, 1, 64))
        split = split_residual(wrong + rng.normal(0, 1.0, (40, 6, 64)), np.zeros((40, 64)))
        squares.append(split.fixed_pattern**2)
    assert np.mean(squares) < 0.15


def test_noise_alone_shows_no_order_effect() -> None:
    rng = np.random.default_rng(4)
    assert order_spread(rng.normal(0, 2.0, (200, 10, 6, 32))) < 0.1
