"""Compiled walks backward with the input line in use.

The line's state cannot be run backwards (its decay divides by little), so it is walked forward again for one vector and
block, kept for that walk only, and turned into the gradient of each slot's charge in place.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from models.kernels.line_walks import FLAGS, Array, Index, Rows, saturate

WIDTH = 64


@njit(cache=True, nogil=True, fastmath=FLAGS)
def charge_gradients(
    charges: Array,
    weights: Array,
    events: Rows,
    count: int,
    sends: int,
    factors: Array,
    mark: Index,
    slots: Array,
    h: Array,
) -> None:
    """Gradient of the charge of every slot into ``slots`` (sends x count + 1, columns).

    ``factors`` (5, columns) holds decay, settle, line, limit and line_settle; ``h`` (columns,) comes as the gradient of
    the voltage and is used up.
    """
    decay, settle, line, limit, line_settle = factors[0], factors[1], factors[2], factors[3], factors[4]
    inverse = np.float32(1) / limit
    columns = len(h)
    total = sends * count
    slots[0] = np.float32(0)
    for step in range(total):
        row = events[step % count]
        charge = charges[row]
        w, before, now = weights[row], slots[step], slots[step + 1]
        for c in range(columns):
            now[c] = before[c] * line[c] + charge * w[c]
    state = slots[total]
    adjoint = np.zeros(columns, np.float32)
    for c in range(columns):
        h[c] = h[c] if total > mark[c] else np.float32(0)
        bend = saturate(state[c] * line[c] * inverse[c])
        adjoint[c] = h[c] * (np.float32(1) - line_settle[c]) * (np.float32(1) - bend * bend) * line[c]
        h[c] *= settle[c]
    for back in range(1, total + 1):
        step = total - back
        now = slots[step + 1]
        for c in range(columns):
            h[c] = h[c] if step > mark[c] else np.float32(0)
            bend = saturate(now[c] * inverse[c])
            adjoint[c] += h[c] * (np.float32(1) - line[c]) * (np.float32(1) - bend * bend)
            now[c] = adjoint[c]
            adjoint[c] *= line[c]
            h[c] *= decay[c]


@njit(cache=True, nogil=True, parallel=True, fastmath=FLAGS)
def weight_gradient_line(
    charges: Array,
    weights: Array,
    events: Rows,
    counts: Index,
    sends: int,
    factors: Array,
    last: Index,
    grad: Array,
    out: Array,
) -> None:
    """Gradient of the folded weights into ``out`` (N, R, C)."""
    vectors, blocks, rows = charges.shape
    columns = grad.shape[2]
    chunks = (columns + WIDTH - 1) // WIDTH
    for task in prange(blocks * chunks):
        block = task // chunks
        first = (task % chunks) * WIDTH
        stop = min(first + WIDTH, columns)
        out[block, :, first:stop] = np.float32(0)
        slots = np.empty((sends * rows + 1, stop - first), np.float32)
        own_weights = weights[block, :, first:stop].copy()
        own_factors = factors[:, first:stop].copy()
        for vector in range(vectors):
            count = counts[vector, block]
            listed, x = events[vector, block], charges[vector, block]
            mark = last[vector, block, first:stop]
            h = grad[vector, block, first:stop].copy()
            charge_gradients(x, own_weights, listed, count, sends, own_factors, mark, slots, h)
            for step in range(sends * count):
                row = listed[step % count]
                target = out[block, row, first:stop]
                for c in range(stop - first):
                    target[c] += x[row] * slots[step + 1, c]


@njit(cache=True, nogil=True, parallel=True, fastmath=FLAGS)
def input_gradient_line(
    charges: Array,
    weights: Array,
    events: Rows,
    counts: Index,
    sends: int,
    factors: Array,
    last: Index,
    grad: Array,
    out: Array,
) -> None:
    """Gradient of the input charges into ``out`` (B, N, R)."""
    vectors, blocks, rows = charges.shape
    columns = grad.shape[2]
    for vector in prange(vectors):
        slots = np.empty((sends * rows + 1, columns), np.float32)
        for block in range(blocks):
            out[vector, block] = np.float32(0)
            count = counts[vector, block]
            listed, x, mark = events[vector, block], charges[vector, block], last[vector, block]
            h = grad[vector, block].copy()
            charge_gradients(x, weights[block], listed, count, sends, factors, mark, slots, h)
            for step in range(sends * count):
                row = listed[step % count]
                total = np.float32(0)
                for c in range(columns):
                    total += weights[block, row, c] * slots[step + 1, c]
                out[vector, block, row] += total
