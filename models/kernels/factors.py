"""Where the factors of every column lie in the arrays that compiled walks take, and how they get there.

A voltage is walked relative to the middle between its rails, so that one comparison of magnitudes clips it at both:
``v_k - m = within(decay (v_{k-1} - m) + (q_k + (decay - 1) m), half)``. Where a column has a single rail, or two with
their middle far from 0 (*lopsided* rails), the middle would cost voltages float32 digits; those of all columns are then
walked as they are and clipped at one rail after the other.
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
voltage relative to the middle in every slot, decay over the settle time, and the rails. Of lopsided rails the middle is
0 and half the distance that of the nearer one from 0."""
FACTORS: Final = 7
LINE, SCALE, REST = (n * WIDTH for n in range(7, 10))
"""With the line: its decay over a slot, output codes for a unit of the walk, and output codes that it still puts on the
membrane in the settle time when it is at its limit. Middle, half distance and push are in units of the walk then."""
LINE_FACTORS: Final = 10
FARTHEST: Final = 64.0
"""Output codes that the middle between two rails may be from 0: a voltage is then still good to 1e-4."""


def are_lopsided(low: Floats, high: Floats) -> bool:
    """Whether the middle between the rails of any column, in output codes, is too far away to walk relative to it."""
    return bool(np.any(np.abs(_middle(low, high)) > FARTHEST))


def rail_factors(decay: Floats, low: Floats, high: Floats, lopsided: bool) -> tuple[Floats, Floats, Floats]:
    """Middle, half distance and push of every column."""
    if lopsided:
        return np.zeros_like(low), np.minimum(-low, high), np.zeros_like(low)
    middle = _middle(low, high)
    return middle, (high - low) / 2, (decay - 1) * middle


def _middle(low: Floats, high: Floats) -> Floats:
    """Between two rails; infinite for one alone, 0 where there is none."""
    middle: Floats = np.add(low, high, out=np.zeros_like(low), where=np.isfinite(low) | np.isfinite(high)) / 2
    return middle


@njit(cache=True, nogil=True)
def take_tile(factors: Array, column: int, taken: Array) -> None:
    """Copy the factors (F, P) of one tile into ``taken``, one after another."""
    for factor in range(factors.shape[0]):
        for c in range(WIDTH):
            taken[factor * WIDTH + c] = factors[factor, column + c]
