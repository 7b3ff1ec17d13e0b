"""The chip models as they are written down, in float64, event by event: slow, and what the kernels must match."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data.values import Activations, Schedule, Weights
from models.parameters import ChipParameters, Floats


def membrane_reference(
    activations: Activations, weights: Weights, parameters: ChipParameters, schedule: Schedule
) -> NDArray[np.float64]:
    """Voltage before offset, noise and rounding, in output codes, shape (vectors, columns).

    The formulas are those of :class:`models.parameters.ChipParameters`, without any shortcut.
    """
    voltages = np.zeros((len(activations), parameters.geometry.columns))
    for vector, codes in enumerate(activations):
        charges = _event_charges(codes, weights, parameters, schedule)
        if parameters.ordered:
            voltages[vector] = _integrate(charges, parameters, schedule)
        else:
            total = parameters.gain * charges.sum(axis=0)
            voltages[vector] = np.clip(total, parameters.rail_low, parameters.rail_high)
    return voltages


def _event_charges(
    codes: NDArray[np.uint8], weights: Weights, parameters: ChipParameters, schedule: Schedule
) -> Floats:
    """Charge of every slot, all sends, shape (slots, columns)."""
    order = schedule.order_array(parameters.geometry.rows)
    slots = [int(row) for row in order if codes[row] or not schedule.skip_zeros] * schedule.sends
    charges = np.zeros((len(slots), parameters.geometry.columns))
    for slot, row in enumerate(slots):
        weight = weights[row].astype(int)
        curve = parameters.weight_curve[weight + parameters.geometry.weight_max]
        charge = parameters.row_gain[row] * parameters.activation_curve[codes[row]] * curve
        charges[slot] = charge * (1 + parameters.asymmetry * np.sign(weight))
    return charges


def _integrate(charges: Floats, parameters: ChipParameters, schedule: Schedule) -> Floats:
    leak, rails, line = (term in parameters.terms for term in ("leak", "rails", "line"))
    low = parameters.rail_low if rails else -np.inf
    high = parameters.rail_high if rails else np.inf
    voltage = np.zeros(parameters.geometry.columns)
    on_line = np.zeros(parameters.geometry.columns)
    for time, charge in [*((schedule.spacing_ns, c) for c in charges), (schedule.settle_ns, None)]:
        # Whatever comes next, the line has discharged for one slot since the last event.
        on_line = on_line * (np.exp(-schedule.spacing_ns / parameters.tau_line_ns) if line else 0.0)
        on_line = on_line + (0.0 if charge is None else charge)
        if line:
            current = (1 - np.exp(-time / parameters.tau_line_ns)) * _saturate(on_line, parameters.line_limit)
        else:
            current = np.zeros_like(voltage) if charge is None else charge
        # The settle time begins one slot after the last event, and the membrane leaks in that slot too.
        leaking = time if charge is not None else schedule.spacing_ns + time
        decay = np.exp(-leaking / parameters.tau_membrane_ns) if leak else 1.0
        voltage = np.clip(voltage * decay + parameters.gain * current, low, high)
    return voltage


def _saturate(charge: Floats, limit: Floats) -> Floats:
    finite = np.where(np.isfinite(limit), limit, 1.0)
    bent: Floats = np.where(np.isfinite(limit), finite * np.tanh(charge / finite), charge)
    return bent
