"""From the engine to the client: what a live view needs, thinned out and worked out here."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

import numpy as np

from labctl.rig import BOARD
from labctl.service.messages import (
    MEAN_OUTPUT,
    TIME,
    TRIAL_NOISE,
    Axis,
    EngineStatus,
    FolderChanged,
    Message,
    Points,
    RunBegan,
    RunEnded,
)
from labctl.service.points import every_of, joined, points_of

if TYPE_CHECKING:
    from labctl.bench import Bench
    from labctl.engine import Began, Event, Mailbox, Rows, Waiting

EVERY_S: Final = 0.05
"""Seconds between two looks at the engine."""
DISK_EVERY_S: Final = 2.0
FAR_S: Final = 600.0
"""Seconds beyond which nobody watches a deadline come."""
CAPACITY: Final = 512


class EngineFeed:
    """Follows the engine of one bench after another on a thread of its own.

    Args:
        tell: takes messages to the client.
        taken: hears, on the feed's thread, that a run has taken devices or let go of them.
    """

    def __init__(self, tell: Callable[[Message], None], taken: Callable[[], None] = lambda: None) -> None:
        self._tell = tell
        self._taken = taken
        self._instruments: frozenset[str] = frozenset()
        self._thread: threading.Thread | None = None
        self._left = threading.Event()
        self._in_use: frozenset[str] = frozenset()
        self._run = RunBegan("", "", "", "", 0, False)
        self._began = time.monotonic()
        self._left_s: float | None = None
        self._message = ""
        self._disk = (0.0, 0)
        self.pause_next = False
        """Whether to pause the next run as soon as it begins; a pause that is reached takes it back."""
        self._board = ""
        self._names: dict[str, str] = {}
        self._looked = time.monotonic()

    @property
    def in_use(self) -> frozenset[str]:
        """The devices that a run has now."""
        return self._in_use

    def follow(self, bench: Bench) -> None:
        """Tell what the engine of this bench does, until :meth:`leave`."""
        self.leave()
        self._left.clear()
        self._instruments = frozenset(bench.instruments)
        self._board = str(bench.board.identity)
        self._thread = threading.Thread(target=self._watch, args=(bench,), name="labctl-service-feed", daemon=True)
        self._thread.start()

    def leave(self) -> None:
        """Follow no longer."""
        self._left.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()
        self._in_use = frozenset()
        self._tell(EngineStatus())

    def _watch(self, bench: Bench) -> None:
        box = bench.engine.subscribe(CAPACITY)
        try:
            while not self._left.is_set():
                self._look(bench, box)
                self._left.wait(EVERY_S)
            self._look(bench, box)
        finally:
            bench.engine.unsubscribe(box)

    def _look(self, bench: Bench, box: Mailbox) -> None:
        from labctl.engine import Began, Ended, NotNow, Rows, State, StateChanged

        rows: list[Rows] = []
        for event in box.drain():
            if isinstance(event, Rows):
                rows.append(event)
                continue
            if isinstance(event, Began | Ended):  # progress comes between any two rows, and may come before them
                self._tell_points(rows)
                rows = []
            self._heard(event)
            if isinstance(event, StateChanged) and event.new is State.PAUSED:
                self.pause_next = False
            elif isinstance(event, Began) and self.pause_next:
                with suppress(NotNow):  # over already; then the one after it
                    bench.engine.pause()
        self._tell_points(rows)
        self._looked = time.monotonic()
        status = bench.engine.status()
        waiting = status.waiting
        active = status.state not in ("idle", "failed")
        self._tell(
            EngineStatus(
                state=str(status.state),
                reason=status.reason,
                title=status.title,
                done=status.done,
                total=status.total,
                elapsed_s=time.monotonic() - self._began if active else 0.0,
                left_s=self._left_s if active else None,
                message=self._message,
                waiting="" if waiting is None else waiting_in_words(waiting),
                file=self._run.file,
                disk_free=self._disk_free(bench),
            )
        )

    def _heard(self, event: Event) -> None:
        from labctl.engine import Began, Ended, Progress

        if isinstance(event, Began):
            self._began, self._left_s = time.monotonic(), None
            self._in_use = frozenset(name if name in self._instruments else BOARD for name in event.devices)
            self._run = self._beginning(event)
            self._tell(self._run)
            self._taken()
        elif isinstance(event, Progress):
            self._left_s, self._message = event.left_s, event.message
        elif isinstance(event, Ended):
            outcome = event.outcome
            self._in_use = frozenset()
            path = "" if outcome.path is None else str(outcome.path)
            self._tell(RunEnded(self._run.run_id, self._run.title, str(outcome.status), outcome.message, path))
            self._tell(FolderChanged("runs"))
            self._taken()

    def _beginning(self, event: Began) -> RunBegan:
        axes = {name: Axis(item.values, item.unit, item.long_name) for name, item in event.axes.items()}
        known = event.quantities
        self._names = {variable: item.name for variable, item in known.items()}
        return RunBegan(
            event.run_id,
            event.title,
            event.kind,
            "" if event.path is None else str(event.path),
            event.total,
            event.simulated,
            axes,
            {TIME: "s", MEAN_OUTPUT: "1", TRIAL_NOISE: "1", **{item.name: item.unit for item in known.values()}},
            event.shape,
            {item.name: item.label for item in known.values()},
            self._board,
            datetime.now().astimezone().isoformat(timespec="seconds"),
        )

    def _tell_points(self, rows: list[Rows]) -> None:
        """Tell what was saved since the last look, with the time at which that was."""
        every = every_of(self._run.total)
        pieces = [
            points_of(self._run.run_id, first, values, every=every, names=self._names) for first, values in joined(rows)
        ]
        counts = [_length(piece) for piece in pieces]
        now = time.monotonic()
        began = max(self._looked, self._began) - self._began
        times = np.linspace(began, now - self._began, sum(counts) + 1)[1:]
        done = 0
        for piece, count in zip(pieces, counts, strict=True):
            if TIME not in piece.values:
                piece = replace(piece, values={**piece.values, TIME: times[done : done + count]})
            self._tell(piece)
            done += count

    def _disk_free(self, bench: Bench) -> int:
        looked, free = self._disk
        now = time.monotonic()
        if now - looked > DISK_EVERY_S or not free:
            try:
                free = shutil.disk_usage(bench.runs).free
            except OSError:  # the folder is gone, or its disk: whoever writes there says so
                free = 0
            self._disk = (now, free)
        return free


def _length(points: Points) -> int:
    return next((len(array) for array in points.values.values()), 0)


def waiting_in_words(waiting: Waiting) -> str:
    """What is waited for; its deadline too, where that is near enough to matter."""
    if waiting.deadline_s > FAR_S:
        return waiting.name
    return f"{waiting.name} ({waiting.waited_s:.0f} of {waiting.deadline_s:.0f} s)"
