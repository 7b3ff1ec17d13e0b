"""Layer-tailored multi-execution: an operation repeated n times and averaged has its noise divided by sqrt(n).

A budget of executions is best spent where noise hurts most: "Walking Noise" (Borras et al., arXiv 2212.10430) gives
each operation repeats in proportion to 1 / midpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, sqrt

import numpy as np

from data.errors import BadInput, Problems


def uniform_repeats(names: Mapping[str, float], repeats: int) -> dict[str, int]:
    """The same number for every operation.

    Raises:
        BadInput: fewer than one.
    """
    if repeats < 1:
        raise BadInput(f"every operation is executed at least once, not {repeats} times")
    return dict.fromkeys(names, repeats)


def tailored_repeats(midpoints: Mapping[str, float], total: int) -> dict[str, int]:
    """Whole repeats in proportion to 1 / midpoint that add up to ``total``, each at least one.

    What is left after rounding down goes to the largest remainders. Operations whose share would be less than one get
    one, and the others divide the rest.

    Args:
        midpoints: of every operation; ``inf`` for one that no noise hurts.
        total: executions in all, at least one for each operation.

    Raises:
        BadInput: no operations, midpoints that are not positive, all infinite, or a total that is too small.
    """
    wrong = [f"the midpoint of {name} is {value}, not positive" for name, value in midpoints.items() if not value > 0]
    if wrong:
        raise Problems("the budget of repeats", wrong)
    if total < len(midpoints) or not midpoints:
        raise BadInput(f"{total} executions are too few for {len(midpoints)} operations, each at least once")
    need = np.array([0.0 if value == inf else 1.0 / value for value in midpoints.values()])
    if not need.any():
        raise BadInput("no operation has a midpoint; there is nothing to divide a budget by")
    # Once and for all: an operation below one share is paid for by the others, which lowers theirs.
    single = np.zeros(len(need), bool)
    while True:
        shares = np.where(single, 1.0, 0.0)
        rest = total - int(single.sum())
        weight = need * ~single
        shares += rest * weight / weight.sum() if weight.any() else 0.0
        small = ~single & (shares < 1)
        if not small.any():
            break
        single |= small
    return dict(zip(midpoints, _whole(shares, total), strict=True))


def _whole(shares: np.ndarray[tuple[int, ...], np.dtype[np.float64]], total: int) -> list[int]:
    """Largest remainders (Hamilton's method); equal remainders go to the earlier operation."""
    # The tiny part keeps shares that are whole but for rounding from losing one.
    whole = np.floor(shares + 1e-9).astype(int)
    order = np.argsort(-(shares - whole), kind="stable")
    whole[order[: total - int(whole.sum())]] += 1
    return [int(count) for count in whole]


def executed_strengths(strength: float, repeats: Mapping[str, int]) -> dict[str, float]:
    """Strength that noise of ``strength`` has at each operation after averaging its repeats.

    Exact for independent normal noise, additive or multiplicative.
    """
    return {name: strength / sqrt(count) for name, count in repeats.items()}
