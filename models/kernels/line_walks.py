"""Compiled walks through the events of a batch, forward: float32, columns innermost, parallel over vectors.

Arrays, for B vectors, N blocks, R rows and C columns: ``charges`` (B, N, R), ``weights`` (N, R, C) with the gain folded
in, ``events`` and ``counts`` of :func:`models.kernels.events.list_events` in shapes (B, N, R) and (B, N), and factors
for a slot in shape (C,). Every vector belongs to one thread, so results do not depend on how many there are.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

Array = NDArray[np.float32]
Index = NDArray[np.int32]
Rows = NDArray[np.int16]

FLAGS = {"contract", "nsz", "arcp"}
"""Lets multiply and add fuse; infinities (rails out of use) and the sequence of operations stay as written."""


@njit(cache=True, nogil=True, inline="always")
def saturate(x: np.float32) -> np.float32:
    """``tanh`` by a rational function that vectorises, within 3e-7 (the coefficients of Eigen's float ``tanh``)."""
    x = min(max(x, np.float32(-7.9)), np.float32(7.9))
    y = x * x
    top = np.float32(-2.76076847742355e-16) * y + np.float32(2.00018790482477e-13)
    top = top * y + np.float32(-8.60467152213735e-11)
    top = top * y + np.float32(5.12229709037114e-08)
    top = top * y + np.float32(1.48572235717979e-05)
    top = top * y + np.float32(6.37261928875436e-04)
    top = (top * y + np.float32(4.89352455891786e-03)) * x
    bottom = np.float32(1.19825839466702e-06) * y + np.float32(1.18534705686654e-04)
    bottom = bottom * y + np.float32(2.26843463243900e-03)
    bottom = bottom * y + np.float32(4.89352518554385e-03)
    return top / bottom


@njit(cache=True, nogil=True, parallel=True, fastmath=FLAGS)
def walk_line(
    charges: Array,
    weights: Array,
    events: Rows,
    counts: Index,
    sends: int,
    decay: Array,
    low: Array,
    high: Array,
    settle: Array,
    line: Array,
    limit: Array,
    line_settle: Array,
    out: Array,
    last: Index,
    on_line: Array,
) -> None:
    """Leak, rails and line, the settle step included; ``on_line`` (B, N, C) is room for the line's state.

    ``last`` counts the settle step as one more slot.
    """
    vectors, blocks, _ = charges.shape
    columns = weights.shape[2]
    inverse = np.float32(1) / limit
    share = (np.float32(1) - line) * limit
    settle_share = (np.float32(1) - line_settle) * limit
    for vector in prange(vectors):
        for block in range(blocks):
            v, s, mark = out[vector, block], on_line[vector, block], last[vector, block]
            v[:] = np.float32(0)
            s[:] = np.float32(0)
            mark[:] = np.int32(-1)
            count = counts[vector, block]
            for send in range(sends):
                for slot in range(count):
                    step = np.int32(send * count + slot)
                    row = events[vector, block, slot]
                    charge = charges[vector, block, row]
                    w = weights[block, row]
                    for c in range(columns):
                        s[c] = s[c] * line[c] + charge * w[c]
                        x = v[c] * decay[c] + share[c] * saturate(s[c] * inverse[c])
                        mark[c] = step if (x > high[c]) | (x < low[c]) else mark[c]
                        x = x if x < high[c] else high[c]
                        v[c] = x if x > low[c] else low[c]
            step = np.int32(sends * count)
            for c in range(columns):
                x = v[c] * settle[c] + settle_share[c] * saturate(s[c] * line[c] * inverse[c])
                mark[c] = step if (x > high[c]) | (x < low[c]) else mark[c]
                x = x if x < high[c] else high[c]
                v[c] = x if x > low[c] else low[c]
