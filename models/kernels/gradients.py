"""Compiled walks backward: gradients of :func:`models.kernels.walks.walk`, rails included.

After the last slot that clipped, a voltage is a sum of decayed charges; before it, nothing reaches the read-out. So the
index of that slot, kept by the forward walk, is all that the backward walk of leak and rails needs: no step is stored.
Each weight gradient belongs to one task and each input gradient to one vector, so nothing depends on the number of
threads. Shapes are those of :mod:`models.kernels.walks`; ``grad`` (B, N, C) is the gradient of the settled voltages.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from models.kernels.slots import CHUNK, list_slots, scratch
from models.kernels.tiles import (
    WIDTH,
    any_above,
    fused,
    load,
    load_first,
    multiply,
    splat,
    store,
    total,
    where_above,
)
from models.kernels.walks import GROUP, Array, Rows, decay_over, take_tile


@njit(cache=True, nogil=True)
def _start(
    grad: Array, last: Array, place: int, width: int, count: int, sends: int, factors: Array, state: Array
) -> bool:
    """Fill ``state`` with the gradient after the last slot and the marks; returns whether any column clipped.

    Where no column clipped, all sends see the same factors and fold into one pass: their sum is a geometric series in
    the decay of one send.
    """
    top = multiply(load_first(grad, place, width), load(factors, 3 * WIDTH))
    mark = load_first(last, place, width)
    store(state, WIDTH, mark)
    if any_above(mark, splat(np.float32(0))):
        store(state, 0, top)
        return True
    if sends > 1:
        power, series = decay_over(count, factors), splat(np.float32(1))
        for _ in range(sends - 1):
            series = fused(series, power, splat(np.float32(1)))
        top = multiply(top, series)
    store(state, 0, top)
    return False


@njit(cache=True, nogil=True)
def _weights_free(
    sent: Array, rows: Rows, count: int, factors: Array, state: Array, out: Array, start: int, stride: int
) -> None:
    """Add the gradients of one vector's weights where no column clipped."""
    h, decay = load(state, 0), load(factors, 0)
    for back in range(count):
        slot = count - 1 - back
        target = start + rows[slot] * stride
        store(out, target, fused(splat(sent[slot]), h, load(out, target)))
        h = multiply(h, decay)


@njit(cache=True, nogil=True)
def _weights_clipped(
    sent: Array, rows: Rows, count: int, sends: int, factors: Array, state: Array, out: Array, start: int, stride: int
) -> None:
    """As :func:`_weights_free` up to the last slot that clipped in each column."""
    h, decay, mark = load(state, 0), load(factors, 0), load(state, WIDTH)
    for step in range(sends * count - 1, -1, -1):
        now = splat(np.float32(step + 1))
        if step % CHUNK == 0 and not any_above(now, mark):
            break
        slot = step % count
        target = start + rows[slot] * stride
        h = where_above(now, mark, h)
        store(out, target, fused(splat(sent[slot]), h, load(out, target)))
        h = multiply(h, decay)


@njit(cache=True, nogil=True)
def _inputs_free(
    rows: Rows,
    count: int,
    factors: Array,
    state: Array,
    weights: Array,
    start: int,
    stride: int,
    out: Array,
    place: int,
) -> None:
    """Add the gradients of one vector's charges where no column clipped."""
    h, decay = load(state, 0), load(factors, 0)
    for back in range(count):
        row = rows[count - 1 - back]
        out[place + row] += total(multiply(h, load(weights, start + row * stride)))
        h = multiply(h, decay)


@njit(cache=True, nogil=True)
def _inputs_clipped(
    rows: Rows,
    count: int,
    sends: int,
    factors: Array,
    state: Array,
    weights: Array,
    start: int,
    stride: int,
    out: Array,
    place: int,
) -> None:
    """As :func:`_inputs_free` up to the last slot that clipped in each column."""
    h, decay, mark = load(state, 0), load(factors, 0), load(state, WIDTH)
    for step in range(sends * count - 1, -1, -1):
        now = splat(np.float32(step + 1))
        if step % CHUNK == 0 and not any_above(now, mark):
            break
        row = rows[step % count]
        h = where_above(now, mark, h)
        out[place + row] += total(multiply(h, load(weights, start + row * stride)))
        h = multiply(h, decay)


@njit(cache=True, nogil=True, parallel=True)
def weight_gradient(
    charges: Array, skip_zeros: bool, sends: int, factors: Array, last: Array, grad: Array, out: Array
) -> None:
    """Gradient of the folded weights into ``out`` (N, R, P)."""
    vectors, blocks, size = charges.shape
    columns, stride = grad.shape[2], out.shape[2]
    tiles = stride // WIDTH
    flat_charges, flat_grad, flat_last, flat_out = (
        charges.reshape(-1),
        grad.reshape(-1),
        last.reshape(-1),
        out.reshape(-1),
    )
    for task in prange(blocks * tiles):
        block, column = task // tiles, (task % tiles) * WIDTH
        start, width = block * size * stride + column, min(WIDTH, columns - column)
        out[block, :, column : column + WIDTH] = np.float32(0)
        sent, rows = np.empty(size + 2 * CHUNK, np.float32), np.empty(size + 2 * CHUNK, np.int32)
        moves, state, own = sent.copy(), scratch(2 * WIDTH), scratch(4 * WIDTH)
        take_tile(factors, column, own)
        for vector in range(vectors):
            place = vector * blocks + block
            count = list_slots(
                flat_charges, place * size, size, flat_charges, place * size, skip_zeros, sent, rows, moves
            )
            clipped = _start(flat_grad, flat_last, place * columns + column, width, count, sends, own, state)
            if not clipped:
                _weights_free(sent, rows, count, own, state, flat_out, start, stride)
            else:
                _weights_clipped(sent, rows, count, sends, own, state, flat_out, start, stride)


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
    columns, stride = grad.shape[2], weights.shape[2]
    tiles, groups = stride // WIDTH, (vectors + GROUP - 1) // GROUP
    flat_charges, flat_grad, flat_last = charges.reshape(-1), grad.reshape(-1), last.reshape(-1)
    flat_weights, flat_out = weights.reshape(-1), out.reshape(-1)
    for task in prange(blocks * groups):
        block, group = task // groups, task % groups
        sent, rows = np.empty(size + 2 * CHUNK, np.float32), np.empty(size + 2 * CHUNK, np.int32)
        moves, state, own = sent.copy(), scratch(2 * WIDTH), scratch(4 * WIDTH)
        for tile in range(tiles):
            column = tile * WIDTH
            start, width = block * size * stride + column, min(WIDTH, columns - column)
            take_tile(factors, column, own)
            for vector in range(group * GROUP, min((group + 1) * GROUP, vectors)):
                place = vector * blocks + block
                if tile == 0:
                    out[vector, block] = np.float32(0)
                first = place * size
                count = list_slots(flat_charges, first, size, flat_charges, first, skip_zeros, sent, rows, moves)
                clipped = _start(flat_grad, flat_last, place * columns + column, width, count, sends, own, state)
                if not clipped:
                    _inputs_free(rows, count, own, state, flat_weights, start, stride, flat_out, first)
                else:
                    _inputs_clipped(rows, count, sends, own, state, flat_weights, start, stride, flat_out, first)
