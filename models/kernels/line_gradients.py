"""Compiled walk backward with the input line in use.

The line's state cannot be run backwards (its decay divides by little), so it is walked forward again for one vector,
block and tile, kept for that walk only, and used on the way back. Gradients of weights and charges come from the same
walk. Vectors are split into a fixed number of parts, each with weight gradients of its own that are added up in
sequence, so that nothing depends on the number of threads.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit, prange

from models.kernels.line_walks import (
    DECAY,
    FACTORS,
    HALF,
    LIMIT,
    LINE,
    SETTLE,
    SETTLE_SHARE,
    SHARE,
    SLOPES,
    saturate,
    series,
)
from models.kernels.slots import CHUNK, list_slots, scratch
from models.kernels.tiles import (
    WIDTH,
    Tile,
    any_above,
    divide,
    fused,
    larger,
    load,
    load_first,
    magnitude,
    multiply,
    splat,
    store,
    subtract,
    total,
    where_above,
)
from models.kernels.walks import Array, Rows, take_tile

PARTS: Final = 4
"""Parts of a batch with weight gradients of their own."""


@njit(cache=True, nogil=True)
def _recall(
    sent: Array,
    rows: Rows,
    count: int,
    sends: int,
    weights: Array,
    start: int,
    stride: int,
    factors: Array,
    charges: Array,
) -> bool:
    """Fill ``charges`` with the line's state in every slot; returns whether it stays below half its limit."""
    line, charge, most = load(factors, LINE), splat(np.float32(0)), splat(np.float32(0))
    for step in range(sends * count):
        slot = step % count
        charge = fused(charge, line, multiply(splat(sent[slot]), load(weights, start + rows[slot] * stride)))
        most = larger(most, magnitude(charge))
        store(charges, step * WIDTH, charge)
    store(charges, sends * count * WIDTH, charge)
    return not any_above(most, load(factors, HALF))


@njit(cache=True, nogil=True)
def _slope(charge: Tile, factors: Array) -> Tile:
    """``1 - tanh^2`` of a charge on the line."""
    bent = saturate(divide(charge, load(factors, LIMIT)))
    return subtract(splat(np.float32(1)), multiply(bent, bent))


@njit(cache=True, nogil=True)
def _walk_back(
    sent: Array,
    rows: Rows,
    count: int,
    sends: int,
    weights: Array,
    start: int,
    stride: int,
    factors: Array,
    charges: Array,
    small: bool,
    state: Array,
    grad_w: Array,
    target: int,
    grad_x: Array,
    place: int,
) -> None:
    """Add the gradients of one vector, block and tile; ``state`` holds the gradient of its voltages and the marks."""
    slots = sends * count
    mark, decay, line = load(state, WIDTH), load(factors, DECAY), load(factors, LINE)
    h = where_above(splat(np.float32(slots + 1)), mark, load(state, 0))
    on_line = multiply(_slope(multiply(load(charges, max(slots - 1, 0) * WIDTH), line), factors), line)
    adjoint = multiply(multiply(h, load(factors, SETTLE_SHARE)), on_line)
    h = multiply(h, load(factors, SETTLE))
    for step in range(slots - 1, -1, -1):
        slot = step % count
        h = where_above(splat(np.float32(step + 1)), mark, h)
        charge = load(charges, step * WIDTH)
        slope = series(charge, factors, SLOPES) if small else multiply(load(factors, SHARE), _slope(charge, factors))
        adjoint = fused(h, slope, adjoint)
        row = rows[slot]
        mine = target + row * stride
        store(grad_w, mine, fused(splat(sent[slot]), adjoint, load(grad_w, mine)))
        grad_x[place + row] += total(multiply(adjoint, load(weights, start + row * stride)))
        adjoint, h = multiply(adjoint, line), multiply(h, decay)


@njit(cache=True, nogil=True, parallel=True)
def line_gradients(
    charges: Array,
    weights: Array,
    skip_zeros: bool,
    sends: int,
    factors: Array,
    last: Array,
    grad: Array,
    parts: Array,
    grad_x: Array,
) -> None:
    """Gradients of charges into ``grad_x`` (B, N, R) and of weights, to be summed, into ``parts`` (PARTS, N, R, P)."""
    vectors, blocks, size = charges.shape
    columns, stride = grad.shape[2], weights.shape[2]
    tiles = stride // WIDTH
    flat_charges, flat_weights = charges.reshape(-1), weights.reshape(-1)
    flat_grad, flat_last = grad.reshape(-1), last.reshape(-1)
    flat_parts, flat_x = parts.reshape(-1), grad_x.reshape(-1)
    for task in prange(blocks * PARTS):
        block, part = task // PARTS, task % PARTS
        parts[part, block] = np.float32(0)
        sent, rows = np.empty(size + 2 * CHUNK, np.float32), np.empty(size + 2 * CHUNK, np.int32)
        moves, state = np.empty(size + 2 * CHUNK, np.float32), scratch(2 * WIDTH)
        own, kept = scratch(FACTORS * WIDTH), np.zeros((sends * size + 1) * WIDTH, np.float32)
        for tile in range(tiles):
            column = tile * WIDTH
            start, width = block * size * stride + column, min(WIDTH, columns - column)
            target = (part * blocks + block) * size * stride + column
            take_tile(factors, column, own)
            for vector in range(part * vectors // PARTS, (part + 1) * vectors // PARTS):
                place = (vector * blocks + block) * size
                if tile == 0:
                    grad_x[vector, block] = np.float32(0)
                count = list_slots(flat_charges, place, size, flat_charges, place, skip_zeros, sent, rows, moves)
                small = _recall(sent, rows, count, sends, flat_weights, start, stride, own, kept)
                where = (vector * blocks + block) * columns + column
                store(state, 0, load_first(flat_grad, where, width))
                store(state, WIDTH, load_first(flat_last, where, width))
                _walk_back(
                    sent,
                    rows,
                    count,
                    sends,
                    flat_weights,
                    start,
                    stride,
                    own,
                    kept,
                    small,
                    state,
                    flat_parts,
                    target,
                    flat_x,
                    place,
                )
