"""The work that is done under faults: a sweep into a run file and a network, and what both give without faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.errors import BadInput
from data.metadata import RunMetadata
from data.processor import AnalogProcessor
from data.sweep import SweepPlan
from data.sweepfile import read_sweep
from data.values import Geometry, Outputs, Schedule
from drivers.wire import state_digest
from labctl.engine import Engine, run_plan
from models.network import IntegerNetwork, Layer, NetworkTrace, even_splits
from models.network import run as run_network

ROWS, COLUMNS = 32, 16
PHYSICS = (f"geometry={ROWS}x{COLUMNS}", "gain=0.02", "noise=off", "drift=off", "temperature=off", "reset=off")
"""A board with rails, lines and leak, so that order matters, and the same outputs for the same input every time."""

Acknowledge = Callable[[int], None]
"""Told how many points have been reported as saved."""


@dataclass(frozen=True)
class Workload:
    """One piece of work; the same for every link and every kind of fault.

    Attributes:
        plan: the sweep.
        network: the network, two layers of several blocks.
        utterances: what the network is given, shape (utterances, inputs), uint8.
    """

    plan: SweepPlan
    network: IntegerNetwork
    utterances: NDArray[np.uint8]

    def sweep(
        self, processor: AnalogProcessor, folder: Path, acknowledge: Acknowledge, engine: Engine | None = None
    ) -> Outputs:
        """Measure the sweep; its outputs as the run file gives them back, shape (points, repeats, columns)."""
        metadata = RunMetadata.new(
            self.plan.kind, simulated=True, identity=processor.identity, geometry=processor.geometry
        )
        path = run_plan(
            self.plan,
            processor,
            folder,
            metadata,
            listener=lambda fraction, _: acknowledge(int(fraction * self.plan.points + 1e-6)),
            engine=engine,
        )
        return read_sweep(path).outputs

    def compute(self, processor: AnalogProcessor) -> NetworkTrace:
        """Run the network."""
        return run_network(self.network, processor, self.utterances)

    def safe_digests(self) -> frozenset[str]:
        """State digests of a board without weights, whichever part of the work came last."""
        nothing = np.zeros((ROWS, COLUMNS), np.int8)
        schedules = {Schedule(), *self.plan.schedules, *(layer.schedule for layer in self.network.layers)}
        orders = {schedule.order for schedule in schedules}
        return frozenset(
            f"{state_digest(schedule.with_order(order), nothing):08X}" for schedule in schedules for order in orders
        )


def draw_workload(seed: int, points: int = 90) -> Workload:
    """Draw a workload: programmes, schedules and vectors at random."""
    if points < 9:
        raise BadInput("a workload needs at least 9 points")
    chance = np.random.default_rng(seed)
    schedules = tuple(
        Schedule(tuple(int(row) for row in chance.permutation(ROWS)), spacing_ns=spacing) for spacing in (40, 80, 24)
    )
    cell = np.arange(points) * 9 // points
    plan = SweepPlan(
        kind="selftest",
        weights=chance.integers(-63, 64, (3, ROWS, COLUMNS), dtype=np.int8),
        schedules=schedules,
        activations=chance.integers(0, 32, (points, ROWS), dtype=np.uint8),
        program=(cell // 3).astype(np.intp),
        schedule=(cell % 3).astype(np.intp),
        repeats=2,
    )
    geometry = Geometry(rows=ROWS, columns=COLUMNS)
    layers = (_layer(chance, 60, 12, schedules[0]), _layer(chance, 12, 5, schedules[1]))
    network = IntegerNetwork(geometry, layers, 1.0, tuple("abcde"))
    return Workload(plan, network, chance.integers(0, 32, (20, 60), dtype=np.uint8))


def differences(found: NetworkTrace, expected: NetworkTrace) -> int:
    """How many block outputs of two runs of a network differ."""
    pairs = zip(found.layers, expected.layers, strict=True)
    return sum(int(np.count_nonzero(a.block_outputs != b.block_outputs)) for a, b in pairs)


def _layer(chance: np.random.Generator, inputs: int, outputs: int, schedule: Schedule) -> Layer:
    return Layer(
        weights=chance.integers(-63, 64, (inputs, outputs), dtype=np.int8),
        bias=chance.integers(0, 40, outputs).astype(np.int32),
        splits=even_splits(inputs, ROWS),
        columns=np.arange(outputs, dtype=np.intp),
        shift=2,
        schedule=schedule,
    )
