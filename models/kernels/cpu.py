"""The chip models on the CPU: compiled walks for what depends on order, a plain product for what does not."""

from __future__ import annotations

import threading
from typing import Final

import numpy as np
from numpy.typing import NDArray

from data.values import Activations, Schedule, Weights, check_activations, check_weights
from models.kernels.coefficients import Coefficients, folded_weights, input_charges
from models.kernels.events import list_events
from models.kernels.walks import walk, walk_line
from models.parameters import ChipParameters

KERNELS: Final = threading.Lock()
"""Held around parallel kernels: numba's simplest threading layer ends the process when two threads enter at once."""

_CHUNK: Final = 4096
"""Vectors computed at a time, which bounds the memory of their charges."""


def membrane(
    activations: Activations, weights: Weights, parameters: ChipParameters, schedule: Schedule
) -> NDArray[np.float32]:
    """Membrane voltage at the read-out, without offset, noise and rounding.

    Which model, and which of its terms, ``parameters`` say (:class:`models.parameters.ChipParameters`). Where no term
    depends on order the sum is taken in float64, so that permuting rows changes nothing beyond its rounding.

    Args:
        activations: codes, shape (vectors, rows).
        weights: codes, shape (rows, columns).
        parameters: the chip.
        schedule: how the vectors are sent.

    Returns:
        Output codes with fractions, shape (vectors, columns).

    Raises:
        BadInput: wrong shape, a code out of range, or a schedule that the geometry cannot honour.
    """
    geometry = parameters.geometry
    schedule.check(geometry)
    activations = check_activations(activations, geometry)
    folded = folded_weights(check_weights(weights, geometry), parameters)
    out = np.empty((len(activations), geometry.columns), np.float32)
    for start in range(0, len(activations), _CHUNK):
        part = activations[start : start + _CHUNK]
        if parameters.ordered and parameters.terms:
            _ordered(part, folded, parameters, schedule, out[start : start + _CHUNK])
        else:
            total = schedule.sends * (input_charges(part, parameters) @ folded)
            if not parameters.ordered:
                total = np.clip(total, parameters.rail_low, parameters.rail_high)
            out[start : start + _CHUNK] = total
    return out


def _ordered(
    activations: Activations,
    folded: NDArray[np.float64],
    parameters: ChipParameters,
    schedule: Schedule,
    out: NDArray[np.float32],
) -> None:
    order = schedule.order_array(parameters.geometry.rows)
    events, counts = list_events(activations > 0, order, schedule.skip_zeros)
    charges = input_charges(activations, parameters).astype(np.float32)
    factors = Coefficients.of(parameters, schedule)
    decay, low, high = (f.astype(np.float32) for f in (factors.decay, factors.low, factors.high))
    # A block axis of one: the walks take many blocks at once, for training.
    job = (charges[:, None], folded.astype(np.float32)[None], events[:, None], counts[:, None], schedule.sends)
    voltage = out[:, None]
    with KERNELS:
        if not factors.uses_line:
            walk(*job, decay, low, high, voltage)
        else:
            line, limit, settle, line_settle = (
                f.astype(np.float32) for f in (factors.line, factors.limit, factors.settle, factors.line_settle)
            )
            last = np.empty(voltage.shape, np.int32)
            walk_line(*job, decay, low, high, line, limit, settle, line_settle, voltage, last, np.empty_like(voltage))
    if not factors.uses_line:
        np.clip(out * factors.settle.astype(np.float32), low, high, out=out)
