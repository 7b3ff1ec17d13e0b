"""What the live plot shows: which run, which quantities, how; and what it makes of what it is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from gui.models.plotrun import COLUMN, INDEX, PlotRun
from gui.models.readout import with_unit
from gui.models.trace import Trace
from labctl.service.messages import Points, RunBegan, RunData, RunEnded

View = Literal["curves", "grid", "columns"]
MOST_OVERLAYS: Final = 12


@dataclass(frozen=True)
class Curve:
    """One line of the plot.

    Attributes:
        y: its values.
        x: where they lie, None for their index.
        name: for the legend.
        number: place among the colours.
        overlay: whether it belongs to another run than the one that is shown.
        simulated: whether its numbers are not from hardware.
        until: points from this index on are not drawn.
        run: id of the run that it belongs to.
    """

    y: Trace
    x: Trace | None
    name: str
    number: int
    overlay: bool
    simulated: bool
    until: int | None = None
    run: str = ""


class PlotState:
    """The live plot without its looks."""

    def __init__(self) -> None:
        self.live: PlotRun | None = None
        self.opened: PlotRun | None = None
        self.follow = True
        self.x = INDEX
        self.ys: tuple[str, ...] = ()
        self.view: View = "curves"
        self.across = ""
        self.up = ""
        self.slice: int | None = None
        self.overlays: dict[str, PlotRun] = {}
        self._held: PlotRun | None = None
        self._until: int | None = None
        self._kind = ""

    @property
    def shown(self) -> PlotRun | None:
        """The run that is drawn."""
        if self._held is not None:
            return self._held
        return self.live if self.follow and self.live is not None else self.opened or self.live

    @property
    def paused(self) -> bool:
        """Whether the view stands still; the data go on coming."""
        return self._until is not None

    @property
    def waiting(self) -> int:
        """Points that have come since the view was paused."""
        shown = self.shown
        return 0 if shown is None or self._until is None else shown.count - self._until

    def begin(self, began: RunBegan) -> bool:
        """A run begins; says whether something else is to be shown now."""
        self.live = PlotRun(began)
        if not self.follow or self.paused:
            return False
        self._settle()
        return True

    def take(self, points: Points) -> bool:
        """Points of a run; says whether they are in sight."""
        live = self.live
        if live is None or live.began.run_id != points.run_id:
            return False
        fresh = bool(set(points.values) - set(live.traces)) or (points.rows is not None and not live.columns)
        live.take(points)
        if fresh and live is self.shown:
            self._settle()
        return live is self.shown

    def end(self, ended: RunEnded) -> bool:
        """A run is over; says whether it is in sight."""
        if self.live is None or self.live.began.run_id != ended.run_id:
            return False
        self.live.end(ended)
        return self.live is self.shown

    def open(self, data: RunData) -> None:
        """Show a finished run."""
        self.pause(False)
        self.opened = PlotRun.of(data)
        self.follow = False
        self._settle()

    def go_live(self) -> None:
        """Back to the run that goes on, and to those that follow."""
        self.pause(False)
        self.follow = True
        self.opened = None
        self._settle()

    def pause(self, wanted: bool) -> None:
        """Let the view stand still, or catch up."""
        if wanted and self.shown is not None:
            self._held, self._until = self.shown, self.shown.count
        else:
            self._held = self._until = None
            self._settle()

    def overlay(self, data: RunData, wanted: bool) -> bool:
        """Draw another run over the one that is shown, or no longer; false when there are too many already.

        Where nothing is shown it is shown itself, until a run begins.
        """
        key = data.began.run_id or data.began.file
        if not wanted:
            self.overlays.pop(key, None)
            return True
        if self.shown is None:
            self.open(data)
            self.follow = True
            return True
        if len(self.overlays) >= MOST_OVERLAYS:
            return False
        self.overlays[key] = PlotRun.of(data)
        return True

    def choose_x(self, name: str) -> None:
        """What the horizontal axis shows."""
        self.x = name

    def choose_y(self, name: str, wanted: bool) -> tuple[str, ...]:
        """Draw a quantity, or no longer; one is always drawn.

        Returns:
            The quantities that are drawn no longer because their unit is another one: an axis has one unit.
        """
        left = tuple(item for item in self.ys if item != name)
        if not wanted:
            self.ys = left or self.ys
            return ()
        shown = self.shown
        others = tuple(item for item in left if shown is not None and shown.unit(item) != shown.unit(name))
        self.ys = (*(item for item in left if item not in others), name)
        return others

    def curves(self) -> list[Curve]:
        """The lines to draw: those of the run that is shown first, then the overlays'."""
        shown = self.shown
        if shown is None:
            return []
        found: list[Curve] = []
        for name in self.ys:
            pair = shown.curve(name, self.x)
            if pair is not None:
                until = self._until
                if until is not None and name.startswith(COLUMN):
                    until = -(-until // shown.every)
                label = with_unit(name, shown.unit(name))
                found.append(Curve(*pair, label, len(found), False, shown.began.simulated, until, shown.began.run_id))
        for run in self.overlays.values():
            for name in self.ys:
                pair = run.curve(name, self.x)
                if pair is not None and run.unit(name) == shown.unit(name):
                    short = run.began.run_id or run.began.title
                    label = short if len(self.ys) == 1 else f"{short} {name}"
                    curve = Curve(*pair, label, len(found), True, run.began.simulated, run=run.began.run_id)
                    found.append(curve)
        return found

    def left_out(self, data: RunData) -> tuple[str, ...]:
        """What is drawn of the run that is shown, and is no curve of an overlay because it has another unit there."""
        shown, run = self.shown, self.overlays.get(data.began.run_id or data.began.file)
        if shown is None or run is None:
            return ()
        return tuple(name for name in self.ys if name in run.traces and run.unit(name) != shown.unit(name))

    def y_label(self) -> tuple[str, str]:
        """What stands at the vertical axis, and its unit."""
        shown = self.shown
        if shown is None or not self.ys:
            return "", ""
        words = ", ".join(shown.label(name) for name in self.ys) if len(self.ys) < 3 else f"{len(self.ys)} quantities"
        return words, shown.unit(self.ys[0])

    def x_label(self) -> tuple[str, str]:
        """What stands at the horizontal axis, and its unit."""
        shown = self.shown
        return ("", "") if shown is None else (shown.label(self.x), shown.unit(self.x))

    def _settle(self) -> None:
        """Choose what makes sense for the run that is shown; keep what was chosen where it does."""
        shown = self.shown
        if shown is None:
            return
        first = shown.began.kind != self._kind
        choices = shown.y_choices()
        if not choices:
            return
        self._kind = shown.began.kind
        kept = () if first else tuple(name for name in self.ys if self._known(shown, name))
        self.ys = tuple(name for name in kept if shown.unit(name) == shown.unit(kept[0])) or (shown.first_y(),)
        if first or self.x not in shown.x_choices():
            self.x = shown.first_x()
        sides = shown.grids.choices()
        if self.across not in sides or self.up not in sides:
            self.across, self.up = shown.grids.pair() or ("", "")
            self.slice = None
        if first:
            self.view = "grid" if len(shown.began.shape) > 1 and self.across else "curves"
        if (self.view == "grid" and not self.across) or (self.view == "columns" and not shown.columns):
            self.view = "curves"

    def _known(self, run: PlotRun, name: str) -> bool:
        return name in run.y_choices() or run.curve(name, INDEX) is not None
