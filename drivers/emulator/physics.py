"""The emulated array between two events: compiled kernels over columns.

Events put charge on two synaptic lines per column, excitatory and inhibitory. Each line relaxes onto the membrane
with its own time constant and saturates by its own law: the excitatory current follows ``s / sqrt(1 + (s/L)^2)``, the
inhibitory one ``s (1 + u) / (1 + u + u^2)`` with ``u = s/L``. The membrane leaks, takes less charge the nearer it is
to where the charge pulls it, and stops at its rails, with charge fading out over a narrow knee before them.

Columns are worked in cells of :data:`WIDTH`; an array of a cell is one dimension of ``WIDTH`` values a quantity, so
that the compiler sees fixed distances and uses vector instructions.
"""

from __future__ import annotations

from typing import Final

import numba
import numpy as np

WIDTH: Final = 32
STATE: Final = 3
"""Quantities of a cell's state: membrane voltage, excitatory charge, inhibitory charge."""
STEP: Final = 10
"""Quantities of a step: see :func:`drivers.emulator.array.step_constants`."""
READ: Final = 7
"""Quantities of the read-out: offset, offset drift, cubic, quartic, reset noise, read noise, gain."""

_FAST: Final = {"contract", "nsz", "arcp"}
_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX_1: Final = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2: Final = np.uint64(0x94D049BB133111EB)
_TABLE: Final = np.uint64(0xFFF)


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def through_lines(state, step, steps, pull, knee):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Let ``steps`` equal steps pass on one cell; charge flows from the lines to the membrane."""
    W = WIDTH
    one, half = np.float32(1.0), np.float32(0.5)
    for _ in range(steps):
        for c in range(W):
            exc = state[W + c]
            inh = state[2 * W + c]
            u = exc * step[2 * W + c]
            w = inh * step[3 * W + c]
            law = one + w + w * w
            root = np.sqrt(one + u * u)
            # Both laws over one denominator: a division costs as much as everything else here.
            over = step[4 * W + c] / (root * law)
            up = exc * law * over
            down = inh * (one + w) * root * over
            v = state[c] * step[W + c]
            drag = pull * step[5 * W + c] * (up + down)
            # The pull of the voltage half way through the step, to second order.
            push = (step[5 * W + c] * (up - down) - drag * v) * (one - half * drag)
            # Charge fades with the room left before the rail; solved for the room at the end of the step, so that
            # a step larger than the knee comes to rest where small ones would.
            size = abs(push)
            room = step[7 * W + c] - v if push > 0 else v - step[6 * W + c]
            left = room * knee / (knee + size)
            edge = step[7 * W + c] - left if push > 0 else step[6 * W + c] + left
            state[c] = v + push if room > knee + size else edge
            state[W + c] = exc * step[c]
            state[2 * W + c] = inh * step[c]


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def straight_in(state, step, charges, charge, pull, knee):  # type: ignore[no-untyped-def]  # pragma: no cover
    """One event on one cell without lines: its charge is on the membrane at once."""
    W = WIDTH
    for c in range(W):
        q = charge * charges[c]
        v = state[c]
        push = step[8 * W + c] * (q - pull * v * abs(q))
        size = abs(push)
        room = step[7 * W + c] - v if push > 0 else v - step[6 * W + c]
        left = room * knee / (knee + size)
        edge = step[7 * W + c] - left if push > 0 else step[6 * W + c] + left
        state[c] = v + push if room > knee + size else edge


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def leak(state, step):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Let time pass on one cell in which the lines have nothing to give."""
    for c in range(WIDTH):
        state[c] *= step[9 * WIDTH + c]


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def onto_lines(state, charges, charge):  # type: ignore[no-untyped-def]  # pragma: no cover
    """One event on one cell: its charge is on the lines."""
    W = WIDTH
    zero = np.float32(0.0)
    for c in range(W):
        q = charge * charges[c]
        state[W + c] += max(q, zero)
        state[2 * W + c] += max(-q, zero)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def fill_noise(buffer, key, vector, column, table):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Two standard normal values a column, a function of key, vector and column alone (a SplitMix64 hash)."""
    for c in range(WIDTH):
        z = key + _GOLDEN * (vector * np.uint64(65536) + np.uint64(column + c) + np.uint64(1))
        z = (z ^ (z >> np.uint64(30))) * _MIX_1
        z = (z ^ (z >> np.uint64(27))) * _MIX_2
        z = z ^ (z >> np.uint64(31))
        buffer[c] = table[z & _TABLE] + table[(z >> np.uint64(12)) & _TABLE]
        buffer[WIDTH + c] = table[(z >> np.uint64(24)) & _TABLE] + table[(z >> np.uint64(36)) & _TABLE]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def read_out(out, voltage, read, noise, drift, low, high):  # type: ignore[no-untyped-def]  # pragma: no cover
    """The converter: offset, bend, noise, floor, clamp. ``out`` and ``voltage`` have one value a column."""
    W = WIDTH
    for c in range(W):
        u = min(max(voltage[c] / 128, -1.0), 1.0)
        bend = (1 - u * u) * (read[2 * W + c] * 2.598 * u + read[3 * W + c] * 4.0 * u * u)
        value = voltage[c] + (read[c] + read[W + c] * drift + bend + read[5 * W + c] * noise[W + c])
        out[c] = np.int16(min(max(np.floor(value), low), high))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def list_events(activations, order, pulse, gain, skip_zeros, rows, charges, counts):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write down the events of every vector: which row sends, and its charge for a unit weight."""
    for n in range(activations.shape[0]):
        k = 0
        for row in order:
            code = activations[n, row]
            if code == 0 and skip_zeros:
                continue
            rows[n, k] = row
            charges[n, k] = pulse[code] * gain[n]
            k += 1
        counts[n] = k


@numba.njit(cache=True, nogil=True, error_model="numpy")
def walk(  # type: ignore[no-untyped-def]  # pragma: no cover
    cells, events, plan, chip, states, readout, noise_key, table, drift, out
):
    """Send vectors to the cells ``cells = (first, last)`` one after another, event by event.

    ``events`` is (rows, charges, counts); ``plan`` is (sends, slot steps, settle steps, whether there are lines,
    whether a slot is longer than its steps, first vector's number); ``chip`` is (synapses (cells, rows, WIDTH), slot,
    settle, reset, pull, knee).
    """
    rows, charges, counts = events
    sends, slot_steps, settle_steps, lines, rest, first = plan
    synapses, slot, settle, reset, pull, knee = chip
    low, high = readout[1], readout[2]
    noise = np.empty(2 * WIDTH, np.float32)
    for cell in range(cells[0], cells[1]):
        state, read = states[cell], readout[0][cell]
        for n in range(counts.size):
            fill_noise(noise, noise_key, np.uint64(first + n), cell * WIDTH, table)
            for c in range(STATE * WIDTH):
                state[c] *= reset[cell, c]
            for c in range(WIDTH):
                state[c] += read[4 * WIDTH + c] * noise[c]
            for _ in range(sends):
                for k in range(counts[n]):
                    if lines:
                        if charges[n, k] > 0:
                            onto_lines(state, synapses[cell, rows[n, k]], charges[n, k])
                        through_lines(state, slot[cell], slot_steps, pull, knee)
                    elif charges[n, k] > 0:
                        straight_in(state, slot[cell], synapses[cell, rows[n, k]], charges[n, k], pull, knee)
                    if rest:
                        leak(state, slot[cell])
            if lines:
                through_lines(state, settle[cell], settle_steps, pull, knee)
            leak(state, settle[cell])
            read_out(out[n, cell * WIDTH : (cell + 1) * WIDTH], state, read, noise, drift[n], low, high)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def add_up(  # type: ignore[no-untyped-def]  # pragma: no cover
    cells, activations, pulse, gain, sends, first, synapses, states, reset, readout, noise_key, table, drift, out
):
    """The array without any order effect: charges are added in double precision, whole numbers exactly."""
    low, high = readout[1], readout[2]
    noise = np.empty(2 * WIDTH, np.float32)
    total = np.empty(WIDTH, np.float64)
    for cell in range(cells[0], cells[1]):
        state, read = states[cell], readout[0][cell]
        for n in range(activations.shape[0]):
            fill_noise(noise, noise_key, np.uint64(first + n), cell * WIDTH, table)
            total[:] = 0.0
            for row in range(activations.shape[1]):
                code = activations[n, row]
                if code:
                    charge = pulse[code]
                    for c in range(WIDTH):
                        total[c] += charge * synapses[cell, row, c]
            for c in range(WIDTH):
                total[c] = total[c] * gain[n] * sends * read[6 * WIDTH + c]
                total[c] += state[c] * reset[cell, c] + read[4 * WIDTH + c] * noise[c]
                state[c] = total[c]
            read_out(out[n, cell * WIDTH : (cell + 1) * WIDTH], total, read, noise, drift[n], low, high)
