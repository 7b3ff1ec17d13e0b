"""Scans on a bench: everything that is needed is looked up, everything that is wrong is said at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from data.axes import RangeAxis
from data.errors import BadInput
from data.scan import ScanPlan
from data.scanfile import read_scan_plan, scan_plan_as_json
from data.sweep import SweepPlan
from data.values import Geometry, Schedule
from labctl.engine import Requirement, Watch, kept_file
from labctl.engine.engine import warn
from labctl.engine.preflight import calibration_age, instrument_answers, the_board
from labctl.measuring import bench_metadata, plans_for
from labctl.progress import Listener, Stop, never, silent
from labctl.rig import Rig, interlocks_of, needed_by, rig_of, watched_by
from labctl.scanning.strategies import Strategy, find_strategy
from labctl.scanning.work import ScanWork

if TYPE_CHECKING:
    from calibration.record import CalibrationRecord
    from labctl.bench import Bench

Found = TypeVar("Found")


@dataclass(frozen=True)
class PreparedScan:
    """A scan that is ready for an engine.

    Attributes:
        work: for :meth:`labctl.engine.Engine.start`.
        watch: the bench's interlocks.
        requirements: what must hold before it may start.
        sweep: the sweep of the board at each setting, None without one.
        rig: the hardware.
    """

    work: ScanWork
    watch: Watch
    requirements: tuple[Requirement, ...]
    sweep: SweepPlan | None
    rig: Rig

    def problems(self) -> list[str]:
        """Everything that keeps it from starting."""
        found = [*self.work.problems(), *(problem for ask in self.requirements for problem in ask())]
        return list(dict.fromkeys(found))


def prepare(bench: Bench, plan: ScanPlan, strategy: Strategy | None = None) -> PreparedScan:
    """Look up all that a plan needs; the instruments it names are connected, nothing is set.

    Args:
        bench: the open bench.
        plan: what is measured.
        strategy: chooses the settings of an adaptive plan; None takes the one that the plan names.
    """
    problems: list[str] = []
    locks = interlocks_of(bench)
    rig = rig_of(bench, needed_by(plan) | watched_by(locks))
    sweep = _or_problem(problems, lambda: board_sweep(plan, rig.geometry, bench.schedule))
    if plan.adaptive is not None and strategy is None:
        strategy = _or_problem(problems, lambda: _strategy(plan))
    record = _or_problem(problems, lambda: _calibration(bench, plan))
    problems += [problem for lock in locks for problem in lock.missing(rig.instruments)]
    metadata = bench_metadata(
        bench,
        plan.kind,
        title=plan.title,
        plan=scan_plan_as_json(plan),
        seed=None if plan.sweep is None else plan.sweep.seed,
        calibration_id="" if record is None else record.calibration_id,
        calibration_hash="" if record is None else record.content_hash,
    )
    work = ScanWork(plan, rig, bench.runs, metadata, sweep=sweep, strategy=strategy)
    watch = Watch() if problems else Watch.over(locks, rig.instruments)
    return PreparedScan(work, watch, (lambda: problems, lambda: _needs(bench, plan, rig, record)), sweep, rig)


def scan(
    bench: Bench,
    plan: ScanPlan | Path | str,
    *,
    strategy: Strategy | None = None,
    listener: Listener = silent,
    say: Callable[[str], None] = warn,
    stop: Stop = never,
) -> Path:
    """Measure a scan on a bench; returns its run file.

    It runs on :attr:`Bench.engine`, by which it can be paused, stopped and aborted from another thread; Ctrl-C stops it
    and keeps what was measured. A lost link or a full disk is a pause, an interlock of the bench file
    as it says there; the hardware is in its safe state afterwards.

    Args:
        bench: the open bench.
        plan: what is measured, or the file that says so.
        strategy: chooses the settings of an adaptive plan; None takes the one that the plan names.
        listener: hears of progress.
        say: hears why it is paused, and warnings.
        stop: asked after every setting; true keeps what was measured and ends.

    Raises:
        Problems: why it cannot start, all reasons at once.
        Cancelled: somebody aborted it; what was saved is kept.
        LabctlError: it failed; what was saved is kept.
    """
    ready = prepare(bench, plan if isinstance(plan, ScanPlan) else read_scan_plan(Path(plan)), strategy)
    outcome = bench.engine.run(
        ready.work, watch=ready.watch, requirements=ready.requirements, listener=listener, say=say, stop=stop
    )
    return kept_file(ready.work.title, outcome)


def board_sweep(plan: ScanPlan, geometry: Geometry | None, schedule: Schedule) -> SweepPlan | None:
    """The sweep of the board that a plan measures at each setting, None where it measures none.

    Raises:
        BadInput: there is no such sweep.
    """
    if plan.sweep is None or geometry is None:
        return None
    wanted = plan.sweep
    (sweep,) = plans_for(geometry, schedule, [wanted.kind], budget=wanted.budget, seed=wanted.seed)
    count = wanted.most_points
    if count is None or count >= sweep.points:
        return sweep
    return replace(
        sweep,
        weights=sweep.weights[: int(sweep.program[:count].max()) + 1],
        schedules=sweep.schedules[: int(sweep.schedule[:count].max()) + 1],
        activations=sweep.activations[:count],
        program=sweep.program[:count],
        schedule=sweep.schedule[:count],
        coordinates={name: replace(item, values=item.values[:count]) for name, item in sweep.coordinates.items()},
    )


def _strategy(plan: ScanPlan) -> Strategy | None:
    if plan.adaptive is None:
        return None
    ranges = [(leg.low, leg.high) for leg in plan.axes if isinstance(leg, RangeAxis)]
    return find_strategy(plan.adaptive.strategy)(ranges)


def _calibration(bench: Bench, plan: ScanPlan) -> CalibrationRecord | None:
    """The calibration that the plan asks for, compared with the board by a few dozen vectors."""
    if not plan.needs.calibration:
        return None
    from labctl.evaluating import calibration_for

    return calibration_for(plan.needs.calibration, bench)


def _needs(bench: Bench, plan: ScanPlan, rig: Rig, record: CalibrationRecord | None) -> Iterator[str]:
    yield from the_board(rig.identity, plan.needs.board)
    for name, instrument in rig.instruments.items():
        yield from instrument_answers(name, instrument)
    if record is not None:
        yield from calibration_age(record, plan.needs.calibration_age_h)


def _or_problem(problems: list[str], make: Callable[[], Found]) -> Found | None:
    try:
        return make()
    except BadInput as error:
        problems.append(str(error))
        return None
