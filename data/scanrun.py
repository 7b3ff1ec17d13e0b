"""Scans as run files: what each quantity was set to, what was read there, and a sweep of the board if there was one.

Dimension ``setting``: one entry for each setting, in the order of the run; with a sweep also those of
:mod:`data.sweepfile`. The quantity ``supply.voltage`` is the variable ``supply_voltage``, as a reading
``supply_voltage_read`` where it is also set. ``step_N`` is the step along dimension N of the plan, so that
``dataset.set_index(setting=[...]).unstack()`` gives the grid. ``time`` is when the setting had been measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from data.axes import number
from data.clock import TIME, RunClock
from data.errors import BadInput
from data.instrument import Quantity, Value
from data.metadata import RunMetadata, Status
from data.runfile import Run, RunWriter, read_run
from data.scan import SCHEDULE_QUANTITIES, ScanPlan
from data.scanfile import scan_plan_of_json
from data.sweep import SweepPlan
from data.sweepfile import NOT_MEASURED, plan_variables
from data.variables import Variable

SETTING: Final = "setting"
OUTPUT: Final = "output"
SWEEP_MEAN_VARIABLE: Final = "sweep_mean"
ELAPSED: Final = "elapsed"


@dataclass(frozen=True)
class ScanRow:
    """What was measured at one setting.

    Attributes:
        settings: what each target was set to.
        readings: what was read.
        elapsed_s: seconds since the run began, as the writer's clock told it.
        outputs: ADC codes of the board's sweep, shape (points, repeats, columns); None without one.
    """

    settings: Mapping[str, Value]
    readings: Mapping[str, float]
    elapsed_s: float
    outputs: NDArray[np.int16] | None = None

    @property
    def sweep_mean(self) -> float:
        """Mean output of the sweep; NaN without one."""
        return float("nan") if self.outputs is None else float(self.outputs.mean())


@dataclass
class ScanWriter:
    """Writes one scan, row by row.

    Every call may be repeated after :class:`~data.errors.DiskFull`.
    """

    plan: ScanPlan
    writer: RunWriter
    names: Mapping[str, str]
    _written: int = 0
    _saved: int = 0

    @classmethod
    def create(
        cls,
        folder: Path,
        metadata: RunMetadata,
        plan: ScanPlan,
        quantities: Mapping[str, Quantity],
        sweep: SweepPlan | None,
    ) -> Self:
        """Begin a file with all that is known beforehand, and room for the rest.

        Args:
            folder: where the run file goes.
            metadata: of the run.
            plan: what is measured; it fits ``quantities``.
            quantities: what can be read and set, by ``INSTRUMENT.QUANTITY``.
            sweep: the board's sweep at each setting, None without one.

        Raises:
            BadInput: as :meth:`RunWriter.create`, or two quantities would have the same name in the file.
            DiskFull, LabctlError: the disk failed.
        """
        names = variable_names(plan)
        writer = RunWriter.create(folder, metadata)
        try:
            _declare(writer, plan, names, quantities, sweep)
        except BaseException as error:
            writer.__exit__(type(error), error, error.__traceback__)
            raise
        return cls(plan, writer, names)

    @property
    def path(self) -> Path:
        """The file."""
        return self.writer.path

    @property
    def clock(self) -> RunClock:
        """Tells when something is measured."""
        return self.writer.clock

    def write(self, row: ScanRow) -> None:
        """Write the next row; it counts as saved after :meth:`checkpoint`.

        Raises:
            DiskFull, LabctlError: the disk failed.
        """
        at = self._saved
        if self.plan.adaptive is not None:
            for target, value in row.settings.items():
                self.writer.write_rows(self.names[target], at, [number(value)])
        for name, reading in row.readings.items():
            self.writer.write_rows(self.names[f"read {name}"], at, [reading])
        self.writer.write_rows(ELAPSED, at, [row.elapsed_s])
        self.writer.write_rows(TIME, at, [self.writer.clock.at(row.elapsed_s)])
        if row.outputs is not None:
            self.writer.write_rows(OUTPUT, at, row.outputs[np.newaxis])
            self.writer.write_rows(SWEEP_MEAN_VARIABLE, at, [row.sweep_mean])
        self._written = at + 1

    def checkpoint(self) -> int:
        """Save what was written; returns the settings that are saved.

        Raises:
            DiskFull, LabctlError: the disk failed; nothing new is acknowledged.
        """
        self._saved = self.writer.checkpoint(self._written)
        return self._saved

    def finish(self, status: Status, message: str) -> None:
        """Close the file; see :meth:`RunWriter.finish`."""
        self.writer.finish(status, message)


@dataclass(frozen=True)
class ScanData:
    """A scan that was measured.

    Attributes:
        plan: its plan.
        settings: what each target was set to, shape (settings,).
        readings: what was read, float64 of shape (settings,); NaN where nothing was measured.
        outputs: ADC codes, int16 of shape (settings, points, repeats, columns); None without a sweep.
        measured: how many settings, from the first on, were measured.
        run_id: the run.
    """

    plan: ScanPlan
    settings: Mapping[str, NDArray[Any]]
    readings: Mapping[str, NDArray[np.float64]]
    outputs: NDArray[np.int16] | None
    measured: int
    run_id: str

    def grid(self, reading: str) -> NDArray[np.float64]:
        """A reading on the grid of the plan, shape as the plan's; NaN where nothing was measured.

        Raises:
            BadInput: no such reading, or the scan was adaptive and has no grid.
        """
        if reading not in self.readings:
            raise BadInput(f"{reading} was not read; there is {', '.join(self.readings)}")
        if self.plan.adaptive is not None:
            raise BadInput("the settings of an adaptive scan lie on no grid")
        grid = np.full(self.plan.shape, np.nan)
        grid[tuple(self.plan.indices()[: self.measured].T)] = self.readings[reading][: self.measured]
        return grid


def read_scan(path: Path | str) -> ScanData:
    """A scan from its run file.

    Raises:
        BadInput: the file cannot be read, or it is a run of another kind.
    """
    return scan_of(read_run(path))


def is_scan(run: Run) -> bool:
    """Whether a run is a scan."""
    return ELAPSED in run.variables and run.variables[ELAPSED].dims == (SETTING,)


def scan_of(run: Run) -> ScanData:
    """The scan in a run that has been read already.

    Raises:
        BadInput: it is a run of another kind.
    """
    if not is_scan(run):
        raise BadInput(f"{run.path} is a run of kind {run.metadata.kind}, not a scan")
    plan = scan_plan_of_json(run.metadata.plan, f"the plan in {run.path.name}")
    names = variable_names(plan)
    return ScanData(
        plan,
        {target: run.values(names[target]) for target in plan.targets},
        {name: run.values(names[f"read {name}"]) for name in plan.read},
        run.values(OUTPUT) if plan.sweep is not None else None,
        run.rows_done or 0,
        run.metadata.run_id,
    )


def variable_names(plan: ScanPlan) -> dict[str, str]:
    """The variable of each target, and of each reading under ``read NAME``.

    Raises:
        BadInput: two would have the same name.
    """
    names = {target: _variable(target) for target in plan.targets}
    for name in plan.read:
        taken = _variable(name) in names.values()
        names[f"read {name}"] = _variable(name) + ("_read" if taken else "")
    doubles = [name for name in names if list(names.values()).count(names[name]) > 1]
    if doubles:
        raise BadInput(f"{' and '.join(doubles)} would both be called {names[doubles[0]]} in the run file; rename one")
    return names


def _variable(name: str) -> str:
    return name.replace(".", "_").replace("-", "_")


def _declare(
    writer: RunWriter,
    plan: ScanPlan,
    names: Mapping[str, str],
    quantities: Mapping[str, Quantity],
    sweep: SweepPlan | None,
) -> None:
    known = {**quantities, **SCHEDULE_QUANTITIES}
    size = None if plan.adaptive is not None else plan.count

    def column(name: str, unit: str, long_name: str) -> None:
        writer.stream(name, (SETTING,), (size,), np.float64, unit or "1", long_name, fill=float("nan"))

    writer.stream_time(SETTING, size, "when the setting had been measured")
    for target, values in plan.path().items():
        item = known[target]
        writer.add(names[target], Variable((SETTING,), values, item.unit or "1", item.label, coordinate=True))
    if plan.adaptive is None:
        for number_, steps in enumerate(plan.indices().T):
            step = Variable((SETTING,), steps.astype(np.int32), "1", f"step along dimension {number_}", True)
            writer.add(f"step_{number_}", step)
    for name, variable in (plan_variables(sweep) if sweep is not None else {}).items():
        writer.add(name, variable)
    if plan.adaptive is not None:
        for target in plan.targets:
            column(names[target], known[target].unit, known[target].label)
    for name in plan.read:
        column(names[f"read {name}"], known[name].unit, known[name].label)
    column(ELAPSED, "s", "time since the run began")
    if sweep is not None:
        shape = (size, sweep.points, sweep.repeats, sweep.weights.shape[2])
        dims = (SETTING, "point", "repeat", "column")
        writer.stream(OUTPUT, dims, shape, np.int16, long_name="ADC code", fill=NOT_MEASURED)
        column(SWEEP_MEAN_VARIABLE, "1", "mean output of the sweep")
