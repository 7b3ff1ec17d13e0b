"""Arrays as the compiled walks take them: rows in event order, columns in tiles, on cache lines.

Cutting and joining takes one thread less time than a second one takes to wake up.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from data.values import Schedule
from models.kernels.memory import address, write_number
from models.kernels.tiles import (
    WIDTH,
    farthest,
    farthest_of_any,
    largest,
    load,
    load_first,
    multiply,
    splat,
    store,
    store_first,
)

Array = NDArray[np.float32]
Order = NDArray[np.uint16]
_LINE = 64
"""Bytes in a cache line; a register that spans two takes twice as long to load."""


def aligned(*shape: int) -> Array:
    """An uninitialised float32 array that begins on a cache line."""
    size = math.prod(shape)
    raw = np.empty(size + _LINE // 4, np.float32)
    skip = -raw.__array_interface__["data"][0] % _LINE // 4
    return raw[skip : skip + size].reshape(shape)


def tiles_of(columns: int) -> int:
    """How many tiles hold so many columns."""
    return -(-columns // WIDTH)


def filled(values: Array) -> Array:
    """``values`` (..., C), contiguous and aligned, up to whole tiles of columns.

    What is beyond is as the last column, so that a walk decides nothing by it that it would not decide anyhow.
    """
    columns = values.shape[-1]
    result = aligned(*values.shape[:-1], tiles_of(columns) * WIDTH)
    result[..., :columns] = values
    result[..., columns:] = values[..., -1:]
    return result


def in_order(values: Array, schedule: Schedule) -> Array:
    """``values`` (B, N, R), contiguous, with their rows in event order."""
    if schedule.order is None:
        return np.ascontiguousarray(values)
    return np.take(values, schedule.order_array(values.shape[2]), axis=2)


def back_in_place(values: Array, schedule: Schedule) -> Array:
    """Undo :func:`in_order`."""
    if schedule.order is None:
        return values
    return np.take(values, np.argsort(schedule.order_array(values.shape[2])), axis=2)


@njit(cache=True, nogil=True)
def into_tiles(weights: Array, order: Order, scale: Array, tiled: Array, peaks: Array) -> None:
    """Cut ``weights`` (N, R, C) into ``tiled`` (N, tiles, R, WIDTH), rows in event order, columns times ``scale`` (C,).

    ``peaks`` (N, tiles, WIDTH) becomes the largest magnitude in every column, NaN where any weight is none.
    """
    blocks, rows, columns = weights.shape
    tiles = tiled.shape[1]
    weights_at, scale_at, tiled_at, peaks_at = address(weights), address(scale), address(tiled), address(peaks)
    for part in range(blocks * tiles):
        block, column = part // tiles, part % tiles * WIDTH
        width = min(WIDTH, columns - column)
        factor, peak = load_first(scale_at, column, width), splat(np.float32(0))
        for row in range(rows):
            source = (block * rows + np.int64(order[row])) * columns + column
            values = multiply(load_first(weights_at, source, width), factor)
            peak = farthest_of_any(peak, values)
            store(tiled_at, (part * rows + row) * WIDTH, values)
        store(peaks_at, part * WIDTH, peak)


@njit(cache=True, nogil=True)
def row_peaks(tiled: Array, peaks: Array) -> None:
    """Fill ``peaks`` (N, R) with the largest magnitude in every row of ``tiled`` (N, tiles, R, WIDTH)."""
    blocks, tiles, rows, _ = tiled.shape
    tiled_at, peaks_at = address(tiled), address(peaks)
    for part in range(blocks * rows):
        block, row = part // rows, part % rows
        peak = splat(np.float32(0))
        for tile in range(tiles):
            peak = farthest(peak, load(tiled_at, ((block * tiles + tile) * rows + row) * WIDTH))
        write_number(peaks_at, part, largest(peak))


@njit(cache=True, nogil=True)
def out_of_tiles(tiled: Array, order: Order, scale: Array, values: Array) -> None:
    """Undo :func:`into_tiles` for gradients: ``tiled`` times ``scale`` into ``values`` (N, R, C)."""
    blocks, rows, columns = values.shape
    tiles = tiled.shape[1]
    tiled_at, scale_at, values_at = address(tiled), address(scale), address(values)
    for part in range(blocks * tiles):
        block, column = part // tiles, part % tiles * WIDTH
        width = min(WIDTH, columns - column)
        factor = load_first(scale_at, column, width)
        for row in range(rows):
            target = (block * rows + np.int64(order[row])) * columns + column
            store_first(values_at, target, multiply(load(tiled_at, (part * rows + row) * WIDTH), factor), width)
