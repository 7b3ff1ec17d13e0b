"""A look at a plan that is being edited: nothing is connected, asked or set to know what it would do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import NDArray

from data.axes import Axis, CentreSpanAxis, LinearAxis, LogAxis, RangeAxis, axes_of
from data.errors import BadInput
from data.instrument import Instrument, Quantity, Value
from data.scan import SCHEDULE_QUANTITIES, BoardSweep, ScanPlan
from data.scanrun import variable_names
from data.sweep import SweepPlan
from data.values import Geometry, Identity, Schedule
from labctl.engine.preflight import room_on_disk, the_board
from labctl.engine.sweeping import sweep_bytes
from labctl.measuring import plans_for
from labctl.rig import BOARD, needed_by
from labctl.scanning.estimate import estimate, sweep_s
from labctl.scanning.running import board_sweep
from labctl.scanning.strategies import LEARNER, find_strategy, strategy_names
from labctl.service.messages_plans import DrawnAxis, PlanCheck, PlanPath, SweepCost

if TYPE_CHECKING:
    from labctl.service.session import Session

MOST_DRAWN: Final = 1500
"""Settings of a path that are drawn."""
MOST_COMPARED: Final = 5001
"""Values of an evenly spaced axis that are compared with the limits."""


@dataclass(frozen=True)
class KnownBench:
    """What is known of a bench without asking it anything.

    Attributes:
        quantities: of what is connected, by ``INSTRUMENT.QUANTITY``.
        asleep: devices of the bench that are not connected.
        geometry: of the board, None while it is not connected.
        identity: of the board, None while it is not connected.
        schedule: the working schedule.
        runs: folder of the run files.
    """

    quantities: Mapping[str, Quantity]
    asleep: frozenset[str]
    geometry: Geometry | None
    identity: Identity | None
    schedule: Schedule
    runs: Path


def known_bench(session: Session) -> KnownBench:
    """The bench of a session as it is now."""
    quantities: dict[str, Quantity] = {}
    asleep = set()
    for device in session.status().devices:
        try:
            instrument: object = session.instrument(device.name) if device.connected else None
        except BadInput:
            instrument = None  # let go of in this moment
        if not isinstance(instrument, Instrument):
            asleep.add(device.name)
            continue
        quantities |= {f"{device.name}.{name}": item for name, item in instrument.quantities.items()}
    bench = session.opened
    return KnownBench(
        quantities,
        frozenset(asleep),
        None if bench is None else bench.board.geometry,
        None if bench is None else bench.board.identity,
        session.config.schedule.value(),
        session.runs,
    )


def look_at(plan: ScanPlan, bench: KnownBench) -> PlanCheck:
    """Everything that can be said of a plan, also of one that is half done."""
    problems = list(plan.problems())
    notes = list(_notes(plan, bench))
    known = _without(plan, bench.asleep)
    geometry = bench.geometry or Geometry()
    problems += [item for item in known.limit_problems(bench.quantities, geometry) if not item.startswith("axis :")]
    problems += _strategy_problems(plan)
    problems += the_board(bench.identity, plan.needs.board) if bench.identity is not None else ()
    sweep: SweepPlan | None = None
    if plan.sweep is not None and (plan.sweep.most_points is None or plan.sweep.most_points > 0):
        try:
            sweep = _board_sweep(plan.sweep, geometry, bench.schedule)
        except BadInput as error:
            problems.append(str(error))
    strategies = () if plan.adaptive is None else strategy_names()
    if not _countable(plan):
        return PlanCheck(tuple(dict.fromkeys(problems)), tuple(notes), strategies=strategies)
    try:
        variable_names(plan)
    except BadInput as error:
        problems.append(str(error))
    cost = estimate(plan, sweep)
    problems += room_on_disk(bench.runs, cost.bytes)
    path = path_of(plan, {**bench.quantities, **SCHEDULE_QUANTITIES})
    said = tuple(dict.fromkeys(problems)), tuple(notes)
    return PlanCheck(*said, cost.settings, cost.seconds, cost.bytes, path, strategies)


def path_of(plan: ScanPlan, quantities: Mapping[str, Quantity]) -> PlanPath:
    """What is drawn of a plan: one quantity over the settings, or the way in the plane of its first two dimensions."""
    legs = plan.axes[:2]
    drawn = [axes_of(leg)[0] for leg in legs]
    names = [axis.set for axis in drawn]
    more = tuple(name for name in plan.targets if name not in names)
    if plan.adaptive is not None:
        taken: Mapping[str, list[Value]] = {axis.set: list(axis.values) for axis in drawn}
        index = np.zeros(0, np.int64)
        complete = True
    else:
        # Of the dimensions that change less often the way is the same without those that change more often.
        flat = replace(plan, axes=legs)
        complete = flat.count <= MOST_DRAWN
        if len(legs) == 1:
            index = np.unique(np.linspace(0, flat.count - 1, min(flat.count, MOST_DRAWN)).astype(np.int64))
            values = flat.values[names[0]]
            taken = {names[0]: [values[place] for place in index.tolist()]}
        else:
            settings = list(islice(flat.settings(), MOST_DRAWN))
            index = np.arange(len(settings))
            taken = {name: [setting[name] for setting in settings] for name in names}
    axes = tuple(_drawn(axis.set, taken[axis.set], quantities, log=isinstance(axis, LogAxis)) for axis in drawn)
    sort: Literal["steps", "plane", "ranges"] = "steps" if len(legs) == 1 else "plane"
    return PlanPath("ranges" if plan.adaptive is not None else sort, axes, index, complete, more)


def sweep_costs(
    geometry: Geometry, schedule: Schedule, budget: Literal["quick", "full"], seed: int = 0
) -> tuple[SweepCost, ...]:
    """What the standard sweeps of a board cost, in the order in which they are measured."""
    found = []
    for plan in plans_for(geometry, schedule, budget=budget, seed=seed):
        found.append(SweepCost(plan.kind, plan.points, plan.vectors, sweep_s(plan), sweep_bytes(plan)))
    return tuple(found)


def _notes(plan: ScanPlan, bench: KnownBench) -> Iterator[str]:
    for name in sorted(needed_by(plan) & bench.asleep - {BOARD}):
        yield f"{name} is not connected: its limits are checked when it is, and the run connects it"
    if bench.geometry is None:
        usual = Geometry()
        yield (
            "no board is connected: connect or simulate one to run this"
            + (f"; time and size are for {usual.rows} × {usual.columns}" if plan.sweep is not None else "")
        )
    if plan.needs.calibration:
        yield f"calibration {plan.needs.calibration} is compared with the board when the run starts"


def _without(plan: ScanPlan, asleep: frozenset[str]) -> ScanPlan:
    """The part of a plan whose limits are known."""

    def known(name: str) -> bool:
        return bool(name) and name.partition(".")[0] not in asleep

    axes = [axis for leg in plan.axes for axis in axes_of(leg) if known(axis.set) and not list(axis.problems())]
    return replace(
        plan, axes=tuple(_thinned(axis) for axis in axes), read=tuple(name for name in plan.read if known(name))
    )


def _thinned(axis: Axis) -> Axis:
    """An axis within the same ends; a million values need not be compared with the limits one by one."""
    if isinstance(axis, LinearAxis | LogAxis | CentreSpanAxis) and axis.points > MOST_COMPARED:
        return replace(axis, points=MOST_COMPARED)
    return axis


def _countable(plan: ScanPlan) -> bool:
    """Whether its settings can be counted, whatever else is wrong."""
    if not plan.axes or any(True for leg in plan.axes for _ in leg.problems()):
        return False
    if len(set(plan.targets)) < len(plan.targets):
        return False
    ranges = [isinstance(leg, RangeAxis) for leg in plan.axes]
    if plan.adaptive is not None:
        return all(ranges) and plan.adaptive.most >= 1
    return not any(ranges) and plan.count <= 10_000_000


def _strategy_problems(plan: ScanPlan) -> list[str]:
    if plan.adaptive is None:
        return []
    try:
        find_strategy(plan.adaptive.strategy)
    except BadInput as error:
        return [str(error)]
    if plan.adaptive.strategy == LEARNER and find_spec("adaptive") is None:
        return ["an adaptive scan needs the package adaptive: pip install labctl[adaptive]"]
    return []


@lru_cache(maxsize=2)
def _board_sweep(wanted: BoardSweep, geometry: Geometry, schedule: Schedule) -> SweepPlan | None:
    """Made once while other settings of the plan are edited: the full budget takes most of a second."""
    return board_sweep(ScanPlan(axes=(), sweep=wanted), geometry, schedule)


def _drawn(name: str, taken: list[Value], quantities: Mapping[str, Quantity], *, log: bool) -> DrawnAxis:
    quantity = quantities.get(name)
    unit = "" if quantity is None else quantity.unit
    if any(isinstance(value, str | bool) for value in taken):
        words = tuple(dict.fromkeys(_word(value) for value in taken))
        numbers: NDArray[np.float64] = np.array([words.index(_word(value)) for value in taken], float)
        return DrawnAxis(name, unit, numbers, words=words)
    return DrawnAxis(name, unit, np.array(taken, float), log=log and all(float(value) > 0 for value in taken))


def _word(value: Value) -> str:
    return ("off", "on")[value] if isinstance(value, bool) else str(value)
