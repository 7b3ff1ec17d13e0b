"""Sweeps as run files: the plan first, then the outputs as they are measured.

Dimensions ``point``, ``repeat``, ``row``, ``column``, ``program``, ``schedule``. A coordinate of the plan keeps its
name; where a dimension or another variable has that name already it is called ``swept_<name>``. ``time`` says when each
point had been measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from data.clock import TIME, RunClock
from data.errors import BadInput
from data.metadata import RunMetadata, Status
from data.runfile import Run, RunWriter, read_run
from data.sweep import Coordinate, SweepData, SweepPlan
from data.values import Schedule
from data.variables import Variable

NOT_MEASURED = -32768
"""What ``output`` holds where nothing was measured; far outside every ADC code."""

_SWEPT = "swept_"
_RESERVED = frozenset(
    [
        "point",
        "repeat",
        "row",
        "column",
        "program",
        "schedule",
        "output",
        "activation",
        "weight",
        "program_index",
        "schedule_index",
        "event_order",
        "default_order",
        "spacing",
        "sends",
        "skip_zeros",
        "settle",
        "reset",
        "plan_kind",
        "rows_done",
        TIME,
    ]
)


class SweepWriter:
    """Writes the outputs of one sweep, in the order of its plan. Use it as a context manager, as :class:`RunWriter`."""

    def __init__(self, writer: RunWriter, plan: SweepPlan) -> None:
        self._writer = writer
        self._plan = plan
        self._measured = 0

    @classmethod
    def create(cls, folder: Path, metadata: RunMetadata, plan: SweepPlan) -> Self:
        """Begin a new file with the whole plan in it and room for all outputs.

        Raises:
            BadInput: as :meth:`RunWriter.create`, or the plan has no points or cannot be stored.
            LabctlError: the disk failed, for instance because the outputs would not fit.
        """
        if not plan.vectors or not len(plan.weights) or not plan.schedules:
            raise BadInput(f"sweep {plan.kind} has nothing to measure: it needs points, weights and a schedule")
        writer = RunWriter.create(folder, metadata)
        try:
            for name, variable in plan_variables(plan).items():
                writer.add(name, variable)
            writer.stream_time("point", plan.points, "when the batch of the point had been measured")
            writer.stream(
                "output",
                ("point", "repeat", "column"),
                (plan.points, plan.repeats, plan.weights.shape[2]),
                np.int16,
                long_name="ADC code",
                fill=NOT_MEASURED,
            )
        except BaseException as error:
            writer.__exit__(type(error), error, error.__traceback__)
            raise
        return cls(writer, plan)

    @property
    def path(self) -> Path:
        """The file."""
        return self._writer.path

    @property
    def metadata(self) -> RunMetadata:
        """What is known about the run so far."""
        return self._writer.metadata

    @property
    def clock(self) -> RunClock:
        """Tells when something is measured."""
        return self._writer.clock

    @property
    def measured(self) -> int:
        """How many points have been written."""
        return self._measured

    def write(self, points: NDArray[np.intp], outputs: NDArray[np.integer[Any]], time_s: float | None = None) -> None:
        """Write the next points of the plan; they count as saved after the next :meth:`checkpoint`.

        Args:
            points: their indices, which follow on from the last one written.
            outputs: ADC codes, shape (points, repeats, columns).
            time_s: when they had been measured, as :attr:`clock` told it; None for now.

        Raises:
            BadInput: points out of order, or outputs of another shape or beyond int16.
            LabctlError: the disk failed.
        """
        count = len(points)
        if not np.array_equal(points, np.arange(self._measured, self._measured + count)):
            raise BadInput(
                f"sweep {self._plan.kind}: point {self._measured} comes next; points are written in the plan's order"
            )
        if len(outputs) != count:
            raise BadInput(f"sweep {self._plan.kind}: {count} points and outputs of {len(outputs)}")
        self._writer.write_rows("output", self._measured, outputs)
        self._writer.write_rows(TIME, self._measured, np.full(count, self.clock.now() if time_s is None else time_s))
        self._measured += count

    def checkpoint(self) -> int:
        """Save everything written so far; from here on a killed process cannot lose it. Returns the points saved."""
        return self._writer.checkpoint(self._measured)

    def finish(self, status: Status = "complete", message: str = "") -> None:
        """Save everything, write how the run ended, and close the file; see :meth:`RunWriter.finish`."""
        self._writer.finish(status, message)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.__exit__(kind, error, trace)


def read_sweep(path: Path | str) -> SweepData:
    """What a sweep measured, and its plan.

    Raises:
        BadInput: the file cannot be read, or it is a run of another kind.
    """
    return sweep_of(read_run(path))


def sweep_of(run: Run) -> SweepData:
    """The sweep in a run that has been read already.

    Raises:
        BadInput: it is a run of another kind.
    """
    output = run.variables.get("output")
    if "plan_kind" not in run.variables or output is None or output.dims != ("point", "repeat", "column"):
        raise BadInput(f"{run.path} is a run of kind {run.metadata.kind}, not a sweep")
    plan = SweepPlan(
        kind=str(run.values("plan_kind")),
        weights=run.values("weight"),
        schedules=_schedules(run),
        activations=run.values("activation"),
        program=run.values("program_index").astype(np.intp),
        schedule=run.values("schedule_index").astype(np.intp),
        repeats=run.values("output").shape[1],
        coordinates=_coordinates(run.variables),
    )
    times = run.values(TIME) if TIME in run.variables else None
    return SweepData(plan, run.values("output"), run.rows_done or 0, run.metadata.run_id, times)


def plan_variables(plan: SweepPlan) -> dict[str, Variable]:
    """The variables that say what a sweep does; everything but what it measures.

    Raises:
        BadInput: a coordinate or an event order has the wrong length.
    """
    schedules = plan.schedules
    rows = plan.weights.shape[1]

    def of_schedules(values: list[Any], dtype: type, unit: str, long_name: str) -> Variable:
        return Variable(("schedule",), np.asarray(values, dtype), unit, long_name)

    variables: dict[str, Variable] = {}
    for name, item in plan.coordinates.items():
        if item.values.shape != (plan.points,):
            raise BadInput(f"sweep {plan.kind}: coordinate {name} must have one value for each of {plan.points} points")
        stored = _SWEPT + name if name in _RESERVED or name.startswith(_SWEPT) else name
        variables[stored] = Variable(("point",), item.values, item.unit, item.long_name, coordinate=True)
    wrong = [index for index, item in enumerate(schedules) if item.order is not None and len(item.order) != rows]
    if wrong:
        raise BadInput(f"sweep {plan.kind}: the event order of schedule {wrong[0]} does not have {rows} rows")
    orders = np.stack([item.order_array(rows) for item in schedules])
    given = [item.order is None for item in schedules]
    return variables | {
        "program_index": Variable(("point",), plan.program.astype(np.int64), "1", "index of the programme", True),
        "schedule_index": Variable(("point",), plan.schedule.astype(np.int64), "1", "index of the schedule", True),
        "plan_kind": Variable((), np.array(plan.kind), "1", "what was swept"),
        "activation": Variable(("point", "row"), plan.activations, "1", "activation code"),
        "weight": Variable(("program", "row", "column"), plan.weights, "1", "weight code"),
        "event_order": Variable(("schedule", "row"), orders, "1", "rows in the order in which they send"),
        "default_order": of_schedules(given, np.bool_, "1", "no order was given, rows send in ascending order"),
        "spacing": of_schedules([item.spacing_ns for item in schedules], np.int64, "ns", "time between two events"),
        "sends": of_schedules([item.sends for item in schedules], np.int64, "1", "times the vector is sent"),
        "skip_zeros": of_schedules([item.skip_zeros for item in schedules], np.bool_, "1", "zeros take no slot"),
        "settle": of_schedules([item.settle_ns for item in schedules], np.int64, "ns", "time before the read-out"),
        "reset": of_schedules([item.reset_ns for item in schedules], np.int64, "ns", "time held at reset"),
    }


def _schedules(run: Run) -> tuple[Schedule, ...]:
    names = ("event_order", "default_order", "spacing", "sends", "skip_zeros", "settle", "reset")
    columns = zip(*(run.values(name) for name in names), strict=True)
    return tuple(
        Schedule(
            order=None if default else tuple(int(row) for row in order),
            spacing_ns=int(spacing),
            sends=int(sends),
            skip_zeros=bool(skip),
            settle_ns=int(settle),
            reset_ns=int(reset),
        )
        for order, default, spacing, sends, skip, settle, reset in columns
    )


def _coordinates(variables: Mapping[str, Variable]) -> dict[str, Coordinate]:
    return {
        name.removeprefix(_SWEPT): Coordinate(variable.values, variable.unit, variable.long_name)
        for name, variable in variables.items()
        if variable.coordinate and variable.dims == ("point",) and name not in _RESERVED
    }
