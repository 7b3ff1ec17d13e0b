"""The chip models on the CPU: compiled walks for what depends on order, a plain product for what does not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import numpy as np
from numba import get_num_threads, set_num_threads
from numpy.typing import NDArray

from data.values import Activations, Schedule, Weights, check_activations, check_weights
from models.kernels.coefficients import Coefficients, input_charges, weight_charges
from models.kernels.events import list_events
from models.kernels.walks import walk, walk_line
from models.parameters import ChipParameters

_KERNELS: Final = threading.Lock()

_CHUNK: Final = 4096
"""Vectors computed at a time, which bounds the memory of their charges."""


@contextmanager
def parallel_kernels(threads: int | None = None) -> Iterator[None]:
    """Enter compiled parallel kernels, on at most ``threads`` threads where given.

    One caller at a time: numba's simplest threading layer ends the process when two threads enter at once.
    """
    with _KERNELS:
        before = get_num_threads()
        if threads is not None:
            set_num_threads(max(1, min(threads, before)))
        try:
            yield
        except SystemError as error:
            if interrupted(error):
                raise KeyboardInterrupt from error
            raise
        finally:
            set_num_threads(before)


def interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C is behind an error: numba wraps it when it comes inside a compiled function."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


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
    charges = weight_charges(check_weights(weights, geometry), parameters)
    out = np.empty((len(activations), geometry.columns), np.float32)
    for start in range(0, len(activations), _CHUNK):
        part = activations[start : start + _CHUNK]
        if parameters.ordered and parameters.terms:
            _ordered(part, charges, parameters, schedule, out[start : start + _CHUNK])
        else:
            # The gain comes last: sums of whole charges are exact, and so the same in every order.
            total = (input_charges(part, parameters) @ charges) * (schedule.sends * parameters.gain)
            if not parameters.ordered:
                total = np.clip(total, parameters.rail_low, parameters.rail_high)
            out[start : start + _CHUNK] = total
    return out


def _ordered(
    activations: Activations,
    charges: NDArray[np.float64],
    parameters: ChipParameters,
    schedule: Schedule,
    out: NDArray[np.float32],
) -> None:
    order = schedule.order_array(parameters.geometry.rows)
    sent = input_charges(activations, parameters).astype(np.float32)
    folded = (charges * parameters.gain).astype(np.float32)
    factors = Coefficients.of(parameters, schedule)
    decay, low, high, settle, line, limit, line_settle = factors.as_float32()
    # A block axis of one: the walks take many blocks at once, for training.
    voltage = out[:, None]
    with parallel_kernels():
        events, counts = list_events(activations > 0, order, schedule.skip_zeros)
        job = (sent[:, None], folded[None], events[:, None], counts[:, None], schedule.sends)
        if factors.uses_line:
            last, on_line = np.empty(voltage.shape, np.int32), np.empty_like(voltage)
            walk_line(*job, decay, low, high, settle, line, limit, line_settle, voltage, last, on_line)
        else:
            walk(*job, decay, low, high, voltage)
    if not factors.uses_line:
        np.clip(out * settle, low, high, out=out)
