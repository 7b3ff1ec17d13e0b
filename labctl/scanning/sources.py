"""Where the settings of a scan come from: the plan, or a strategy that learns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from data.axes import RangeAxis
from data.instrument import Value
from data.scan import SWEEP_MEAN, ScanPlan
from data.scanrun import ScanRow
from labctl.scanning.strategies import Strategy


class Source(Protocol):
    """Gives one setting after another."""

    def current(self) -> Mapping[str, Value] | None:
        """The setting that is to be measured, the same until :meth:`saved`; None when there are no more."""
        ...

    def saved(self, row: ScanRow) -> None:
        """The current setting is measured and saved."""
        ...


class PlannedSettings:
    """The settings of a plan in its order."""

    def __init__(self, plan: ScanPlan) -> None:
        self._rest: Iterator[Mapping[str, Value]] = plan.settings()
        self._current: Mapping[str, Value] | None = next(self._rest, None)

    def current(self) -> Mapping[str, Value] | None:
        """The setting that comes next."""
        return self._current

    def saved(self, row: ScanRow) -> None:
        """Go on to the next."""
        self._current = next(self._rest, None)


class AskedSettings:
    """Settings that a strategy chooses from what was measured before.

    Args:
        plan: says what is resolved, and when that is enough.
        strategy: who chooses.
    """

    def __init__(self, plan: ScanPlan, strategy: Strategy) -> None:
        if plan.adaptive is None:
            raise ValueError("the plan is not adaptive")
        self._targets = tuple(leg.set for leg in plan.axes if isinstance(leg, RangeAxis))
        self._adaptive = plan.adaptive
        self._strategy = strategy
        self._done = 0
        self._point: tuple[float, ...] | None = None

    def current(self) -> Mapping[str, Value] | None:
        """The setting that was asked for, or a new one."""
        if self._point is None:
            if self._done >= self._adaptive.most or (self._done and self._strategy.loss() <= self._adaptive.loss):
                return None
            self._point = self._strategy.ask()
        return dict(zip(self._targets, self._point, strict=True))

    def saved(self, row: ScanRow) -> None:
        """Tell the strategy."""
        if self._point is None:
            raise ValueError("no setting was asked for")
        goal = self._adaptive.goal
        point, self._point = self._point, None
        self._done += 1
        self._strategy.tell(point, row.sweep_mean if goal == SWEEP_MEAN else row.readings[goal])
