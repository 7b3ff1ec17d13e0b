"""How far an axis reaches over what grows."""

from __future__ import annotations

import math
from typing import Final

Limits = tuple[float, float]

LEAST_FILLED: Final = 0.6
"""Share of an axis that has to be in use: with less of it the axis is drawn closer."""


def with_room(seen: Limits, wanted: Limits, growth: float = 0.0, end: float = math.inf) -> Limits | None:
    """New limits of an axis over numbers that still grow; None where those it has are as good.

    An axis that follows every new number is drawn anew in every frame, and nobody can read it.

    Args:
        seen: limits that the axis has now.
        wanted: smallest and largest number there is.
        growth: how much of that is left free for what comes, as a share of it.
        end: beyond which nothing comes.
    """
    low, high = wanted
    inside = seen[0] < low and high <= seen[1]  # the first number never stands on the edge
    if inside and high - low >= LEAST_FILLED * (seen[1] - seen[0]):
        return None
    return low, max(min(high + growth * (high - low), end), high)
