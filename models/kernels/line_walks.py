"""Compiled walk forward with the input line in use: as :mod:`models.kernels.walks`, with one more state and its bend.

Where the line stays below half its limit, ``tanh`` is a polynomial; elsewhere a rational function with a division.
Both are good to float32, and which one it is is screened like the rails, before each chunk of slots.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from models.kernels.slots import CHUNK, bound_chunks, list_slots, row_peaks, scratch
from models.kernels.tiles import (
    WIDTH,
    Tile,
    add,
    any_above,
    divide,
    fused,
    larger,
    load,
    magnitude,
    multiply,
    smaller,
    splat,
    store,
    store_first,
    subtract,
    where_differs,
)
from models.kernels.walks import GROUP, Array, Rows, take_tile

DECAY, LOW, HIGH, SETTLE, LINE, LIMIT, HALF, SHARE, SETTLE_SHARE, BENDS, SLOPES = (n * WIDTH for n in (*range(10), 13))
"""Where the factors of a tile begin: 17 of them, the last two being four each."""
FACTORS: Final = 17
_SERIES: Final = (-0.333333116, 0.133305137, -0.053391055, 0.017999221)
"""``tanh(u) / u = 1 + sum c_n u^2n`` within 6e-8 for u up to 1/2 (fitted at Chebyshev nodes)."""
_SLOPES: Final = (-0.999997702, 0.666367637, -0.371630065, 0.155249559)
"""The same for ``1 - tanh(u)^2``, within 1e-6."""


def pack_line(
    decay: NDArray[np.float64],
    rails: tuple[NDArray[np.float64], NDArray[np.float64]],
    settle: NDArray[np.float64],
    line: NDArray[np.float64],
    line_settle: NDArray[np.float64],
    limit: NDArray[np.float64],
    smallest: float,
) -> NDArray[np.float64]:
    """The factors of every column, shape (17, C), in the sequence that the walks take them.

    A limit of ``smallest`` or less belongs to a column without gain, whose line stays empty.
    """
    share = 1 - line
    inverse = 1 / np.maximum(limit, 1e-3)
    powers = [share * inverse ** (2 * n + 2) for n in range(len(_SERIES))]
    bends = np.array(_SERIES)[:, None] * powers
    slopes = np.array(_SLOPES)[:, None] * powers
    half = np.where(limit <= smallest, np.inf, limit / 2)
    return np.concatenate([np.stack([decay, *rails, settle, line, limit, half, share, 1 - line_settle]), bends, slopes])


@njit(cache=True, nogil=True)
def saturate(x: Tile) -> Tile:
    """``tanh`` by a rational function, within 3e-7 (the coefficients of Eigen's float ``tanh``)."""
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


@njit(cache=True, nogil=True)
def series(charge: Tile, factors: Array, place: int) -> Tile:
    """The share of a slot times the polynomial at ``place`` in the square of ``charge``."""
    y = multiply(charge, charge)
    bent = fused(load(factors, place + 3 * WIDTH), y, load(factors, place + 2 * WIDTH))
    bent = fused(fused(bent, y, load(factors, place + WIDTH)), y, load(factors, place))
    return fused(bent, y, load(factors, SHARE))


@njit(cache=True, nogil=True)
def _free_chunk(
    sent: Array,
    rows: Rows,
    first: int,
    stop: int,
    weights: Array,
    start: int,
    stride: int,
    factors: Array,
    state: Array,
) -> None:
    """Slots ``first`` to ``stop`` where neither a rail nor half the limit of the line can be reached."""
    decay, line = load(factors, DECAY), load(factors, LINE)
    voltage, charge = load(state, 0), load(state, 2 * WIDTH)
    for slot in range(first, stop):
        arrived = multiply(splat(sent[slot]), load(weights, start + rows[slot] * stride))
        charge = fused(charge, line, arrived)
        voltage = fused(charge, series(charge, factors, BENDS), multiply(voltage, decay))
    store(state, 0, voltage)
    store(state, 2 * WIDTH, charge)


@njit(cache=True, nogil=True)
def _any_chunk(
    sent: Array,
    rows: Rows,
    first: int,
    stop: int,
    weights: Array,
    start: int,
    stride: int,
    factors: Array,
    state: Array,
    before: int,
    small: bool,
) -> None:
    """As :func:`_free_chunk`, but clipping and marking; ``small`` where half the limit cannot be reached."""
    decay, line, low, high = load(factors, DECAY), load(factors, LINE), load(factors, LOW), load(factors, HIGH)
    voltage, mark, charge = load(state, 0), load(state, WIDTH), load(state, 2 * WIDTH)
    for slot in range(first, stop):
        arrived = multiply(splat(sent[slot]), load(weights, start + rows[slot] * stride))
        charge = fused(charge, line, arrived)
        if small:
            current = multiply(charge, series(charge, factors, BENDS))
        else:
            limit = load(factors, LIMIT)
            current = multiply(multiply(load(factors, SHARE), limit), saturate(divide(charge, limit)))
        wanted = fused(voltage, decay, current)
        voltage = larger(smaller(wanted, high), low)
        mark = where_differs(wanted, voltage, splat(np.float32(before + slot + 1)), mark)
    store(state, 0, voltage)
    store(state, WIDTH, mark)
    store(state, 2 * WIDTH, charge)


@njit(cache=True, nogil=True)
def _screen(state: Array, bound: np.float32, room: Array, factors: Array) -> tuple[bool, bool]:
    """Whether a chunk that adds up to ``bound`` of charge stays inside the rails, and below half the limit.

    Whatever is on the line can still reach the membrane, but no more than that.
    """
    charge = add(magnitude(load(state, 2 * WIDTH)), splat(bound))
    free = not any_above(add(magnitude(load(state, 0)), charge), load(room, 0))
    return free, not any_above(charge, load(factors, HALF))


@njit(cache=True, nogil=True)
def _walk_tile(
    sent: Array,
    rows: Rows,
    bounds: Array,
    count: int,
    sends: int,
    weights: Array,
    start: int,
    stride: int,
    factors: Array,
    state: Array,
    room: Array,
) -> None:
    """All sends of one vector and block in one tile, and the settle step, from nothing."""
    for part in range(3):
        store(state, part * WIDTH, splat(np.float32(0)))
    for send in range(sends):
        for first in range(0, count, CHUNK):
            stop = min(first + CHUNK, count)
            free, small = _screen(state, bounds[first // CHUNK], room, factors)
            if free and small:
                _free_chunk(sent, rows, first, stop, weights, start, stride, factors, state)
            else:
                _any_chunk(sent, rows, first, stop, weights, start, stride, factors, state, send * count, small)
    limit = load(factors, LIMIT)
    bent = saturate(divide(multiply(load(state, 2 * WIDTH), load(factors, LINE)), limit))
    rest = multiply(multiply(load(factors, SETTLE_SHARE), limit), bent)
    wanted = fused(load(state, 0), load(factors, SETTLE), rest)
    voltage = larger(smaller(wanted, load(factors, HIGH)), load(factors, LOW))
    mark = where_differs(wanted, voltage, splat(np.float32(sends * count + 1)), load(state, WIDTH))
    store(state, 0, voltage)
    store(state, WIDTH, mark)


@njit(cache=True, nogil=True, parallel=True)
def walk_line(
    charges: Array, weights: Array, skip_zeros: bool, sends: int, factors: Array, marking: bool, out: Array, last: Array
) -> None:
    """As :func:`models.kernels.walks.walk` with the factors of :func:`pack_line`; the settle step is one more slot."""
    vectors, blocks, size = charges.shape
    columns, stride = out.shape[2], weights.shape[2]
    tiles, groups = stride // WIDTH, (vectors + GROUP - 1) // GROUP
    flat_weights, flat_charges = weights.reshape(-1), charges.reshape(-1)
    flat_out, flat_last = out.reshape(-1), last.reshape(-1)
    peaks = np.empty(blocks * tiles * size, np.float32)
    for part in prange(blocks * tiles):
        start = (part // tiles) * size * stride + (part % tiles) * WIDTH
        row_peaks(flat_weights, start, size, stride, WIDTH, peaks[part * size : (part + 1) * size])
    for task in prange(blocks * groups):
        block, group = task // groups, task % groups
        sent, rows = np.empty(size + 2 * CHUNK, np.float32), np.empty(size + 2 * CHUNK, np.int32)
        moves, bounds = np.empty(size + 2 * CHUNK, np.float32), np.empty(size // CHUNK + 1, np.float32)
        state, own = scratch(3 * WIDTH), scratch(FACTORS * WIDTH)
        room = scratch(WIDTH)
        for tile in range(tiles):
            column = tile * WIDTH
            take_tile(factors, column, own)
            store(room, 0, smaller(load(own, HIGH), subtract(splat(np.float32(0)), load(own, LOW))))
            start, peak = block * size * stride + column, (block * tiles + tile) * size
            for vector in range(group * GROUP, min((group + 1) * GROUP, vectors)):
                place = vector * blocks + block
                count = list_slots(flat_charges, place * size, size, peaks, peak, skip_zeros, sent, rows, moves)
                bound_chunks(moves, count, bounds)
                _walk_tile(sent, rows, bounds, count, sends, flat_weights, start, stride, own, state, room)
                place, width = place * columns + column, min(WIDTH, columns - column)
                store_first(flat_out, place, load(state, 0), width)
                if marking:
                    store_first(flat_last, place, load(state, WIDTH), width)
