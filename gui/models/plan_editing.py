"""Editing a scan plan: each function takes a frozen plan, or a part of it, and returns another."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from data.axes import Axis, CentreSpanAxis, Leg, LinearAxis, ListAxis, LogAxis, RangeAxis, ZipAxes, axes_of
from data.instrument import Quantity, Value
from data.scan import SCHEDULE_QUANTITIES, SWEEP_MEAN, Adaptive, BoardSweep, ScanPlan

NOTHING: Final = ScanPlan(axes=())
"""What a new scan begins with."""
POINTS: Final = 11
MOST_KEPT: Final = 100
"""Values that stay when an axis becomes a list."""
MOST_SETTINGS: Final = 50
"""Of a new adaptive scan."""
KINDS: Final[Mapping[str, str]] = {
    "linear": "linear",
    "log": "log",
    "centre-span": "centre",
    "list": "list",
    "range": "adaptive",
}
"""The sorts of one axis, in words."""


def usual_axis(path: str, quantity: Quantity | None) -> Axis:
    """An axis for a quantity: over all that may be set, or every choice."""
    if quantity is not None and quantity.choices:
        return ListAxis(set=path, values=quantity.choices)
    low, high = (0.0, 1.0) if quantity is None else (quantity.low, quantity.high)
    start = low if math.isfinite(low) else min(0.0, high if math.isfinite(high) else 0.0)
    stop = high if math.isfinite(high) else start + 1.0
    if quantity is not None and path in SCHEDULE_QUANTITIES:
        return _schedule_axis(path)
    return LinearAxis(set=path, start=start, stop=stop, points=POINTS)


def _schedule_axis(path: str) -> Axis:
    """The board's limits are far wider than what is of use: where most boards are looked at."""
    usual: Mapping[str, tuple[Value, ...]] = {
        "schedule.spacing_ns": (16, 24, 40, 80, 160, 320),
        "schedule.sends": (1, 2, 4, 8),
        "schedule.settle_ns": (500, 1000, 2000, 4000),
        "schedule.reset_ns": (1000, 2000, 5000, 10000),
    }
    return ListAxis(set=path, values=usual[path])


def as_kind(axis: Axis, kind: str) -> Axis:
    """The same axis as another sort of axis; its ends and its number of points stay where they can."""
    if kind == axis.kind:
        return axis
    low, high, points = _ends(axis)
    common = {"set": axis.set, "settle_s": axis.settle_s}
    if kind == "linear":
        return LinearAxis(**common, start=low, stop=high, points=points)  # type: ignore[arg-type]
    if kind == "log":
        start, stop = _same_sign(low, high)
        return LogAxis(**common, start=start, stop=stop, points=points)  # type: ignore[arg-type]
    if kind == "centre-span":
        centre = _neat((low + high) / 2)
        return CentreSpanAxis(**common, centre=centre, span=_neat(high - low), points=points)  # type: ignore[arg-type]
    if kind == "range":
        first, last = min(low, high), max(low, high)
        return RangeAxis(**common, low=first, high=last if last > first else first + 1.0)  # type: ignore[arg-type]
    return ListAxis(**common, values=_kept_values(axis, low, high, points))  # type: ignore[arg-type]


def _kept_values(axis: Axis, low: float, high: float, points: int) -> tuple[Value, ...]:
    if isinstance(axis, RangeAxis) or any(True for _ in axis.problems()):
        return tuple(float(f"{value:.12g}") for value in np.linspace(low, high, min(max(points, 1), POINTS)))
    return axis.values[:MOST_KEPT]


def _ends(axis: Axis) -> tuple[float, float, int]:
    if isinstance(axis, LinearAxis | LogAxis):
        return axis.start, axis.stop, axis.points
    if isinstance(axis, CentreSpanAxis):
        return _neat(axis.centre - axis.span / 2), _neat(axis.centre + axis.span / 2), axis.points
    if isinstance(axis, RangeAxis):
        return axis.low, axis.high, POINTS
    numbers = [float(value) for value in axis.values if not isinstance(value, str | bool)]
    return (numbers[0], numbers[-1], len(numbers)) if numbers else (0.0, 1.0, POINTS)


def _same_sign(low: float, high: float) -> tuple[float, float]:
    if low * high > 0:
        return low, high
    if high > 0:
        return high / 1000, high
    return (low, low / 1000) if low < 0 else (1.0, 1000.0)


def _neat(value: float) -> float:
    return float(f"{value:.12g}")


def values_as_text(values: tuple[Value, ...]) -> str:
    """A list of values as somebody would type it."""
    return ", ".join(_typed(value) for value in values)


def _typed(value: Value) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return value if isinstance(value, str) else f"{value:.12g}"


def values_of_text(text: str, quantity: Quantity | None) -> tuple[Value, ...]:
    """What was typed as values: numbers, ``on`` and ``off``, and texts; separated by commas, semicolons or blanks."""
    texts = quantity is not None and any(isinstance(choice, str) for choice in quantity.choices)
    marks = ",;" if texts else ",; "
    words = "".join("\n" if letter in marks else letter for letter in text).split("\n")
    return tuple(_value(word.strip(), texts) for word in words if word.strip())


def _value(word: str, text: bool) -> Value:
    if text:
        return word
    if word.lower() in ("on", "true", "off", "false"):
        return word.lower() in ("on", "true")
    try:
        found = float(word)
    except ValueError:
        return word
    return int(found) if math.isfinite(found) and found == int(found) and "." not in word else found


def with_axis(plan: ScanPlan, path: str, quantity: Quantity | None) -> ScanPlan:
    """One more axis, the last; a setting of the schedule brings a sweep of the board, without which it does nothing."""
    sweep = plan.sweep
    if path in SCHEDULE_QUANTITIES and sweep is None:
        sweep = BoardSweep(kind="random", most_points=50)
    return fitting(replace(plan, axes=(*plan.axes, usual_axis(path, quantity)), sweep=sweep))


def with_leg(plan: ScanPlan, index: int, leg: Leg) -> ScanPlan:
    """Another axis in the place of one; at the end with an index beyond it."""
    return fitting(replace(plan, axes=(*plan.axes[:index], leg, *plan.axes[index + 1 :])))


def without_leg(plan: ScanPlan, index: int) -> ScanPlan:
    """One dimension less."""
    return fitting(replace(plan, axes=(*plan.axes[:index], *plan.axes[index + 1 :])))


def moved(plan: ScanPlan, index: int, to: int) -> ScanPlan:
    """A dimension in another place of the order."""
    legs = list(plan.axes)
    legs.insert(max(0, min(to, len(legs) - 1)), legs.pop(index))
    return replace(plan, axes=tuple(legs))


def duplicated(plan: ScanPlan, index: int) -> ScanPlan:
    """A dimension twice; the second one is there to be given another quantity."""
    return replace(plan, axes=(*plan.axes[: index + 1], plan.axes[index], *plan.axes[index + 1 :]))


def may_join(plan: ScanPlan, index: int) -> bool:
    """Whether a dimension and the next can move together."""
    pair = plan.axes[index : index + 2]
    return len(pair) == 2 and not any(isinstance(axis, RangeAxis) for leg in pair for axis in axes_of(leg))


def joined(plan: ScanPlan, index: int) -> ScanPlan:
    """A dimension and the next, moving together."""
    first, second = plan.axes[index], plan.axes[index + 1]
    inner = tuple(axis for leg in (first, second) for axis in axes_of(leg) if not isinstance(axis, RangeAxis))
    return replace(plan, axes=(*plan.axes[:index], ZipAxes(axes=inner), *plan.axes[index + 2 :]))


def taken_apart(plan: ScanPlan, index: int) -> ScanPlan:
    """Quantities that moved together, as dimensions of their own."""
    return replace(plan, axes=(*plan.axes[:index], *axes_of(plan.axes[index]), *plan.axes[index + 1 :]))


def inner_changed(leg: Leg, place: int, axis: Axis) -> Leg:
    """A dimension with one of its axes replaced."""
    if not isinstance(leg, ZipAxes) or isinstance(axis, RangeAxis):
        return axis
    return ZipAxes(axes=(*leg.axes[:place], axis, *leg.axes[place + 1 :]))


def with_reading(plan: ScanPlan, path: str) -> ScanPlan:
    """One more quantity that is read at each setting."""
    return plan if path in plan.read else fitting(replace(plan, read=(*plan.read, path)))


def without_reading(plan: ScanPlan, path: str) -> ScanPlan:
    """One fewer."""
    return fitting(replace(plan, read=tuple(name for name in plan.read if name != path)))


def goals(plan: ScanPlan) -> tuple[str, ...]:
    """What an adaptive scan could resolve."""
    return (*plan.read, *((SWEEP_MEAN,) if plan.sweep is not None else ()))


def fitting(plan: ScanPlan) -> ScanPlan:
    """A scan over ranges is adaptive, and no other is; its goal is something that is measured."""
    if not any(isinstance(leg, RangeAxis) for leg in plan.axes):
        return replace(plan, adaptive=None)
    possible = goals(plan)
    adaptive = plan.adaptive or Adaptive(goal="", most=MOST_SETTINGS)
    if adaptive.goal not in possible:
        adaptive = replace(adaptive, goal=possible[0] if possible else "")
    return replace(plan, adaptive=adaptive)
