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
from models.kernels.gradients import input_gradient, weight_gradient
from models.kernels.layout import aligned, back_in_place, in_order, into_tiles, out_of_tiles, row_peaks, tiles_of
from models.kernels.line_gradients import PARTS, line_gradients
from models.kernels.line_walks import walk_line
from models.kernels.tiles import WIDTH
from models.kernels.walks import walk
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
    sent = input_charges(activations, parameters).astype(np.float32)
    folded = (charges * parameters.gain).astype(np.float32)
    voltages(sent[:, None], folded[None], Coefficients.of(parameters, schedule), schedule, out[:, None])


def voltages(
    charges: NDArray[np.float32],
    weights: NDArray[np.float32],
    coefficients: Coefficients,
    schedule: Schedule,
    out: NDArray[np.float32],
    last: NDArray[np.float32] | None = None,
) -> bool:
    """Membrane voltages after settling, by compiled walks.

    Args:
        charges: input charges, contiguous, shape (vectors, blocks, rows).
        weights: output codes for each unit of charge, contiguous, shape (blocks, rows, columns).
        coefficients: what a slot does to line and membrane.
        schedule: how the vectors are sent.
        out: becomes the voltages, contiguous, shape (vectors, blocks, columns).
        last: becomes how many slots, over all sends, had been taken when one clipped last; 0 where none did.

    Returns:
        Whether all charges and weights are finite; the voltages mean nothing where they are not.
    """
    x = in_order(charges, schedule)
    marks = out if last is None else last
    with parallel_kernels():
        w, peaks = _tiled(weights, coefficients, schedule)
        job = (schedule.skip_zeros, schedule.sends, coefficients.packed, coefficients.lopsided)
        if coefficients.uses_line:
            of_rows = np.empty(w.shape[0:3:2], np.float32)
            row_peaks(w, of_rows)
            finite = walk_line(x, w, of_rows, *job, last is not None, out, marks)
        else:
            finite = walk(x, w, peaks, *job, coefficients.railed, last is not None, out, marks)
    return bool(finite) and bool(np.isfinite(peaks).all())


def _tiled(
    weights: NDArray[np.float32], coefficients: Coefficients, schedule: Schedule
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights as the walks take them, and the largest magnitude in every column."""
    blocks, rows, columns = weights.shape
    tiled, peaks = aligned(blocks, tiles_of(columns), rows, WIDTH), aligned(blocks, tiles_of(columns), WIDTH)
    into_tiles(np.ascontiguousarray(weights), schedule.order_array(rows), coefficients.scale, tiled, peaks)
    return tiled, peaks


def event_lists(charges: NDArray[np.float32], schedule: Schedule) -> tuple[NDArray[np.int16], NDArray[np.int32]]:
    """Event lists of every vector and block, shapes (vectors, blocks, rows) and (vectors, blocks)."""
    vectors, blocks, rows = charges.shape
    active = (charges != 0).reshape(vectors * blocks, rows)
    events, counts = list_events(active, schedule.order_array(rows), schedule.skip_zeros)
    return events.reshape(vectors, blocks, rows), counts.reshape(vectors, blocks)


def gradients(
    charges: NDArray[np.float32],
    weights: NDArray[np.float32],
    coefficients: Coefficients,
    schedule: Schedule,
    last: NDArray[np.float32],
    grad: NDArray[np.float32],
    wanted: tuple[bool, bool],
) -> tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]:
    """Gradients of charges and weights, those of them that are wanted, from the gradient of :func:`voltages`."""
    x = in_order(charges, schedule)
    job = (schedule.skip_zeros, schedule.sends, coefficients.packed, last, grad)
    grad_x, grad_w = np.empty_like(x), np.empty_like(weights)
    with parallel_kernels():
        if coefficients.uses_line:
            w, _ = _tiled(weights, coefficients, schedule)
            parts = aligned(PARTS, *w.shape)
            line_gradients(x, w, *job, parts, grad_x)
            tiled = np.sum(parts, axis=0)
        else:
            if wanted[0]:
                w, _ = _tiled(weights, coefficients, schedule)
                input_gradient(x, w, *job, grad_x)
            if wanted[1]:
                tiled = aligned(len(weights), tiles_of(weights.shape[2]), weights.shape[1], WIDTH)
                weight_gradient(x, *job, tiled)
        if wanted[1]:
            out_of_tiles(tiled, schedule.order_array(weights.shape[1]), coefficients.scale, grad_w)
    return back_in_place(grad_x, schedule) if wanted[0] else None, grad_w if wanted[1] else None
