"""One curve less another."""

from __future__ import annotations

from typing import Final

import numpy as np

from data.errors import BadInput
from gui.models.thinning import shared
from gui.models.trace import Trace

MOST: Final = 200_000
"""Points up to which the difference of two curves is drawn."""

Pair = tuple[Trace, Trace | None]


def difference(one: Pair, other: Pair) -> Pair:
    """``one`` less ``other``, point by point where both were measured at the same places, else by interpolation.

    Args:
        one: values and where they lie, None for their index.
        other: what is taken from them.

    Returns:
        The difference, at the places of ``one``.

    Raises:
        BadInput: it cannot be drawn; the sentence says why.
    """
    (y, x), (other_y, other_x) = one, other
    count, others = shared(y, x), shared(other_y, other_x)
    if max(count, others) > MOST:
        raise BadInput(
            f"the difference is drawn for runs of up to {MOST:,} points; save the data to compare longer ones"
        )
    length = min(count, others)
    if x is None and other_x is None:
        return Trace(y.values[:length] - other_y.values[:length]), None
    if x is None or other_x is None:
        raise BadInput("one run has what the horizontal axis shows and the other has not; choose another x")
    if np.array_equal(x.values[:length], other_x.values[:length]):
        return Trace(y.values[:length] - other_y.values[:length]), Trace(x.values[:length])
    where, values = other_x.values[:others], other_y.values[:others]
    known = ~(np.isnan(where) | np.isnan(values))
    where, values = where[known], values[known]
    order = np.argsort(where, kind="stable")
    where, values = where[order], values[order]
    if len(np.unique(where)) < len(where):
        raise BadInput("the other run has several points at one x, and they are not those of this run")
    at = x.values[:count]
    inside = (at >= where[0]) & (at <= where[-1]) if len(where) else np.zeros(count, dtype=bool)
    found = np.full(count, np.nan)
    found[inside] = y.values[:count][inside] - np.interp(at[inside], where, values)
    return Trace(found), Trace(at)
