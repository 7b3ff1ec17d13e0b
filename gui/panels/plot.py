"""The live plot: the run that goes on, or one that is over, others over it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Final

from PyQt6.QtCore import Qt, QTimer
from PyQt6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from data.errors import LabctlError
from gui.desk import Desk
from gui.models.plotstate import PlotState
from gui.offers import Offer, of_action
from gui.panels.plot_pages import PlotPages
from gui.theme import Theme, figures_font
from gui.widgets.elided import ElidedLabel
from gui.widgets.empty import EmptyState
from gui.widgets.figure import Source, copy_figure, save_figure
from gui.widgets.light import LightLabel
from gui.widgets.local import local_action
from gui.widgets.notice import Notice
from gui.widgets.plot_bar import PlotBar
from labctl.service.messages import Light, Points, RunBegan, RunData, RunEnded, Trouble
from labctl.service.requests.curves import SaveCurves
from labctl.service.requests.runs import OpenRun, RunSweeps

FRAME_MS: Final = 40
"""Time between two frames at least; nothing is drawn while nothing is new."""

_LIGHTS: Final[dict[str, Light]] = {"complete": "ok", "stopped": "warning", "running": "busy"}


class PlotPanel(QWidget):
    """Curves and images of runs.

    Args:
        desk: the service.
        theme: colours.
    """

    def __init__(self, desk: Desk, theme: Theme) -> None:
        super().__init__()
        self._desk = desk
        self._theme = theme
        self._colours: dict[str, str] = {}
        self.state = PlotState()
        self._drawn_at = 0.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._frame)
        self._notice = Notice(theme)
        self.bar = PlotBar(theme, self)
        self.pages = PlotPages(self.state, theme)
        self._readout = ElidedLabel(font=figures_font(8.5))
        self._figures = ElidedLabel(font=figures_font(8.5))
        self._figures.hide()
        self._empty = EmptyState(
            "No run yet",
            "A run that is started appears here at once, and so does one that is opened. "
            "Connect a board, or choose Simulate, in the panel Instruments first.",
            "Measure random vectors",
            self._measure,
            "Open a run…",
            self._choose_run,
        )
        self._stack = QStackedWidget()
        self._stack.addWidget(self._empty)
        self._stack.addWidget(self._filled())
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 4, 6, 4)
        column.setSpacing(3)
        column.addWidget(self._notice)
        column.addWidget(self._stack, 1)
        self._listen()
        self.recolour(theme)

    def widget(self) -> QWidget:
        """The panel itself."""
        return self

    def offers(self) -> Iterable[Offer]:
        """What can be done here just now."""
        yield of_action(self._go_live, "Follow the run that goes on")
        yield from self.bar.offers()
        yield Offer("Measure random vectors", self._measure)
        yield Offer("Open a run…", self._choose_run)

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        self._theme = theme
        self._notice.recolour(theme)
        self.bar.recolour(theme)
        self.pages.recolour(theme)
        self._tell_colours()
        self._show_heading()

    def refresh(self) -> None:
        """Draw now what is to be drawn; usually a timer does it."""
        self._timer.stop()
        self._frame()

    def _filled(self) -> QWidget:
        page = QWidget()
        self._light = LightLabel()
        self._title = ElidedLabel()
        self._badge = QLabel()
        bold = self._badge.font()
        bold.setBold(True)
        self._badge.setFont(bold)
        self._live = QToolButton()
        self._live.setText("Live")
        self._live.setCheckable(True)
        self._live.setToolTip("Show the run that goes on, and those that follow (L)")
        self._live.setAccessibleName("Follow the run that goes on")
        self._live.clicked.connect(self._follow)
        self._go_live = local_action(self, "Live", self._follow, "L")
        head = QHBoxLayout()
        head.setSpacing(6)
        head.addWidget(self._light)
        head.addWidget(self._title, 1)
        head.addWidget(self._badge)
        head.addWidget(self._live)
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(head)
        column.addWidget(self.bar)
        column.addWidget(self.pages, 1)
        column.addWidget(self._figures)
        column.addWidget(self._readout)
        return page

    def _listen(self) -> None:
        desk, bar, pages = self._desk, self.bar, self.pages
        desk.on(RunBegan, self._began)
        desk.on(Points, self._points)
        desk.on(RunEnded, self._ended)
        desk.run_chosen.connect(self._opened)
        desk.overlay_changed.connect(self._overlaid)
        bar.view_chosen.connect(self._choose_view)
        bar.x_chosen.connect(self._choose_x)
        bar.up_chosen.connect(self._choose_up)
        bar.y_changed.connect(self._choose_y)
        bar.slice_chosen.connect(self._choose_slice)
        bar.toggled.connect(self._toggle)
        bar.check("auto", True)
        bar.check("grid", True)
        bar.fill_export(
            (
                (
                    "Save figure…",
                    "As PNG or SVG, with the run's id in the picture and in its metadata",
                    self._save_figure,
                ),
                ("Copy figure", "To the clipboard", self._copy_figure),
                ("Save data…", "What is drawn, all points of it, as CSV", self._save_data),
            )
        )
        pages.wanted.connect(self._wake)
        pages.read.connect(self._readout.say)
        pages.auto_changed.connect(partial(bar.check, "auto"))

    def _began(self, began: RunBegan) -> None:
        self.state.begin(began)
        self._wake()

    def _points(self, points: Points) -> None:
        if self.state.take(points) or self.state.paused:
            self._wake()

    def _ended(self, ended: RunEnded) -> None:
        if self.state.end(ended):
            self._wake()

    def _opened(self, data: RunData) -> None:
        self._notice.clear()
        self.state.open(data)
        self.bar.check("pause", False)
        self.pages.home()
        self._wake()

    def _overlaid(self, data: RunData, wanted: bool) -> None:
        if not self.state.overlay(data, wanted):
            self._notice.say("More curves than can be told apart; take one away before you add another.")
        odd = self.state.left_out(data)
        if odd:
            self._notice.say(f"{data.began.run_id} has {' and '.join(odd)} in another unit, and is not drawn here.")
        self._wake()

    def _tell_colours(self) -> None:
        """Say which colour each overlay has; of several quantities the first."""
        if not self.state.overlays and not self._colours:
            return
        colours: dict[str, str] = {}
        for curve in self.state.curves():
            if curve.overlay:
                colours.setdefault(curve.run, self.pages.curves.colour_of(curve))
        if colours != self._colours:
            self._colours = colours
            self._desk.overlays_coloured.emit(colours)

    def _wake(self) -> None:
        """Draw soon; often enough for the eye, never more often."""
        if not self._timer.isActive():
            since = (time.monotonic() - self._drawn_at) * 1000
            self._timer.start(max(0, int(FRAME_MS - since)))

    def _frame(self) -> None:
        state = self.state
        shown = state.shown
        self._stack.setCurrentIndex(0 if shown is None else 1)
        if shown is not None:
            views = ["curves", *(["grid"] if shown.grids.pair() else []), *(["columns"] if shown.columns else [])]
            grid = state.view == "grid"
            sides = shown.grids.choices()
            self.bar.show_choices(
                views,
                state.view,
                (sides if grid else shown.x_choices(), state.across if grid else state.x),
                (sides, state.up),
            )
            self.bar.show_quantities(shown.y_choices(), state.ys, shown.columns)
            self.pages.draw()
            self._tell_colours()
            self.bar.show_slices(self.pages.slices)
            self._figures.say(self.pages.statistics())
            self._show_heading()
        self._drawn_at = time.monotonic()

    def _show_heading(self) -> None:
        state, shown = self.state, self.state.shown
        if shown is None:
            return
        ended = _LIGHTS.get(shown.status, "fault")
        self._light.show_light(self._theme, ended)
        self._light.setToolTip(shown.status)
        words = [shown.began.title, shown.origin, shown.status, f"{shown.count:,} of {shown.began.total:,} points"]
        detail = [shown.began.run_id, shown.began.board, shown.began.file, shown.message]
        title = " · ".join(words)
        self._title.say(title, "\n".join([title, *(line for line in detail if line)]))
        other = state.live is not None and state.live.running and state.live is not shown
        badge = (
            f"VIEW PAUSED, {state.waiting:,} points behind" if state.paused else "another run goes on" if other else ""
        )
        self._badge.setText(badge)
        self._badge.setVisible(bool(badge))
        self._live.setChecked(state.follow and not state.paused)

    def _follow(self) -> None:
        self.state.go_live()
        self.bar.check("pause", False)
        self.pages.home()
        self._wake()

    def _toggle(self, name: str, wanted: bool) -> None:
        if name == "pause":
            self.state.pause(wanted)
            self.bar.check("pause", self.state.paused)
        else:
            self.pages.set_option(name, wanted)
            if name == "region":
                self._figures.setVisible(wanted)
        self._wake()

    def _choose_view(self, view: str) -> None:
        self.state.view = view  # type: ignore[assignment]
        self._readout.say("")
        self._wake()

    def _choose_x(self, name: str) -> None:
        if self.state.view == "grid":
            if name == self.state.up:
                self.state.up = self.state.across
            self.state.across = name
        else:
            self.state.choose_x(name)
            self.pages.home()
        self._wake()

    def _choose_up(self, name: str) -> None:
        if name == self.state.across:
            self.state.across = self.state.up
        self.state.up = name
        self._wake()

    def _choose_y(self, name: str, wanted: bool) -> None:
        others = self.state.choose_y(name, wanted)
        if others:
            self._notice.say(f"{name} has another unit than {' and '.join(others)}, and is drawn in its place.", "off")
        elif wanted:
            self._notice.clear()
        self._wake()

    def _choose_slice(self, number: int) -> None:
        self.state.slice = None if number < 0 else number
        self._wake()

    def _measure(self) -> None:
        self._notice.clear()
        self._desk.ask(RunSweeps(("random",)), failed=self._failed)

    def _choose_run(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Open a run", self._desk.bench.runs, "Runs (*.h5)")
        if name:
            self._desk.ask(OpenRun(name), self._desk.run_chosen.emit, self._failed)

    def _failed(self, trouble: Trouble) -> None:
        self._notice.show_trouble(trouble)

    def _source(self) -> Source | None:
        shown = self.state.shown
        if shown is None:
            return None
        began = shown.began
        others = tuple(run.began.run_id for run in self.state.overlays.values()) if self.state.view == "curves" else ()
        return Source(began.title, began.run_id, began.board, began.started, shown.origin, others)

    def _save_figure(self) -> None:
        source = self._source()
        if source is None:
            return
        proposed = str(Path(self._desk.bench.runs) / f"{source.run_id or 'figure'}.png")
        name, _ = QFileDialog.getSaveFileName(self, "Save figure", proposed, "PNG (*.png);;SVG (*.svg)")
        if name:
            self._try(lambda: save_figure(self.pages.figure(), Path(name), source, self._theme), f"saved {name}")

    def _copy_figure(self) -> None:
        source = self._source()
        if source is not None:
            self._try(lambda: copy_figure(self.pages.figure(), source, self._theme), "the figure is on the clipboard")

    def _try(self, do: Callable[[], None], done: str) -> None:
        try:
            do()
        except LabctlError as error:
            self._notice.show_trouble(Trouble("failed", str(error)))
        else:
            self._notice.say(done, "ok")

    def _save_data(self) -> None:
        shown = self.state.shown
        if shown is None:
            return
        if shown.running or not shown.began.file:
            self._notice.say("This run is still being written; its data can be saved when it is over.")
            return
        proposed = str(Path(shown.began.file).with_suffix(".csv"))
        name, _ = QFileDialog.getSaveFileName(self, "Save data", proposed, "CSV (*.csv)")
        if not name:
            return
        files = (shown.began.file, *(run.began.file for run in self.state.overlays.values()))
        request = SaveCurves(files, name, self.state.x, self.state.ys)
        self._desk.ask(request, lambda path: self._notice.say(f"saved {path}", "ok"), self._failed)
