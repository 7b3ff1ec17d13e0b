"""The compiled walk forward with input line: as :mod:`calibration.tangents`, with a second state.

With the charge ``s`` on the line and ``z = s^2 / limit^2`` the current is ``s h(z)``, ``h(z) = tanh(sqrt z) / sqrt z``.
Written so, everything is smooth where the line does not saturate, and the derivative by ``1 / limit^2`` is
``s^3 h'(z)``.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from calibration.tangents import (
    ASYMMETRY,
    BOTTOM,
    DECAY,
    GAIN,
    HIGH,
    LEAK,
    LINE_TIME,
    LOW,
    MINUS,
    OFFSET,
    PLUS,
    SATURATION,
    TOP,
    send_list,
    skewed,
    touching,
)
from calibration.tangents import FACTORS as _PLAIN_FACTORS
from calibration.walks import BLOCKS
from models.kernels.memory import address, integer, keep, number
from models.kernels.tiles import (
    WIDTH,
    Tile,
    add,
    any_above,
    divide,
    fused,
    larger,
    load,
    multiply,
    smaller,
    splat,
    store,
    subtract,
    where_differs,
    within,
)

Array = NDArray[Any]

KEPT, RATE, TAKEN, TAKEN_RATE, BEND, FAR = (n * WIDTH for n in range(_PLAIN_FACTORS, _PLAIN_FACTORS + 6))
"""Factors beside those of :mod:`calibration.tangents`: what is left on the line after a slot, the derivative of its
logarithm by the line's time, gain times what goes to the membrane, the derivative of that by the line's time, the
inverse square of the limit, and the charge from which on the line counts as saturated."""
_FACTORS: Final = _PLAIN_FACTORS + 6
SATURATED: Final = 5.0
"""Limits from which on the current does not grow: ``1 - tanh(5)`` is 1e-4."""

_VOLTAGE, _SKEW, _AGE, _TOUCHED, _BY_TIME, _BY_BEND, _CHARGE, _CHARGE_SKEW, _CHARGE_BY_TIME = (
    n * WIDTH for n in range(9)
)
"""Where the state of a tile begins: as without line, then the voltage's derivatives by the line's two parameters, the
charge on the line and its derivatives by asymmetry and by the line's time."""
_STATE: Final = 9


@njit(cache=True, nogil=True, forceinline=True)
def _compress(z: Tile) -> tuple[Tile, Tile]:
    """``h(z)``, by its continued fraction, and ``h'(z)``, for ``z`` up to 25."""
    top = fused(fused(add(z, splat(np.float32(378))), z, splat(np.float32(17325))), z, splat(np.float32(135135)))
    bottom = fused(splat(np.float32(28)), z, splat(np.float32(3150)))
    bottom = fused(fused(bottom, z, splat(np.float32(62370))), z, splat(np.float32(135135)))
    slope_top = fused(fused(splat(np.float32(3)), z, splat(np.float32(756))), z, splat(np.float32(17325)))
    slope_bottom = fused(fused(splat(np.float32(84)), z, splat(np.float32(6300))), z, splat(np.float32(62370)))
    inverse = divide(splat(np.float32(1)), bottom)
    h = multiply(top, inverse)
    return h, multiply(subtract(slope_top, multiply(h, slope_bottom)), inverse)


@njit(cache=True, nogil=True, forceinline=True)
def _current(charge: Tile, bend: Tile, far: Tile) -> tuple[Tile, Tile, Tile]:
    """The current of a charge on the line, and its derivatives by the charge and by ``bend``."""
    charge = within(charge, far)
    square = multiply(charge, charge)
    z = multiply(square, bend)
    h, slope = _compress(z)
    # h + 2 z h', the derivative of s h(bend s^2) by s.
    return (
        multiply(charge, h),
        fused(multiply(z, slope), splat(np.float32(2)), h),
        multiply(multiply(square, slope), charge),
    )


@njit(cache=True, nogil=True)
def _walk_tile(
    sent: int, rows: int, count: int, sends: int, weights: int, columns: int, factors: int, state: int
) -> None:
    """All sends of one vector in one tile, from an empty line and membrane."""
    zero = splat(np.float32(0))
    voltage, skew, age, touched, by_time, by_bend = zero, zero, zero, zero, zero, zero
    charge, charge_skew, charge_by_time = zero, zero, zero
    for _ in range(sends):
        for slot in range(count):
            arrived = multiply(splat(number(sent, slot)), load(weights, integer(rows, slot) * columns))
            kept = load(factors, KEPT)
            charge_by_time = multiply(kept, fused(load(factors, RATE), charge, charge_by_time))
            charge_skew = fused(charge_skew, kept, skewed(arrived, load(factors, PLUS), load(factors, MINUS)))
            charge = fused(charge, kept, arrived)
            current, steep, cubic = _current(charge, load(factors, BEND), load(factors, FAR))
            taken, decay = load(factors, TAKEN), load(factors, DECAY)
            through = multiply(taken, steep)
            age = multiply(decay, add(age, voltage))
            skew = fused(skew, decay, multiply(through, charge_skew))
            by_time = fused(through, charge_by_time, multiply(by_time, decay))
            by_time = fused(load(factors, TAKEN_RATE), current, by_time)
            by_bend = fused(taken, cubic, multiply(by_bend, decay))
            touched = multiply(touched, decay)
            wanted = fused(taken, current, multiply(voltage, decay))
            bottom, top = load(factors, BOTTOM), load(factors, TOP)
            voltage = larger(smaller(wanted, top), bottom)
            if any_above(wanted, top) or any_above(bottom, wanted):
                touched = touching(wanted, voltage, touched)
                skew = where_differs(wanted, voltage, zero, skew)
                age = where_differs(wanted, voltage, zero, age)
                by_time = where_differs(wanted, voltage, zero, by_time)
                by_bend = where_differs(wanted, voltage, zero, by_bend)
    store(state, _VOLTAGE, voltage)
    store(state, _SKEW, skew)
    store(state, _AGE, age)
    store(state, _TOUCHED, touched)
    store(state, _BY_TIME, by_time)
    store(state, _BY_BEND, by_bend)
    store(state, _CHARGE, charge)
    store(state, _CHARGE_SKEW, charge_skew)
    store(state, _CHARGE_BY_TIME, charge_by_time)


@njit(cache=True, nogil=True)
def _settle(factors: int, state: int, work: int) -> None:
    """The line's part of the settle step: current and derivatives of the charge a slot after the last event."""
    kept, charge = load(factors, KEPT), load(state, _CHARGE)
    current, steep, cubic = _current(multiply(kept, charge), load(factors, BEND), load(factors, FAR))
    store(work, 0, current)
    store(work, WIDTH, multiply(steep, multiply(kept, load(state, _CHARGE_SKEW))))
    by_time = multiply(kept, fused(load(factors, RATE), charge, load(state, _CHARGE_BY_TIME)))
    store(work, 2 * WIDTH, multiply(steep, by_time))
    store(work, 3 * WIDTH, cubic)


@njit(cache=True, nogil=True)
def _read_out(
    first: int,
    width: int,
    spacing: np.float32,
    settle: np.float32,
    fade: Array,
    low: Array,
    high: Array,
    gain: Array,
    line_time: Array,
    state: Array,
    work: Array,
    predicted: Array,
    out: Array,
) -> None:
    """Settle, and write the columns of a tile from ``first`` on; ``out`` has shape (slots, columns)."""
    one, zero = np.float32(1), np.float32(0)
    for c in range(width):
        i = first + c
        left = np.exp(-settle / line_time[i])
        rest = gain[i] * (one - left)
        rest_by_time = -gain[i] * left * settle / (line_time[i] * line_time[i])
        v, touched = state[_VOLTAGE + c], state[_TOUCHED + c]
        end = v * fade[i] + rest * work[c]
        under, over = end <= low[i], end >= high[i]
        free = zero if under or over else one
        fading = free * fade[i]
        predicted[i] = low[i] if under else (high[i] if over else end)
        at_low, at_high = max(-touched, zero), max(touched, zero)
        from_low = low[i] * at_low if at_low > 0 else zero
        from_high = high[i] * at_high if at_high > 0 else zero
        out[GAIN, i] = fading * (v - from_low - from_high) + free * rest * work[c]
        out[ASYMMETRY, i] = fading * state[_SKEW + c] + free * rest * work[WIDTH + c]
        out[OFFSET, i] = one
        out[LEAK, i] = -fading * (spacing * state[_AGE + c] + (spacing + settle) * v)
        out[LOW, i] = one if under else fading * at_low
        out[HIGH, i] = one if over else fading * at_high
        out[LINE_TIME, i] = fading * state[_BY_TIME + c] + free * (rest * work[2 * WIDTH + c] + rest_by_time * work[c])
        out[SATURATION, i] = fading * state[_BY_BEND + c] + free * rest * work[3 * WIDTH + c]


@njit(cache=True, nogil=True)
def _take_factors(
    first: int,
    spacing: np.float32,
    decay: Array,
    low: Array,
    high: Array,
    skew: Array,
    gain: Array,
    line_time: Array,
    bend: Array,
    factors: Array,
) -> None:
    one, limits = np.float32(1), np.float32(SATURATED)
    for c in range(WIDTH):
        i = first + c
        kept, rate = np.exp(-spacing / line_time[i]), spacing / (line_time[i] * line_time[i])
        factors[DECAY + c] = decay[i]
        factors[BOTTOM + c] = low[i]
        factors[TOP + c] = high[i]
        factors[PLUS + c] = skew[0, i]
        factors[MINUS + c] = skew[1, i]
        factors[KEPT + c] = kept
        factors[RATE + c] = rate
        factors[TAKEN + c] = gain[i] * (one - kept)
        factors[TAKEN_RATE + c] = -gain[i] * kept * rate
        factors[BEND + c] = bend[i]
        factors[FAR + c] = limits / np.sqrt(bend[i]) if bend[i] > 0 else np.float32(np.inf)


@njit(cache=True, nogil=True, parallel=True)
def walk_line_forward(
    activations: Array,
    program: Array,
    schedule: Array,
    orders: Array,
    skip_zeros: Array,
    sends: Array,
    spacing: Array,
    settle: Array,
    curve: Array,
    weights: Array,
    decay: Array,
    settle_decay: Array,
    low: Array,
    high: Array,
    gain: Array,
    line_time: Array,
    bend: Array,
    skew: Array,
    predicted: Array,
    slots: Array,
) -> None:
    """Walk with line term; as :func:`calibration.tangents.walk_forward`, but ``weights`` are charges alone."""
    points, columns = predicted.shape
    size, padded = weights.shape[1], weights.shape[2]
    charges = address(weights)
    for block in prange(BLOCKS):
        rows, sent = np.empty(size, np.int32), np.empty(size, np.float32)
        state, factors = np.empty(_STATE * WIDTH, np.float32), np.empty(_FACTORS * WIDTH, np.float32)
        work = np.empty(4 * WIDTH, np.float32)
        for point in range(block, points, BLOCKS):
            plan = schedule[point]
            count = send_list(activations[point], orders[plan], skip_zeros[plan], curve, rows, sent)
            for first in range(0, columns, WIDTH):
                _take_factors(first, spacing[plan], decay[plan], low, high, skew, gain, line_time, bend, factors)
                matrix = charges + 4 * (program[point] * size * padded + first)
                own, mine = address(state), address(factors)
                _walk_tile(address(sent), address(rows), count, sends[plan], matrix, padded, mine, own)
                _settle(mine, own, address(work))
                _read_out(
                    first,
                    min(WIDTH, columns - first),
                    spacing[plan],
                    settle[plan],
                    settle_decay[plan],
                    low,
                    high,
                    gain,
                    line_time,
                    state,
                    work,
                    predicted[point],
                    slots[point],
                )
        keep(rows)
        keep(sent)
        keep(state)
        keep(factors)
        keep(work)
    keep(weights)
