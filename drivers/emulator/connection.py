"""One client of the emulated board: its bytes on the way in and on the way out."""

from __future__ import annotations

import heapq
import itertools
from collections import deque

from drivers.emulator.channel import Channel
from drivers.emulator.commands import Session
from drivers.emulator.faults import Delivery, FaultInjector
from drivers.emulator.receiver import Receiver, Request

PATIENCE_S = 0.5
"""How long an unfinished line or block is kept without a further byte (``PROTOCOL.md``, section 2)."""
MOST_REQUESTS = 8
MOST_BYTES = 1 << 22


class Connection:
    """Bytes in both directions of one client, with faults and waiting times; never blocks."""

    def __init__(self, channel: Channel, session: Session, faults: FaultInjector, now: float) -> None:
        self.channel, self.session = channel, session
        self._faults = faults
        self._receiver = Receiver()
        self._heard = now
        self._queue: deque[tuple[float, bytes]] = deque()
        self._late: list[tuple[float, int, bytes]] = []
        self._numbers = itertools.count()
        self._line_free = now
        self._view = memoryview(b"")
        self._hang_up = False
        self._listening = True
        self.waiting_requests = 0
        self.closed = False

    @property
    def wants_input(self) -> bool:
        """Whether more requests may come in: not while answers pile up that nobody reads."""
        queued = sum(len(data) for _, data in self._queue)
        return not self._hang_up and self.waiting_requests < MOST_REQUESTS and queued < MOST_BYTES

    def wanted(self) -> tuple[bool, bool]:
        """Whether to wait for bytes that come, and for room for bytes that go, in the next turn."""
        self._listening = self.wants_input
        return self._listening, len(self._view) > 0

    def take_in(self, now: float) -> list[Request] | None:
        """Requests completed by the bytes that have come; None when the client is gone."""
        data = self.channel.read()
        if data is None:
            return []
        if not data:
            return None
        self._heard = now
        return self._receiver.feed(self._faults.incoming(data) if self._receiver.idle else data)

    def give_up_waiting(self, now: float) -> list[Request]:
        """What to tell the session when an unfinished message has been silent for too long."""
        if not self._listening:
            # The silence was the board's own: what came meanwhile has not been read.
            self._heard = now
        if now < self._heard + PATIENCE_S:
            return []
        damage = self._receiver.expire()
        return [] if damage is None else [damage]

    def post(self, delivery: Delivery, now: float) -> None:
        """Send an answer in the way that the faults make of it."""
        if delivery.late_s:
            data = b"".join(data for _, data in delivery.pieces)
            heapq.heappush(self._late, (now + delivery.late_s, next(self._numbers), data))
        else:
            self._enqueue(delivery.pieces, now)
        self._hang_up |= delivery.hang_up

    def _enqueue(self, pieces: tuple[tuple[float, bytes], ...], now: float) -> None:
        for wait, data in pieces:
            self._line_free = max(self._line_free, now) + wait
            if data:
                self._queue.append((self._line_free, data))

    def give_out(self, now: float) -> bool:
        """Write what is due and fits; false when the connection has to end."""
        while self._late and self._late[0][0] <= now:
            self._enqueue(((0.0, heapq.heappop(self._late)[2]),), now)
        while self._view or (self._queue and self._queue[0][0] <= now):
            if not self._view:
                self._view = memoryview(self._queue.popleft()[1])
            written = self.channel.write(self._view)
            if written is None:
                return False
            self._view = self._view[written:]
            if not written:
                break
        return bool(self._view or self._queue) or not self._hang_up

    def next_time(self) -> float:
        """When something is due next that no selector tells."""
        times = [self._queue[0][0]] if self._queue and not self._view else []
        times += [self._late[0][0]] if self._late else []
        if not self._receiver.idle and self.wants_input:
            times.append(self._heard + PATIENCE_S)
        return min(times, default=float("inf"))
