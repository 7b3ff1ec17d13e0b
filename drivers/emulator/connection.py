"""One client of the emulated board: its bytes on the way in and on the way out."""

from __future__ import annotations

from drivers.emulator.channel import Channel
from drivers.emulator.commands import Session
from drivers.emulator.faults import FaultInjector
from drivers.emulator.outbox import Outbox
from drivers.emulator.receiver import Receiver, Request
from drivers.faults import Delivery

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
        self._outbox = Outbox(now)
        self._listening = True
        self.waiting_requests = 0
        self.closed = False

    @property
    def wants_input(self) -> bool:
        """Whether more requests may come in: not while answers pile up that nobody reads."""
        outbox = self._outbox
        return not outbox.ending and self.waiting_requests < MOST_REQUESTS and outbox.queued < MOST_BYTES

    def wanted(self) -> tuple[bool, bool]:
        """Whether to wait for bytes that come, and for room for bytes that go, in the next turn."""
        self._listening = self.wants_input
        return self._listening, self._outbox.stuck

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
        self._outbox.post(delivery, now)

    def give_out(self, now: float) -> bool:
        """Write what is due and fits; false when the connection has to end."""
        return self._outbox.give_out(self.channel, now)

    def next_time(self) -> float:
        """When something is due next that no selector tells."""
        waiting = not self._receiver.idle and self.wants_input
        return min(self._outbox.next_time(), self._heard + PATIENCE_S if waiting else float("inf"))
