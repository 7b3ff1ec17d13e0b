"""Requests that measure, and that look at what was measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from labctl.service.messages import RunData
from labctl.service.request import Lane, Task

if TYPE_CHECKING:
    from labctl.service.session import Session


@dataclass(frozen=True, slots=True)
class RunSweeps:
    """Measure standard sweeps of the board.

    Attributes:
        kinds: which; none for all that a calibration needs.
        budget: how much is measured.
        seed: of the vectors and weights that are drawn at random.
    """

    kinds: tuple[str, ...] = ()
    budget: Literal["quick", "full"] = "quick"
    seed: int = 0

    @property
    def lane(self) -> Lane:
        """Measures."""
        return Lane.BOARD

    @property
    def title(self) -> str:
        """For people."""
        return f"sweep {', '.join(self.kinds) or 'of all kinds'}"

    def script(self) -> str:
        """The same in Python."""
        kinds = f", {list(self.kinds)!r}" if self.kinds else ""
        plans = f"labctl.plans(bench{kinds}, budget={self.budget!r}, seed={self.seed})"
        return f"labctl.sweep(bench, {plans}, seed={self.seed})"

    def do(self, session: Session, task: Task) -> tuple[str, ...]:
        """Carry it out; the answer is the run files."""
        from labctl.measuring import plans, sweep

        bench = session.bench
        chosen = plans(bench, self.kinds or None, budget=self.budget, seed=self.seed)
        files = sweep(bench, chosen, seed=self.seed, listener=task.progress, stop=task.stop)
        return tuple(str(path) for path in files)


@dataclass(frozen=True, slots=True)
class RunScan:
    """Measure a scan.

    Attributes:
        plan: as JSON text, :func:`data.scanfile.scan_plan_as_json`.
        name: of it, for people.
    """

    plan: str
    name: str = "scan"

    @property
    def lane(self) -> Lane:
        """Measures."""
        return Lane.BOARD

    @property
    def title(self) -> str:
        """For people."""
        return self.name

    def script(self) -> str:
        """The same in Python."""
        from data.scantext import scan_plan_as_python

        return f"{scan_plan_as_python(self.plan)}\nlabctl.scan(bench, plan)"

    def do(self, session: Session, task: Task) -> str:
        """Carry it out; the answer is the run file."""
        from data.scanfile import scan_plan_of_json
        from labctl.scanning import scan

        plan = scan_plan_of_json(self.plan)
        return str(scan(session.bench, plan, listener=task.progress, say=lambda text: None, stop=task.stop))


@dataclass(frozen=True, slots=True)
class OpenRun:
    """Read a run from its file, to be drawn."""

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
        return f"run = labctl.load({self.file!r})"

    def do(self, session: Session, task: Task) -> RunData:
        """Carry it out."""
        from labctl.service.rundata import run_data

        return run_data(Path(self.file))
