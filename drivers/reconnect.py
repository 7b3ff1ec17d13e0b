"""Brings a lost conversation back: close, open again with growing pauses, and whatever the caller wants restored."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from data.errors import Cancelled, LabctlError
from drivers.errors import Disconnected, LinkError, LinkTimeout, WrongBoard
from drivers.exchange import Exchange
from drivers.link import Deadline, Link

_log = logging.getLogger(__name__)

FIRST_PAUSE_S: Final = 0.05
LONGEST_PAUSE_S: Final = 2.0
SLICE_S: Final = 0.05
"""Longest time for which nobody asks whether to stop."""
PIECE: Final = 4096
"""Bytes that are written before somebody asks again."""

Stop = Callable[[], bool]
"""Asked while waiting; true ends it."""
Reopen = Callable[[float], Link]
"""Opens the link again, within so many seconds."""


def never() -> bool:
    """Never stop."""
    return False


def come_back(exchange: Exchange, reopen: Reopen, restore: Callable[[], None], deadline_s: float, stop: Stop) -> None:
    """Give an exchange a new link, on which ``restore`` has succeeded.

    Attempts follow one another with pauses that double, from 0.05 s to 2 s. An attempt may not outlast the deadline.

    Args:
        exchange: its link is closed first; on failure it is left with a closed one.
        reopen: opens the link.
        restore: checks who is there and sets it up again, through the exchange.
        deadline_s: for everything together, in seconds.
        stop: ends it within 0.1 s; a write that nobody takes, and the opening of a port, after their own deadlines.

    Raises:
        WrongBoard: something else is there; it is not tried again.
        Cancelled: ``stop`` said so.
        LinkTimeout: it did not come back in time; says what the last attempt met.
    """
    deadline, began = Deadline(deadline_s), time.monotonic()
    pause_s, attempts = FIRST_PAUSE_S, 0
    with suppress(LinkError):
        exchange.link.close()
    while True:
        attempts += 1
        try:
            _attempt(exchange, reopen, restore, deadline, stop)
        except (WrongBoard, Cancelled):
            raise
        except LabctlError as error:
            _log.info("%s: attempt %d to come back failed: %s", exchange.name, attempts, error)
            if deadline.left_s <= pause_s:
                times = "once" if attempts == 1 else f"{attempts} times"
                raise LinkTimeout(
                    f"it did not come back within {deadline_s:.3g} s (tried {times}; the last time: {error})",
                    exchange.name,
                ) from error
        else:
            _log.warning("%s is back after %.1f s (attempt %d)", exchange.name, time.monotonic() - began, attempts)
            return
        _wait(pause_s, stop, exchange.name)
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def _attempt(exchange: Exchange, reopen: Reopen, restore: Callable[[], None], deadline: Deadline, stop: Stop) -> None:
    link = reopen(max(deadline.left_s, SLICE_S))
    try:
        exchange.use(BoundedLink(link, deadline, stop))
        restore()
    except BaseException:
        link.close()
        raise
    finally:
        exchange.use(link)


def _wait(seconds: float, stop: Stop, name: str) -> None:
    pause = Deadline(seconds)
    while not pause.passed:
        _ask(stop, name)
        time.sleep(min(SLICE_S, pause.left_s))
    _ask(stop, name)


def _ask(stop: Stop, name: str) -> None:
    if stop():
        raise Cancelled(f"{name}: coming back was stopped")


class BoundedLink:
    """A link that works until a deadline or until it is told to stop, whatever the single operations are allowed."""

    def __init__(self, link: Link, limit: Deadline, stop: Stop) -> None:
        self._link = link
        self._limit = limit
        self._stop = stop

    @property
    def address(self) -> str:
        """As the user wrote it."""
        return self._link.address

    @property
    def slowest_rate(self) -> float:
        """Bytes per second that the link carries at the least."""
        return self._link.slowest_rate

    def write(self, data: bytes, deadline: Deadline) -> None:
        """Write all of ``data`` (see :class:`drivers.link.Link`)."""
        for start in range(0, len(data), PIECE):
            self._check()
            self._link.write(data[start : start + PIECE], deadline.at_most(self._limit.left_s))

    def read_some(self, deadline: Deadline, need: int = 1) -> bytes:
        """At least one byte (see :class:`drivers.link.Link`)."""
        while True:
            self._check()
            try:
                return self._link.read_some(deadline.at_most(min(SLICE_S, self._limit.left_s)), need)
            except LinkTimeout:
                if deadline.passed:
                    raise

    def discard(self, silence_s: float, deadline: Deadline) -> int:
        """Read and forget until the line is silent (see :class:`drivers.link.Link`)."""
        count = 0
        while not deadline.passed:
            try:
                count += len(self.read_some(deadline.at_most(silence_s)))
            except LinkTimeout:
                break
        return count

    def close(self) -> None:
        """Let go of the port."""
        self._link.close()

    def _check(self) -> None:
        _ask(self._stop, self.address)
        if self._limit.passed:
            raise Disconnected("the time for coming back is over", self.address)
