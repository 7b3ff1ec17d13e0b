"""Synthetic boards for the tests: known parameters, an independent float64 walk, noise and rounding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from calibration.curves import normalised
from calibration.plans import baseline, permutations, position, single_row, timing
from calibration.vectors import HELD_OUT, random_vectors
from data.sweep import SweepData
from data.values import Geometry, Identity, Schedule
from models.parameters import ChipParameters

GEOMETRY = Geometry(rows=64, columns=24)
SCHEDULE = Schedule(spacing_ns=40, sends=2)
IDENTITY = Identity("labctl", "TestBoard", "T-000001", "1.0", True)


def draw_chip(
    seed, *, terms=("leak", "rails"), geometry=GEOMETRY, gain=0.004, rail=60.0, leak_ns=6000.0, noise=1.4, ordered=True
):
    """A chip with mismatch everywhere; terms not named are neutral."""
    draw = np.random.default_rng(seed)
    columns, top = geometry.columns, geometry.weight_max
    ideal = ChipParameters.ideal(geometry)
    codes = ideal.weight_curve
    chip = replace(
        ideal,
        ordered=ordered,
        terms=frozenset(terms),
        activation_curve=ideal.activation_curve * (1 - 0.001 * ideal.activation_curve),
        weight_curve=codes + 0.6 * np.sin(2 * np.pi * codes / top + draw.uniform(0, 6)) * (codes != 0),
        row_gain=draw.normal(1, 0.03, geometry.rows),
        asymmetry=draw.normal(0, 0.02, columns),
        gain=gain * draw.normal(1, 0.08, columns),
        offset=draw.normal(0, 4, columns),
        noise=noise * draw.normal(1, 0.1, columns),
    )
    if "leak" in terms:
        chip = replace(chip, tau_membrane_ns=leak_ns * draw.normal(1, 0.08, columns))
    if "rails" in terms:
        rails = rail * draw.normal(1, 0.05, (2, columns))
        chip = replace(chip, rail_low=-rails[0], rail_high=rails[1])
    if "line" in terms:
        chip = replace(chip, tau_line_ns=np.full(columns, 250.0), line_limit=np.full(columns, 6000.0))
    return normalised(chip)


def small_plans(geometry=GEOMETRY, schedule=SCHEDULE, seed=0):
    """The standard plans, smaller."""
    return (
        baseline(geometry, schedule, seed=seed, repeats=100),
        single_row(geometry, schedule, seed=seed, programmes=4),
        position(geometry, schedule, steps=6, repeats=8),
        permutations(geometry, schedule, seed=seed, multisets=2, randoms=5),
        timing(geometry, schedule, seed=seed, sends=(1, 4)),
        random_vectors(geometry, schedule, seed=seed, programmes=24, vectors=24),
        random_vectors(geometry, schedule, seed=seed, programmes=12, vectors=24, kind=HELD_OUT),
    )


def charges(weights, chip):
    """Charge of each weight at unit activation, float64."""
    signed = chip.weight_curve[weights.astype(int) + chip.geometry.weight_max]
    return signed * chip.row_gain[:, None] * (1 + chip.asymmetry * np.sign(weights))


def walk(vector, weights, chip, schedule):
    """One vector by the formulas of ``ChipParameters``, event by event; the voltage before offset."""
    charge = charges(weights, chip)
    if not chip.ordered:
        total = schedule.sends * (chip.activation_curve[vector] @ charge)
        return np.clip(chip.gain * total, chip.rail_low, chip.rail_high)
    rows = [row for row in schedule.order_array(len(vector)) if vector[row] or not schedule.skip_zeros]
    events = [chip.activation_curve[vector[row]] * charge[row] for row in rows] * schedule.sends
    voltage, line = np.zeros(len(chip.gain)), np.zeros(len(chip.gain))
    steps = [(schedule.spacing_ns, charge) for charge in events] + [(schedule.settle_ns, None)]
    for time_ns, charge in steps:
        if "line" in chip.terms:
            # Charge left after the last event decays over one more slot before the settle step takes it.
            line = line * np.exp(-schedule.spacing_ns / chip.tau_line_ns) + (0 if charge is None else charge)
            taken = 1 - np.exp(-time_ns / chip.tau_line_ns)
            current = taken * chip.line_limit * np.tanh(line / chip.line_limit)
        else:
            current = 0 if charge is None else charge
        leaking_ns = time_ns + (schedule.spacing_ns if charge is None else 0)
        voltage = voltage * np.exp(-leaking_ns / chip.tau_membrane_ns) + chip.gain * current
        voltage = np.clip(voltage, chip.rail_low, chip.rail_high)
    return voltage


class SyntheticBoard:
    """An analog processor with known parameters and its own noise generator; ``gain`` scales all columns."""

    def __init__(self, chip, seed, *, identity=IDENTITY, gain=1.0):
        self.chip = replace(chip, gain=chip.gain * gain)
        self.identity = identity
        self.geometry = chip.geometry
        self.weights = np.zeros((self.geometry.rows, self.geometry.columns), np.int8)
        self._draw = np.random.default_rng(seed)

    def program(self, weights):
        self.weights = np.array(weights)

    def multiply(self, activations, schedule):
        voltage = self._voltage(activations, schedule)
        noisy = voltage + self.chip.offset + self._draw.normal(size=voltage.shape) * self.chip.noise
        return np.clip(np.floor(noisy), self.geometry.output_min, self.geometry.output_max).astype(np.int16)

    def _voltage(self, activations, schedule):
        """:func:`walk` for many vectors at once."""
        if not self.chip.ordered or not schedule.skip_zeros or "line" in self.chip.terms:
            return np.array([walk(vector, self.weights, self.chip, schedule) for vector in activations])
        chip, charge = self.chip, charges(self.weights, self.chip) * self.chip.gain
        voltage = np.zeros((len(activations), self.geometry.columns))
        fade = np.exp(-schedule.spacing_ns / chip.tau_membrane_ns)
        for row in np.tile(schedule.order_array(self.geometry.rows), schedule.sends):
            active = (activations[:, row] > 0)[:, None]
            stepped = voltage * fade + chip.activation_curve[activations[:, row]][:, None] * charge[row]
            voltage = np.where(active, np.clip(stepped, chip.rail_low, chip.rail_high), voltage)
        return voltage * np.exp(-(schedule.spacing_ns + schedule.settle_ns) / chip.tau_membrane_ns)


def measured(chip, seed, plans=None):
    """Sweeps measured on a synthetic board."""
    from calibration.measure import measure

    board = SyntheticBoard(chip, seed)
    return [measure(plan, board, run_id=f"run-{plan.kind}") for plan in plans or small_plans(chip.geometry)]


def broken(sweep: SweepData, column, how) -> SweepData:
    """The sweep with one column replaced by ``how(its outputs)``."""
    outputs = sweep.outputs.copy()
    outputs[:, :, column] = np.clip(how(outputs[:, :, column]), -128, 127)
    return replace(sweep, outputs=outputs)
