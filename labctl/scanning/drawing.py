"""A scan's path in text: what every quantity is set to as the run goes on, from left to right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from data.scan import ScanPlan

WIDTH: Final = 72
_DOT: Final = "•"


def draw(plan: ScanPlan, width: int = WIDTH) -> list[str]:
    """Lines of text: a strip for each quantity, setting by setting; of a long run the first ``width`` settings.

    An adaptive scan chooses its path as it goes: only its ranges are shown.
    """
    if plan.adaptive is not None:
        ends = [f"{name}: chosen within {low:g} .. {high:g}" for name, (low, high) in _ranges(plan)]
        return [*ends, f"until the loss of {plan.adaptive.goal} is {plan.adaptive.loss:g}"]
    path = plan.path()
    shown = min(plan.count, width)
    lines = [f"settings 1 to {shown} of {plan.count}:"]
    for name, taken in path.items():
        lines += [name, *_strip(plan.values[name], taken[:shown])]
    return lines


def duration(seconds: float) -> str:
    """Seconds for people, e.g. ``2 h 05 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def _ranges(plan: ScanPlan) -> list[tuple[str, tuple[float, float]]]:
    return [(name, (float(values[0]), float(values[-1]))) for name, values in plan.values.items()]


def _strip(values: Sequence[object], taken: NDArray[np.generic]) -> list[str]:
    """One row of dots for each value, the largest on top; of many values every row stands for several."""
    levels = sorted(set(values), key=lambda value: (isinstance(value, str), value), reverse=True)
    rows = min(len(levels), 7)
    labels = [levels[round(index * (len(levels) - 1) / max(rows - 1, 1))] for index in range(rows)]
    place = {str(np.asarray(value)): index * rows // len(levels) for index, value in enumerate(levels)}
    at = [place[str(np.asarray(value))] for value in taken]
    texts = [f"{label:g}" if isinstance(label, float) else str(label) for label in labels]
    margin = max(map(len, texts))
    return [
        f"  {text:>{margin}} │" + "".join(_DOT if row == where else " " for where in at).rstrip()
        for row, text in enumerate(texts)
    ]
