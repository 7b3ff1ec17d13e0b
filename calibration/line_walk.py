"""The compiled walk with input line: as :mod:`calibration.walks`, with a second state and two more parameters.

Inner loops over the columns are short and many: one long loop over as many arrays is not vectorised.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit, prange

from calibration.walks import (
    BLOCKS,
    FASTMATH,
    GAIN,
    HIGH,
    LEAK,
    LINE_TIME,
    LOW,
    NEGATIVE,
    POSITIVE,
    SATURATION,
    list_events,
)

_KEPT: Final = 0
"""Share of the line's charge that is left after one slot."""
_TAKEN: Final = 1
"""Share that goes to the membrane in one slot."""
_KEPT_END: Final = 2
_BENT: Final = 3
"""Charge on the line after saturation."""
_STEEP: Final = 4
"""Derivative of ``_BENT`` by the charge."""
_CUBIC: Final = 5
"""Derivative of ``_BENT`` by the saturation."""
_ADJOINT: Final = 6
"""Derivative of the final voltage by the voltage now."""
_ON_LINE: Final = 7
"""Derivative of the final voltage by the charge on the line now."""
_BY_KEPT: Final = 8
_BY_TAKEN: Final = 9
_WORK: Final = 10


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
def _read_out(spacing, settle, fade_end, low, high, gain, line_time, saturation, work, line, voltage, predicted, out):  # type: ignore[no-untyped-def]  # fmt: skip
    """The settle step, and the adjoints with which the way back begins."""
    for i in range(len(gain)):
        s = line[i] * work[_KEPT, i]
        h, slope = _compress(saturation[i] * s * s)
        rest = gain[i] * (1 - work[_KEPT_END, i])
        v = voltage[i] * fade_end[i] + rest * h * s
        under, over = v <= low[i], v >= high[i]
        predicted[i] = low[i] if under else (high[i] if over else v)
        out[LOW, i] = 1 if under else 0
        out[HIGH, i] = 1 if over else 0
        free = np.float32(0) if under or over else np.float32(1)
        through = free * rest * (h + 2 * saturation[i] * s * s * slope)
        work[_ADJOINT, i] = free * fade_end[i]
        work[_ON_LINE, i] = through * work[_KEPT, i]
        work[_BY_KEPT, i] = through * line[i]
        work[_BY_TAKEN, i] = 0
        out[GAIN, i] = free * rest * h * s
        out[LEAK, i] = -(spacing + settle) * work[_ADJOINT, i] * voltage[i]
        out[SATURATION, i] = free * rest * s * s * s * slope
        out[LINE_TIME, i] = -free * gain[i] * h * s * work[_KEPT_END, i] * settle / (line_time[i] * line_time[i])


@njit(nogil=True, cache=True, inline="always", error_model="numpy")
def _backward(events, count, total, vector, curve, matrix, fade, low, high, gain, saturation, spacing, work, line, voltage, out, reach):  # type: ignore[no-untyped-def]  # fmt: skip  # noqa: E501
    kept, taken, bent, steep, cubic = work[_KEPT], work[_TAKEN], work[_BENT], work[_STEEP], work[_CUBIC]
    adjoint, on_line, by_kept, by_taken = work[_ADJOINT], work[_ON_LINE], work[_BY_KEPT], work[_BY_TAKEN]
    columns = len(gain)
    for k in range(total - 1, -1, -1):
        row = events[k % count]
        charge = curve[vector[row]]
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
        if len(reach):
            reach[row] += on_line
        for i in range(columns):
            by_kept[i] += on_line[i] * line[k, i]
            on_line[i] *= kept[i]
        for i in range(columns):
            adjoint[i] *= fade[i]
            out[LEAK, i] -= spacing * adjoint[i] * voltage[k, i]


@njit(nogil=True, cache=True, parallel=True, fastmath=set(FASTMATH), error_model="numpy")
def walk_line(activations, program, schedule, orders, skip_zeros, sends, spacing, settle, curve, weights, decay, settle_decay, low, high, gain, line_time, saturation, predicted, slots, reach):  # type: ignore[no-untyped-def]  # fmt: skip  # noqa: E501
    """Walk with line term; ``weights`` are charges here, not yet times ``gain``."""
    points, columns = predicted.shape
    rows = activations.shape[1]
    reach[:] = 0
    for block in prange(BLOCKS):
        events = np.empty(rows, np.uint16)
        voltage = np.empty((1 + rows * sends.max(), columns), np.float32)
        line, work = np.empty_like(voltage), np.empty((_WORK, columns), np.float32)
        nowhere = np.empty((0, columns), np.float32)
        for point in range(block, points, BLOCKS):
            plan, matrix, vector, out = schedule[point], weights[program[point]], activations[point], slots[point]
            count = list_events(vector, orders[plan], skip_zeros[plan], events)
            total = count * sends[plan]
            fade, fade_end = decay[plan], settle_decay[plan]
            to = reach[point] if len(reach) else nowhere
            out[:] = 0
            _factors(spacing[plan], settle[plan], line_time, work)
            _forward(
                events, count, total, vector, curve, matrix, fade, low, high, gain, saturation, work, line, voltage
            )
            _read_out(spacing[plan], settle[plan], fade_end, low, high, gain, line_time, saturation, work, line[total], voltage[total], predicted[point], out)  # fmt: skip  # noqa: E501
            _backward(events, count, total, vector, curve, matrix, fade, low, high, gain, saturation, spacing[plan], work, line, voltage, out, to)  # fmt: skip  # noqa: E501
            for i in range(columns):
                rate = work[_KEPT, i] * spacing[plan] / (line_time[i] * line_time[i])
                out[LINE_TIME, i] += (work[_BY_KEPT, i] - work[_BY_TAKEN, i]) * rate
                out[GAIN, i] += work[_TAKEN, i] * work[_BY_TAKEN, i]
