"""Requests about calibrations: measure and fit, look, compare, follow over time, apply."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from labctl.calibrations.values import (
    CalibrationDifference,
    CalibrationEntry,
    CalibrationHistory,
    CalibrationView,
    OrderCurves,
    Probed,
    SweepEntry,
)
from labctl.service.messages import FolderChanged
from labctl.service.request import Lane, Looking, Task

if TYPE_CHECKING:
    from labctl.service.session import Session

Budget = Literal["quick", "full", "optimal"]


@dataclass(frozen=True, slots=True)
class Calibrate:
    """Measure the board and fit its models, or fit sweeps that were measured before.

    Attributes:
        budget: how much is measured.
        seed: of the vectors and weights that are drawn at random.
        runs: files of sweeps to fit in place of measuring; none measures.
    """

    budget: Budget = "quick"
    seed: int = 0
    runs: tuple[str, ...] = ()

    @property
    def lane(self) -> Lane:
        """A fit of what was measured before needs no board."""
        return Lane.COMPUTE if self.runs else Lane.BOARD

    @property
    def title(self) -> str:
        """For people."""
        return f"fit {len(self.runs)} sweeps" if self.runs else f"calibrate ({self.budget})"

    def script(self) -> str:
        """The same in Python."""
        if self.runs:
            return f"record = labctl.calibrate(runs={list(self.runs)!r}, folder=bench.runs)"
        return f"record = labctl.calibrate(bench, budget={self.budget!r}, seed={self.seed})"

    def do(self, session: Session, task: Task) -> CalibrationEntry:
        """Carry it out."""
        from labctl.calibrations.looking import entry_of
        from labctl.measuring import calibrate

        if self.runs:
            folder = session.runs
            record = calibrate(runs=self.runs, folder=folder, listener=task.progress, stop=task.stop)
        else:
            bench = session.bench
            folder = bench.runs
            record = calibrate(bench, budget=self.budget, seed=self.seed, listener=task.progress, stop=task.stop)
        session.tell(FolderChanged("runs"))
        return entry_of(record, folder / f"{record.calibration_id}-calibration.h5")


@dataclass(frozen=True, slots=True)
class ListCalibrations(Looking):
    """The calibrations of the runs' folder, newest first."""

    @property
    def lane(self) -> Lane:
        """Reads files."""
        return Lane.FILES

    def do(self, session: Session, task: Task) -> tuple[CalibrationEntry, ...]:
        """Carry it out."""
        from labctl.calibrations.looking import list_calibrations

        session.applied.tell()
        return list_calibrations(session.runs)


@dataclass(frozen=True, slots=True)
class ListSweeps(Looking):
    """The sweeps of the runs' folder that a calibration can be fitted to, newest first."""

    @property
    def lane(self) -> Lane:
        """Reads files."""
        return Lane.FILES

    def do(self, session: Session, task: Task) -> tuple[SweepEntry, ...]:
        """Carry it out."""
        from labctl.calibrations.looking import list_sweeps

        return list_sweeps(session.runs)


@dataclass(frozen=True, slots=True)
class OpenCalibration:
    """Read a calibration, to be shown."""

    file: str

    @property
    def lane(self) -> Lane:
        """Reads a file."""
        return Lane.FILES

    @property
    def title(self) -> str:
        """Not worth a line."""
        return ""

    def script(self) -> str:
        """The same in Python."""
        return f"record = labctl.load({self.file!r})"

    def do(self, session: Session, task: Task) -> CalibrationView:
        """Carry it out."""
        from labctl.calibrations.looking import look_at_calibration

        return look_at_calibration(self.file)


@dataclass(frozen=True, slots=True)
class OpenOrderCurves:
    """What the sweeps of a calibration show beside its models."""

    file: str

    @property
    def lane(self) -> Lane:
        """Reads files and evaluates models; an opened calibration need not wait for it."""
        return Lane.COMPUTE

    @property
    def title(self) -> str:
        """For people."""
        return "order curves"

    def script(self) -> str:
        """The same in Python."""
        return f"curves = labctl.order_curves({self.file!r})"

    def do(self, session: Session, task: Task) -> OrderCurves:
        """Carry it out."""
        from labctl.calibrations.orders import order_curves

        return order_curves(self.file)


@dataclass(frozen=True, slots=True)
class CompareCalibrations:
    """A calibration less another one of the same board."""

    one: str
    other: str

    @property
    def lane(self) -> Lane:
        """Reads files."""
        return Lane.FILES

    @property
    def title(self) -> str:
        """Not worth a line."""
        return ""

    def script(self) -> str:
        """The same in Python."""
        return f"difference = labctl.compare_calibrations({self.one!r}, {self.other!r})"

    def do(self, session: Session, task: Task) -> CalibrationDifference:
        """Carry it out."""
        from labctl.calibrations.differences import compare_calibrations

        return compare_calibrations(self.one, self.other)


@dataclass(frozen=True, slots=True)
class OpenCalibrationHistory:
    """The calibrations of one board over time."""

    board: str

    @property
    def lane(self) -> Lane:
        """Reads many files; what is opened meanwhile need not wait for it."""
        return Lane.COMPUTE

    @property
    def title(self) -> str:
        """For people."""
        return f"history of {self.board}"

    def script(self) -> str:
        """The same in Python."""
        return f"history = labctl.calibration_history(bench.runs, {self.board!r})"

    def do(self, session: Session, task: Task) -> CalibrationHistory:
        """Carry it out."""
        from labctl.calibrations.history import calibration_history

        return calibration_history(session.runs, self.board, listener=task.progress, stop=task.stop)


@dataclass(frozen=True, slots=True)
class ApplyCalibration:
    """Use a calibration for live runs and comparisons, once a few dozen vectors have shown that it still holds."""

    file: str

    @property
    def lane(self) -> Lane:
        """Asks the board."""
        return Lane.BOARD

    @property
    def title(self) -> str:
        """For people."""
        return f"probe and apply {Path(self.file).stem}"

    def script(self) -> str:
        """The same in Python."""
        return f"print(labctl.probe_calibration(bench, {self.file!r}).words)\ncalibration = {self.file!r}"

    def do(self, session: Session, task: Task) -> Probed:
        """Carry it out.

        Raises:
            BadInput: no board is connected, it is another one, or it has moved too far from the calibration; or the
                file lies where live runs and comparisons, and the next service, do not look for it.
        """
        from data.errors import BadInput
        from labctl.calibrations.probing import probe_calibration

        if Path(self.file).resolve().parent != session.bench.runs.resolve():
            raise BadInput(f"not applied: {self.file} is not among the runs in {session.bench.runs}; copy it there")
        task.progress(0.2, "probing the board")
        found = probe_calibration(session.bench, Path(self.file))
        if found.verdict == "stale":
            raise BadInput(f"not applied: {found.entry.calibration_id} is {found.words}; calibrate again")
        session.applied.apply(found)
        return found


@dataclass(frozen=True, slots=True)
class RevertCalibration:
    """Use the calibration that was in use before."""

    @property
    def lane(self) -> Lane:
        """In its order with those that apply one."""
        return Lane.BOARD

    @property
    def title(self) -> str:
        """For people."""
        return "revert to the calibration before"

    def script(self) -> str:
        """A script names the calibration where it uses it."""
        return ""

    def do(self, session: Session, task: Task) -> str:
        """Carry it out; the answer is what is in use then, an id or ``latest``."""
        session.applied.revert()
        return session.calibration


@dataclass(frozen=True, slots=True)
class ReportCalibration:
    """Write the page of a calibration beside its file."""

    file: str

    @property
    def lane(self) -> Lane:
        """Draws."""
        return Lane.COMPUTE

    @property
    def title(self) -> str:
        """For people."""
        return f"report of {Path(self.file).stem}"

    def script(self) -> str:
        """The same in Python."""
        return f"labctl.write_report(bench.runs / {Path(self.file).name!r})"

    def do(self, session: Session, task: Task) -> str:
        """Carry it out; the answer is the page."""
        from labctl.report import write_report

        return str(write_report(Path(self.file)))
