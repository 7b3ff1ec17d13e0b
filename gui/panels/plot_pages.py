"""The drawing area of the live plot: curves, or an image, with what stands below them."""

from __future__ import annotations

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QLabel, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from data.errors import BadInput
from gui.models.differences import difference
from gui.models.grids import Image
from gui.models.plotrun import PlotRun
from gui.models.plotstate import Curve, PlotState
from gui.models.readout import reading, with_unit
from gui.models.statistics import statistics
from gui.theme import Theme
from gui.widgets.crosshair import Place
from gui.widgets.curves import CurveView
from gui.widgets.images import ImageView


class PlotPages(QWidget):
    """Draws what a :class:`PlotState` says.

    Args:
        state: what is shown.
        theme: colours.
    """

    wanted = pyqtSignal()
    """Something has to be drawn anew."""
    read = pyqtSignal(str)
    """What the crosshair points at, for people."""
    auto_changed = pyqtSignal(bool)
    """Whether everything is kept in sight."""

    def __init__(self, state: PlotState, theme: Theme) -> None:
        super().__init__()
        self._state = state
        self.curves = CurveView(theme)
        self.below = CurveView(theme)
        self.below.setMinimumHeight(90)
        self.setMinimumHeight(150)
        self._why_not = QLabel()
        self._why_not.setWordWrap(True)
        self._why_not.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.image = ImageView(theme)
        self._image: Image | None = None
        self._began_id = ""
        self._compared: tuple[object, ...] = ()
        self._wants_below = False
        self.slices = 1
        self._both = QSplitter(Qt.Orientation.Vertical)
        self._both.setChildrenCollapsible(False)
        for widget, share in ((self.curves, 3), (self.below, 1), (self._why_not, 0)):
            self._both.addWidget(widget)
            self._both.setStretchFactor(self._both.count() - 1, share)
        self.below.hide()
        self._why_not.hide()
        self._stack = QStackedWidget()
        self._stack.addWidget(self._both)
        self._stack.addWidget(self.image)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._stack)
        self.curves.range_changed.connect(self._ranged)
        self.curves.region_changed.connect(self.wanted.emit)
        self.curves.pointed.connect(self._read_curve)
        self.below.pointed.connect(self._read_curve)
        self.image.pointed.connect(self._read_image)

    def draw(self) -> None:
        """Bring everything up to date."""
        shown = self._state.shown
        if shown is None:
            return
        if shown.began.run_id != self._began_id:
            self._began_id = shown.began.run_id
            self.curves.put_away()
        if self._state.view == "curves":
            self._stack.setCurrentWidget(self._both)
            self._draw_curves(shown)
        else:
            self._stack.setCurrentWidget(self.image)
            self._draw_image(shown)

    def home(self) -> None:
        """Everything in sight, from the next drawing on."""
        self.curves.auto = True
        self.auto_changed.emit(True)

    def set_option(self, name: str, wanted: bool) -> None:
        """Logarithmic axes, automatic range, grid, region, what stands below."""
        logs = self.curves.logarithmic
        if name == "log_x":
            self.curves.set_logarithmic(wanted, logs[1])
            self.below.set_logarithmic(wanted, False)
            self.auto_changed.emit(True)
        elif name == "log_y":
            self.curves.set_logarithmic(logs[0], wanted)
            self.auto_changed.emit(True)
        elif name == "auto":
            self.curves.auto = wanted
            if wanted:
                self.image.home()
        elif name == "grid":
            self.curves.set_grid(wanted)
            self.below.set_grid(wanted)
        elif name == "region":
            self.curves.show_region(wanted)
        elif name == "below":
            self._wants_below = wanted
            self.image.show_slice(wanted)

    def statistics(self) -> str:
        """Statistics of the first curve in the region, in one line; empty without a region."""
        region = self.curves.region()
        curves = self._state.curves()
        if region is None or not curves or self._state.view != "curves":
            return ""
        curve, shown = curves[0], self._state.shown
        assert shown is not None
        found = statistics(curve.y, curve.x, *region)
        if found is None:
            return "no point in the region"
        name = self._state.ys[0]
        unit, per = shown.unit(name), shown.unit(self._state.x)
        slope_unit = "/".join(part or "1" for part in (unit, per)) if per else unit
        parts = [
            f"n {found.count:,}",
            *(f"{word} {reading(value, unit).strip()}" for word, value in (("mean", found.mean), ("sd", found.sd))),
            *(f"{word} {reading(value, unit).strip()}" for word, value in (("min", found.low), ("max", found.high))),
            f"slope {reading(found.slope, '').strip()} {slope_unit}".rstrip(),
        ]
        note = f"  (mean, sd, slope of every {found.every}th)" if found.every > 1 else ""
        return "  ".join(parts) + note

    def figure(self) -> QWidget:
        """What is saved as a figure."""
        return self._both if self._state.view == "curves" else self.image

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        for view in (self.curves, self.below, self.image):
            view.recolour(theme)

    def _draw_curves(self, shown: PlotRun) -> None:
        curves = self._state.curves()
        if not curves and shown.running:
            self.curves.blank()
            return
        self.curves.expected = shown.began.total if shown.running else None
        self.curves.show_curves(curves, self._state.x_label(), self._state.y_label())
        self.curves.show_texts(shown.texts.get(self._state.x, ()))
        self._draw_difference(curves)
        self.curves.redraw()
        if self.below.isVisible():
            self.below.redraw()

    def _draw_difference(self, curves: list[Curve]) -> None:
        over = [curve for curve in curves if curve.overlay]
        seen = self._wants_below and bool(over)
        if seen == self.below.isHidden():
            self.below.setVisible(seen)
            self.below.plot.setXLink(self.curves.plot if seen else None)  # out of sight it would follow all the same
        self._why_not.setVisible(self._wants_below and not over)
        if not self._wants_below:
            return
        if not over:
            self._why_not.setText("Tick a run in the panel Runs to draw it over this one; the difference appears here.")
            return
        key = (curves[0].y, curves[0].y.version, over[0].y, over[0].y.version, self._state.x, len(over))
        if key == self._compared:
            return
        self._compared = key
        drawn: list[Curve] = []
        first = curves[0]
        for other in over:
            try:
                y, x = difference((first.y, first.x), (other.y, other.x))
            except BadInput as error:
                self._why_not.setText(str(error))
                self._why_not.show()
                continue
            drawn.append(Curve(y, x, f"this − {other.name}", other.number, False, False))
        label = "difference", self._state.y_label()[1]
        self.below.show_curves(drawn, self._state.x_label(), label)

    def _draw_image(self, shown: PlotRun) -> None:
        state = self._state
        if state.paused and self._image is not None:
            return
        if state.view == "columns":
            values = shown.image()
            step = shown.every
            across = "column", tuple(str(column) for column in range(values.shape[1]))
            up = with_unit("point", ""), tuple(str(step * row) for row in range(len(values)))
            self._image, self.slices = None, 1
            self.image.show_image(values, across, up, "mean output")
            return
        trace = shown.traces.get(state.ys[0]) if state.ys else None
        if trace is None:
            return
        found = shown.grids.image(trace, state.across, state.up, state.slice)
        self._image, self.slices = found, found.slices
        self.image.show_image(
            found.values,
            (with_unit(shown.label(state.across), shown.unit(state.across)), _words(shown, state.across, found.across)),
            (with_unit(shown.label(state.up), shown.unit(state.up)), _words(shown, state.up, found.up)),
            with_unit(state.ys[0], shown.unit(state.ys[0])),
        )

    def _ranged(self) -> None:
        if not self.curves.auto:
            self.auto_changed.emit(False)
        self.wanted.emit()

    def _read_curve(self, place: Place | None) -> None:
        shown = self._state.shown
        if self._state.view != "curves":
            return
        if place is None or shown is None:
            self.read.emit("")
            return
        texts = shown.texts.get(self._state.x, ())
        where = int(place.x) if place.x == place.x else 0
        x = texts[where] if texts and 0 <= where < len(texts) else reading(place.x, shown.unit(self._state.x))
        y = reading(place.y, self._state.y_label()[1])
        self.read.emit(f"point {place.index:>7}   {self._state.x} {x}   {place.name} {y}")

    def _read_image(self, across: int, up: int) -> None:
        state, shown = self._state, self._state.shown
        if shown is None or state.view == "curves":
            return
        value = float(self.image.values[up, across])
        if state.view == "columns" or self._image is None:
            self.read.emit(f"column {across:>4}   point {up * shown.every:>7}   mean output {reading(value)}")
            return
        image = self._image
        sides = ((state.across, image.across[across]), (state.up, image.up[up]), *image.others)
        words = [f"{name} {_word(shown, name, number)}" for name, number in sides]
        self.read.emit("   ".join([*words, f"{state.ys[0]} {reading(value, shown.unit(state.ys[0]))}"]))


def _word(run: PlotRun, name: str, value: float) -> str:
    texts = run.texts.get(name)
    return texts[int(value)] if texts else reading(float(value), run.unit(name))


def _words(run: PlotRun, name: str, values: object) -> tuple[str, ...]:
    texts = run.texts.get(name)
    return tuple(texts[int(value)] if texts else f"{value:.4g}" for value in values)  # type: ignore[attr-defined]
