"""Compiled walk through the events of a batch, forward: leak and rails, a tile of columns at a time.

Arrays, for B vectors, N blocks, R rows and C columns in T tiles (:mod:`models.kernels.layout`): ``charges`` (B, N, R),
``weights`` (N, T, R, WIDTH) with the gain folded in, their largest magnitudes ``peaks`` (N, T, WIDTH), and ``factors``
(F, T * WIDTH) (:mod:`models.kernels.factors`). Rows send in ascending order. Every vector is computed alone, so results
depend neither on the number of threads nor on the batch.

Clipping is left out wherever it does nothing. Slots are walked without rails, and every :data:`STEP` slots the farthest
voltage so far is noted; none in between came farther than the largest charges allow. Only where a rail may have been
reached is the stretch walked again with rails, and everything after it. A first send that stayed inside makes all
further ones a geometric series, if the farthest voltage and what a later send starts from stay inside together. Neither
changes a result by more than float rounding.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit, prange

from models.kernels.factors import DECAY, FACTORS, HALF, HIGH, LOW, MIDDLE, PUSH, SETTLE, Array, take_tile
from models.kernels.memory import address, expect, expect_writing, integer, keep, number
from models.kernels.slots import LIST, list_places, list_room, list_vectors, room, scratch
from models.kernels.tiles import (
    WIDTH,
    Tile,
    add,
    any_above,
    farthest,
    fused,
    larger,
    load,
    magnitude,
    multiply,
    smaller,
    splat,
    store,
    store_first,
    subtract,
    where_differs,
    within,
)

GROUP: Final = 2 * LIST
"""Vectors in one task."""
STRETCH: Final = 16
"""Slots that are walked before it is looked whether a rail was reached."""
STEP: Final = 4
"""Slots between two notes of the farthest voltage."""

VOLTAGE, MARK, FAR, SAFE = (n * WIDTH for n in range(4))
"""Where the state of a tile begins: voltages, last slots that clipped, farthest voltages noted, and how far a note may
be for no rail to have been reached; relative to the middle."""
STATE: Final = 4
FLOOR, PEAKS = FACTORS * WIDTH, (FACTORS + 1) * WIDTH
"""Where, after the factors, the two parts of SAFE begin: that of every vector, and that for each unit of charge."""


@njit(cache=True, nogil=True, forceinline=True)
def arriving(sent: int, rows: int, slot: int, weights: int, start: int, push: Tile) -> Tile:
    """What a slot puts on the membrane."""
    return fused(splat(number(sent, slot)), load(weights, start + integer(rows, slot) * WIDTH), push)


@njit(cache=True, nogil=True, forceinline=True)
def _free(sent: int, rows: int, first: int, stop: int, weights: int, start: int, factors: int, state: int) -> None:
    """Slots ``first`` to ``stop`` where there are no rails."""
    decay, push, voltage = load(factors, DECAY), load(factors, PUSH), load(state, VOLTAGE)
    for slot in range(first, stop):
        voltage = fused(voltage, decay, arriving(sent, rows, slot, weights, start, push))
    store(state, VOLTAGE, voltage)


@njit(cache=True, nogil=True, forceinline=True)
def _watch(sent: int, rows: int, first: int, stop: int, weights: int, start: int, factors: int, state: int) -> int:
    """As :func:`_free`, up to the stretch where a rail may be reached.

    Returns the slot that comes next; the state is the one before it.
    """
    decay, push = load(factors, DECAY), load(factors, PUSH)
    voltage, far, safe = load(state, VOLTAGE), load(state, FAR), load(state, SAFE)
    slot = first
    while slot < stop:
        store(state, VOLTAGE, voltage)
        whole = min(STRETCH, stop - slot) // STEP * STEP
        for step in range(slot, slot + whole, STEP):
            for item in range(STEP):
                voltage = fused(voltage, decay, arriving(sent, rows, step + item, weights, start, push))
            far = farthest(far, voltage)
        for item in range(slot + whole, min(slot + STRETCH, stop)):
            voltage = fused(voltage, decay, arriving(sent, rows, item, weights, start, push))
            far = farthest(far, voltage)
        if any_above(far, safe):
            return slot
        slot += STRETCH
    store(state, VOLTAGE, voltage)
    store(state, FAR, far)
    return slot


@njit(cache=True, nogil=True, forceinline=True)
def railed_in(wanted: Tile, half: Tile, low: Tile, high: Tile, lopsided: bool) -> Tile:
    """A voltage within its rails."""
    return larger(smaller(wanted, high), low) if lopsided else within(wanted, half)


@njit(cache=True, nogil=True, forceinline=True)
def _clip(
    sent: int, rows: int, first: int, stop: int, weights: int, start: int, factors: int, state: int, lopsided: bool
) -> None:
    """As :func:`_free`, clipped after every slot."""
    decay, push, voltage = load(factors, DECAY), load(factors, PUSH), load(state, VOLTAGE)
    half, low, high = load(factors, HALF), load(factors, LOW), load(factors, HIGH)
    for slot in range(first, stop):
        charge = arriving(sent, rows, slot, weights, start, push)
        voltage = railed_in(fused(voltage, decay, charge), half, low, high, lopsided)
    store(state, VOLTAGE, voltage)


@njit(cache=True, nogil=True, forceinline=True)
def _mark(
    sent: int,
    rows: int,
    first: int,
    stop: int,
    weights: int,
    start: int,
    factors: int,
    state: int,
    lopsided: bool,
    taken: int,
) -> None:
    """As :func:`_clip`; the last slot that clipped goes beside the voltages, ``taken`` being those before the list."""
    decay, push = load(factors, DECAY), load(factors, PUSH)
    half, low, high = load(factors, HALF), load(factors, LOW), load(factors, HIGH)
    voltage, mark = load(state, VOLTAGE), load(state, MARK)
    for slot in range(first, stop):
        wanted = fused(voltage, decay, arriving(sent, rows, slot, weights, start, push))
        voltage = railed_in(wanted, half, low, high, lopsided)
        mark = where_differs(wanted, voltage, splat(np.float32(taken + slot + 1)), mark)
    store(state, VOLTAGE, voltage)
    store(state, MARK, mark)


@njit(cache=True, nogil=True, forceinline=True)
def _sends_fit(state: int, sends: int, factors: int) -> bool:
    """Whether all sends after a first one without clipping stay inside the rails too."""
    left = magnitude(add(load(state, VOLTAGE), load(factors, MIDDLE)))
    return not any_above(fused(splat(np.float32(sends - 1)), left, load(state, FAR)), load(state, SAFE))


@njit(cache=True, nogil=True)
def _walk_tile(
    sent: int,
    rows: int,
    first: int,
    count: int,
    peak: np.float32,
    sends: int,
    weights: int,
    start: int,
    factors: int,
    series: int,
    lopsided: bool,
    railed: bool,
    marking: bool,
    state: int,
) -> None:
    """All sends of one vector and block in one tile, from voltages of 0; ``state`` ends with voltages and marks."""
    store(state, VOLTAGE, subtract(splat(np.float32(0)), load(factors, MIDDLE)))
    store(state, MARK, splat(np.float32(0)))
    slot, stop = first, first + count
    if railed:
        store(state, FAR, splat(np.float32(0)))
        store(state, SAFE, fused(splat(-peak), load(factors, PEAKS), load(factors, FLOOR)))
        slot = _watch(sent, rows, first, stop, weights, start, factors, state)
    else:
        _free(sent, rows, first, stop, weights, start, factors, state)
        slot = stop
    if slot >= stop and (sends == 1 or not railed or _sends_fit(state, sends, factors)):
        voltage = add(load(state, VOLTAGE), load(factors, MIDDLE))
        if sends > 1:
            voltage = multiply(voltage, load(series, count * WIDTH))
        store(state, VOLTAGE, voltage)
        return
    for send in range(sends):
        if send > 0 or slot < stop:
            if marking:
                _mark(sent, rows, slot, stop, weights, start, factors, state, lopsided, send * count - first)
            else:
                _clip(sent, rows, slot, stop, weights, start, factors, state, lopsided)
        slot = first
    store(state, VOLTAGE, add(load(state, VOLTAGE), load(factors, MIDDLE)))


@njit(cache=True, nogil=True, forceinline=True)
def write_tile(values: Tile, out: int, place: int, width: int) -> None:
    """Write the first ``width`` columns of a tile."""
    if width == WIDTH:
        store(out, place, values)
    else:
        store_first(out, place, values, width)


@njit(cache=True, nogil=True)
def fill_series(factors: Array, size: int, sends: int, series: Array) -> None:
    """Fill ``series`` (tiles, size + 1, WIDTH), flat, with what all sends of 0..size slots make of the first one's end.

    That is ``1 + p + ... + p^(sends - 1)`` for the decay ``p`` over the slots of one send.
    """
    own = scratch(WIDTH)
    for tile in range(factors.shape[1] // WIDTH):
        take_tile(factors[:1], tile * WIDTH, own)
        power, decay = splat(np.float32(1)), load(address(own), 0)
        for slots in range(size + 1):
            total = splat(np.float32(1))
            for _ in range(sends - 1):
                total = fused(total, power, splat(np.float32(1)))
            store(address(series), (tile * (size + 1) + slots) * WIDTH, total)
            power = multiply(power, decay)
    keep(own)


@njit(cache=True, nogil=True)
def _prepare(factors: Array, column: int, peaks: Array, own: Array) -> None:
    """Copy what a tile needs, and work out how far notes may be: ``|v|`` some slots before one that was noted.

    ``STEP - 1`` slots back it is at most ``(|v| + (STEP - 1) (largest charge + |push|)) / decay^(STEP - 1)``.
    """
    take_tile(factors, column, own)
    for c in range(WIDTH):
        decay = own[DECAY + c]
        own[FLOOR + c] = own[HALF + c] * decay * decay * decay * np.float32(0.99999) - np.float32(STEP - 1) * abs(
            own[PUSH + c]
        )
        own[PEAKS + c] = np.float32(STEP - 1) * peaks[c]


@njit(cache=True, nogil=True)
def _walk_listed(
    listed: int,
    sent: int,
    rows: int,
    counts: int,
    largest: int,
    space: int,
    sends: int,
    weights: int,
    start: int,
    factors: int,
    series: int,
    lopsided: bool,
    railed: bool,
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
        first, count, peak = item * space, integer(counts, item), number(largest, item)
        job = sends, weights, start, factors, series, lopsided, railed, marking, state
        _walk_tile(sent, rows, first, count, peak, *job)
        voltage = multiply(load(state, VOLTAGE), load(factors, SETTLE))
        voltage = larger(smaller(voltage, load(factors, HIGH)), load(factors, LOW))
        write_tile(voltage, out, place, width)
        if marking:
            write_tile(load(state, MARK), last, place, width)
        place += step


@njit(cache=True, nogil=True, parallel=True)
def walk(
    charges: Array,
    weights: Array,
    peaks: Array,
    skip_zeros: bool,
    sends: int,
    factors: Array,
    lopsided: bool,
    railed: bool,
    marking: bool,
    out: Array,
    last: Array,
) -> bool:
    """The voltage after settling into ``out`` (B, N, C).

    ``lopsided`` says how ``factors`` have the rails; ``railed`` is false where no column has one. Where ``marking``,
    ``last`` (B, N, C) becomes how many slots (over all sends) had been taken when one clipped last, 0 where none did.
    Returns whether all charges are finite.
    """
    vectors, blocks, size = charges.shape
    columns, tiles, groups = out.shape[2], weights.shape[1], (vectors + GROUP - 1) // GROUP
    series = scratch(tiles * (size + 1) * WIDTH if sends > 1 else 0)
    if sends > 1:
        fill_series(factors, size, sends, series)
    series_at, charges_at, weights_at = address(series), address(charges), address(weights)
    out_at, last_at = address(out), address(last)
    finite = np.ones(blocks * groups, np.bool_)
    for task in prange(blocks * groups):
        block, group, space = task % blocks, task // blocks, room(size)
        lists, own = scratch(list_room(space)), scratch((STATE + FACTORS + 2) * WIDTH)
        sent, rows, counts, largest = list_places(address(lists), space)
        state, mine = address(own), address(own) + 4 * STATE * WIDTH
        end = min((group + 1) * GROUP, vectors)
        for begin in range(group * GROUP, end, LIST):
            listed = min(LIST, end - begin)
            place = begin * blocks + block
            good = list_vectors(
                charges_at, place * size, blocks * size, size, skip_zeros, listed, space, sent, rows, counts, largest
            )
            finite[task] = finite[task] and good
            # Stretches of memory this far apart come too late when they are asked for one by one.
            expect(charges_at, place * size + size, listed, blocks * size, size)
            expect_writing(out_at, place * columns, listed, blocks * columns, columns)
            for tile in range(tiles):
                column, width = tile * WIDTH, min(WIDTH, columns - tile * WIDTH)
                _prepare(factors, column, peaks[block, tile], own[STATE * WIDTH :])
                _walk_listed(
                    listed,
                    sent,
                    rows,
                    counts,
                    largest,
                    space,
                    sends,
                    weights_at,
                    (block * tiles + tile) * size * WIDTH,
                    mine,
                    series_at + 4 * tile * (size + 1) * WIDTH,
                    lopsided,
                    railed,
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
    keep(series)
    return bool(np.all(finite))
