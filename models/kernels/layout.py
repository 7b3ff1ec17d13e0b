"""Arrays as the compiled walks take them: rows in event order, columns filled up to whole tiles, on cache lines."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from data.values import Schedule
from models.kernels.tiles import WIDTH

Array = NDArray[np.float32]
_LINE = 64
"""Bytes in a cache line; a register that spans two takes twice as long to load."""


def aligned(*shape: int) -> Array:
    """An uninitialised float32 array that begins on a cache line."""
    size = math.prod(shape)
    raw = np.empty(size + _LINE // 4, np.float32)
    skip = -raw.__array_interface__["data"][0] % _LINE // 4
    return raw[skip : skip + size].reshape(shape)


def filled(values: Array, fill: float = 0.0) -> Array:
    """``values`` (..., C) with columns up to whole tiles, contiguous and aligned; itself where it is that already."""
    columns = values.shape[-1]
    whole = -(-columns // WIDTH) * WIDTH
    start = values.__array_interface__["data"][0]
    if whole == columns and values.flags.c_contiguous and start % _LINE == 0:
        return values
    result = aligned(*values.shape[:-1], whole)
    result[..., :columns] = values
    result[..., columns:] = fill
    return result


def in_order(values: Array, schedule: Schedule, axis: int) -> Array:
    """``values`` with their rows on ``axis`` in event order."""
    if schedule.order is None:
        return values
    return np.take(values, schedule.order_array(values.shape[axis]), axis=axis)


def back_in_place(values: Array, schedule: Schedule, axis: int) -> Array:
    """Undo :func:`in_order`."""
    if schedule.order is None:
        return values
    return np.take(values, np.argsort(schedule.order_array(values.shape[axis])), axis=axis)
