"""Compiled walk backward with the input line in use.

The line's state cannot be run backwards (its decay divides by little), so it is walked forward again for one vector,
block and tile, kept for that walk only, and used on the way back. Gradients of weights and charges come from the same
walk. Vectors are split into a fixed number of parts, each with weight gradients of its own that are added up in
sequence, so that nothing depends on the number of threads. Units are those of :mod:`models.kernels.line_walks`.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit, prange

from models.kernels.bend import MIDDLING, slope, slope_middling
from models.kernels.factors import DECAY, LINE, LINE_FACTORS, REST, SCALE, SETTLE, Array, take_tile
from models.kernels.line_walks import on_line
from models.kernels.memory import address, integer, keep, number
from models.kernels.slots import LIST, list_places, list_room, list_vectors, room, scratch
from models.kernels.tiles import (
    LANES,
    WIDTH,
    any_above,
    clear,
    collapse_rows,
    farthest,
    fold,
    fused,
    load,
    load_first,
    multiply,
    splat,
    store,
    where_above,
)

PARTS: Final = 4
"""Parts of a batch with weight gradients of their own."""
STATE: Final = 2
"""Tiles of state: the gradient of the settled voltages, and the marks."""


@njit(cache=True, nogil=True)
def _recall(sent: int, rows: int, count: int, sends: int, weights: int, start: int, factors: int, charges: int) -> bool:
    """Write the line's charge in every slot after ``charges``; returns whether it bends only a little."""
    line, charge, most = load(factors, LINE), splat(np.float32(0)), splat(np.float32(0))
    for send in range(sends):
        for slot in range(count):
            charge = on_line(sent, rows, slot, weights, start, line, charge)
            most = farthest(most, charge)
            store(charges, (send * count + slot) * WIDTH, charge)
    return not any_above(most, splat(MIDDLING))


@njit(cache=True, nogil=True)
def _walk_back(
    sent: int,
    rows: int,
    count: int,
    sends: int,
    weights: int,
    start: int,
    factors: int,
    charges: int,
    middling: bool,
    state: int,
    grad_w: int,
    target: int,
    sums: int,
) -> None:
    """Add the gradients of one vector, block and tile; ``state`` holds the gradient of its voltages and the marks."""
    slots = sends * count
    mark, decay, line = load(state, WIDTH), load(factors, DECAY), load(factors, LINE)
    h = where_above(splat(np.float32(slots + 1)), mark, load(state, 0))
    left = multiply(load(charges, max(slots - 1, 0) * WIDTH), line)
    adjoint = multiply(multiply(h, load(factors, REST)), multiply(slope(left), line))
    h = multiply(multiply(h, load(factors, SETTLE)), load(factors, SCALE))
    for send in range(sends):
        for back in range(count):
            slot = count - 1 - back
            step = (sends - 1 - send) * count + slot
            h = where_above(splat(np.float32(step + 1)), mark, h)
            charge = load(charges, step * WIDTH)
            bent = slope_middling(charge) if middling else slope(charge)
            adjoint = fused(h, bent, adjoint)
            row = integer(rows, slot)
            mine = target + row * WIDTH
            store(grad_w, mine, fused(splat(number(sent, slot)), adjoint, load(grad_w, mine)))
            fold(sums, row * LANES, multiply(adjoint, load(weights, start + row * WIDTH)))
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
    """Gradients of charges into ``grad_x`` (B, N, R), and of weights into ``parts`` (PARTS, N, T, R, WIDTH), a sum."""
    vectors, blocks, size = charges.shape
    columns, tiles = grad.shape[2], weights.shape[1]
    charges_at, weights_at, parts_at, grad_x_at = address(charges), address(weights), address(parts), address(grad_x)
    grad_at, last_at = address(grad), address(last)
    for task in prange(blocks * PARTS):
        block, part, space = task // PARTS, task % PARTS, room(size)
        parts[part, block] = np.float32(0)
        lists, own = scratch(list_room(space)), scratch((STATE + LINE_FACTORS) * WIDTH)
        totals, kept = scratch(LIST * size * LANES), scratch((sends * size + 1) * WIDTH)
        kept[:WIDTH] = np.float32(0)
        sent, rows, counts, largest = list_places(address(lists), space)
        sums, charges_kept, state, mine = address(totals), address(kept), address(own), address(own) + 4 * STATE * WIDTH
        end = (part + 1) * vectors // PARTS
        for begin in range(part * vectors // PARTS, end, LIST):
            listed, place, step = min(LIST, end - begin), begin * blocks + block, blocks * size
            list_vectors(charges_at, place * size, step, size, skip_zeros, listed, space, sent, rows, counts, largest)
            clear(sums, listed * size * LANES)
            for tile in range(tiles):
                column, width = tile * WIDTH, min(WIDTH, columns - tile * WIDTH)
                start = (block * tiles + tile) * size * WIDTH
                target = ((part * blocks + block) * tiles + tile) * size * WIDTH
                take_tile(factors, column, own[STATE * WIDTH :])
                for item in range(listed):
                    count, at = integer(counts, item), 4 * item * space
                    job = sent + at, rows + at, count, sends, weights_at, start, mine, charges_kept
                    middling = _recall(*job)
                    where = ((begin + item) * blocks + block) * columns + column
                    store(state, 0, load_first(grad_at, where, width))
                    store(state, WIDTH, load_first(last_at, where, width))
                    _walk_back(*job, middling, state, parts_at, target, sums + 4 * item * size * LANES)
            collapse_rows(sums, listed, size, grad_x_at, place * size, step)
        keep(lists)
        keep(own)
        keep(totals)
        keep(kept)
