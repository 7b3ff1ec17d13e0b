"""One session under faults: a board is opened, works, and is closed, while a judge looks on."""

from __future__ import annotations

import logging
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol, TypeVar

import numpy as np

from data.errors import BadInput, LabctlError
from data.sweepfile import read_sweep
from data.values import Activations, Geometry, Identity, Outputs, Schedule, Weights
from drivers.board import AnalogBoard, open_board
from drivers.errors import WrongBoard
from labctl.engine import Engine, Limits, Loan, lend
from labctl.selftest.workload import Workload, differences
from models.network import NetworkTrace

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

TIMEOUT_S: Final = 0.25
"""For one answer: far above what the emulated board needs, so short that faults do not cost the whole day."""
RECONNECT_S: Final = 20.0
LIMITS: Final = Limits(safe_s=25.0, glitch_s=RECONNECT_S, reconnect_s=RECONNECT_S, losses=12, pause_s=60.0)
"""Of the engine: a link may be lost by each of a session's faults in turn."""
OPEN_TRIES: Final = 8
PAUSE_S: Final = 0.05
CALL_S: Final = 30.0
"""Deadline of one call on the board, reconnecting included: a fault costs a timeout and a resynchronisation or two."""
SESSION_S: Final = 180.0
"""Deadline of a whole session; one that is over it is taken its link away."""


@dataclass(frozen=True)
class Reference:
    """What the work gives without faults."""

    outputs: Outputs
    trace: NetworkTrace


@dataclass
class Observed:
    """What a session showed.

    Attributes:
        wrong_values: accepted values that differ from the reference.
        lost_rows: acknowledged rows that the file does not hold.
        overdue: calls that took too long, in words.
        slowest_s: the longest call.
        reconnections: how often the board was reconnected.
        refused: whether another board was there and was refused.
        failure: why the session ended early, empty when it did not.
    """

    wrong_values: int = 0
    lost_rows: int = 0
    overdue: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    reconnections: int = 0
    refused: bool = False
    failure: str = ""


class Session:
    """The work at one address; :meth:`run` never raises what a fault can bring about.

    Args:
        address: of the board, behind a proxy.
        serial_number: the board that is meant.
        workload: what to do.
        reference: what it gives without faults.
    """

    def __init__(self, address: str, serial_number: str, workload: Workload, reference: Reference) -> None:
        self.observed = Observed()
        self._address = address
        self._serial_number = serial_number
        self._workload = workload
        self._reference = reference
        self._thread = threading.Thread(target=self._guarded, name=f"labctl session {address}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def join(self, wait_s: float) -> bool:
        """Whether it has ended within ``wait_s`` seconds."""
        self._thread.join(wait_s)
        return not self._thread.is_alive()

    def _guarded(self) -> None:
        try:
            self._work()
        except WrongBoard as error:
            self.observed.refused = True
            self.observed.failure = str(error)
        except LabctlError as error:
            self.observed.failure = str(error)
        except Exception as error:
            _log.exception("a session has failed in a way that was not foreseen")
            self.observed.failure = f"not foreseen: {type(error).__name__}: {error}"
            raise

    def _work(self) -> None:
        board = self._opened()
        engine = Engine(LIMITS)
        try:
            watched = WatchedBoard(board, self._timed, self.observed)
            self._sweep(watched, engine)
            with lend(engine, watched, Loan("a network")) as lent:
                trace = self._workload.compute(lent)
            self.observed.wrong_values += differences(trace, self._reference.trace)
        finally:
            engine.close()
            self._timed("close", board.close)

    def _opened(self) -> AnalogBoard:
        """The board, opened in a few tries: it is not what lasts."""
        tries_left = OPEN_TRIES
        while True:
            try:
                return self._timed("open", self._open)
            except WrongBoard:
                raise
            except LabctlError:
                tries_left -= 1
                if not tries_left:
                    raise
                time.sleep(PAUSE_S)

    def _open(self) -> AnalogBoard:
        return open_board(self._address, serial_number=self._serial_number, timeout_s=TIMEOUT_S)

    def _sweep(self, board: WatchedBoard, engine: Engine) -> None:
        acknowledged = 0

        def acknowledge(points: int) -> None:
            nonlocal acknowledged
            acknowledged = max(acknowledged, points)

        with tempfile.TemporaryDirectory(prefix="labctl-selftest-") as folder:
            try:
                self._workload.sweep(board, Path(folder), acknowledge, engine)
            finally:
                self._judge(Path(folder), acknowledged)

    def _judge(self, folder: Path, acknowledged: int) -> None:
        """Compare the file with what was acknowledged and with the reference."""
        files = list(folder.glob("*.h5"))
        measured = 0
        if files:
            try:
                data = read_sweep(files[0])
            except BadInput as error:
                _log.error("the run file cannot be read: %s", error)
            else:
                measured = data.measured
                wrong = data.outputs[:measured] != self._reference.outputs[:measured]
                self.observed.wrong_values += int(np.count_nonzero(wrong))
        self.observed.lost_rows += max(0, acknowledged - measured) * self._workload.plan.repeats

    def _timed(self, name: str, call: Callable[[], _T]) -> _T:
        """Make a call and note when it took too long."""
        begin = time.monotonic()
        try:
            return call()
        finally:
            took_s = time.monotonic() - begin
            self.observed.slowest_s = max(self.observed.slowest_s, took_s)
            if took_s > CALL_S:
                self.observed.overdue.append(f"{name} took {took_s:.1f} s")


class Timer(Protocol):
    """Carries a call out and notes how long it took."""

    def __call__(self, name: str, call: Callable[[], _T]) -> _T:
        """What the call returns."""
        ...


class WatchedBoard:
    """A board whose calls are timed and whose reconnections are counted; what an engine runs on.

    Args:
        inner: the board.
        timed: carries a call out.
        observed: where reconnections are counted.
    """

    def __init__(self, inner: AnalogBoard, timed: Timer, observed: Observed) -> None:
        self._inner = inner
        self._timed = timed
        self._observed = observed

    @property
    def geometry(self) -> Geometry:
        """Of the board."""
        return self._inner.geometry

    @property
    def identity(self) -> Identity:
        """Of the board."""
        return self._inner.identity

    def program(self, weights: Weights) -> None:
        """As the board's."""
        self._timed("program", lambda: self._inner.program(weights))

    def multiply(self, activations: Activations, schedule: Schedule) -> Outputs:
        """As the board's."""
        return self._timed("multiply", lambda: self._inner.multiply(activations, schedule))

    def safe(self) -> None:
        """As the board's."""
        self._timed("safe", self._inner.safe)

    def reconnect(self, deadline_s: float) -> None:
        """As the board's."""
        self._observed.reconnections += 1
        self._timed("reconnect", lambda: self._inner.reconnect(deadline_s))
