"""Compiled walk forward with the input line in use: as :mod:`models.kernels.walks`, with one more state and its bend.

Charges on the line are in units of :mod:`models.kernels.bend`, which the weights carry, and voltages in units of
``(1 - line) * limit / UNIT`` output codes, so that a current is a charge times its bend. How far a line can bend within
half a chunk is known before it is walked, from the charge on the line and the largest weight of each row.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit, prange

from models.kernels.bend import MIDDLING, NEAR, bend_middling, bend_near, current
from models.kernels.factors import (
    DECAY,
    HALF,
    HIGH,
    LINE,
    LINE_FACTORS,
    LOW,
    MIDDLE,
    PUSH,
    REST,
    SCALE,
    SETTLE,
    Array,
    take_tile,
)
from models.kernels.memory import address, expect, expect_writing, integer, keep, number
from models.kernels.slots import HALF_CHUNK, LIST, bound_slots, list_places, list_room, list_vectors, room, scratch
from models.kernels.tiles import (
    WIDTH,
    Tile,
    add,
    any_above,
    fused,
    larger,
    load,
    magnitude,
    multiply,
    smaller,
    splat,
    store,
    subtract,
    where_differs,
)
from models.kernels.walks import GROUP, railed_in, write_tile

VOLTAGE, MARK, CHARGE = (n * WIDTH for n in range(3))
"""Where the state of a tile begins: voltages, last slots that clipped, charges on the line."""
STATE: Final = 3
SAFE, BELOW, ABOVE = ((LINE_FACTORS + n) * WIDTH for n in range(3))
"""Where, after the factors, it stands from how far half a chunk reaches no rail while the line is nearly straight, and
where the rails are in units of the walk."""


@njit(cache=True, nogil=True, forceinline=True)
def on_line(sent: int, rows: int, slot: int, weights: int, start: int, line: Tile, charge: Tile) -> Tile:
    """The charge on the line after a slot."""
    arrived = multiply(splat(number(sent, slot)), load(weights, start + integer(rows, slot) * WIDTH))
    return fused(charge, line, arrived)


@njit(cache=True, nogil=True, forceinline=True)
def _slot(
    sent: int, rows: int, slot: int, weights: int, start: int, factors: int, charge: Tile, voltage: Tile
) -> tuple[Tile, Tile]:
    """A slot on a nearly straight line, without rails."""
    charge = on_line(sent, rows, slot, weights, start, load(factors, LINE), charge)
    before = fused(voltage, load(factors, DECAY), load(factors, PUSH))
    return charge, fused(charge, bend_near(charge), before)


@njit(cache=True, nogil=True)
def _free(
    sent: int, rows: int, first: int, stop: int, bounds: int, weights: int, start: int, factors: int, state: int
) -> int:
    """Slots from ``first`` on without rails, up to the half chunk where the line may bend or a rail may be reached.

    Returns the slot that comes next.
    """
    voltage, charge, slot = load(state, VOLTAGE), load(state, CHARGE), first
    while slot < stop:
        straight = NEAR - number(bounds, slot // HALF_CHUNK)
        if any_above(magnitude(charge), splat(straight)) or any_above(magnitude(voltage), load(factors, SAFE)):
            break
        if slot + HALF_CHUNK <= stop:
            for item in range(HALF_CHUNK):
                charge, voltage = _slot(sent, rows, slot + item, weights, start, factors, charge, voltage)
        else:
            for item in range(slot, stop):
                charge, voltage = _slot(sent, rows, item, weights, start, factors, charge, voltage)
        slot += HALF_CHUNK
    store(state, VOLTAGE, voltage)
    store(state, CHARGE, charge)
    return slot


@njit(cache=True, nogil=True, forceinline=True)
def _clip_slots(
    sent: int,
    rows: int,
    first: int,
    stop: int,
    weights: int,
    start: int,
    factors: int,
    state: int,
    taken: int,
    limit: np.float32,
    lopsided: bool,
) -> None:
    """See :func:`_clip`."""
    decay, line, push, half = load(factors, DECAY), load(factors, LINE), load(factors, PUSH), load(factors, HALF)
    low, high = load(factors, BELOW), load(factors, ABOVE)
    voltage, mark, charge = load(state, VOLTAGE), load(state, MARK), load(state, CHARGE)
    for slot in range(first, stop):
        charge = on_line(sent, rows, slot, weights, start, line, charge)
        before = fused(voltage, decay, push)
        if limit <= NEAR:
            wanted = fused(charge, bend_near(charge), before)
        elif limit <= MIDDLING:
            wanted = fused(charge, bend_middling(charge), before)
        else:
            wanted = add(current(charge), before)
        voltage = railed_in(wanted, half, low, high, lopsided)
        mark = where_differs(wanted, voltage, splat(np.float32(taken + slot + 1)), mark)
    store(state, VOLTAGE, voltage)
    store(state, MARK, mark)
    store(state, CHARGE, charge)


@njit(cache=True, nogil=True)
def _clip(
    sent: int,
    rows: int,
    first: int,
    stop: int,
    weights: int,
    start: int,
    factors: int,
    state: int,
    taken: int,
    limit: np.float32,
    lopsided: bool,
) -> None:
    """The same with rails, where no charge comes to more than ``limit``; marks the last slot that clipped."""
    # Two loops, so that none asks at every slot what the rails are.
    if lopsided:
        _clip_slots(sent, rows, first, stop, weights, start, factors, state, taken, limit, True)
    else:
        _clip_slots(sent, rows, first, stop, weights, start, factors, state, taken, limit, False)


@njit(cache=True, nogil=True, forceinline=True)
def _limit(state: int, bound: np.float32) -> np.float32:
    """The least of NEAR, MIDDLING and more that no charge exceeds when a stretch adds up to ``bound``."""
    most = add(magnitude(load(state, CHARGE)), splat(bound))
    if not any_above(most, splat(NEAR)):
        return NEAR
    return np.float32(np.inf) if any_above(most, splat(MIDDLING)) else MIDDLING


@njit(cache=True, nogil=True)
def _walk_tile(
    sent: int,
    rows: int,
    first: int,
    count: int,
    bounds: int,
    sends: int,
    weights: int,
    start: int,
    factors: int,
    lopsided: bool,
    state: int,
) -> None:
    """All sends of one vector and block in one tile, from nothing."""
    store(state, VOLTAGE, subtract(splat(np.float32(0)), load(factors, MIDDLE)))
    for part in (MARK, CHARGE):
        store(state, part, splat(np.float32(0)))
    for send in range(sends):
        slot, stop = first, first + count
        while slot < stop:
            slot = _free(sent, rows, slot, stop, bounds, weights, start, factors, state)
            if slot < stop:
                end, limit = min(slot + HALF_CHUNK, stop), _limit(state, number(bounds, slot // HALF_CHUNK))
                taken = send * count - first
                _clip(sent, rows, slot, end, weights, start, factors, state, taken, limit, lopsided)
                slot = end


@njit(cache=True, nogil=True, forceinline=True)
def _settle(slots: int, factors: int, state: int) -> None:
    """The settle step, which brings what is left on the line; voltages in output codes afterwards."""
    voltage = multiply(add(load(state, VOLTAGE), load(factors, MIDDLE)), load(factors, SCALE))
    charge = multiply(load(state, CHARGE), load(factors, LINE))
    far = any_above(magnitude(charge), splat(NEAR))
    rest = current(charge) if far else multiply(charge, bend_near(charge))
    wanted = fused(voltage, load(factors, SETTLE), multiply(load(factors, REST), rest))
    voltage = larger(smaller(wanted, load(factors, HIGH)), load(factors, LOW))
    store(state, MARK, where_differs(wanted, voltage, splat(np.float32(slots + 1)), load(state, MARK)))
    store(state, VOLTAGE, voltage)


@njit(cache=True, nogil=True)
def _walk_listed(
    listed: int,
    sent: int,
    rows: int,
    counts: int,
    bounds: int,
    space: int,
    sends: int,
    weights: int,
    start: int,
    factors: int,
    lopsided: bool,
    marking: bool,
    state: int,
    out: int,
    last: int,
    place: int,
    step: int,
    width: int,
) -> None:
    """The vectors that are listed, in one tile: settled voltages and marks to ``place`` and every ``step`` on."""
    for item in range(listed):
        count = integer(counts, item)
        _walk_tile(sent, rows, item * space, count, bounds, sends, weights, start, factors, lopsided, state)
        _settle(sends * count, factors, state)
        write_tile(load(state, VOLTAGE), out, place, width)
        if marking:
            write_tile(load(state, MARK), last, place, width)
        place += step


@njit(cache=True, nogil=True)
def _prepare(factors: Array, column: int, own: Array) -> None:
    """Copy what a tile needs, and work out what is safe: a nearly straight line brings at most NEAR a slot."""
    take_tile(factors, column, own)
    for c in range(WIDTH):
        own[SAFE + c] = own[HALF + c] - np.float32(1.00001 * HALF_CHUNK) * (NEAR + abs(own[PUSH + c]))
        own[BELOW + c], own[ABOVE + c] = own[LOW + c] / own[SCALE + c], own[HIGH + c] / own[SCALE + c]


@njit(cache=True, nogil=True, parallel=True)
def walk_line(
    charges: Array,
    weights: Array,
    peaks: Array,
    skip_zeros: bool,
    sends: int,
    factors: Array,
    lopsided: bool,
    marking: bool,
    out: Array,
    last: Array,
) -> bool:
    """As :func:`models.kernels.walks.walk`, with weights in units of the walk and ``peaks`` (N, R) those of every row.

    The settle step is one more slot.
    """
    vectors, blocks, size = charges.shape
    columns, tiles, groups = out.shape[2], weights.shape[1], (vectors + GROUP - 1) // GROUP
    charges_at, weights_at, peaks_at = address(charges), address(weights), address(peaks)
    out_at, last_at = address(out), address(last)
    finite = np.ones(blocks * groups, np.bool_)
    for task in prange(blocks * groups):
        block, group, space = task % blocks, task // blocks, room(size)
        lists, own = scratch(list_room(space) + LIST * space), scratch((STATE + LINE_FACTORS + 3) * WIDTH)
        sent, rows, counts, largest = list_places(address(lists), space)
        bounds = sent + 4 * list_room(space)
        state, mine = address(own), address(own) + 4 * STATE * WIDTH
        end = min((group + 1) * GROUP, vectors)
        for begin in range(group * GROUP, end, LIST):
            listed, place, step = min(LIST, end - begin), begin * blocks + block, blocks * size
            good = list_vectors(
                charges_at, place * size, step, size, skip_zeros, listed, space, sent, rows, counts, largest
            )
            finite[task] = finite[task] and good
            # Stretches of memory this far apart come too late when they are asked for one by one.
            expect(charges_at, place * size + size, listed, blocks * size, size)
            expect_writing(out_at, place * columns, listed, blocks * columns, columns)
            bound_slots(sent, rows, counts, listed, space, peaks_at, block * size, bounds)
            for tile in range(tiles):
                column, width = tile * WIDTH, min(WIDTH, columns - tile * WIDTH)
                _prepare(factors, column, own[STATE * WIDTH :])
                _walk_listed(
                    listed,
                    sent,
                    rows,
                    counts,
                    bounds,
                    space,
                    sends,
                    weights_at,
                    (block * tiles + tile) * size * WIDTH,
                    mine,
                    lopsided,
                    marking,
                    state,
                    out_at,
                    last_at,
                    place * columns + column,
                    blocks * columns,
                    width,
                )
        keep(lists)
        keep(own)
    return bool(np.all(finite))
