"""A run as the live plot has it: its quantities as traces, its axes, its images."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gui.models.grids import Grids
from gui.models.trace import Trace
from labctl.service.messages import MEAN_OUTPUT, TIME, Points, RunBegan, RunData, RunEnded

INDEX: Final = "index"
"""What the horizontal axis shows when it shows the number of the point."""
COLUMN: Final = "column "


class PlotRun:
    """One run, growing or complete.

    Args:
        began: what it is and what its points are.
    """

    def __init__(self, began: RunBegan) -> None:
        self.began = began
        self.status = "running"
        self.message = ""
        self.version = 0
        self.every = 1
        self.traces: dict[str, Trace] = {}
        self.texts: dict[str, tuple[str, ...]] = {}
        self._axes: dict[str, Trace] = {}
        self._image = np.empty((0, 0), dtype=np.float32)
        self._image_rows = 0
        for name, axis in began.axes.items():
            self._axes[name] = self._numbers(name, np.asarray(axis.values))
        self.grids = Grids(self._axes)

    @classmethod
    def of(cls, data: RunData) -> PlotRun:
        """A run from its file."""
        made = cls(data.began)
        made.take(data.points)
        made.status, made.message = data.status, data.message
        return made

    @property
    def running(self) -> bool:
        """Whether more points may come."""
        return self.status == "running"

    @property
    def origin(self) -> str:
        """Where its numbers come from, in a word."""
        return "SIMULATED" if self.began.simulated else "measured"

    @property
    def count(self) -> int:
        """Points that have come."""
        return max((len(trace) for trace in self.traces.values()), default=0)

    @property
    def columns(self) -> int:
        """Columns of the board whose outputs are known."""
        return self._image.shape[1]

    @property
    def nbytes(self) -> int:
        """Memory in use."""
        traces = [*self.traces.values(), *self._axes.values()]
        return int(sum(trace.nbytes for trace in traces) + self._image.nbytes)

    def take(self, points: Points) -> None:
        """More points; their order does not matter, and some may be missing."""
        for name, values in points.values.items():
            if name not in self.traces:
                self.traces[name] = Trace()
            self.traces[name].write(points.first, values)
        if points.rows is not None and points.rows.size:
            self._take_rows(points)
        self.version += 1

    def end(self, ended: RunEnded) -> None:
        """No more points come."""
        self.status, self.message = ended.status, ended.message
        self.began = replace(self.began, file=ended.file or self.began.file)
        self.version += 1

    def x_choices(self) -> list[str]:
        """What the horizontal axis can show: what was set first, then index and time, then what was read."""
        drawn = list(self.traces)
        read = [name for name in drawn if name != TIME]
        return [*self._axes, INDEX, *([TIME] if TIME in drawn else []), *read]

    def y_choices(self) -> list[str]:
        """What the vertical axis can show; columns are not counted here, see :attr:`columns`."""
        return [name for name in self.traces if name != TIME]

    def first_x(self) -> str:
        """What the horizontal axis shows until somebody chooses: the axis of a scan over one, else the index."""
        if len(self.began.shape) == 1:
            for name, axis in self._axes.items():
                extent = axis.extent()
                if extent is not None and extent[0] < extent[1]:
                    return name
        return INDEX

    def first_y(self) -> str:
        """What the vertical axis shows until somebody chooses."""
        choices = self.y_choices()
        scalars = [name for name in choices if name in self.began.labels and name not in self._axes]
        return (scalars or [name for name in choices if name == MEAN_OUTPUT] or [*choices, ""])[0]

    def curve(self, y: str, x: str) -> tuple[Trace, Trace | None] | None:
        """Values and where they lie (None for their index); None where one of them is not known."""
        if y.startswith(COLUMN):
            return self._column(y, x)
        found = self.traces.get(y)
        if found is None:
            return None
        if x == INDEX:
            return found, None
        where = self._axes.get(x, self.traces.get(x))
        return None if where is None else (found, where)

    def unit(self, name: str) -> str:
        """Unit of an axis or a quantity, empty for a plain number."""
        axis = self.began.axes.get(name)
        unit = axis.unit if axis is not None else self.began.quantities.get(name, "")
        return "" if unit == "1" else unit

    def label(self, name: str) -> str:
        """What an axis or a quantity is, in words."""
        axis = self.began.axes.get(name)
        if axis is not None:
            return axis.label
        if name == INDEX:
            return "number of the point"
        return self.began.labels.get(name, name)

    def image(self) -> NDArray[np.float32]:
        """Outputs of all columns over the points that were chosen, shape (chosen points, columns)."""
        return self._image[: self._image_rows]

    def _numbers(self, name: str, values: NDArray[np.generic]) -> Trace:
        """An axis as numbers; texts become their place in the list of texts."""
        if values.dtype.kind in "biuf":
            return Trace(values)
        texts, places = np.unique(values.astype(str), return_inverse=True)
        self.texts[name] = tuple(texts.tolist())
        return Trace(places)

    def _take_rows(self, points: Points) -> None:
        rows = points.rows
        assert rows is not None
        self.every = points.every
        first = -(-points.first // points.every)
        end = first + len(rows)
        if end > len(self._image):
            known = -(-self.began.total // points.every)
            grown = np.full((max(end, known, 2 * len(self._image)), rows.shape[1]), np.nan, dtype=np.float32)
            grown[: len(self._image)] = self._image if self._image.size else np.nan
            self._image = grown
        self._image[first:end] = rows
        self._image_rows = max(self._image_rows, end)

    def _column(self, y: str, x: str) -> tuple[Trace, Trace | None] | None:
        number = y.removeprefix(COLUMN)
        if not number.isdigit() or int(number) >= self.columns:
            return None
        values = self.image()[:, int(number)]
        if x == INDEX:
            return Trace(values), None if self.every == 1 else Trace(np.arange(len(values)) * self.every)
        where = self._axes.get(x, self.traces.get(x))
        return None if where is None else (Trace(values), Trace(where.values[:: self.every]))
