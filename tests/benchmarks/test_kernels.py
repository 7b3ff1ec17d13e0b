"""The ordered multiply against the plain product, forward and backward, as ratios within one run.

Run with ``pytest tests/benchmarks/test_kernels.py --benchmark-enable``. Both use one thread and take turns, and the
fastest of many rounds counts, so that a busy machine matters little. Ratios are reported in the extra information
(``--benchmark-json``), never asserted; asserted is that both compute the same where order does not matter.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor
from torch.nn import functional

from data import Geometry, Schedule
from models.kernels.coefficients import Coefficients
from models.ordered import ordered_multiply
from models.parameters import ChipParameters
from models.threads import one_thread

BATCH, BLOCKS = 256, 8
GEOMETRY = Geometry(rows=128, columns=128)
SCHEDULE = Schedule(spacing_ns=40, sends=2)


def chip(terms: str) -> ChipParameters:
    """The default board's size of effects, in the terms named."""
    columns = GEOMETRY.columns
    neutral = replace(ChipParameters.ideal(GEOMETRY, 0.002), ordered=True, terms=frozenset(terms.split("+")))  # type: ignore[arg-type]
    if "leak" in terms:
        neutral = replace(neutral, tau_membrane_ns=np.full(columns, 8000.0))
    if "rails" in terms:
        neutral = replace(neutral, rail_low=np.full(columns, -85.0), rail_high=np.full(columns, 85.0))
    if "line" in terms:
        neutral = replace(neutral, tau_line_ns=np.full(columns, 320.0), line_limit=np.full(columns, 4000.0))
    return neutral


def first_layer() -> tuple[Tensor, Tensor]:
    """Charges with half of the activations zero, and weights, as the keyword network's first layer has them."""
    rng = np.random.default_rng(0)
    charges = rng.integers(1, 32, (BATCH, BLOCKS, GEOMETRY.rows)) * (rng.random((BATCH, BLOCKS, GEOMETRY.rows)) < 0.5)
    weights = 0.002 * rng.normal(0, 20, (BLOCKS, GEOMETRY.rows, GEOMETRY.columns))
    return torch.from_numpy(charges).float(), torch.from_numpy(weights).float()


def fastest(works: list[Callable[[], object]], rounds: int) -> list[float]:
    """Seconds of the fastest round of each, taking turns."""
    times = np.full((rounds, len(works)), np.inf)
    for turn in range(rounds):
        for index, work in enumerate(works):
            start = time.perf_counter()
            work()
            times[turn, index] = time.perf_counter() - start
    return [float(best) for best in times.min(axis=0)]


@pytest.mark.parametrize("terms", ["leak", "rails", "leak+rails", "leak+rails+line"])
def test_ordered_multiply_against_the_plain_product(terms: str, benchmark: BenchmarkFixture) -> None:
    charges, weights = first_layer()
    factors = Coefficients.of(chip(terms), SCHEDULE)
    weights.requires_grad_()
    flat, plain = charges.reshape(BATCH, -1), weights.detach().reshape(-1, GEOMETRY.columns).T.contiguous()
    plain.requires_grad_()

    def ordered() -> Tensor:
        return ordered_multiply(charges, weights, factors, SCHEDULE)

    def backward(forward: Callable[[], Tensor]) -> Callable[[], object]:
        result = forward().sum()
        return lambda: torch.autograd.backward(result, retain_graph=True)

    def linear() -> Tensor:
        return functional.linear(flat, plain)

    with one_thread():
        rounds = 3 if benchmark.disabled else 30
        ours, theirs, ours_back, theirs_back = fastest([ordered, linear, backward(ordered), backward(linear)], rounds)
        ratios = {"forward_ratio": round(ours / theirs, 2), "backward_ratio": round(ours_back / theirs_back, 2)}
        benchmark.extra_info.update(ratios)
        benchmark(ordered)
    # Far from the rails and without leak, two sends are twice the product.
    if terms == "rails":
        clear = (ordered().abs() < 60).all(dim=2)[:, 0]
        expected = 2 * charges[:, 0] @ weights[0]
        torch.testing.assert_close(ordered()[clear, 0], expected[clear], rtol=1e-3, atol=1e-3)
