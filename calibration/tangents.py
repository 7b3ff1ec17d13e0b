"""Compiled walks forward: a prediction and its derivatives by the columns' own parameters, a tile of columns at a time.

The derivatives are carried along beside the voltage (forward accumulation: Griewank and Walther, *Evaluating
Derivatives*, 2nd ed., chapter 3): a column has few parameters of its own, all of them stay in registers, and nothing of
a walk is kept. Where the derivative by every row's charge is wanted too, :mod:`calibration.walks` goes backwards.

A voltage at a rail has forgotten everything before; what a rail still gives to the voltage is the decay since it was
touched last, and the rest of the voltage is proportional to the gain.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from calibration.walks import BLOCKS, list_events
from models.kernels.memory import address, integer, keep, number
from models.kernels.tiles import (
    WIDTH,
    Tile,
    add,
    any_above,
    fused,
    larger,
    load,
    multiply,
    smaller,
    splat,
    store,
    where_differs,
)

Array = NDArray[Any]

GAIN, ASYMMETRY, OFFSET, LEAK, LOW, HIGH, LINE_TIME, SATURATION = range(8)
"""Places of the derivatives, by relative gain, asymmetry, offset, leak rate (1/ns), rails, time constant of the line
(ns) and inverse square of its limit: those of :data:`calibration.columns.NAMES`."""
SLOTS: Final = 6
LINE_SLOTS: Final = 8

DECAY, BOTTOM, TOP, PLUS, MINUS = (n * WIDTH for n in range(5))
"""Where the factors of a tile begin: decay over a slot, rails, and the derivative of a positive and of a negative
charge by the asymmetry, relative to the charge."""
FACTORS: Final = 5
_VOLTAGE, _SKEW, _AGE, _TOUCHED = (n * WIDTH for n in range(4))
"""Where the state of a tile begins: voltage, its derivatives by asymmetry and by leak (per -spacing), and how much of a
rail that was touched is left, negative for the lower one."""
_STATE: Final = 4


@njit(cache=True, nogil=True, forceinline=True)
def skewed(arrived: Tile, plus: Tile, minus: Tile) -> Tile:
    """The derivative by the asymmetry of a charge that has arrived."""
    zero = splat(np.float32(0))
    return fused(larger(arrived, zero), plus, multiply(smaller(arrived, zero), minus))


@njit(cache=True, nogil=True, forceinline=True)
def touching(wanted: Tile, voltage: Tile, touched: Tile) -> Tile:
    """``touched`` after a slot: 1 or -1 in the columns where the voltage that was wanted lay beyond a rail."""
    one, minus = splat(np.float32(1)), splat(np.float32(-1))
    side = where_differs(larger(wanted, voltage), voltage, one, minus)
    return where_differs(wanted, voltage, side, touched)


@njit(cache=True, nogil=True)
def _walk_tile(
    sent: int, rows: int, count: int, sends: int, weights: int, columns: int, factors: int, state: int
) -> None:
    """All sends of one vector in one tile, from voltages of 0."""
    zero = splat(np.float32(0))
    voltage, skew, age, touched = zero, zero, zero, zero
    decay, bottom, top = load(factors, DECAY), load(factors, BOTTOM), load(factors, TOP)
    for _ in range(sends):
        for slot in range(count):
            arrived = multiply(splat(number(sent, slot)), load(weights, integer(rows, slot) * columns))
            age = multiply(decay, add(age, voltage))
            skew = fused(skew, decay, skewed(arrived, load(factors, PLUS), load(factors, MINUS)))
            touched = multiply(touched, decay)
            wanted = fused(voltage, decay, arrived)
            voltage = larger(smaller(wanted, top), bottom)
            if any_above(wanted, top) or any_above(bottom, wanted):
                touched = touching(wanted, voltage, touched)
                skew = where_differs(wanted, voltage, zero, skew)
                age = where_differs(wanted, voltage, zero, age)
    store(state, _VOLTAGE, voltage)
    store(state, _SKEW, skew)
    store(state, _AGE, age)
    store(state, _TOUCHED, touched)


@njit(cache=True, nogil=True)
def _read_out(
    first: int,
    width: int,
    spacing: np.float32,
    settle: np.float32,
    fade: Array,
    low: Array,
    high: Array,
    low_end: Array,
    high_end: Array,
    state: Array,
    predicted: Array,
    out: Array,
) -> None:
    """Settle, and write the columns of a tile from ``first`` on; ``out`` has shape (slots, columns)."""
    one, zero = np.float32(1), np.float32(0)
    for c in range(width):
        i = first + c
        v, touched = state[_VOLTAGE + c], state[_TOUCHED + c]
        end = v * fade[i]
        under, over = end <= low_end[i], end >= high_end[i]
        free = zero if under or over else fade[i]
        predicted[i] = low_end[i] if under else (high_end[i] if over else end)
        at_low, at_high = max(-touched, zero), max(touched, zero)
        from_low = low[i] * at_low if at_low > 0 else zero
        from_high = high[i] * at_high if at_high > 0 else zero
        out[GAIN, i] = free * (v - from_low - from_high)
        out[ASYMMETRY, i] = free * state[_SKEW + c]
        out[OFFSET, i] = one
        out[LEAK, i] = -free * (spacing * state[_AGE + c] + (spacing + settle) * v)
        out[LOW, i] = one if under else free * at_low
        out[HIGH, i] = one if over else free * at_high


@njit(cache=True, nogil=True)
def send_list(vector: Array, order: Array, skip_zeros: bool, curve: Array, rows: Array, sent: Array) -> int:
    """Fill ``rows`` and ``sent`` with the rows that send, in sequence, and their activations; returns how many."""
    count: int = list_events(vector, order, skip_zeros, rows)
    for slot in range(count):
        sent[slot] = curve[vector[rows[slot]]]
    return count


@njit(cache=True, nogil=True, parallel=True)
def walk_forward(
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
    low_end: Array,
    high_end: Array,
    skew: Array,
    predicted: Array,
    slots: Array,
) -> None:
    """Walk without line term; see :func:`calibration.sensitivity.evaluate` for shapes.

    All that has columns is padded to whole tiles, but for ``predicted`` (points, columns) and ``slots`` (points, SLOTS,
    columns). ``weights`` are charges times gain, ``skew`` (2, columns) their derivatives by the asymmetry relative to
    them. ``low`` and ``high`` clip at every event, ``low_end`` and ``high_end`` once at the end.
    """
    points, columns = predicted.shape
    size, padded = weights.shape[1], weights.shape[2]
    charges = address(weights)
    for block in prange(BLOCKS):
        rows, sent = np.empty(size, np.int32), np.empty(size, np.float32)
        state, factors = np.empty(_STATE * WIDTH, np.float32), np.empty(FACTORS * WIDTH, np.float32)
        for point in range(block, points, BLOCKS):
            plan = schedule[point]
            count = send_list(activations[point], orders[plan], skip_zeros[plan], curve, rows, sent)
            for first in range(0, columns, WIDTH):
                for c in range(WIDTH):
                    factors[DECAY + c] = decay[plan, first + c]
                    factors[BOTTOM + c] = low[first + c]
                    factors[TOP + c] = high[first + c]
                    factors[PLUS + c] = skew[0, first + c]
                    factors[MINUS + c] = skew[1, first + c]
                matrix = charges + 4 * (program[point] * size * padded + first)
                _walk_tile(
                    address(sent), address(rows), count, sends[plan], matrix, padded, address(factors), address(state)
                )
                _read_out(
                    first,
                    min(WIDTH, columns - first),
                    spacing[plan],
                    settle[plan],
                    settle_decay[plan],
                    low,
                    high,
                    low_end,
                    high_end,
                    state,
                    predicted[point],
                    slots[point],
                )
        keep(rows)
        keep(sent)
        keep(state)
        keep(factors)
    keep(weights)
