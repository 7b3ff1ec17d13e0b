"""Where the factors of every column lie in the arrays that compiled walks take, and how they get there.

A voltage is walked relative to the middle between its rails, so that one comparison of magnitudes clips it at both:
``v_k - m = within(decay (v_{k-1} - m) + (q_k + (decay - 1) m), half)``.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from models.kernels.tiles import WIDTH

Array = NDArray[np.float32]
Floats = NDArray[np.float64]

DECAY, MIDDLE, HALF, PUSH, SETTLE, LOW, HIGH = (n * WIDTH for n in range(7))
"""Where the factors of a tile begin: decay over a slot, middle between the rails and half their distance, what moves a
voltage relative to the middle in every slot, decay over the settle time, and the rails."""
FACTORS: Final = 7
LINE, SCALE, REST = (n * WIDTH for n in range(7, 10))
"""With the line: its decay over a slot, output codes for a unit of the walk, and output codes that it still puts on the
membrane in the settle time when it is at its limit. Middle, half distance and push are in units of the walk then."""
LINE_FACTORS: Final = 10


def rail_factors(decay: Floats, low: Floats, high: Floats, reach: float) -> tuple[Floats, Floats, Floats]:
    """Middle, half distance and push of every column.

    A single rail that is infinite lies where ``reach``, the farthest that any voltage can come, does not get to.
    """
    open_low, open_high = np.isinf(low), np.isinf(high)
    both = open_low & open_high
    low = np.where(open_low, -reach - np.abs(np.where(open_high, 0, high)), low)
    high = np.where(open_high, reach + np.abs(np.where(open_low, 0, low)), high)
    middle = np.where(both, 0.0, (low + high) / 2)
    half = np.where(both, np.inf, (high - low) / 2)
    return middle, half, (decay - 1) * middle


@njit(cache=True, nogil=True)
def take_tile(factors: Array, column: int, taken: Array) -> None:
    """Copy the factors (F, P) of one tile into ``taken``, one after another."""
    for factor in range(factors.shape[0]):
        for c in range(WIDTH):
            taken[factor * WIDTH + c] = factors[factor, column + c]
