"""A scan as work for the engine: set what changed, let it settle, read, sweep the board, save, go on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from data.axes import number
from data.errors import BadInput, LabctlError
from data.instrument import Quantity, Value
from data.metadata import RunMetadata
from data.metadata import Status as Ending
from data.scan import SCHEDULE, SCHEDULE_QUANTITIES, ScanPlan, with_settings
from data.scanrun import ELAPSED, OUTPUT, ScanRow, ScanWriter, variable_names
from data.sweep import Batch, Coordinate, SweepPlan
from data.values import Outputs, Schedule
from labctl.engine.preflight import room_on_disk
from labctl.engine.sweeping import BATCH_VECTORS, VECTOR_S, answers, hardware
from labctl.engine.work import CALL_S, About, Action, Call, HasSafeState, Saved, Wait
from labctl.rig import BOARD, Rig
from labctl.scanning.estimate import estimate
from labctl.scanning.sources import AskedSettings, PlannedSettings, Source
from labctl.scanning.strategies import Strategy

MOST_SHOWN: Final = 1_000_000
"""Settings beyond which a run does not tell beforehand what it will set."""


class ScanWork:
    """Measures a scan plan on a rig.

    Args:
        plan: what is measured.
        rig: with what.
        folder: where the run file goes.
        metadata: of the run.
        sweep: the sweep of the board at each setting, None without one.
        strategy: chooses the settings of an adaptive plan; None for any other.
    """

    def __init__(
        self,
        plan: ScanPlan,
        rig: Rig,
        folder: Path,
        metadata: RunMetadata,
        *,
        sweep: SweepPlan | None = None,
        strategy: Strategy | None = None,
    ) -> None:
        self._plan = plan
        self._rig = rig
        self._folder = folder
        self._metadata = metadata
        self._sweep = sweep
        self._strategy = strategy
        self._source: Source | None = None
        self._writer: ScanWriter | None = None
        self._held: dict[str, Value] = {}
        self._programmed = -1
        self._row: ScanRow | None = None

    @property
    def title(self) -> str:
        """What the plan is called, or what it sets."""
        return self._plan.name

    @property
    def about(self) -> About:
        """As its file says."""
        plan, known = self._plan, {**self._rig.quantities, **SCHEDULE_QUANTITIES}
        axes = {}
        if plan.adaptive is None and plan.count <= MOST_SHOWN:
            axes = {name: Coordinate(it, known[name].unit, known[name].label) for name, it in plan.path().items()}
        names = variable_names(plan)
        told = {names[f"read {name}"]: replace(known[name], name=name) for name in plan.read}
        told |= {names[name]: replace(known[name], name=name) for name in plan.targets if name not in axes}
        told[ELAPSED] = Quantity("time", "time since the run began", "s")
        return About.of(self._metadata, axes, plan.shape if plan.adaptive is None else (), told)

    @property
    def total(self) -> int:
        """Settings of the plan; of an adaptive one at most."""
        return self._plan.count

    @property
    def devices(self) -> Mapping[str, HasSafeState]:
        """The board, then the instruments that take part."""
        board = self._rig.processor
        others = {name: instrument for name, instrument in self._rig.instruments.items() if name != BOARD}
        return {**(hardware(board) if board is not None else {}), **others}

    @property
    def path(self) -> Path | None:
        """The run file."""
        return None if self._writer is None else self._writer.path

    def problems(self) -> Iterator[str]:
        """Where the plan makes no sense, or does not fit the rig or the disk."""
        yield from self._plan.problems()
        yield from self._rig.missing
        yield from self._plan.limit_problems(self._rig.quantities, self._rig.geometry)
        if (self._plan.adaptive is None) != (self._strategy is None):
            yield "an adaptive plan needs a strategy, and no other does"
        try:
            variable_names(self._plan)
            if self._sweep is not None and self._rig.geometry is not None:
                self._sweep.check(self._rig.geometry)
        except BadInput as error:
            yield str(error)
        yield from room_on_disk(self._folder, estimate(self._plan, self._sweep).bytes)

    def begin(self) -> None:
        """Make the file, with room for every setting that is known."""
        strategy = self._strategy
        self._source = PlannedSettings(self._plan) if strategy is None else AskedSettings(self._plan, strategy)
        quantities = self._rig.quantities
        self._writer = ScanWriter.create(self._folder, self._metadata, self._plan, quantities, self._sweep)

    def chunk(self) -> Iterator[Action] | None:
        """One setting."""
        setting = None if self._source is None else self._source.current()
        return None if setting is None else self._measure(setting)

    def save(self) -> Saved:
        """Write the setting and flush."""
        writer, source, row = self._writer, self._source, self._row
        if writer is None or source is None or row is None:
            raise LabctlError("there is nothing to save: no setting has been measured")
        writer.write(row)
        done = writer.checkpoint()
        self._row = None
        source.saved(row)
        at = ", ".join(f"{name} {_short(value)}" for name, value in row.settings.items())
        return Saved(done, f"setting {done} of {self.total}: {at}", done - 1, _arrays(row, writer.names))

    def forget(self) -> None:
        """Set everything again before the next reading."""
        self._held = {}
        self._programmed = -1

    def end(self, status: Ending, message: str) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.finish(status, message)

    def abandon(self, error: Exception) -> None:
        """Let go of the file."""
        if self._writer is not None:
            self._writer.writer.__exit__(type(error), error, error.__traceback__)

    def _measure(self, setting: Mapping[str, Value]) -> Iterator[Action]:
        yield from self._set(setting)
        readings: dict[str, float] = {}
        for name in self._plan.read:
            yield self._reading(name, readings)
        outputs = None
        if self._sweep is not None:
            overrides = {
                name.partition(".")[2]: value for name, value in setting.items() if name.startswith(f"{SCHEDULE}.")
            }
            parts: list[Outputs] = []
            yield from self._board_sweep(self._sweep, overrides, parts)
            outputs = np.concatenate(parts)
        if self._writer is not None:
            self._row = ScanRow(dict(setting), readings, self._writer.clock.elapsed(), outputs)

    def _set(self, setting: Mapping[str, Value]) -> Iterator[Action]:
        settle_s = 0.0
        for target, value in setting.items():
            if self._held.get(target) == value:
                continue
            if not target.startswith(f"{SCHEDULE}."):
                self._held.pop(target, None)
                yield self._setting(target, value)
            self._held[target] = value
            settle_s = max(settle_s, self._plan.settle_s[target])
        if settle_s:
            yield Wait("settling", settle_s)

    def _setting(self, target: str, value: Value) -> Call:
        owner, _, name = target.partition(".")
        instrument = self._rig.instruments[owner]
        return Call(f"setting {target} to {_short(value)}", lambda: instrument.set(name, value), instrument)

    def _reading(self, quantity: str, readings: dict[str, float]) -> Call:
        owner, _, name = quantity.partition(".")
        instrument = self._rig.instruments[owner]

        def read() -> None:
            readings[quantity] = number(instrument.get(name))

        return Call(f"reading {quantity}", read, instrument)

    def _board_sweep(self, sweep: SweepPlan, overrides: Mapping[str, Value], parts: list[Outputs]) -> Iterator[Action]:
        board = self._rig.processor
        if board is None:
            raise LabctlError("the plan measures a sweep of the board, but there is no board")
        for batch in sweep.batches(max(1, BATCH_VECTORS // max(sweep.repeats, 1))):
            if batch.program != self._programmed:
                weights = sweep.programme(batch.program)
                self._programmed = -1
                yield Call(f"programming weights {batch.program}", partial(board.program, weights), board)
                self._programmed = batch.program
            schedule = with_settings(sweep.schedules[batch.schedule], overrides)
            yield self._multiplying(sweep, batch, schedule, parts)

    def _multiplying(self, sweep: SweepPlan, batch: Batch, schedule: Schedule, parts: list[Outputs]) -> Call:
        board = self._rig.processor

        def multiply() -> None:
            if board is not None:
                parts.append(answers(sweep, batch, board, schedule))

        seconds = CALL_S + VECTOR_S * len(batch.points) * sweep.repeats
        return Call(f"measuring {len(batch.points)} points of {sweep.kind}", multiply, board, seconds)


def _arrays(row: ScanRow, names: Mapping[str, str]) -> dict[str, NDArray[Any]]:
    """A row as it stands in the file."""
    arrays = {names[target]: np.array([value]) for target, value in row.settings.items()}
    arrays[ELAPSED] = np.array([row.elapsed_s])
    arrays |= {names[f"read {name}"]: np.array([value]) for name, value in row.readings.items()}
    return arrays if row.outputs is None else arrays | {OUTPUT: row.outputs[np.newaxis]}


def _short(value: Value) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
