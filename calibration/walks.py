"""Compiled walks backwards: the derivative of a prediction by the charge of every row, at all points and columns.

Each vector is walked forwards once, keeping the voltage after every event, and backwards once with the adjoint, the
derivative of the final voltage by the voltage at that event (zero before a rail that was touched). The result is the
exact gradient of the model at about twice the cost of the model, whatever the number of rows. See Griewank and
Walther, *Evaluating Derivatives*, 2nd ed., SIAM 2008, chapter 3. The columns' own parameters are few, and their
derivatives are carried forward: :mod:`calibration.tangents`.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit, prange

FASTMATH: Final = frozenset({"contract", "nsz", "reassoc"})
"""Which freedoms the compiler has; infinities stay, since rails may be infinite."""
_LANES: Final = 16
"""Columns summed together: one cache line of float32."""
BLOCKS: Final = 64
"""Points are dealt to this many blocks in turn, so that threads get equal shares of short and long vectors."""


@njit(nogil=True, cache=True)
def list_events(vector, order, skip_zeros, events):  # type: ignore[no-untyped-def]
    """Fill ``events`` with the rows in the sequence in which they send once; returns how many."""
    count = 0
    for row in order:
        if vector[row] != 0 or not skip_zeros:
            events[count] = row
            count += 1
    return count


@njit(nogil=True, cache=True, fastmath=set(FASTMATH))
def _backward(events, count, total, fade, low, high, voltage, adjoint, reach):  # type: ignore[no-untyped-def]
    """From the last event to the first; ``adjoint`` comes as the derivative by the last voltage and is used up."""
    for k in range(total - 1, -1, -1):
        row = events[k % count]
        for i in range(len(adjoint)):
            v = voltage[k + 1, i]
            lam = np.float32(0) if v <= low[i] or v >= high[i] else adjoint[i]
            reach[row, i] += lam
            adjoint[i] = lam * fade[i]


@njit(nogil=True, cache=True, parallel=True, fastmath=set(FASTMATH))
def walk_back(activations, program, schedule, orders, skip_zeros, sends, curve, weights, decay, settle_decay, low, high, low_end, high_end, reach):  # type: ignore[no-untyped-def]  # fmt: skip  # noqa: E501
    """Walk without line term; see :func:`calibration.sensitivity.evaluate` for shapes.

    ``low`` and ``high`` clip at every event, ``low_end`` and ``high_end`` once at the end. ``reach`` is filled with the
    derivative of the final voltage by each row's charge times gain; ``weights`` are such charges.
    """
    points, rows, columns = reach.shape
    reach[:] = 0
    for block in prange(BLOCKS):
        events = np.empty(rows, np.uint16)
        voltage = np.empty((1 + rows * sends.max(), columns), np.float32)
        adjoint = np.empty(columns, np.float32)
        for point in range(block, points, BLOCKS):
            plan, matrix, vector = schedule[point], weights[program[point]], activations[point]
            count = list_events(vector, orders[plan], skip_zeros[plan], events)
            total = count * sends[plan]
            fade, fade_end = decay[plan], settle_decay[plan]
            voltage[0] = 0
            for k in range(total):
                row = events[k % count]
                charge = curve[vector[row]]
                for i in range(columns):
                    v = voltage[k, i] * fade[i] + charge * matrix[row, i]
                    v = low[i] if v < low[i] else v
                    voltage[k + 1, i] = high[i] if v > high[i] else v
            for i in range(columns):
                v = voltage[total, i] * fade_end[i]
                adjoint[i] = 0 if v <= low_end[i] or v >= high_end[i] else fade_end[i]
            _backward(events, count, total, fade, low, high, voltage, adjoint, reach[point])


@njit(nogil=True, cache=True, parallel=True)
def look_up(codes, table, row_gain, charges):  # type: ignore[no-untyped-def]
    """Charge of each weight: ``table``, shape (codes, columns), times ``row_gain``, shape (rows,).

    ``charges`` may have more columns than ``codes``; the rest become 0.
    """
    programmes, rows, columns = codes.shape
    top = len(table) // 2
    for program in prange(programmes):
        for row in range(rows):
            for i in range(columns):
                charges[program, row, i] = table[codes[program, row, i] + top, i] * row_gain[row]
            charges[program, row, columns:] = 0


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
