"""A board whose work outlives its link, for work that nobody else resumes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, TypeVar

from data.instrument import Reading
from data.values import Activations, Geometry, Identity, Outputs, Schedule, Weights
from drivers.board import AnalogBoard
from drivers.errors import LinkError
from drivers.reconnect import Stop, never

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

TRIES: Final = 5


class LastingBoard:
    """An :class:`data.processor.AnalogProcessor` that reconnects the board when its link fails, and repeats the call.

    Repeating is safe: loading the same weights twice is loading them once, and outputs count only when a call returns.

    Args:
        board: the board; it is not closed.
        deadline_s: for each reconnection, in seconds.
        stop: asked while reconnecting; true ends it.
    """

    def __init__(self, board: AnalogBoard, deadline_s: float = 60.0, stop: Stop = never) -> None:
        self.board = board
        self.deadline_s = deadline_s
        self.reconnections = 0
        self._stop = stop

    @property
    def geometry(self) -> Geometry:
        """Size of the array and ranges of its codes."""
        return self.board.geometry

    @property
    def identity(self) -> Identity:
        """Who computes."""
        return self.board.identity

    def program(self, weights: Weights) -> None:
        """As :meth:`AnalogBoard.program`.

        Raises:
            LabctlError: as there, and what :meth:`AnalogBoard.reconnect` raises.
        """
        self._lasting(lambda: self.board.program(weights))

    def multiply(self, activations: Activations, schedule: Schedule) -> Outputs:
        """As :meth:`AnalogBoard.multiply`.

        Raises:
            LabctlError: as there, and what :meth:`AnalogBoard.reconnect` raises.
        """
        return self._lasting(lambda: self.board.multiply(activations, schedule))

    def snapshot(self, max_age_s: float = 0.0) -> tuple[Reading, ...]:
        """Every scalar of the board, as it is; a lost link is said, not mended."""
        return self.board.snapshot(max_age_s)

    def safe(self) -> None:
        """Safe state. Where the link is lost the board has gone there by itself."""
        self.board.safe()

    def _lasting(self, call: Callable[[], _T]) -> _T:
        tries_left = TRIES
        while True:
            try:
                return call()
            except LinkError as error:
                tries_left -= 1
                if not tries_left:
                    raise
                _log.warning("%s; reconnecting", error)
                self.reconnections += 1
                self.board.reconnect(self.deadline_s, self._stop)
