"""Compiled gradients of the coefficients: how the settled voltages of every column move with each of them.

There are few coefficients and many slots, so derivatives are carried forward beside the voltages instead of backward
through them (forward accumulation: Griewank and Walther, *Evaluating Derivatives*, 2nd ed., chapter 3). Nothing of a
walk is kept, whatever its length. At a clip all derivatives become 0 and that of the rail becomes 1.

Arrays, for B vectors, N blocks, R rows and C columns: ``charges`` (B, N, R), ``weights`` (N, R, C), ``rows`` (7, C) as
:attr:`models.kernels.coefficients.Coefficients.rows`, ``grad`` (B, N, C).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

Array = NDArray[np.float32]
Floats = NDArray[np.float64]

_WIDTH: Final = 128
"""Columns walked together: states and factors of them stay in the first-level cache."""
_PARTS: Final = 16
"""Parts of a batch with sums of their own, added up in sequence, so that nothing depends on the number of threads."""
_V, _V_DECAY, _V_LOW, _V_HIGH, _S, _S_LINE, _V_LINE, _V_LIMIT = (n * _WIDTH for n in range(8))
"""Where a state of the tile begins: voltage and line charge, and their derivatives."""
_STATES: Final = 8
_DECAY, _SETTLE, _LOW, _HIGH, _LINE, _LINE_SETTLE, _LIMIT, _SHARE, _INVERSE = (n * _WIDTH for n in range(9))
_FACTORS: Final = 9
_BENDS: Final = (0.666666631, -0.5333273, 0.323643464, -0.173258581, 0.0805751949, -0.0243298877)
"""``(tanh(u) - u (1 - tanh(u)^2)) / u^3`` in powers of ``u^2``, within 4e-8 for u up to 0.65 (fitted at Chebyshev
nodes): the difference itself would lose its digits for small u."""


@njit(cache=True, nogil=True, fastmath={"contract", "nsz", "nnan"}, error_model="numpy", inline="always")
def _saturate(u: np.float32) -> np.float32:
    """``tanh`` by a rational function, within 3e-7 (the coefficients of Eigen's float ``tanh``)."""
    u = min(max(u, np.float32(-7.9)), np.float32(7.9))
    y = u * u
    top = np.float32(-2.76076847742355e-16) * y + np.float32(2.00018790482477e-13)
    top = top * y + np.float32(-8.60467152213735e-11)
    top = top * y + np.float32(5.12229709037114e-08)
    top = top * y + np.float32(1.48572235717979e-05)
    top = top * y + np.float32(6.37261928875436e-04)
    top = (top * y + np.float32(4.89352455891786e-03)) * u
    bottom = np.float32(1.19825839466702e-06) * y + np.float32(1.18534705686654e-04)
    bottom = bottom * y + np.float32(2.26843463243900e-03)
    bottom = bottom * y + np.float32(4.89352518554385e-03)
    return top / bottom


@njit(cache=True, nogil=True, fastmath={"contract", "nsz", "nnan"}, error_model="numpy", inline="always")
def _bend(u: np.float32, bent: np.float32, slope: np.float32) -> np.float32:
    """Derivative of ``limit * tanh(charge / limit)`` with respect to ``limit``."""
    y = u * u
    small = np.float32(_BENDS[5]) * y + np.float32(_BENDS[4])
    small = small * y + np.float32(_BENDS[3])
    small = small * y + np.float32(_BENDS[2])
    small = small * y + np.float32(_BENDS[1])
    small = (small * y + np.float32(_BENDS[0])) * y * u
    return small if y < np.float32(0.42) else bent - u * slope


@njit(cache=True, nogil=True, fastmath={"contract", "nsz", "nnan"}, error_model="numpy")
def _slot(sent: np.float32, weights: Array, width: int, factors: Array, state: Array) -> None:
    """One event without the line."""
    for c in range(width):
        decay, low, high = factors[_DECAY + c], factors[_LOW + c], factors[_HIGH + c]
        before = state[_V + c]
        wanted = before * decay + sent * weights[c]
        under, over = wanted < low, wanted > high
        clipped = under | over
        state[_V + c] = low if under else (high if over else wanted)
        state[_V_DECAY + c] = np.float32(0) if clipped else state[_V_DECAY + c] * decay + before
        state[_V_LOW + c] = np.float32(under) if clipped else state[_V_LOW + c] * decay
        state[_V_HIGH + c] = np.float32(over) if clipped else state[_V_HIGH + c] * decay


@njit(cache=True, nogil=True, fastmath={"contract", "nsz", "nnan"}, error_model="numpy")
def _line_slot(sent: np.float32, weights: Array, width: int, factors: Array, state: Array) -> None:
    """One event with the line in use."""
    for c in range(width):
        decay, low, high = factors[_DECAY + c], factors[_LOW + c], factors[_HIGH + c]
        line, limit, share = factors[_LINE + c], factors[_LIMIT + c], factors[_SHARE + c]
        empty = state[_S + c]
        charge = empty * line + sent * weights[c]
        charge_line = empty + line * state[_S_LINE + c]
        u = charge * factors[_INVERSE + c]
        bent = _saturate(u)
        slope = np.float32(1) - bent * bent
        before = state[_V + c]
        wanted = before * decay + share * limit * bent
        under, over = wanted < low, wanted > high
        clipped = under | over
        by_line = state[_V_LINE + c] * decay + (share * slope * charge_line - limit * bent)
        by_limit = state[_V_LIMIT + c] * decay + share * _bend(u, bent, slope)
        state[_S + c], state[_S_LINE + c] = charge, charge_line
        state[_V + c] = low if under else (high if over else wanted)
        state[_V_DECAY + c] = np.float32(0) if clipped else state[_V_DECAY + c] * decay + before
        state[_V_LOW + c] = np.float32(under) if clipped else state[_V_LOW + c] * decay
        state[_V_HIGH + c] = np.float32(over) if clipped else state[_V_HIGH + c] * decay
        state[_V_LINE + c] = np.float32(0) if clipped else by_line
        state[_V_LIMIT + c] = np.float32(0) if clipped else by_limit


@njit(cache=True, nogil=True)
def _read(grad: Array, width: int, factors: Array, state: Array, sums: Floats, first: int) -> None:
    """Without the line: add what the gradient of the settled voltages gives each coefficient."""
    for c in range(width):
        top, settle = np.float64(grad[c]), np.float64(factors[_SETTLE + c])
        sums[0, first + c] += top * settle * state[_V_DECAY + c]
        sums[1, first + c] += top * state[_V + c]
        sums[2, first + c] += top * settle * state[_V_LOW + c]
        sums[3, first + c] += top * settle * state[_V_HIGH + c]


@njit(cache=True, nogil=True)
def _line_read(grad: Array, width: int, factors: Array, state: Array, sums: Floats, first: int) -> None:
    """With the line: as :func:`_read`, after the settle step, which may clip too."""
    for c in range(width):
        at = first + c
        top, settle, limit = np.float64(grad[c]), factors[_SETTLE + c], factors[_LIMIT + c]
        line, share = factors[_LINE + c], np.float32(1) - factors[_LINE_SETTLE + c]
        u = state[_S + c] * line * factors[_INVERSE + c]
        bent = _saturate(u)
        slope = np.float32(1) - bent * bent
        wanted = state[_V + c] * settle + share * limit * bent
        if wanted < factors[_LOW + c]:
            sums[2, at] += top
        elif wanted > factors[_HIGH + c]:
            sums[3, at] += top
        else:
            by_line = share * slope * (state[_S + c] + line * state[_S_LINE + c])
            sums[0, at] += top * settle * state[_V_DECAY + c]
            sums[1, at] += top * state[_V + c]
            sums[2, at] += top * settle * state[_V_LOW + c]
            sums[3, at] += top * settle * state[_V_HIGH + c]
            sums[4, at] += top * (settle * state[_V_LINE + c] + by_line)
            sums[5, at] -= top * limit * bent
            sums[6, at] += top * (settle * state[_V_LIMIT + c] + share * _bend(u, bent, slope))


@njit(cache=True, nogil=True)
def _take_factors(rows: Floats, first: int, width: int, factors: Array) -> None:
    for c in range(width):
        for n in range(7):
            factors[n * _WIDTH + c] = rows[n, first + c]
        factors[_SHARE + c] = 1.0 - rows[4, first + c]
        factors[_INVERSE + c] = 1.0 / rows[6, first + c]


@njit(cache=True, nogil=True, parallel=True)
def _sum_parts(
    charges: Array,
    weights: Array,
    order: NDArray[np.uint16],
    skip_zeros: bool,
    sends: int,
    rows: Floats,
    uses_line: bool,
    grad: Array,
    parts: Floats,
) -> None:
    vectors, blocks, size = charges.shape
    columns = weights.shape[2]
    for task in prange(blocks * _PARTS):
        block, part = task // _PARTS, task % _PARTS
        state, factors = np.empty(_STATES * _WIDTH, np.float32), np.empty(_FACTORS * _WIDTH, np.float32)
        listed = np.empty(size, np.int64)
        for first in range(0, columns, _WIDTH):
            width = min(_WIDTH, columns - first)
            _take_factors(rows, first, width, factors)
            for vector in range(part * vectors // _PARTS, (part + 1) * vectors // _PARTS):
                count = 0
                for row in order:
                    if charges[vector, block, row] != 0 or not skip_zeros:
                        listed[count] = row
                        count += 1
                state[:] = np.float32(0)
                for step in range(sends * count):
                    row = listed[step % count]
                    sent, here = charges[vector, block, row], weights[block, row, first : first + width]
                    if uses_line:
                        _line_slot(sent, here, width, factors, state)
                    else:
                        _slot(sent, here, width, factors, state)
                top = grad[vector, block, first : first + width]
                if uses_line:
                    _line_read(top, width, factors, state, parts[task], first)
                else:
                    _read(top, width, factors, state, parts[task], first)


def parameter_gradients(
    charges: Array,
    weights: Array,
    order: NDArray[np.uint16],
    skip_zeros: bool,
    sends: int,
    rows: Floats,
    uses_line: bool,
    grad: Array,
) -> Floats:
    """Gradient of the coefficients, shape (7, C), in float64; the rows that are out of use hold 0.

    Enter it within :func:`models.kernels.cpu.parallel_kernels`.
    """
    parts = np.zeros((weights.shape[0] * _PARTS, *rows.shape))
    _sum_parts(charges, weights, order, skip_zeros, sends, rows, uses_line, grad, parts)
    total: Floats = parts.sum(axis=0)
    return total
