"""What is on its way to one end of a link: in order, at its time, as far as it fits."""

from __future__ import annotations

import heapq
import itertools
from collections import deque

from drivers.emulator.channel import Channel
from drivers.faults import Delivery


class Outbox:
    """Deliveries to one channel; never blocks.

    Args:
        now: the time on a clock that never goes back, in seconds; all others are read on the same clock.
    """

    def __init__(self, now: float) -> None:
        self._queue: deque[tuple[float, bytes]] = deque()
        self._late: list[tuple[float, int, bytes]] = []
        self._numbers = itertools.count()
        self._line_free = now
        self._view = memoryview(b"")
        self.ending = False

    @property
    def queued(self) -> int:
        """Bytes that wait for their turn."""
        return sum(len(data) for _, data in self._queue)

    @property
    def stuck(self) -> bool:
        """Whether a piece has been begun that the other side does not take."""
        return len(self._view) > 0

    @property
    def empty(self) -> bool:
        """Whether nothing is left to write but what is late."""
        return not self._view and not self._queue

    def post(self, delivery: Delivery, now: float) -> None:
        """Take a delivery; after one that hangs up the connection ends, and none is taken any more."""
        if self.ending:
            return
        if delivery.late_s:
            data = b"".join(data for _, data in delivery.pieces)
            heapq.heappush(self._late, (now + delivery.late_s, next(self._numbers), data))
        else:
            self._enqueue(delivery.pieces, now)
        self.ending = delivery.hang_up

    def give_out(self, channel: Channel, now: float) -> bool:
        """Write what is due and fits; false when the connection has to end."""
        while self._late and self._late[0][0] <= now:
            self._enqueue(((0.0, heapq.heappop(self._late)[2]),), now)
        while self._view or (self._queue and self._queue[0][0] <= now):
            if not self._view:
                self._view = memoryview(self._queue.popleft()[1])
            written = channel.write(self._view)
            if written is None:
                return False
            self._view = self._view[written:]
            if not written:
                break
        return not (self.ending and self.empty)

    def next_time(self) -> float:
        """When something is due next that no selector tells."""
        times = [self._queue[0][0]] if self._queue and not self._view else []
        times += [self._late[0][0]] if self._late else []
        return min(times, default=float("inf"))

    def _enqueue(self, pieces: tuple[tuple[float, bytes], ...], now: float) -> None:
        for wait, data in pieces:
            self._line_free = max(self._line_free, now) + wait
            if data:
                self._queue.append((self._line_free, data))
