"""Compiled walks backward: gradients of the walks of :mod:`models.kernels.walks`, rails included.

After the last slot that clipped, a voltage is a sum of decayed charges; before it, nothing reaches the read-out. So the
index of that slot, kept by the forward walk, is all that the backward walk of leak and rails needs: no step is stored.
Each weight gradient belongs to one task and each input gradient to one vector, so nothing depends on the number of
threads. Shapes are those of :mod:`models.kernels.walks`; ``grad`` (B, N, C) is the gradient of the final voltages, and
``powers`` (R + 1, C) holds the decay over 0..R slots.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from models.kernels.walks import Array, Index, Rows

FLAGS = {"contract", "nsz", "arcp", "reassoc"}
WIDTH = 64
"""Columns in one task."""


@njit(cache=True, nogil=True)
def start_reverse(grad: Array, mark: Index, power: Array, sends: int, h: Array) -> bool:
    """Fill ``h`` with the gradient after the last slot; returns whether any column clipped.

    Where none did, all sends see the same factors and fold into one pass: their sum is a geometric series in
    ``power``, the decay of one send.
    """
    columns = len(grad)
    for c in range(columns):
        h[c] = grad[c]
    for c in range(columns):
        if mark[c] >= 0:
            return True
    for c in range(columns):
        total = np.float32(1)
        for _ in range(sends - 1):
            total = total * power[c] + np.float32(1)
        h[c] = grad[c] * total
    return False


@njit(cache=True, nogil=True, parallel=True, fastmath=FLAGS)
def weight_gradient(
    charges: Array,
    events: Rows,
    counts: Index,
    sends: int,
    decay: Array,
    powers: Array,
    last: Index,
    grad: Array,
    out: Array,
) -> None:
    """Gradient of the folded weights into ``out`` (N, R, C)."""
    vectors, blocks, _ = charges.shape
    columns = grad.shape[2]
    chunks = (columns + WIDTH - 1) // WIDTH
    for task in prange(blocks * chunks):
        block = task // chunks
        first = (task % chunks) * WIDTH
        stop = min(first + WIDTH, columns)
        out[block, :, first:stop] = np.float32(0)
        h = np.empty(stop - first, np.float32)
        factor = decay[first:stop]
        for vector in range(vectors):
            count = counts[vector, block]
            mark = last[vector, block, first:stop]
            clipped = start_reverse(grad[vector, block, first:stop], mark, powers[count, first:stop], sends, h)
            for send in range(sends - 1 if clipped else 0, -1, -1):
                for slot in range(count - 1, -1, -1):
                    row = events[vector, block, slot]
                    charge = charges[vector, block, row]
                    target = out[block, row, first:stop]
                    if clipped:
                        step = np.int32(send * count + slot)
                        for c in range(len(h)):
                            h[c] = h[c] if step > mark[c] else np.float32(0)
                    for c in range(len(h)):
                        target[c] += charge * h[c]
                        h[c] *= factor[c]


@njit(cache=True, nogil=True, parallel=True, fastmath=FLAGS)
def input_gradient(
    weights: Array,
    events: Rows,
    counts: Index,
    sends: int,
    decay: Array,
    powers: Array,
    last: Index,
    grad: Array,
    out: Array,
) -> None:
    """Gradient of the input charges into ``out`` (B, N, R)."""
    vectors, blocks, columns = grad.shape
    for vector in prange(vectors):
        h = np.empty(columns, np.float32)
        for block in range(blocks):
            out[vector, block] = np.float32(0)
            count = counts[vector, block]
            mark = last[vector, block]
            clipped = start_reverse(grad[vector, block], mark, powers[count], sends, h)
            for send in range(sends - 1 if clipped else 0, -1, -1):
                for slot in range(count - 1, -1, -1):
                    row = events[vector, block, slot]
                    w = weights[block, row]
                    if clipped:
                        step = np.int32(send * count + slot)
                        for c in range(columns):
                            h[c] = h[c] if step > mark[c] else np.float32(0)
                    total = np.float32(0)
                    for c in range(columns):
                        total += w[c] * h[c]
                        h[c] *= decay[c]
                    out[vector, block, row] += total
