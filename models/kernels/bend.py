"""How the input line bends: ``tanh`` and its slope as compiled walks compute them, good to float32.

A walk measures the charge on the line in units of its own: ``r = UNIT * s / limit``. Below a quarter of the limit,
``tanh(u) / u`` is then ``(r^2 + INNER)^2 + OUTER``, two operations on a register; below two fifths it is a polynomial
of the third degree in ``r^2``; elsewhere a rational function with a division. The coefficients are best in the largest
error over their range, 4e-7 and 1e-7; the rational function is within 3e-7 (the coefficients of Eigen's float
``tanh``).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

from models.kernels.tiles import Tile, divide, fused, larger, multiply, smaller, splat, subtract

_NEAR: Final = (0.9999996084, -0.3332195972, 0.1284243688)
_MIDDLE: Final = (0.9999999044, -0.3333139019, 0.1327143819, -0.04757281003)
_SLOPE: Final = (0.9999991688, -0.9998304833, 0.6612437791, -0.3213323553)
_ROOT: Final = _NEAR[2] ** 0.5
UNIT: Final = _ROOT**0.5
"""The charge on a line at its limit, in units of a walk."""
NEAR: Final = np.float32(0.25 * UNIT)
"""Up to here a line is nearly straight, in units of a walk."""
MIDDLING: Final = np.float32(0.4 * UNIT)
"""Up to here it bends by what a polynomial can follow."""

_INNER: Final = np.float32(_NEAR[1] / (2 * _ROOT))
_OUTER: Final = np.float32(_NEAR[0] - (_NEAR[1] / (2 * _ROOT)) ** 2)
_M0, _M1, _M2, _M3 = (np.float32(c / _ROOT**n) for n, c in enumerate(_MIDDLE))
_S0, _S1, _S2, _S3 = (np.float32(c / _ROOT**n) for n, c in enumerate(_SLOPE))
_BACK: Final = np.float32(1 / UNIT)
_UNIT: Final = np.float32(UNIT)


@njit(cache=True, nogil=True, forceinline=True)
def bend_near(charge: Tile) -> Tile:
    """Current over charge, up to :data:`NEAR`."""
    inner = fused(charge, charge, splat(_INNER))
    return fused(inner, inner, splat(_OUTER))


@njit(cache=True, nogil=True, forceinline=True)
def bend_middling(charge: Tile) -> Tile:
    """Current over charge, up to :data:`MIDDLING`."""
    y = multiply(charge, charge)
    bent = fused(splat(_M3), y, splat(_M2))
    return fused(fused(bent, y, splat(_M1)), y, splat(_M0))


@njit(cache=True, nogil=True, forceinline=True)
def current(charge: Tile) -> Tile:
    """Current of any charge, in units of a walk."""
    return multiply(splat(_UNIT), saturate(multiply(charge, splat(_BACK))))


@njit(cache=True, nogil=True, forceinline=True)
def slope_middling(charge: Tile) -> Tile:
    """Slope of the current, up to :data:`MIDDLING`, within 9e-7."""
    y = multiply(charge, charge)
    bent = fused(splat(_S3), y, splat(_S2))
    return fused(fused(bent, y, splat(_S1)), y, splat(_S0))


@njit(cache=True, nogil=True, forceinline=True)
def slope(charge: Tile) -> Tile:
    """Slope of the current at any charge."""
    bent = saturate(multiply(charge, splat(_BACK)))
    return subtract(splat(np.float32(1)), multiply(bent, bent))


@njit(cache=True, nogil=True, forceinline=True)
def saturate(x: Tile) -> Tile:
    """``tanh``."""
    x = larger(smaller(x, splat(np.float32(7.9))), splat(np.float32(-7.9)))
    y = multiply(x, x)
    top = fused(splat(np.float32(-2.76076847742355e-16)), y, splat(np.float32(2.00018790482477e-13)))
    top = fused(top, y, splat(np.float32(-8.60467152213735e-11)))
    top = fused(top, y, splat(np.float32(5.12229709037114e-08)))
    top = fused(top, y, splat(np.float32(1.48572235717979e-05)))
    top = fused(top, y, splat(np.float32(6.37261928875436e-04)))
    top = multiply(fused(top, y, splat(np.float32(4.89352455891786e-03))), x)
    bottom = fused(splat(np.float32(1.19825839466702e-06)), y, splat(np.float32(1.18534705686654e-04)))
    bottom = fused(bottom, y, splat(np.float32(2.26843463243900e-03)))
    bottom = fused(bottom, y, splat(np.float32(4.89352518554385e-03)))
    return divide(top, bottom)
