"""A scan as data: an n-dimensional plan of settings, and what is read at each.

A plan can be counted, timed, drawn and checked against the limits of instruments and board before anything is sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from data.axes import Leg, RangeAxis, axes_of
from data.errors import BadInput
from data.instrument import Quantity, Value
from data.values import Geometry, Schedule

SCHEDULE: Final = "schedule"
"""Stands for an instrument in the name of an axis: the settings of the board's schedule."""

MOST_SETTINGS: Final = 10_000_000
_SLICE: Final = 4096

SCHEDULE_SETTINGS: Final[Mapping[str, Quantity]] = {
    "spacing_ns": Quantity("spacing_ns", "event spacing", "ns", settable=True, low=1, high=100_000),
    "sends": Quantity("sends", "number of sends", "1", settable=True, low=1, high=64),
    "settle_ns": Quantity("settle_ns", "settle time", "ns", settable=True, low=0, high=1_000_000),
    "reset_ns": Quantity("reset_ns", "reset time", "ns", settable=True, low=0, high=1_000_000),
    "skip_zeros": Quantity("skip_zeros", "skipping of zeros", "", settable=True, choices=(False, True)),
}
"""What of a schedule an axis can set."""

SCHEDULE_QUANTITIES: Final[Mapping[str, Quantity]] = {
    f"{SCHEDULE}.{name}": item for name, item in SCHEDULE_SETTINGS.items()
}
"""The same by the names that plans use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardSweep:
    """A standard sweep of the board that is measured at every setting.

    Attributes:
        kind: which one, e.g. ``random``.
        seed: of its vectors and weights.
        budget: how much it measures.
        most_points: only the first so many points of it; None for all.
    """

    kind: str
    seed: int = 0
    budget: Literal["quick", "full"] = "quick"
    most_points: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Adaptive:
    """How an adaptive scan chooses its settings.

    Attributes:
        goal: the reading to resolve, as in ``read``; ``sweep.mean`` for the mean output of the board's sweep.
        most: how many settings at most.
        loss: the scan ends when the strategy's loss is at most this.
        strategy: who chooses: ``learner`` is the one of the ``adaptive`` package for this number of axes.
    """

    goal: str
    most: int
    loss: float = 0.01
    strategy: str = "learner"


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a plan asks of the bench; a run is refused where it is not so.

    Attributes:
        board: serial number that the board must have; empty for any.
        calibration: calibration that must describe the board as it is now: an id, ``latest``, or empty for none.
        calibration_age_h: how many hours old that calibration may be; None for any age.
    """

    board: str = ""
    calibration: str = ""
    calibration_age_h: float | None = None


@dataclass(frozen=True, kw_only=True)
class ScanPlan:
    """Which quantities take which values, and what is read at each setting.

    Attributes:
        axes: the dimensions; the first changes least often.
        read: quantities read at each setting, ``INSTRUMENT.QUANTITY``.
        sweep: a sweep of the board at each setting.
        snake: every other pass of an axis goes backwards, so that no quantity jumps from its end to its beginning.
        adaptive: how settings are chosen, where the axes are ranges.
        needs: what is asked of the bench.
        kind: goes into the names of the run files.
        title: one line for lists.
    """

    axes: tuple[Leg, ...]
    read: tuple[str, ...] = ()
    sweep: BoardSweep | None = None
    snake: bool = False
    adaptive: Adaptive | None = None
    needs: Needs = field(default_factory=Needs)
    kind: str = "scan"
    title: str = ""

    @property
    def name(self) -> str:
        """For messages and lists: its title, or what it sets."""
        return f"scan {self.title}" if self.title else f"{self.kind} of {', '.join(self.targets)}"

    @property
    def targets(self) -> tuple[str, ...]:
        """The quantities that are set, the slowest first."""
        return tuple(axis.set for leg in self.axes for axis in axes_of(leg))

    @property
    def settle_s(self) -> Mapping[str, float]:
        """Seconds to wait after each target was set."""
        return {axis.set: axis.settle_s for leg in self.axes for axis in axes_of(leg)}

    @cached_property
    def values(self) -> Mapping[str, tuple[Value, ...]]:
        """The values of each target along its axis; of an adaptive scan the ends."""
        return {axis.set: axis.values for leg in self.axes for axis in axes_of(leg)}

    @property
    def shape(self) -> tuple[int, ...]:
        """Steps of each dimension; of an adaptive scan only how many settings there are at most."""
        if self.adaptive is not None:
            return (self.adaptive.most,)
        return tuple(len(self.values[axes_of(leg)[0].set]) for leg in self.axes)

    @property
    def count(self) -> int:
        """How many settings there are; of an adaptive scan at most."""
        return prod(self.shape)

    def indices(self) -> NDArray[np.int64]:
        """The step of each dimension at each setting, in the order of the run, shape (settings, dimensions).

        Snaking, each pass of an axis but the first begins where the one before ended.
        """
        return self._steps(np.arange(self.count))

    def _steps(self, order: NDArray[np.int64]) -> NDArray[np.int64]:
        """The steps at some settings, given by their place in the run."""
        steps = np.empty((len(order), len(self.shape)), np.int64)
        inner = self.count
        for axis, size in enumerate(self.shape):
            inner //= size
            passes, step = np.divmod(order // inner, size)
            steps[:, axis] = np.where(self.snake & (passes % 2 == 1), size - 1 - step, step)
        return steps

    def path(self) -> Mapping[str, NDArray[np.generic]]:
        """What each target is set to at each setting, in the order of the run, arrays of shape (settings,).

        An adaptive scan has no path before it runs.
        """
        if self.adaptive is not None:
            return {}
        steps = self.indices()
        return {
            axis.set: np.asarray(self.values[axis.set])[steps[:, dimension]]
            for dimension, leg in enumerate(self.axes)
            for axis in axes_of(leg)
        }

    def settings(self) -> Iterator[dict[str, Value]]:
        """The settings one after another, as :meth:`path`."""
        for start in range(0, self.count, _SLICE):
            for steps in self._steps(np.arange(start, min(start + _SLICE, self.count))).tolist():
                yield {
                    axis.set: self.values[axis.set][step]
                    for step, leg in zip(steps, self.axes, strict=True)
                    for axis in axes_of(leg)
                }

    def seconds(self, setting_s: float) -> float:
        """Seconds the run takes, waiting included.

        Args:
            setting_s: for what is measured at one setting.
        """
        total = self.count * setting_s
        if self.adaptive is not None:
            return total + self.count * max(self.settle_s.values(), default=0.0)
        if not any(self.settle_s.values()):
            return total
        waits = np.zeros(self.count)
        for name, taken in self.path().items():
            changed = np.append(True, taken[1:] != taken[:-1])
            waits = np.maximum(waits, changed * self.settle_s[name])
        return total + float(waits.sum())

    def problems(self) -> Iterator[str]:
        """What makes no sense about the plan itself, whatever the bench; a sentence each."""
        wrong = [problem for leg in self.axes for problem in leg.problems()]
        yield from wrong
        if not self.axes:
            yield "it has no axes"
        targets = self.targets
        for name in dict.fromkeys(name for name in targets if targets.count(name) > 1):
            yield f"{name} is set by more than one axis"
        for name in dict.fromkeys(name for name in self.read if self.read.count(name) > 1):
            yield f"{name} is read twice"
        if not self.read and self.sweep is None:
            yield "nothing is measured: give quantities to read, or a sweep of the board"
        if any(name.startswith(f"{SCHEDULE}.") for name in targets) and self.sweep is None:
            yield "a setting of the schedule is varied, but no sweep of the board is measured with it"
        if self.sweep is not None and self.sweep.most_points is not None and self.sweep.most_points < 1:
            yield f"the sweep is cut to {self.sweep.most_points} points; it must keep at least 1"
        yield from self._adaptive_problems()
        if not wrong and self.count > MOST_SETTINGS:
            yield f"it has {self.count} settings; {MOST_SETTINGS} are the most"

    def _adaptive_problems(self) -> Iterator[str]:
        ranges = [isinstance(leg, RangeAxis) for leg in self.axes]
        if self.adaptive is None:
            if any(ranges):
                yield "an axis of kind range needs an [adaptive] section that says what to resolve"
            return
        if not ranges or not all(ranges):
            yield "an adaptive scan takes only axes of kind range"
        if self.adaptive.goal not in (*self.read, *((SWEEP_MEAN,) if self.sweep else ())):
            yield f"the adaptive goal {self.adaptive.goal} is not among what is read"
        if self.adaptive.most < 1:
            yield f"an adaptive scan of at most {self.adaptive.most} settings measures nothing"

    def limit_problems(self, quantities: Mapping[str, Quantity], geometry: Geometry | None) -> Iterator[str]:
        """Every setting and reading that this bench cannot do, a sentence each; nothing is sent to know.

        Args:
            quantities: what can be read and set, by ``INSTRUMENT.QUANTITY``.
            geometry: of the board, None where there is none.
        """
        known = {**quantities, **SCHEDULE_QUANTITIES}
        for name, values in self.values.items():
            if name not in known:
                yield _unknown("axis", name, known)
            else:
                yield from _refused(name, known[name], values, geometry)
        for name in self.read:
            if name not in quantities:
                yield _unknown("reading", name, quantities)
            elif any(isinstance(choice, str) for choice in quantities[name].choices):
                yield f"reading {name}: the {quantities[name].label} is a text; it is in the snapshot of the run"
        if self.sweep is not None and geometry is None:
            yield "the plan measures a sweep of the board, but there is no board"


SWEEP_MEAN: Final = "sweep.mean"
"""The reading that stands for the mean output of the board's sweep at a setting."""


def with_settings(schedule: Schedule, settings: Mapping[str, Value]) -> Schedule:
    """A schedule with some settings replaced; names as in :data:`SCHEDULE_SETTINGS`.

    Raises:
        BadInput: a value that is no whole number where one is needed.
    """
    changed = {name: _whole(name, value) for name, value in settings.items()}
    return replace(
        schedule,
        spacing_ns=changed.get("spacing_ns", schedule.spacing_ns),
        sends=changed.get("sends", schedule.sends),
        settle_ns=changed.get("settle_ns", schedule.settle_ns),
        reset_ns=changed.get("reset_ns", schedule.reset_ns),
        skip_zeros=bool(changed.get("skip_zeros", schedule.skip_zeros)),
    )


def _whole(name: str, value: Value) -> int:
    if isinstance(value, str) or value != int(value):
        raise BadInput(f"the {SCHEDULE_SETTINGS[name].label} must be a whole number, not {value}")
    return int(value)


def _refused(name: str, quantity: Quantity, values: tuple[Value, ...], geometry: Geometry | None) -> Iterator[str]:
    """One sentence for all values of an axis that are refused; it quotes the first."""
    instrument, _, setting = name.partition(".")
    reasons = []
    for value in values:
        try:
            quantity.check(value)
            if instrument == SCHEDULE:
                with_settings(Schedule(), {setting: value}).check(geometry or Geometry())
        except BadInput as error:
            reasons.append(str(error))
    if reasons:
        share = f"{len(reasons)} of {len(values)} values are refused: " if len(values) > 1 else ""
        yield f"axis {name}: {share}{reasons[0]}"


def _unknown(what: str, name: str, known: Mapping[str, Quantity]) -> str:
    instrument = name.partition(".")[0]
    near = [item for item in known if item.startswith(f"{instrument}.")]
    if near:
        return f"{what} {name}: {instrument} has {', '.join(near)}"
    others = sorted({item.partition(".")[0] for item in known})
    return f"{what} {name}: there is no {instrument} on this bench, " + (
        f"only {', '.join(others)}" if others else "and no other instrument"
    )
