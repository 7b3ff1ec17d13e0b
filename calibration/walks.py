"""Compiled walks: a prediction and its derivatives by every parameter, for all points and columns at once.

Each vector is walked forwards once, keeping the voltage after every event, and backwards once with the adjoint, the
derivative of the final voltage by the voltage at that event (zero before a rail that was touched). The result is the
exact gradient of the model at about twice the cost of the model, whatever the number of parameters. See
Griewank and Walther, *Evaluating Derivatives*, 2nd ed., SIAM 2008, chapter 3.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

Single = NDArray[np.float32]

POSITIVE: Final = 0
"""Derivative by gain through positive weights, times gain."""
NEGATIVE: Final = 1
"""Derivative by gain through negative weights, times gain."""
LEAK: Final = 2
"""Derivative by leak rate (1/ns)."""
LOW: Final = 3
HIGH: Final = 4
SLOTS: Final = 5
LINE_TIME: Final = 5
"""Derivative by the line's time constant (ns)."""
SATURATION: Final = 6
"""Derivative by the inverse square of the line's limit."""
GAIN: Final = 7
"""Derivative by gain, times gain: with a line that saturates it is not the sum of the first two."""
LINE_SLOTS: Final = 8

_LANES: Final = 16
"""Columns summed together: one cache line of float32."""
_BLOCKS: Final = 64
"""Points are dealt to this many blocks in turn, so that threads get equal shares of short and long vectors."""


@njit(nogil=True, cache=True)
def _events(vector, order, skip_zeros, events):  # type: ignore[no-untyped-def]
    count = 0
    for row in order:
        if vector[row] != 0 or not skip_zeros:
            events[count] = row
            count += 1
    return count


@njit(nogil=True, cache=True, parallel=True, fastmath={"contract", "nsz", "reassoc"})
def walk(activations, program, schedule, orders, skip_zeros, sends, spacing, settle, curve, weights, decay, settle_decay, low, high, low_end, high_end, predicted, slots, reach):  # type: ignore[no-untyped-def]  # fmt: skip  # noqa: E501
    """Walk without line term; see :func:`calibration.sensitivity.evaluate` for shapes.

    ``low`` and ``high`` clip at every event, ``low_end`` and ``high_end`` once at the end. ``reach`` is filled with the
    derivative of the final voltage by each row's charge times gain, unless it has no points.
    """
    points, columns = predicted.shape
    rows = activations.shape[1]
    for block in prange(_BLOCKS):
        events = np.empty(rows, np.uint16)
        voltage = np.empty((1 + rows * sends.max(), columns), np.float32)
        adjoint = np.empty(columns, np.float32)
        for point in range(block, points, _BLOCKS):
            plan, matrix = schedule[point], weights[program[point]]
            count = _events(activations[point], orders[plan], skip_zeros[plan], events)
            total = count * sends[plan]
            fade, fade_end = decay[plan], settle_decay[plan]
            voltage[0] = 0
            for k in range(total):
                row = events[k % count]
                charge = curve[activations[point, row]]
                for i in range(columns):
                    v = voltage[k, i] * fade[i] + charge * matrix[row, i]
                    v = low[i] if v < low[i] else v
                    voltage[k + 1, i] = high[i] if v > high[i] else v
            out = slots[point]
            out[:] = 0
            for i in range(columns):
                v = voltage[total, i] * fade_end[i]
                under, over = v <= low_end[i], v >= high_end[i]
                predicted[point, i] = low_end[i] if under else (high_end[i] if over else v)
                out[LOW, i] = 1 if under else 0
                out[HIGH, i] = 1 if over else 0
                adjoint[i] = 0 if under or over else fade_end[i]
                out[LEAK, i] = 0 if under or over else -settle[plan] * v
            wanted = reach.shape[0] > 0
            if wanted:
                reach[point] = 0
            for k in range(total - 1, -1, -1):
                row = events[k % count]
                charge = curve[activations[point, row]]
                for i in range(columns):
                    lam, v = adjoint[i], voltage[k + 1, i]
                    at_low, at_high = v <= low[i], v >= high[i]
                    out[LOW, i] += lam if at_low else np.float32(0)
                    out[HIGH, i] += lam if at_high else np.float32(0)
                    lam = np.float32(0) if at_low or at_high else lam
                    q = charge * matrix[row, i]
                    part = lam * q
                    out[POSITIVE, i] += part if q > 0 else np.float32(0)
                    out[NEGATIVE, i] += np.float32(0) if q > 0 else part
                    adjoint[i] = lam * fade[i]
                    out[LEAK, i] -= spacing[plan] * adjoint[i] * voltage[k, i]
                    if wanted:
                        reach[point, row, i] += lam


@njit(nogil=True, cache=True, parallel=True)
def look_up(codes, table, row_gain, charges):  # type: ignore[no-untyped-def]
    """Charge of each weight: ``table``, shape (codes, columns), times ``row_gain``, shape (rows,)."""
    programmes, rows, columns = codes.shape
    top = len(table) // 2
    for program in prange(programmes):
        for row in range(rows):
            for i in range(columns):
                charges[program, row, i] = table[codes[program, row, i] + top, i] * row_gain[row]


@njit(nogil=True, cache=True, parallel=True)
def normal_equations(weights, residual, jacobian):  # type: ignore[no-untyped-def]
    """Per column: weighted sum of squares, J^T W r and J^T W J, summed in float64.

    ``weights`` and ``residual`` have shape (points, columns), ``jacobian`` (names, points, columns).
    """
    names, points, columns = jacobian.shape
    cost, gradient = np.zeros(columns), np.zeros((columns, names))
    information = np.zeros((columns, names, names))
    for block in prange((columns + _LANES - 1) // _LANES):
        first, last = block * _LANES, min(columns, (block + 1) * _LANES)
        for point in range(points):
            for i in range(first, last):
                weight, off = np.float64(weights[point, i]), np.float64(residual[point, i])
                cost[i] += weight * off * off
                for a in range(names):
                    share = weight * jacobian[a, point, i]
                    gradient[i, a] += share * off
                    for b in range(a + 1):
                        information[i, a, b] += share * jacobian[b, point, i]
        for i in range(first, last):
            for a in range(names):
                for b in range(a):
                    information[i, b, a] = information[i, a, b]
    return cost, gradient, information


@njit(nogil=True, cache=True, inline="always")
def _compress(z):  # type: ignore[no-untyped-def]
    """``h(z) = tanh(sqrt z) / sqrt z`` and its derivative, by the seventh-order continued fraction."""
    z = min(z, np.float32(40))
    top = np.float32(135135) + z * (np.float32(17325) + z * (np.float32(378) + z))
    bottom = np.float32(135135) + z * (np.float32(62370) + z * (np.float32(3150) + np.float32(28) * z))
    slope_top = np.float32(17325) + z * (np.float32(756) + np.float32(3) * z)
    slope_bottom = np.float32(62370) + z * (np.float32(6300) + np.float32(84) * z)
    inverse = np.float32(1) / bottom
    h = top * inverse
    return h, (slope_top - h * slope_bottom) * inverse


@njit(nogil=True, cache=True, parallel=True, fastmath={"contract", "nsz", "reassoc"})
def walk_line(activations, program, schedule, orders, skip_zeros, sends, spacing, settle, curve, weights, decay, settle_decay, low, high, gain, line_time, saturation, predicted, slots, reach):  # type: ignore[no-untyped-def]  # fmt: skip  # noqa: E501
    """Walk with line term; ``weights`` are charges here, not yet times ``gain``."""
    points, columns = predicted.shape
    rows = activations.shape[1]
    for block in prange(_BLOCKS):
        events = np.empty(rows, np.uint16)
        voltage = np.empty((1 + rows * sends.max(), columns), np.float32)
        line = np.empty((1 + rows * sends.max(), columns), np.float32)
        adjoint, on_line = np.empty(columns, np.float32), np.empty(columns, np.float32)
        kept, taken, kept_end = (
            np.empty(columns, np.float32),
            np.empty(columns, np.float32),
            np.empty(columns, np.float32),
        )
        by_kept, by_taken = np.empty(columns, np.float32), np.empty(columns, np.float32)
        bent, cubic, steep = np.empty(columns, np.float32), np.empty(columns, np.float32), np.empty(columns, np.float32)
        for point in range(block, points, _BLOCKS):
            plan, matrix = schedule[point], weights[program[point]]
            count = _events(activations[point], orders[plan], skip_zeros[plan], events)
            total = count * sends[plan]
            fade, fade_end = decay[plan], settle_decay[plan]
            for i in range(columns):
                kept[i] = np.exp(-spacing[plan] / line_time[i])
                kept_end[i] = np.exp(-settle[plan] / line_time[i])
                taken[i] = 1 - kept[i]
            voltage[0] = 0
            line[0] = 0
            for k in range(total):
                row = events[k % count]
                charge = curve[activations[point, row]]
                for i in range(columns):
                    s = line[k, i] * kept[i] + charge * matrix[row, i]
                    line[k + 1, i] = s
                    h, _ = _compress(saturation[i] * s * s)
                    bent[i] = h * s
                for i in range(columns):
                    v = voltage[k, i] * fade[i] + gain[i] * taken[i] * bent[i]
                    v = low[i] if v < low[i] else v
                    voltage[k + 1, i] = high[i] if v > high[i] else v
            out = slots[point]
            out[:] = 0
            for i in range(columns):
                s = line[total, i] * kept[i]
                h, slope = _compress(saturation[i] * s * s)
                rest = gain[i] * (1 - kept_end[i])
                v = voltage[total, i] * fade_end[i] + rest * h * s
                under, over = v <= low[i], v >= high[i]
                predicted[point, i] = low[i] if under else (high[i] if over else v)
                out[LOW, i] = 1 if under else 0
                out[HIGH, i] = 1 if over else 0
                free = np.float32(0) if under or over else np.float32(1)
                adjoint[i] = free * fade_end[i]
                out[LEAK, i] = -settle[plan] * adjoint[i] * voltage[total, i]
                out[SATURATION, i] = free * rest * s * s * s * slope
                through = free * rest * (h + 2 * saturation[i] * s * s * slope)
                by_kept[i] = through * line[total, i]
                by_taken[i] = 0
                on_line[i] = through * kept[i]
                out[LINE_TIME, i] = -free * gain[i] * h * s * kept_end[i] * settle[plan] / (line_time[i] * line_time[i])
                out[GAIN, i] = free * rest * h * s
            wanted = reach.shape[0] > 0
            if wanted:
                reach[point] = 0
            for k in range(total - 1, -1, -1):
                row = events[k % count]
                charge = curve[activations[point, row]]
                # Several short loops, since one long one is not vectorised.
                for i in range(columns):
                    s = line[k + 1, i]
                    z = saturation[i] * s * s
                    h, slope = _compress(z)
                    bent[i] = h * s
                    cubic[i] = s * s * s * slope
                    steep[i] = h + 2 * z * slope
                for i in range(columns):
                    lam, v = adjoint[i], voltage[k + 1, i]
                    at_low, at_high = v <= low[i], v >= high[i]
                    out[LOW, i] += lam if at_low else np.float32(0)
                    out[HIGH, i] += lam if at_high else np.float32(0)
                    adjoint[i] = np.float32(0) if at_low or at_high else lam
                for i in range(columns):
                    weight = adjoint[i] * gain[i]
                    by_taken[i] += weight * bent[i]
                    out[SATURATION, i] += weight * taken[i] * cubic[i]
                    on_line[i] += weight * taken[i] * steep[i]
                for i in range(columns):
                    part = on_line[i] * charge * matrix[row, i]
                    out[POSITIVE, i] += part if matrix[row, i] > 0 else np.float32(0)
                    out[NEGATIVE, i] += np.float32(0) if matrix[row, i] > 0 else part
                if wanted:
                    reach[point, row] += on_line
                for i in range(columns):
                    by_kept[i] += on_line[i] * line[k, i]
                    on_line[i] *= kept[i]
                for i in range(columns):
                    adjoint[i] *= fade[i]
                    out[LEAK, i] -= spacing[plan] * adjoint[i] * voltage[k, i]
            for i in range(columns):
                rate = kept[i] * spacing[plan] / (line_time[i] * line_time[i])
                out[LINE_TIME, i] += (by_kept[i] - by_taken[i]) * rate
                out[GAIN, i] += taken[i] * by_taken[i]
