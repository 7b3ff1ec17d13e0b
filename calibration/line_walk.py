"""The compiled walk backwards with input line: as :mod:`calibration.walks`, with a second state.

Inner loops over the columns are short and many: one long loop over as many arrays is not vectorised.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit, prange

from calibration.walks import BLOCKS, FASTMATH, list_events

_KEPT: Final = 0
"""Share of the line's charge that is left after one slot."""
_TAKEN: Final = 1
"""Share that goes to the membrane in one slot."""
_KEPT_END: Final = 2
_BENT: Final = 3
"""Charge on the line after saturation."""
_STEEP: Final = 4
"""Derivative of ``_BENT`` by the charge."""
_ADJOINT: Final = 5
"""Derivative of the final voltage by the voltage now."""
_ON_LINE: Final = 6
"""Derivative of the final voltage by the charge on the line now."""
_WORK: Final = 7


@njit(nogil=True, cache=True, inline="always", error_model="numpy")
def _compress(z):  # type: ignore[no-untyped-def]
    """``h(z) = tanh(sqrt z) / sqrt z`` and its derivative: a continued fraction, beyond 25 ``1 / sqrt z``."""
    if z > np.float32(25):
        far = np.float32(1) / np.sqrt(z)
        return far, np.float32(-0.5) * far / z
    top = np.float32(135135) + z * (np.float32(17325) + z * (np.float32(378) + z))
    bottom = np.float32(135135) + z * (np.float32(62370) + z * (np.float32(3150) + np.float32(28) * z))
    slope_top = np.float32(17325) + z * (np.float32(756) + np.float32(3) * z)
    slope_bottom = np.float32(62370) + z * (np.float32(6300) + np.float32(84) * z)
    inverse = np.float32(1) / bottom
    h = top * inverse
    return h, (slope_top - h * slope_bottom) * inverse


@njit(nogil=True, cache=True, inline="always", error_model="numpy")
def _factors(spacing, settle, line_time, work):  # type: ignore[no-untyped-def]
    for i in range(len(line_time)):
        work[_KEPT, i] = np.exp(-spacing / line_time[i])
        work[_TAKEN, i] = 1 - work[_KEPT, i]
        work[_KEPT_END, i] = np.exp(-settle / line_time[i])


@njit(nogil=True, cache=True, inline="always", error_model="numpy")
def _forward(events, count, total, vector, curve, matrix, fade, low, high, gain, saturation, work, line, voltage):  # type: ignore[no-untyped-def]  # fmt: skip
    kept, taken, bent = work[_KEPT], work[_TAKEN], work[_BENT]
    voltage[0] = 0
    line[0] = 0
    for k in range(total):
        row = events[k % count]
        charge = curve[vector[row]]
        for i in range(len(gain)):
            s = line[k, i] * kept[i] + charge * matrix[row, i]
            line[k + 1, i] = s
            h, _ = _compress(saturation[i] * s * s)
            bent[i] = h * s
        for i in range(len(gain)):
            v = voltage[k, i] * fade[i] + gain[i] * taken[i] * bent[i]
            v = low[i] if v < low[i] else v
            voltage[k + 1, i] = high[i] if v > high[i] else v


@njit(nogil=True, cache=True, inline="always", error_model="numpy")
def _read_out(fade_end, low, high, gain, saturation, work, line, voltage):  # type: ignore[no-untyped-def]
    """The settle step, and the adjoints with which the way back begins."""
    for i in range(len(gain)):
        s = line[i] * work[_KEPT, i]
        h, slope = _compress(saturation[i] * s * s)
        rest = gain[i] * (1 - work[_KEPT_END, i])
        v = voltage[i] * fade_end[i] + rest * h * s
        free = np.float32(0) if v <= low[i] or v >= high[i] else np.float32(1)
        work[_ADJOINT, i] = free * fade_end[i]
        work[_ON_LINE, i] = free * rest * (h + 2 * saturation[i] * s * s * slope) * work[_KEPT, i]


@njit(nogil=True, cache=True, inline="always", error_model="numpy")
def _backward(events, count, total, fade, low, high, gain, saturation, work, line, voltage, reach):  # type: ignore[no-untyped-def]
    kept, taken, steep = work[_KEPT], work[_TAKEN], work[_STEEP]
    adjoint, on_line = work[_ADJOINT], work[_ON_LINE]
    for k in range(total - 1, -1, -1):
        for i in range(len(gain)):
            s = line[k + 1, i]
            z = saturation[i] * s * s
            h, slope = _compress(z)
            steep[i] = h + 2 * z * slope
        for i in range(len(gain)):
            v = voltage[k + 1, i]
            adjoint[i] = np.float32(0) if v <= low[i] or v >= high[i] else adjoint[i]
            on_line[i] += adjoint[i] * gain[i] * taken[i] * steep[i]
        reach[events[k % count]] += on_line
        for i in range(len(gain)):
            on_line[i] *= kept[i]
            adjoint[i] *= fade[i]


@njit(nogil=True, cache=True, parallel=True, fastmath=set(FASTMATH), error_model="numpy")
def walk_line_back(activations, program, schedule, orders, skip_zeros, sends, spacing, settle, curve, weights, decay, settle_decay, low, high, gain, line_time, saturation, reach):  # type: ignore[no-untyped-def]  # fmt: skip  # noqa: E501
    """Walk with line term; ``weights`` are charges here, not yet times ``gain``, and so ``reach`` is by charge."""
    points, rows, columns = reach.shape
    reach[:] = 0
    for block in prange(BLOCKS):
        events = np.empty(rows, np.uint16)
        voltage = np.empty((1 + rows * sends.max(), columns), np.float32)
        line, work = np.empty_like(voltage), np.empty((_WORK, columns), np.float32)
        for point in range(block, points, BLOCKS):
            plan, matrix, vector = schedule[point], weights[program[point]], activations[point]
            count = list_events(vector, orders[plan], skip_zeros[plan], events)
            total = count * sends[plan]
            _factors(spacing[plan], settle[plan], line_time, work)
            _forward(events, count, total, vector, curve, matrix, decay[plan], low, high, gain, saturation, work, line, voltage)  # fmt: skip  # noqa: E501
            _read_out(settle_decay[plan], low, high, gain, saturation, work, line[total], voltage[total])
            _backward(events, count, total, decay[plan], low, high, gain, saturation, work, line, voltage, reach[point])
