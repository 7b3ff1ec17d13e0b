"""Other starting values for the input line, whose fit has more than one minimum, and for rails that were overlooked.

Whether a membrane that settles from its rail is held there by what the line still gives, or falls below it, changes
the model's form; a fit may rest on the wrong side of that edge, and no small step leads across. The columns of a board
are alike, so the first guess is chosen by all of them together, and a column leaves the others only for good reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibration.columns import ColumnFit, choose, coordinates, fit_columns
from calibration.observations import Observations, thinned_indices
from calibration.priors import Prior
from models.parameters import PER_COLUMN, ChipParameters

Floats = NDArray[np.float64]

LINE_TIMES_NS: Final = (60.0, 400.0)
"""Time constants that a line is first tried with."""
CHARGE_PER_NS: Final = 120.0
"""Line limit that goes with them, in charge for each ns: what saturates depends on how long charge stays."""
NEARBY: Final = (0.8, 1.25)
"""Factors by which a fitted time constant is moved to see whether a better minimum is near."""
FIRST_POINTS: Final = 1200
NEARBY_POINTS: Final = 700
"""How many points tell which start is better; those that win are fitted to all points afterwards."""
RAIL_GAIN: Final = 10.0
"""Chi square that a borrowed rail must gain in its column: more than three errors."""
_ITERATIONS: Final = 5


def best_line(
    points: Observations, start: ChipParameters, weights: Floats, passing: NDArray[np.bool_]
) -> ChipParameters:
    """The one of several first guesses of the line that suits the passing columns together best, fitted."""
    points, weights = _few(points, weights, FIRST_POINTS)
    ones = np.ones(points.geometry.columns)
    guesses = [replace(start, tau_line_ns=t * ones, line_limit=CHARGE_PER_NS * t * ones) for t in LINE_TIMES_NS]
    fits = [fit_columns(points, guess, weights, passing, iterations=_ITERATIONS) for guess in guesses]
    # A few columns that are far off in one of the fits must not decide.
    costs = np.stack([fit.cost[passing] for fit in fits])
    together = np.minimum(costs, 1.2 * np.median(costs, axis=1, keepdims=True)).sum(axis=1)
    return fits[int(np.argmin(together))].parameters


def nearby_line(
    points: Observations, fit: ColumnFit, start: ChipParameters, weights: Floats, passing: NDArray[np.bool_]
) -> ChipParameters:
    """The fit, or what is found from near it or from where most columns are, in the columns where that is better.

    ``start`` is where the fit began, before it had a line: a column that went astray has taken its rails along.
    """
    points, weights = _few(points, weights, NEARBY_POINTS)
    here = fit.parameters
    time, limit = (np.full_like(v, np.median(v[passing])) for v in (here.tau_line_ns, here.line_limit))
    moved = [replace(here, tau_line_ns=factor * here.tau_line_ns) for factor in NEARBY]
    for other in (here, choose(np.ones_like(passing), start, here)):
        moved.append(replace(other, tau_line_ns=time, line_limit=limit))
    tried = [fit_columns(points, other, weights, passing, iterations=_ITERATIONS) for other in (here, *moved)]
    return _best(tried, fit.prior)


def borrowed_rails(points: Observations, fit: ColumnFit, weights: Floats, passing: NDArray[np.bool_]) -> ChipParameters:
    """The fit, with a rail where most columns have theirs in the columns that had none and where that is better.

    A rail that the first look at the data misses, because few points lie beyond it, is infinite, and an infinite rail
    has no derivative that would bring it back.
    """
    best, cost = fit.parameters, fit.cost
    for name in ("rail_low", "rail_high"):
        rails = getattr(best, name)
        seen = np.isfinite(rails)
        lacking = np.flatnonzero(~seen)
        if not len(lacking) or not (seen & passing).any():
            continue
        borrowed = {name: np.where(seen, rails, np.median(rails[seen & passing]))}
        begin = replace(best, **borrowed).select(lacking)
        few = points.select_columns(lacking)
        tried = fit_columns(few, begin, weights[:, lacking], passing[lacking], iterations=_ITERATIONS)
        better = tried.cost < cost[lacking] - RAIL_GAIN
        best, cost = _merged(best, tried.parameters, lacking[better], better), cost.copy()
        cost[lacking[better]] = tried.cost[better]
    return best


def _merged(
    chip: ChipParameters, part: ChipParameters, columns: NDArray[np.intp], chosen: NDArray[np.bool_]
) -> ChipParameters:
    """``chip`` with the chosen columns of ``part`` at ``columns``."""
    merged = {}
    for name in PER_COLUMN:
        merged[name] = getattr(chip, name).copy()
        merged[name][columns] = getattr(part, name)[chosen]
    return replace(chip, **merged)


def _few(points: Observations, weights: Floats, limit: int) -> tuple[Observations, Floats]:
    some = thinned_indices(points.points, limit)
    return points.select(some), weights[some]


def _best(fits: Sequence[ColumnFit], prior: Prior) -> ChipParameters:
    """Column by column the fit that data and what the columns have in common speak for."""
    best, lowest = fits[0].parameters, np.full(len(fits[0].cost), np.inf)
    for fit in fits:
        cost = fit.cost + prior.cost(coordinates(fit.parameters, fit.names))
        best = choose(cost < lowest, fit.parameters, best)
        lowest = np.minimum(lowest, cost)
    return best
