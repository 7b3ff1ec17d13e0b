"""Compiled walk through the events of a batch, forward: leak and rails, a tile of columns at a time.

Arrays, for B vectors, N blocks, R rows and C columns: ``charges`` (B, N, R), and, with columns filled up to P, whole
tiles of them (:mod:`models.kernels.layout`), ``weights`` (N, R, P) with the gain folded in and ``factors`` (4, P):
decay of a slot, low, high and decay of the settle time. Rows send in ascending order. Every vector is computed alone,
so results depend neither on the number of threads nor on the batch.

Clipping costs as much as everything else, so it is left out wherever it can do nothing: before each chunk of slots the
voltage is compared with the rails less the farthest that the chunk can move it, and all further sends are one geometric
series where the farthest voltage of the first, moved by the most that a later one starts from, stays inside. Neither
changes a result by more than float rounding.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from models.kernels.slots import CHUNK, bound_chunks, list_slots, row_peaks, scratch
from models.kernels.tiles import (
    WIDTH,
    Tile,
    add,
    any_above,
    fused,
    larger,
    least,
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

Array = NDArray[np.float32]
Rows = NDArray[np.int32]

GROUP = 32
"""Vectors in one task."""


@njit(cache=True, nogil=True)
def free_chunk(
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
    """Slots ``first`` to ``stop`` where no column can clip; ``state`` starts with the voltages."""
    decay, voltage = load(factors, 0), load(state, 0)
    for slot in range(first, stop):
        charge = multiply(splat(sent[slot]), load(weights, start + rows[slot] * stride))
        voltage = fused(voltage, decay, charge)
    store(state, 0, voltage)


@njit(cache=True, nogil=True)
def clipping_chunk(
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
    """As :func:`free_chunk`, clipped after every slot."""
    decay, low, high = load(factors, 0), load(factors, WIDTH), load(factors, 2 * WIDTH)
    voltage = load(state, 0)
    for slot in range(first, stop):
        charge = multiply(splat(sent[slot]), load(weights, start + rows[slot] * stride))
        voltage = larger(smaller(fused(voltage, decay, charge), high), low)
    store(state, 0, voltage)


@njit(cache=True, nogil=True)
def marking_chunk(
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
) -> None:
    """As :func:`clipping_chunk`; the last slot that clipped goes beside the voltages."""
    decay, low, high = load(factors, 0), load(factors, WIDTH), load(factors, 2 * WIDTH)
    voltage, mark = load(state, 0), load(state, WIDTH)
    for slot in range(first, stop):
        charge = multiply(splat(sent[slot]), load(weights, start + rows[slot] * stride))
        wanted = fused(voltage, decay, charge)
        voltage = larger(smaller(wanted, high), low)
        mark = where_differs(wanted, voltage, splat(np.float32(before + slot + 1)), mark)
    store(state, 0, voltage)
    store(state, WIDTH, mark)


@njit(cache=True, nogil=True)
def _free_until(state: Array, bounds: Array, first: int, count: int, room: Array) -> int:
    """The slot up to which, from slot ``first`` on, no voltage can leave ``room``; keeps how far they may come."""
    size = magnitude(load(state, 0))
    margin = least(subtract(load(room, 0), size))
    stop, moved = first, np.float32(0)
    while stop < count and moved + bounds[stop // CHUNK] <= margin:
        moved += bounds[stop // CHUNK]
        stop += CHUNK
    store(state, 2 * WIDTH, larger(load(state, 2 * WIDTH), add(size, splat(moved))))
    return min(stop, count)


@njit(cache=True, nogil=True)
def _sends_fit(state: Array, sends: int, room: Array) -> bool:
    """Whether all sends after a first one without clipping stay inside the rails too."""
    reach = fused(splat(np.float32(sends - 1)), magnitude(load(state, 0)), load(state, 2 * WIDTH))
    return not any_above(reach, load(room, 0))


@njit(cache=True, nogil=True)
def decay_over(count: int, factors: Array) -> Tile:
    """The decay over ``count`` slots, by squaring."""
    square, power = load(factors, 0), splat(np.float32(1))
    while count > 0:
        if count & 1:
            power = multiply(power, square)
        square = multiply(square, square)
        count >>= 1
    return power


@njit(cache=True, nogil=True)
def _add_sends(state: Array, sends: int, count: int, factors: Array) -> None:
    """All sends after the first: what it left, decayed by ``count`` slots and sent again, each time."""
    power, once, voltage = decay_over(count, factors), load(state, 0), load(state, 0)
    for _ in range(sends - 1):
        voltage = fused(voltage, power, once)
    store(state, 0, voltage)


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
    marking: bool,
    state: Array,
    room: Array,
) -> None:
    """All sends of one vector and block in one tile, from voltages of 0."""
    store(state, 0, splat(np.float32(0)))
    store(state, WIDTH, splat(np.float32(0)))
    store(state, 2 * WIDTH, splat(np.float32(0)))
    for send in range(sends):
        free = True
        first, span = 0, CHUNK
        while first < count:
            stop = _free_until(state, bounds, first, count, room)
            if stop > first:
                free_chunk(sent, rows, first, stop, weights, start, stride, factors, state)
                span = CHUNK
            else:
                free = False
                # A column on a rail tends to stay there: look again after twice as many slots each time.
                stop = min(first + span, count)
                span *= 2
                if marking:
                    marking_chunk(sent, rows, first, stop, weights, start, stride, factors, state, send * count)
                else:
                    clipping_chunk(sent, rows, first, stop, weights, start, stride, factors, state)
            first = stop
        if send == 0 and sends > 1 and free and _sends_fit(state, sends, room):
            _add_sends(state, sends, count, factors)
            break


@njit(cache=True, nogil=True)
def take_tile(factors: Array, column: int, taken: Array) -> None:
    """Copy the factors (F, P) of one tile into ``taken``, one after another."""
    for factor in range(factors.shape[0]):
        for c in range(WIDTH):
            taken[factor * WIDTH + c] = factors[factor, column + c]


@njit(cache=True, nogil=True)
def _settle(state: Array, factors: Array, marking: bool, out: Array, last: Array, place: int, width: int) -> None:
    """Write the settled voltages, and the marks."""
    voltage = multiply(load(state, 0), load(factors, 3 * WIDTH))
    low, high = load(factors, WIDTH), load(factors, 2 * WIDTH)
    store_first(out, place, larger(smaller(voltage, high), low), width)
    if marking:
        store_first(last, place, load(state, WIDTH), width)


@njit(cache=True, nogil=True, parallel=True)
def walk(
    charges: Array,
    weights: Array,
    skip_zeros: bool,
    sends: int,
    factors: Array,
    marking: bool,
    out: Array,
    last: Array,
) -> None:
    """The voltage after settling into ``out`` (B, N, C).

    Where ``marking``, ``last`` (B, N, C) becomes how many slots (over all sends) had been taken when one clipped last,
    0 where none did.
    """
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
        state, own = scratch(3 * WIDTH), scratch(4 * WIDTH)
        room = scratch(WIDTH)
        for tile in range(tiles):
            column = tile * WIDTH
            take_tile(factors, column, own)
            store(room, 0, smaller(load(own, 2 * WIDTH), subtract(splat(np.float32(0)), load(own, WIDTH))))
            start, peak = block * size * stride + column, (block * tiles + tile) * size
            for vector in range(group * GROUP, min((group + 1) * GROUP, vectors)):
                place = vector * blocks + block
                count = list_slots(flat_charges, place * size, size, peaks, peak, skip_zeros, sent, rows, moves)
                bound_chunks(moves, count, bounds)
                _walk_tile(sent, rows, bounds, count, sends, flat_weights, start, stride, own, marking, state, room)
                place, width = place * columns + column, min(WIDTH, columns - column)
                _settle(state, own, marking, flat_out, flat_last, place, width)
