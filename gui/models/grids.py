"""Points over two axes as an image, partly filled while they come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gui.models.trace import Numbers, Trace

MOST_POINTS: Final = 250_000
"""Points up to which a run is drawn as an image over two axes."""
MOST_STEPS: Final = 2048
"""Different values of an axis up to which it can be a side of an image."""


@dataclass(frozen=True)
class Image:
    """A quantity over two axes.

    Attributes:
        values: shape (up, across); NaN where nothing was measured.
        across: value of each step to the right, rising.
        up: value of each step upwards, rising.
        slices: how many such images there are, one for each setting of the other axes.
        shown: which of them this is.
        others: what the other axes stand at in it.
    """

    values: Numbers
    across: Numbers
    up: Numbers
    slices: int = 1
    shown: int = 0
    others: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class _Steps:
    values: Numbers
    place: NDArray[np.intp]


class Grids:
    """Images of one run.

    Args:
        axes: what every point was set to, by name; known beforehand.
    """

    def __init__(self, axes: Mapping[str, Trace]) -> None:
        self._axes = axes
        self._steps: dict[str, _Steps] = {}
        self._slices: dict[tuple[str, str], NDArray[np.intp]] = {}

    def choices(self) -> list[str]:
        """Axes that can be a side of an image."""
        if len(self._axes) < 2:
            return []
        return [name for name in self._axes if self._usable(name)]

    def pair(self) -> tuple[str, str] | None:
        """The two axes that are drawn until somebody chooses: the innermost across; None where there are no two."""
        names = self.choices()
        for up in range(len(names) - 2, -1, -1):
            if not self._together(names[up], names[-1]):
                return names[-1], names[up]
        return None

    def image(self, trace: Trace, across: str, up: str, shown: int | None = None) -> Image:
        """A quantity over two of the axes.

        Args:
            trace: the quantity.
            across: axis to the right.
            up: axis upwards.
            shown: which setting of the other axes, in the order in which they come; None for the newest.
        """
        right, above = self._of(across), self._of(up)
        count = min(len(trace), len(right.place))
        slices = self._slice_of(across, up)
        total = int(slices.max()) + 1 if len(slices) else 1
        chosen = int(slices[count - 1]) if shown is None and count else min(shown or 0, total - 1)
        values = np.full((len(above.values), len(right.values)), np.nan)
        seen = np.flatnonzero((slices[:count] == chosen) & ~np.isnan(trace.values[:count]))
        values[above.place[seen], right.place[seen]] = trace.values[seen]
        return Image(values, right.values, above.values, total, chosen, self._standing(across, up, slices, chosen))

    def _usable(self, name: str) -> bool:
        length = len(self._axes[name])
        return 1 < length <= MOST_POINTS and 1 < len(self._of(name).values) <= MOST_STEPS

    def _of(self, name: str) -> _Steps:
        if name not in self._steps:
            values, place = np.unique(self._axes[name].values, return_inverse=True)
            self._steps[name] = _Steps(values, place)
        return self._steps[name]

    def _together(self, one: str, other: str) -> bool:
        """Whether two axes step together, e.g. the two of a diagonal: they are no two sides."""
        first, second = self._of(one), self._of(other)
        if len(first.values) != len(second.values):
            return False
        mirrored = len(second.values) - 1 - second.place
        return bool(np.array_equal(first.place, second.place) or np.array_equal(first.place, mirrored))

    def _others(self, across: str, up: str) -> list[str]:
        return [
            name
            for name in self._axes
            if name not in (across, up)
            and len(self._of(name).values) > 1
            and not self._together(name, across)
            and not self._together(name, up)
        ]

    def _slice_of(self, across: str, up: str) -> NDArray[np.intp]:
        """For each point, which setting of the other axes it belongs to, counted in the order of their coming."""
        key = (across, up)
        if key not in self._slices:
            length = len(self._of(across).place)
            code = np.zeros(length, dtype=np.int64)
            for name in self._others(across, up):
                steps = self._of(name)
                code = code * len(steps.values) + steps.place
            _, first, place = np.unique(code, return_index=True, return_inverse=True)
            rank = np.empty(len(first), dtype=np.intp)
            rank[np.argsort(first)] = np.arange(len(first))
            self._slices[key] = rank[place]
        return self._slices[key]

    def _standing(self, across: str, up: str, slices: NDArray[np.intp], chosen: int) -> tuple[tuple[str, float], ...]:
        point = int(np.argmax(slices == chosen)) if len(slices) else 0
        return tuple((name, float(self._axes[name].values[point])) for name in self._others(across, up))
