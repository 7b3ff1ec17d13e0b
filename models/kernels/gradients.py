"""Compiled walks backward: gradients of :func:`models.kernels.walks.walk`, rails included.

After the last slot that clipped, a voltage is a sum of decayed charges; before it, nothing reaches the read-out. So the
index of that slot, kept by the forward walk, is all that the backward walk of leak and rails needs: no step is stored.
Each weight gradient belongs to one task and each input gradient to one vector, so nothing depends on the number of
threads. Shapes are those of :mod:`models.kernels.walks`; ``grad`` (B, N, C) is the gradient of the settled voltages.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from models.kernels.factors import DECAY, FACTORS, SETTLE, Array, take_tile
from models.kernels.memory import address, integer, keep, number
from models.kernels.slots import CHUNK, LIST, list_places, list_room, list_slots, list_vectors, room, scratch
from models.kernels.tiles import (
    LANES,
    WIDTH,
    any_above,
    clear,
    collapse_rows,
    fold,
    fused,
    load,
    load_first,
    multiply,
    splat,
    store,
    where_above,
)
from models.kernels.walks import GROUP, fill_series

STATE = 2
"""Tiles of state: the gradient after the last slot, and the marks."""


@njit(cache=True, nogil=True, forceinline=True)
def _start(
    grad: int, last: int, place: int, width: int, count: int, sends: int, factors: int, series: int, state: int
) -> bool:
    """Fill ``state`` with the gradient after the last slot and the marks; returns whether any column clipped.

    Where no column clipped, all sends see the same factors and fold into one pass.
    """
    top = multiply(load_first(grad, place, width), load(factors, SETTLE))
    mark = load_first(last, place, width)
    store(state, WIDTH, mark)
    if any_above(mark, splat(np.float32(0))):
        store(state, 0, top)
        return True
    if sends > 1:
        top = multiply(top, load(series, count * WIDTH))
    store(state, 0, top)
    return False


@njit(cache=True, nogil=True)
def _weights_free(sent: int, rows: int, count: int, factors: int, state: int, out: int, start: int) -> None:
    """Add the gradients of one vector's weights where no column clipped."""
    h, decay = load(state, 0), load(factors, DECAY)
    for back in range(count):
        slot = count - 1 - back
        target = start + integer(rows, slot) * WIDTH
        store(out, target, fused(splat(number(sent, slot)), h, load(out, target)))
        h = multiply(h, decay)


@njit(cache=True, nogil=True)
def _weights_clipped(
    sent: int, rows: int, count: int, sends: int, factors: int, state: int, out: int, start: int
) -> None:
    """As :func:`_weights_free`, down to the last slot that clipped in each column."""
    h, decay, mark = load(state, 0), load(factors, DECAY), load(state, WIDTH)
    for step in range(sends * count - 1, -1, -1):
        now = splat(np.float32(step + 1))
        if step % CHUNK == 0 and not any_above(now, mark):
            break
        slot = step % count
        target = start + integer(rows, slot) * WIDTH
        h = where_above(now, mark, h)
        store(out, target, fused(splat(number(sent, slot)), h, load(out, target)))
        h = multiply(h, decay)


@njit(cache=True, nogil=True)
def _inputs_free(rows: int, count: int, factors: int, state: int, weights: int, start: int, sums: int) -> None:
    """Add the gradients of one vector's charges where no column clipped, sixteen partial sums to a row."""
    h, decay = load(state, 0), load(factors, DECAY)
    for back in range(count):
        row = integer(rows, count - 1 - back)
        fold(sums, row * LANES, multiply(h, load(weights, start + row * WIDTH)))
        h = multiply(h, decay)


@njit(cache=True, nogil=True)
def _inputs_clipped(
    rows: int, count: int, sends: int, factors: int, state: int, weights: int, start: int, sums: int
) -> None:
    """As :func:`_inputs_free`, down to the last slot that clipped in each column."""
    h, decay, mark = load(state, 0), load(factors, DECAY), load(state, WIDTH)
    for step in range(sends * count - 1, -1, -1):
        now = splat(np.float32(step + 1))
        if step % CHUNK == 0 and not any_above(now, mark):
            break
        row = integer(rows, step % count)
        h = where_above(now, mark, h)
        fold(sums, row * LANES, multiply(h, load(weights, start + row * WIDTH)))
        h = multiply(h, decay)


@njit(cache=True, nogil=True, parallel=True)
def weight_gradient(
    charges: Array, skip_zeros: bool, sends: int, factors: Array, last: Array, grad: Array, out: Array
) -> None:
    """Gradient of the folded weights into ``out`` (N, T, R, WIDTH)."""
    vectors, blocks, size = charges.shape
    columns, tiles = grad.shape[2], out.shape[1]
    series = scratch(tiles * (size + 1) * WIDTH if sends > 1 else 0)
    if sends > 1:
        fill_series(factors, size, sends, series)
    charges_at, grad_at, last_at, out_at = address(charges), address(grad), address(last), address(out)
    series_at = address(series)
    for task in prange(blocks * tiles):
        block, tile = task // tiles, task % tiles
        column, width = tile * WIDTH, min(WIDTH, columns - tile * WIDTH)
        out[block, tile] = np.float32(0)
        lists, own = scratch(2 * room(size)), scratch((STATE + FACTORS) * WIDTH)
        sent, state = address(lists), address(own)
        rows, mine = sent + 4 * room(size), state + 4 * STATE * WIDTH
        take_tile(factors, column, own[STATE * WIDTH :])
        start, table = task * size * WIDTH, series_at + 4 * tile * (size + 1) * WIDTH
        for vector in range(vectors):
            place = vector * blocks + block
            count, _ = list_slots(charges_at, place * size, size, skip_zeros, sent, rows, 0)
            if _start(grad_at, last_at, place * columns + column, width, count, sends, mine, table, state):
                _weights_clipped(sent, rows, count, sends, mine, state, out_at, start)
            else:
                _weights_free(sent, rows, count, mine, state, out_at, start)
        keep(lists)
        keep(own)
    keep(series)


@njit(cache=True, nogil=True, parallel=True)
def input_gradient(
    charges: Array,
    weights: Array,
    skip_zeros: bool,
    sends: int,
    factors: Array,
    last: Array,
    grad: Array,
    out: Array,
) -> None:
    """Gradient of the input charges into ``out`` (B, N, R)."""
    vectors, blocks, size = charges.shape
    columns, tiles, groups = grad.shape[2], weights.shape[1], (vectors + GROUP - 1) // GROUP
    series = scratch(tiles * (size + 1) * WIDTH if sends > 1 else 0)
    if sends > 1:
        fill_series(factors, size, sends, series)
    charges_at, grad_at, last_at, out_at = address(charges), address(grad), address(last), address(out)
    weights_at, series_at = address(weights), address(series)
    for task in prange(blocks * groups):
        block, group, space = task % blocks, task // blocks, room(size)
        lists, own = scratch(list_room(space)), scratch((STATE + FACTORS) * WIDTH)
        totals = scratch(LIST * size * LANES)
        sent, rows, counts, largest = list_places(address(lists), space)
        sums, state, mine = address(totals), address(own), address(own) + 4 * STATE * WIDTH
        end = min((group + 1) * GROUP, vectors)
        for begin in range(group * GROUP, end, LIST):
            listed, place = min(LIST, end - begin), begin * blocks + block
            step = blocks * size
            list_vectors(charges_at, place * size, step, size, skip_zeros, listed, space, sent, rows, counts, largest)
            clear(sums, listed * size * LANES)
            for tile in range(tiles):
                column, width = tile * WIDTH, min(WIDTH, columns - tile * WIDTH)
                take_tile(factors, column, own[STATE * WIDTH :])
                start, table = (block * tiles + tile) * size * WIDTH, series_at + 4 * tile * (size + 1) * WIDTH
                for item in range(listed):
                    count, mine_rows = integer(counts, item), rows + 4 * item * space
                    where = ((begin + item) * blocks + block) * columns + column
                    total = sums + 4 * item * size * LANES
                    if _start(grad_at, last_at, where, width, count, sends, mine, table, state):
                        _inputs_clipped(mine_rows, count, sends, mine, state, weights_at, start, total)
                    else:
                        _inputs_free(mine_rows, count, mine, state, weights_at, start, total)
            collapse_rows(sums, listed, size, out_at, place * size, step)
        keep(lists)
        keep(own)
        keep(totals)
    keep(series)
