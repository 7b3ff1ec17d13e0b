"""Which row sends in which slot: the event list of every vector."""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray


@njit(cache=True, nogil=True, parallel=True)
def list_events(
    active: NDArray[np.bool_], order: NDArray[np.uint16], skip_zeros: bool
) -> tuple[NDArray[np.int16], NDArray[np.int32]]:
    """Rows in the sequence in which they take their slots within one send.

    Args:
        active: whether a row's activation is not zero, shape (vectors, rows).
        order: the rows in event order, shape (rows,).
        skip_zeros: whether a zero activation takes no slot.

    Returns:
        Row indices, shape (vectors, rows), filled from the left, and how many slots each takes, shape (vectors,).
    """
    vectors, rows = active.shape
    events = np.zeros((vectors, rows), np.int16)
    counts = np.zeros(vectors, np.int32)
    for vector in prange(vectors):
        count = 0
        for row in order:
            if active[vector, row] or not skip_zeros:
                events[vector, count] = row
                count += 1
        counts[vector] = count
    return events, counts
