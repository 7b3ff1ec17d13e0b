"""The synapse array of one chip: weights in, vectors through the physics, outputs out."""

from __future__ import annotations

import itertools
import math
import os
from concurrent.futures import ThreadPoolExecutor
from statistics import NormalDist
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from data.values import Activations, Outputs, Schedule, Weights
from drivers.emulator import physics
from drivers.emulator.chip import Chip
from drivers.emulator.drift import Weather

WIDTH = physics.WIDTH
LONGEST_STEP_NS = 40
EMPTY_AFTER = 16
"""Line time constants after which less charge is left on a line than any output could show."""
CONVERSION_NS = 2000
RESET_SHARE = 0.6
"""Share of the trial noise that is reset noise; the rest is read noise (squares add to one)."""

Singles = NDArray[np.float32]
Doubles = NDArray[np.float64]
AnyFloat = TypeVar("AnyFloat", np.float32, np.float64)


class SynapseArray:
    """One chip with weights and a schedule, and what the last vector left on its membranes.

    Not for use by several threads at once; it spreads a batch over the processors by itself.
    """

    def __init__(self, chip: Chip, weather: Weather) -> None:
        strengths = chip.strengths
        self._chip, self._weather, self._strengths = chip, weather, strengths
        self._cells = -(-strengths.geometry.columns // WIDTH)
        self._dtype = np.dtype(np.float32 if strengths.ordered else np.float64)
        self._flow_ns = math.ceil(EMPTY_AFTER * float(np.max(chip.tau_line)))
        self._states = np.zeros((self._cells, physics.STATE * WIDTH), self._dtype)
        self._readout = self._read_constants()
        self._table = _normal_table()
        self._key = np.uint64(0xC0FFEE + 0x1000003 * (chip.seed + 1))
        self._pool = ThreadPoolExecutor(max(1, min(len(_processors()), self._cells)), "columns")
        self._vectors = 0
        rows, columns = strengths.geometry.rows, strengths.geometry.columns
        self.program(np.zeros((rows, columns), np.int8))
        self.arrange(Schedule())

    def close(self) -> None:
        """End the threads that work on columns."""
        self._pool.shutdown()

    def program(self, weights: Weights) -> None:
        """Set the synapses to weights, shape (rows, columns)."""
        chip, size = self._chip, np.abs(weights.astype(np.int64))
        charge = np.where(
            weights > 0,
            chip.excitatory[size] * (1 + chip.asymmetry),
            -chip.inhibitory[size] * (1 - chip.asymmetry),
        )
        self._synapses = self._by_cell(np.where(weights == 0, 0.0, charge * chip.synapse).astype(self._dtype))

    def arrange(self, schedule: Schedule) -> None:
        """Send by ``schedule`` from now on."""
        self._schedule = schedule
        self._order = schedule.order_array(self._strengths.geometry.rows).astype(np.int64)
        self._slot, self._slot_steps = self._step_constants(schedule.spacing_ns)
        self._settle, self._settle_steps = self._step_constants(schedule.settle_ns)
        tau = self._strengths.reset_ns if self._strengths.uses("reset") else 0.0
        reset = np.full((physics.STATE, self._strengths.geometry.columns), _decay(schedule.reset_ns, tau))
        reset[1:] = _decay(schedule.reset_ns, self._chip.tau_line)
        self._reset = self._by_cell(reset).reshape(self._cells, -1).astype(self._dtype)

    def multiply(self, activations: Activations, time_ns: int) -> tuple[Outputs, int]:
        """Outputs, shape (vectors, columns), of activations, shape (vectors, rows), begun at board time ``time_ns``.

        Returns the outputs and the board time in nanoseconds that the vectors took.
        """
        activations = np.ascontiguousarray(activations, dtype=np.uint8)
        durations = self._durations(activations)
        begins = time_ns + np.cumsum(durations) - durations
        gain, drift = self._weather.gain_at(begins), self._weather.offset_at(begins)
        out = np.empty((len(activations), self._cells * WIDTH), np.int16)
        work = self._walk if self._strengths.ordered else self._add_up
        work(activations, gain, drift, out)
        self._vectors += len(activations)
        return np.ascontiguousarray(out[:, : self._strengths.geometry.columns]), int(durations.sum())

    def warm_up(self) -> None:
        """Compile the kernels that this chip uses; leaves no trace on the chip."""
        vectors, states = self._vectors, self._states.copy()
        self.multiply(np.ones((1, self._strengths.geometry.rows), np.uint8), 0)
        self._vectors, self._states = vectors, states

    def _walk(self, activations: Activations, gain: Doubles, drift: Doubles, out: Outputs) -> None:
        count, rows = activations.shape
        events = np.empty((count, rows), np.int64), np.empty((count, rows), np.float32), np.empty(count, np.int64)
        skip, pulse = self._schedule.skip_zeros, self._chip.pulse
        physics.list_events(activations, self._order, pulse, gain, skip, *events)
        strengths = self._strengths
        pull = np.float32(strengths.of("voltage") / 100 / strengths.rail)
        knee = np.float32(strengths.knee)
        lines = strengths.uses("line")
        rest = not lines or self._schedule.spacing_ns > self._flow_ns
        plan = (self._schedule.sends, self._slot_steps, self._settle_steps, lines, rest, self._vectors)
        chip = (self._synapses, self._slot, self._settle, self._reset, pull, knee)

        def work(cells: tuple[int, int]) -> None:
            physics.walk(cells, events, plan, chip, self._states, self._readout, self._key, self._table, drift, out)

        list(self._pool.map(work, self._shares()))

    def _add_up(self, activations: Activations, gain: Doubles, drift: Doubles, out: Outputs) -> None:
        sends, pulse, first = self._schedule.sends, self._chip.pulse, self._vectors

        def work(cells: tuple[int, int]) -> None:
            physics.add_up(
                cells,
                activations,
                pulse,
                gain,
                sends,
                first,
                self._synapses,
                self._states,
                self._reset,
                self._readout,
                self._key,
                self._table,
                drift,
                out,
            )

        list(self._pool.map(work, self._shares()))

    def _shares(self) -> list[tuple[int, int]]:
        """Cells for each thread: first and one past the last."""
        threads = min(len(_processors()), self._cells)
        bounds = [self._cells * part // threads for part in range(threads + 1)]
        return list(itertools.pairwise(bounds))

    def _durations(self, activations: Activations) -> NDArray[np.int64]:
        schedule, rows = self._schedule, activations.shape[1]
        slots = np.count_nonzero(activations, axis=1) if schedule.skip_zeros else np.full(len(activations), rows)
        fixed = schedule.reset_ns + schedule.settle_ns + CONVERSION_NS
        return (slots * schedule.sends * schedule.spacing_ns + fixed).astype(np.int64)

    def _step_constants(self, time_ns: int) -> tuple[Singles, int]:
        """Constants of the equal steps that make up ``time_ns``, shape (cells, STEP * WIDTH), and how many they are.

        Steps end where the lines are empty; the rest of the time, or all of it without lines, is only leak.
        """
        chip = self._chip
        flow_ns = min(time_ns, self._flow_ns)
        steps = -(-flow_ns // LONGEST_STEP_NS)
        step = flow_ns / max(steps, 1)
        half, decay = _decay(step / 2, chip.tau_line), _decay(step, chip.tau_line)
        # Beyond any voltage that charge can reach, and still a finite number for the kernels.
        low, high = np.maximum(chip.rail_low, -1e30), np.minimum(chip.rail_high, 1e30)
        quantities = (
            decay,
            _decay(step, chip.tau_membrane),
            half / chip.limit_excitatory,
            half / chip.limit_inhibitory,
            1 - decay,
            chip.gain * _kept(step, chip.tau_line, chip.tau_membrane),
            low,
            high,
            chip.gain,
            _decay(time_ns - flow_ns, chip.tau_membrane),
        )
        table = self._by_cell(np.stack([np.broadcast_to(q, chip.gain.shape) for q in quantities]))
        return table.reshape(self._cells, -1).astype(np.float32), steps

    def _read_constants(self) -> tuple[Doubles, float, float]:
        chip, geometry = self._chip, self._strengths.geometry
        quantities = (
            chip.offset,
            chip.drift,
            chip.cubic,
            chip.quartic,
            RESET_SHARE * chip.noise,
            math.sqrt(1 - RESET_SHARE**2) * chip.noise,
            chip.gain,
        )
        table = self._by_cell(np.stack(quantities)).reshape(self._cells, -1)
        return table, float(geometry.output_min), float(geometry.output_max)

    def _by_cell(self, values: NDArray[AnyFloat]) -> NDArray[AnyFloat]:
        """Values, shape (quantities, columns), as (cells, quantities, WIDTH); columns that do not exist hold 0."""
        padded = np.zeros((len(values), self._cells * WIDTH), values.dtype)
        padded[:, : values.shape[1]] = values
        return np.ascontiguousarray(padded.reshape(len(values), self._cells, WIDTH).swapaxes(0, 1))


def _processors() -> range | set[int]:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)


def _decay(time_ns: float, tau_ns: Doubles | float) -> Doubles:
    """What is left after a time; nothing for a time constant of 0."""
    tau = np.asarray(tau_ns, dtype=np.float64)
    return np.where(tau > 0, np.exp(-time_ns / np.where(tau > 0, tau, 1.0)), 0.0)


def _kept(step_ns: float, tau_line: Doubles, tau_membrane: Doubles) -> Doubles:
    """Share of the charge that a line lets go within a step and that has not leaked at the end of the step."""
    if step_ns == 0 or not np.all(tau_line > 0):
        return np.ones_like(tau_line)
    rate = 1 / tau_line - 1 / tau_membrane
    even = np.abs(rate * step_ns) < 1e-6
    safe = np.where(even, 1.0, rate)
    mean = np.where(even, step_ns, -np.expm1(-safe * step_ns) / safe) * _decay(step_ns, tau_membrane)
    kept: Doubles = mean / (tau_line * (1 - _decay(step_ns, tau_line)))
    return kept


def _normal_table() -> Singles:
    """4,096 equally likely values; the sum of two of them has mean 0, variance 1 and a normal distribution."""
    normal = NormalDist()
    values = np.array([normal.inv_cdf((index + 0.5) / 4096) for index in range(4096)])
    table: Singles = (values / (np.std(values) * math.sqrt(2))).astype(np.float32)
    return table
