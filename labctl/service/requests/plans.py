"""Requests about plans that are being edited: what they would do, and their files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from data.scan import ScanPlan
from labctl.service.messages_plans import PlanCheck, SweepCost
from labctl.service.request import Lane, Looking, Task

if TYPE_CHECKING:
    from labctl.service.session import Session


@dataclass(frozen=True, slots=True)
class CheckPlan(Looking):
    """Say what a scan plan would do, also of one that is half done; nothing is connected, asked or set."""

    plan: ScanPlan

    @property
    def lane(self) -> Lane:
        """While somebody edits."""
        return Lane.CHECKS

    def do(self, session: Session, task: Task) -> PlanCheck:
        """Carry it out."""
        from labctl.service.planlook import known_bench, look_at

        return look_at(self.plan, known_bench(session))


@dataclass(frozen=True, slots=True)
class PriceSweeps(Looking):
    """Say what the standard sweeps of the board cost; without a board, for an array of the usual size."""

    budget: Literal["quick", "full"] = "quick"

    @property
    def lane(self) -> Lane:
        """While somebody chooses."""
        return Lane.CHECKS

    def do(self, session: Session, task: Task) -> tuple[SweepCost, ...]:
        """Carry it out."""
        from data.values import Geometry
        from labctl.service.planlook import sweep_costs

        bench = session.opened
        geometry = Geometry() if bench is None else bench.board.geometry
        return sweep_costs(geometry, session.config.schedule.value(), self.budget)


@dataclass(frozen=True, slots=True)
class OpenPlan:
    """Read a scan plan from a TOML or JSON file."""

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
        lines = ["from pathlib import Path", "from data.scanfile import read_scan_plan"]
        return "\n".join([*lines, f"plan = read_scan_plan(Path({self.file!r}))"])

    def do(self, session: Session, task: Task) -> ScanPlan:
        """Carry it out."""
        from data.scanfile import read_scan_plan

        return read_scan_plan(Path(self.file))


@dataclass(frozen=True, slots=True)
class TakePlan(Looking):
    """Take a scan plan from JSON text, e.g. that of a run."""

    text: str

    @property
    def lane(self) -> Lane:
        """Short."""
        return Lane.CHECKS

    def do(self, session: Session, task: Task) -> ScanPlan:
        """Carry it out."""
        from data.scanfile import scan_plan_of_json

        return scan_plan_of_json(self.text)


@dataclass(frozen=True, slots=True)
class SavePlan:
    """Write a scan plan to a ``.toml`` or ``.json`` file."""

    plan: ScanPlan
    file: str

    @property
    def lane(self) -> Lane:
        """Writes a file."""
        return Lane.FILES

    @property
    def title(self) -> str:
        """Not worth a line."""
        return ""

    def script(self) -> str:
        """The same in Python."""
        from data.scantext import scan_plan_as_python

        lines = [
            "from pathlib import Path",
            "from data.scanfile import write_scan_plan",
            scan_plan_as_python(self.plan),
        ]
        return "\n".join([*lines, f"write_scan_plan(plan, Path({self.file!r}))"])

    def do(self, session: Session, task: Task) -> str:
        """Carry it out; the answer is the file."""
        from data.scanfile import write_scan_plan

        write_scan_plan(self.plan, Path(self.file))
        return self.file
