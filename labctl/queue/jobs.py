"""What can stand in a queue: work as data, so that it survives a restart and can be edited."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from data.errors import BadInput
from data.scan import ScanPlan
from data.scanfile import scan_plan_as_json, scan_plan_of
from labctl.progress import Listener, Stop

if TYPE_CHECKING:
    from labctl.bench import Bench

Budget = Literal["quick", "full"]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ScanJob:
    """Measure a scan."""

    plan: ScanPlan

    @property
    def title(self) -> str:
        """For lists."""
        return f"{self.plan.name}, {self.plan.count} settings"

    def run(self, bench: Bench, listener: Listener, say: Say, stop: Stop) -> tuple[Path, ...]:
        """Do it on a bench; returns the run files."""
        from labctl.scanning import scan

        return (scan(bench, self.plan, listener=listener, say=say, stop=stop),)


@dataclass(frozen=True, slots=True)
class SweepJob:
    """Measure standard sweeps of the board; no kinds are all that a calibration needs."""

    kinds: tuple[str, ...] = ()
    budget: Budget = "quick"
    seed: int = 0

    @property
    def title(self) -> str:
        """For lists."""
        return f"sweep {', '.join(self.kinds) or 'of all kinds'} ({self.budget})"

    def run(self, bench: Bench, listener: Listener, say: Say, stop: Stop) -> tuple[Path, ...]:
        """Do it on a bench; returns the run files."""
        from labctl.measuring import plans, sweep

        chosen = plans(bench, self.kinds, budget=self.budget, seed=self.seed)
        return sweep(bench, chosen, seed=self.seed, listener=listener, stop=stop)


@dataclass(frozen=True, slots=True)
class CalibrateJob:
    """Measure and fit the board."""

    budget: Budget = "quick"
    seed: int = 0

    @property
    def title(self) -> str:
        """For lists."""
        return f"calibrate ({self.budget})"

    def run(self, bench: Bench, listener: Listener, say: Say, stop: Stop) -> tuple[Path, ...]:
        """Do it on a bench; returns the calibration's file. A stop is heard while it measures.

        Raises:
            Cancelled: it was stopped before it could fit.
        """
        from labctl.measuring import calibrate, plans, sweep_all
        from labctl.progress import part

        measured = sweep_all(
            bench,
            plans(bench, budget=self.budget, seed=self.seed),
            seed=self.seed,
            listener=part(listener, 0.0, 0.5),
            stop=stop,
        )
        record = calibrate(bench, runs=measured, listener=part(listener, 0.5, 1.0))
        return (*measured, bench.runs / f"{record.calibration_id}-calibration.h5")


Job = ScanJob | SweepJob | CalibrateJob


def job_as_json(job: Job) -> str:
    """A job as JSON text."""
    if isinstance(job, ScanJob):
        return json.dumps({"job": "scan", "plan": json.loads(scan_plan_as_json(job.plan))})
    return json.dumps({"job": "sweep" if isinstance(job, SweepJob) else "calibrate", **asdict(job)})


def job_of_json(text: str) -> Job:
    """The inverse of :func:`job_as_json`.

    Raises:
        BadInput: it is not a job, or one of a newer version.
    """
    try:
        content: Mapping[str, Any] = json.loads(text)
        kind = content["job"]
        if kind == "scan":
            return ScanJob(scan_plan_of(content["plan"], "the plan in the queue"))
        if kind == "sweep":
            return SweepJob(tuple(content["kinds"]), content["budget"], int(content["seed"]))
        if kind == "calibrate":
            return CalibrateJob(content["budget"], int(content["seed"]))
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"an entry of the queue cannot be read: {error}") from error
    raise BadInput(f"the queue holds a job {kind!r} that this version of labctl does not know; update labctl")
