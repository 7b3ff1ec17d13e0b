"""A frame of the live plot with a million points, against giving all of them to pyqtgraph, in the same run.

Run with ``pytest tests/benchmarks/test_plot_frames.py --benchmark-enable``. A frame is a change of the range, what is
drawn for it, and the painting. Ratios are reported in the extra information (``--benchmark-json``), never asserted;
asserted is that both draw the same.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import numpy as np
import pyqtgraph
import pytest
from PyQt6.QtGui import QImage
from PyQt6.QtWidgets import QApplication
from pytest_benchmark.fixture import BenchmarkFixture

from gui.models.plotstate import Curve
from gui.models.trace import Trace
from gui.plotting import Plot, curve_pen
from gui.theme import LIGHT, apply
from gui.widgets.curves import CurveView

WIDTH, HEIGHT = 900, 500
ROUNDS = 5


def values(count: int) -> np.ndarray:
    """A noisy line that wanders."""
    rng = np.random.default_rng(4)
    return rng.normal(size=count).cumsum() + 20 * rng.normal(size=count)


class Thinned:
    """The view of the live plot."""

    def __init__(self, count: int) -> None:
        self.view = CurveView(LIGHT)
        self.view.resize(WIDTH, HEIGHT)
        self.view.show()
        trace = Trace(values(count))
        self.view.show_curves([Curve(trace, None, "value", 0, False, False)], ("x", ""), ("y", ""))
        self.view.redraw()

    def frame(self, low: float, high: float) -> None:
        self.view.look_at(low, high)
        self.view.redraw()
        self.view.plot.viewport().repaint()


class Plain:
    """A plot that is given everything, as it comes."""

    def __init__(self, count: int) -> None:
        self.view = Plot(LIGHT, "x", "y")
        self.view.resize(WIDTH, HEIGHT)
        self.view.show()
        self.view.plotItem.getAxis("left").setWidth(56)
        self._values = values(count)
        self._curve = pyqtgraph.PlotCurveItem(pen=curve_pen(LIGHT.measured))
        self.view.plotItem.addItem(self._curve)
        box = self.view.plotItem.getViewBox()
        box.disableAutoRange()
        box.setYRange(self._values.min(), self._values.max(), padding=0.03)

    def frame(self, low: float, high: float) -> None:
        self._curve.setData(self._values)
        self.view.plotItem.getViewBox().setXRange(low, high, padding=0)
        self.view.viewport().repaint()


def fastest(frame: Callable[[float, float], None], count: int, rounds: int) -> float:
    times = []
    for number in range(rounds):
        began = time.perf_counter()
        frame(0.1 * count + number, 0.9 * count - number)
        times.append(time.perf_counter() - began)
    return min(times)


def ink(view: CurveView | Plot) -> np.ndarray:
    """Which pixels of a picture are drawn in the colour of the curve."""
    picture = view.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    bits = picture.constBits()
    assert bits is not None
    raw = np.frombuffer(bits.asstring(picture.sizeInBytes()), dtype=np.uint8).reshape(picture.height(), -1, 4)
    blue, red = raw[..., 0].astype(int), raw[..., 2].astype(int)
    return blue - red > 100


def test_both_draw_the_same(qapp: QApplication) -> None:
    apply(qapp, LIGHT)
    count = 20_000
    thinned, plain = Thinned(count), Plain(count)
    qapp.processEvents()  # nothing is painted before the windows are in sight
    for one in (thinned, plain):
        one.frame(0.1 * count, 0.9 * count)
    box = thinned.view.plot.plotItem.getViewBox()
    plain.view.plotItem.getViewBox().setYRange(*box.viewRange()[1], padding=0)
    qapp.processEvents()
    plain.view.viewport().repaint()
    one, other = ink(thinned.view), ink(plain.view)
    assert other.sum() > 10_000
    assert (one ^ other).sum() < 0.05 * other.sum(), "the same but for the edges of lines"
    for item in (thinned.view, plain.view):
        item.close()
        item.deleteLater()


@pytest.mark.slow
def test_a_frame_of_a_million_points(benchmark: BenchmarkFixture, qapp: QApplication) -> None:
    apply(qapp, LIGHT)
    count = 1_000_000
    thinned, plain = Thinned(count), Plain(count)
    qapp.processEvents()  # nothing is painted before the windows are in sight
    ours = fastest(thinned.frame, count, 8 * ROUNDS)
    theirs = fastest(plain.frame, count, ROUNDS)
    benchmark.extra_info["ratio_to_plain"] = ours / theirs
    benchmark.extra_info["plain_ms"] = 1000 * theirs
    ends = itertools.cycle((0.7, 0.8, 0.9))
    benchmark(lambda: thinned.frame(0.1 * count, next(ends) * count))
    assert len(thinned.view._lines[0].line.getData()[0]) <= 2 * (WIDTH + 2)
    for item in (thinned.view, plain.view):
        item.close()
        item.deleteLater()
