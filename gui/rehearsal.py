"""The real window put through its paces, in a process of its own: how quick it is, and whether its memory stays flat.

``python -m gui.rehearsal FOLDER BEGAN MINUTES RUNS`` writes ``figures.json`` into the folder; ``BEGAN`` is when the
process was started, in seconds since the epoch.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
import psutil
from PyQt6.QtCore import QEvent, QObject, Qt, QTimer

from gui.app import Options, application, keep_collections_short, open_window
from gui.guard import Guard
from gui.window import MainWindow
from labctl.selftest.training import TrainMeanwhile
from labctl.service.messages import MEAN_OUTPUT, Axis, Points, RunBegan, RunData
from labctl.service.requests.bench import BOARD
from labctl.service.requests.runs import OpenRun, RunSweeps

log = logging.getLogger(__name__)

TICK_MS: Final = 2
FRAMES: Final = 40
MILLION: Final = 1_000_000
WARM_UP_RUNS: Final = 30
SETTLE_S: Final = 1.0
MEGABYTE: Final = 2**20

Condition = Callable[[], bool]


class Spread:
    """How often times of each length came, in bins: as much memory after an hour as after a second.

    Args:
        bin_ms: width of a bin; quantiles are as coarse.
        longest_ms: times beyond it share the last bin; the maximum is exact all the same.
    """

    def __init__(self, bin_ms: float = 0.05, longest_ms: float = 5000.0) -> None:
        self._bin_ms = bin_ms
        self._counts = np.zeros(round(longest_ms / bin_ms) + 1, np.int64)
        self.maximum = 0.0

    def add(self, time_ms: float) -> None:
        """Count one."""
        self._counts[min(int(time_ms / self._bin_ms), len(self._counts) - 1)] += 1
        self.maximum = max(self.maximum, time_ms)

    def quantile(self, share: float) -> float:
        """The upper end of the bin below which this share of the times lies, in milliseconds; 0 when there are none."""
        total = self._counts.sum()
        if not total:
            return 0.0
        place = int(np.searchsorted(self._counts.cumsum(), share * total))
        return min((place + 1) * self._bin_ms, self.maximum)


class Pulse(QObject):
    """Measures how long the event loop lets a timer wait, and how long it computes meanwhile, while it is counted."""

    def __init__(self) -> None:
        super().__init__()
        self.gaps = Spread()
        self.work = Spread()
        self.counting = False
        self._last = time.perf_counter()
        self._worked = time.thread_time()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._timer.start(TICK_MS)

    def stop(self) -> None:
        """No more ticks."""
        self._timer.stop()

    def _tick(self) -> None:
        now, worked = time.perf_counter(), time.thread_time()
        if self.counting:
            self.gaps.add((now - self._last) * 1000)
            self.work.add((worked - self._worked) * 1000)
        self._last, self._worked = now, worked


class FirstPaint(QObject):
    """Notes when the window was painted for the first time."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__()
        self.at: float | None = None
        self.worked = 0.0
        self._window = window
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """The first paint is over when the loop turns again."""
        if event is not None and event.type() == QEvent.Type.Paint and self.at is None:
            self.at = 0.0
            self._window.removeEventFilter(self)
            QTimer.singleShot(0, self._note)
        return False

    def _note(self) -> None:
        self.at = time.time()
        self.worked = time.process_time()


class Rehearsal:
    """What is done, one step after another, without ever holding the event loop.

    Args:
        window: the real one.
        minutes: how long it watches live runs while a network is trained.
        runs: how many runs are opened and closed again.
    """

    def __init__(self, window: MainWindow, minutes: float, runs: int) -> None:
        self._window = window
        self._desk = window.desk
        self._minutes = minutes
        self._runs = runs
        self._pulse = Pulse()
        self._painted = FirstPaint(window)
        self._measured: list[str] = []
        self._busy = False
        self._points = 0
        self.figures: dict[str, float] = {}
        self._desk.on(Points, self._count)

    def steps(self, began: float) -> Iterator[Condition]:
        """The whole of it; goes on when what it yields holds."""
        yield lambda: bool(self._painted.at)
        self.figures["first_paint_ms"] = ((self._painted.at or 0.0) - began) * 1000
        self.figures["first_paint_work_ms"] = self._painted.worked * 1000
        yield self._ready
        yield _after(SETTLE_S)
        yield from self._live(2.0)  # once before anything is measured: code is compiled and caches are filled
        self._points, at = 0, time.monotonic()
        training = self._desk.ask(TrainMeanwhile(), lambda _: None)
        self._pulse.counting = True
        memory = _memory()
        yield from self._live(self._minutes * 60)
        self._pulse.counting = False
        self.figures["points_per_s"] = self._points / (time.monotonic() - at)
        self._desk.cancel(training)
        self.figures["live_growth_mb"] = max(_memory() - memory, 0.0)
        self.figures["live_minutes"] = (time.monotonic() - at) / 60
        yield from self._million()
        yield from self._open_and_close()
        self.figures["memory_growth_mb"] = self.figures["live_growth_mb"] + self.figures["runs_growth_mb"]
        self.figures["loop_gap_ms_p99"] = self._pulse.gaps.quantile(0.99)
        self.figures["loop_gap_ms_max"] = self._pulse.gaps.maximum
        # What the window itself computes between two turns: a busy computer makes gaps longer, and not this.
        self.figures["loop_work_ms_max"] = self._pulse.work.maximum
        self._pulse.stop()

    def _ready(self) -> bool:
        board = self._desk.bench.device(BOARD)
        return not self._window.docks.waiting() and board is not None and board.connected

    def _live(self, seconds: float) -> Iterator[Condition]:
        """Sweeps at the full rate of the board, one after another."""
        self._window.docks.show("plot")
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            self._busy = True
            self._desk.ask(RunSweeps(("random",)), self._over, lambda trouble: self._over((), trouble))
            yield lambda: not self._busy

    def _over(self, files: tuple[str, ...], trouble: object = None) -> None:
        if trouble is not None:
            raise RuntimeError(f"a sweep of the rehearsal failed: {trouble}")
        self._measured.extend(files)
        self._busy = False

    def _million(self) -> Iterator[Condition]:
        """A curve of a million points, moved along: every frame is thinned and painted anew."""
        from gui.panels.plot import PlotPanel  # not before the first paint: the program itself loads it later

        panel = self._window.panel("plot")
        assert isinstance(panel, PlotPanel)
        rng = np.random.default_rng(1)
        place = Axis(np.cumsum(rng.random(MILLION)), "s", "time")
        began = RunBegan("rehearsal", "a million points", "rehearsal", "", MILLION, True, {"place": place})
        points = Points("rehearsal", 0, {MEAN_OUTPUT: rng.normal(size=MILLION).cumsum()})
        self._desk.run_chosen.emit(RunData(began, points, "complete", ""))
        panel.state.choose_x("place")
        panel.refresh()
        yield _after(SETTLE_S / 2)
        times = []
        view = panel.pages.curves
        for frame in range(FRAMES):
            start = time.perf_counter()
            low = 5000.0 * (frame % 7)
            view.look_at(low, low + 450_000.0 - 4000.0 * frame)
            panel.refresh()
            view.plot.viewport().repaint()
            times.append((time.perf_counter() - start) * 1000)
            yield _after(0.02)
        self.figures["million_point_frame_ms"] = float(np.median(times))
        self.figures["million_point_frame_ms_max"] = float(max(times))
        panel.pages.home()

    def _open_and_close(self) -> Iterator[Condition]:
        """Open runs from their files, one after another; the first of them do not count."""
        memory = _memory()
        for number in range(WARM_UP_RUNS + self._runs):
            if number == WARM_UP_RUNS:
                yield _after(SETTLE_S)
                memory = _memory()
            self._busy = True
            self._desk.ask(OpenRun(self._measured[number % len(self._measured)]), self._show)
            yield lambda: not self._busy
        yield _after(SETTLE_S)
        self.figures["runs_growth_mb"] = max(_memory() - memory, 0.0)
        self.figures["runs_opened"] = float(self._runs)

    def _show(self, data: RunData) -> None:
        self._desk.run_chosen.emit(data)
        self._busy = False

    def _count(self, points: Points) -> None:
        self._points += max((len(values) for values in points.values.values()), default=0)


class Conductor(QObject):
    """Takes one step after another from the event loop, then closes the window.

    Args:
        window: that is closed at the end.
        steps: what is done.
    """

    def __init__(self, window: MainWindow, steps: Iterator[Condition]) -> None:
        super().__init__()
        self._window = window
        self._steps = steps
        self._holds: Condition = lambda: True
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._go_on)
        self._timer.start(TICK_MS)

    def end(self) -> None:
        """Close the window, whatever is left to do."""
        self._timer.stop()
        self._window.close()

    def _go_on(self) -> None:
        if not self._holds():
            return
        try:
            self._holds = next(self._steps)
        except StopIteration:
            self.end()


def main(folder: Path, began: float, minutes: float, runs: int) -> int:
    """Rehearse; 0 when the figures were written."""
    app = application()
    window, client = open_window(Options(demo=True, runs=folder / "runs", settings=folder / "settings.ini"))
    window.filled.connect(keep_collections_short)
    rehearsal = Rehearsal(window, minutes, runs)
    conductor = Conductor(window, rehearsal.steps(began))
    failures: list[str] = []

    def failed(sentence: str) -> None:
        failures.append(sentence)
        conductor.end()

    window.desk.lived.connect(lambda lives: None if lives else failed("its bench service has ended"))
    guard = Guard(failed)
    guard.install()
    try:
        app.exec()
    finally:
        guard.remove()
        client.close()
    if failures or "loop_gap_ms_max" not in rehearsal.figures:
        log.error("%s", failures[0] if failures else "the window was closed before the rehearsal was over")
        return 1
    (folder / "figures.json").write_text(json.dumps(rehearsal.figures), encoding="utf-8")
    return 0


def _memory() -> float:
    """Resident memory of this process in megabytes."""
    return float(psutil.Process().memory_info().rss / MEGABYTE)


def _after(seconds: float) -> Condition:
    ends = time.monotonic() + seconds
    return lambda: time.monotonic() >= ends


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])))
