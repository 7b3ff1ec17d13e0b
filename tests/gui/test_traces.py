from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gui.models.statistics import statistics
from gui.models.thinning import MOST_SCATTERED, thin
from gui.models.trace import Trace


def slow_extremes(values: np.ndarray, edges: np.ndarray) -> list[tuple[float, float]]:
    found = []
    for begin, end in itertools.pairwise(edges):
        known = [value for value in values[begin:end] if np.isfinite(value)]
        found.append((min(known), max(known)) if known else (np.inf, -np.inf))
    return found


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-50, 50), st.integers(1, 3000), st.booleans()), min_size=1, max_size=5), st.randoms()
)
def test_every_bin_has_the_extremes_of_what_was_written_last(
    writes: list[tuple[int, int, bool]], random: object
) -> None:
    rng = np.random.default_rng(hash(tuple(writes)) % 2**32)
    trace, known = Trace(), np.empty(0)
    for offset, length, gaps in writes:
        first = max(0, len(known) + offset)
        new = rng.normal(size=length)
        if gaps:
            new[rng.random(length) < 0.3] = np.nan
            new[rng.random(length) < 0.1] = np.inf
        trace.write(first, new)
        known = np.concatenate([known, np.full(max(first + length - len(known), 0), np.nan)])
        known[first : first + length] = new
        edges = np.sort(rng.integers(0, len(known) + 1, size=rng.integers(2, 40)))
        low, high = trace.extremes(edges)
        assert list(zip(low.tolist(), high.tolist(), strict=True)) == slow_extremes(known, edges)
    assert np.array_equal(trace.values, np.where(np.isfinite(known), known, np.nan), equal_nan=True)


@pytest.mark.parametrize("placed", [False, True])
@pytest.mark.parametrize("logarithmic", [False, True])
def test_a_long_curve_has_in_every_pixel_the_extremes_of_all_its_points(placed: bool, logarithmic: bool) -> None:
    rng = np.random.default_rng(3)
    count, pixels = 200_000, 311
    values = rng.normal(size=count)
    values[1000:5000] = np.nan
    x = np.cumsum(rng.random(count)) + 1.0 if placed else np.arange(count, dtype=float)
    low, high = float(x[500]), float(x[-700])
    drawn = thin(Trace(values), Trace(x) if placed else None, low, high, pixels, logarithmic=logarithmic)
    assert len(drawn.x) <= 2 * (pixels + 2)
    edges = np.geomspace(low, high, pixels + 1) if logarithmic else np.linspace(low, high, pixels + 1)
    inside = (drawn.x >= low) & (drawn.x < high)
    for begin, end in itertools.pairwise(edges):
        reference = values[(x >= begin) & (x < end)]
        reference = reference[~np.isnan(reference)]
        here = drawn.y[inside & (drawn.x >= begin) & (drawn.x < end)]
        assert (len(here) == 0) == (len(reference) == 0)
        if len(reference):
            assert (here.min(), here.max()) == (reference.min(), reference.max())


def test_few_points_are_drawn_as_they_are_with_one_more_on_each_side() -> None:
    trace = Trace(np.arange(100.0) ** 2)
    drawn = thin(trace, None, 9.5, 20.5, 200)
    assert drawn.x.tolist() == list(range(9, 22))
    assert drawn.y.tolist() == [float(at) ** 2 for at in range(9, 22)]
    assert thin(trace, None, 9.5, 20.5, 200, until=15).x.tolist() == list(range(9, 15))


def test_points_that_go_to_and_fro_keep_their_extremes_in_every_pixel() -> None:
    rng = np.random.default_rng(5)
    x, y = rng.random(50_000), rng.normal(size=50_000)
    drawn = thin(Trace(y), Trace(x), 0.0, 1.0, 100)
    assert not drawn.lines
    place = np.clip((x * 100).astype(int), 0, 99)
    reference = [(y[place == pixel].min(), y[place == pixel].max()) for pixel in range(100)]
    assert list(zip(drawn.y[::2], drawn.y[1::2], strict=True)) == reference
    assert len(x) < MOST_SCATTERED


def test_statistics_are_those_of_numpy() -> None:
    rng = np.random.default_rng(7)
    x, y = np.sort(rng.random(5000)), rng.normal(size=5000)
    y[100:120] = np.nan
    found = statistics(Trace(y), Trace(x), 0.2, 0.7)
    inside = (x >= 0.2) & (x <= 0.7) & ~np.isnan(y)
    assert found is not None
    assert found.count == inside.sum()
    slope, _ = np.polyfit(x[inside], y[inside], 1)
    expected = [y[inside].mean(), y[inside].std(ddof=1), y[inside].min(), y[inside].max(), slope]
    assert [found.mean, found.sd, found.low, found.high, found.slope] == pytest.approx(expected)
    order = rng.permutation(5000)
    again = statistics(Trace(y[order]), Trace(x[order]), 0.2, 0.7)
    assert again is not None
    assert [again.count, again.mean, again.slope] == pytest.approx([found.count, found.mean, found.slope])
    assert statistics(Trace(y), Trace(x), 2.0, 3.0) is None


def test_statistics_of_very_many_points_say_how_many_were_looked_at() -> None:
    y = np.zeros(1_000_000)
    y[123_457] = 9.0
    found = statistics(Trace(y), None, 0, 1e6)
    assert found is not None
    assert (found.every, found.high) == (10, 9.0)


def test_memory_is_that_of_the_numbers_and_a_little_more() -> None:
    trace = Trace(np.zeros(1_000_000))
    thin(trace, None, 0, 1e6, 900)
    assert trace.nbytes < 1.3 * 8e6
