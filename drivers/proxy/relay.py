"""One client of a proxy, and its way to the server."""

from __future__ import annotations

import time
from collections.abc import Callable

from drivers.emulator.channel import Channel
from drivers.emulator.outbox import Outbox
from drivers.faults import Delivery
from drivers.proxy.ends import Front, Server
from drivers.proxy.injector import Injector, Side
from drivers.proxy.messages import Messages

QUIET_S = 0.02
"""Part of a message is passed on when nothing has come for so long."""
MOST_BYTES = 1 << 22


class Lane:
    """One direction: what came in and is not a message yet, and what is on its way out."""

    def __init__(self, side: Side, now: float) -> None:
        self.side: Side = side
        self.messages = Messages()
        self.outbox = Outbox(now)
        self.heard = now

    def next_time(self) -> float:
        """When something is due that no selector tells."""
        quiet = self.heard + QUIET_S if self.messages.pending else float("inf")
        return min(quiet, self.outbox.next_time())


class Relay:
    """Passes on messages between a client and a server, with faults.

    Args:
        front: where the client came from.
        client: its channel.
        lead: opens the way to the server, or for so many seconds (0 for ever) to another one.
        injector: the faults.
    """

    def __init__(
        self, front: Front, client: Channel, lead: Callable[[float | None], Server], injector: Injector
    ) -> None:
        now = time.monotonic()
        self._lead = lead
        self._injector = injector
        self.front, self.client = front, client
        self.server = lead(None)
        self.requests, self.answers = Lane("in", now), Lane("out", now)

    def ends(self) -> tuple[tuple[Channel, Lane, Lane], tuple[Channel, Lane, Lane]]:
        """Each end, the lane that it feeds, and the lane that leads to it."""
        return (self.client, self.requests, self.answers), (self.server.channel, self.answers, self.requests)

    def wanted(self, feeds: Lane, leads: Lane) -> tuple[bool, bool]:
        """Whether an end waits for bytes that come, and for room for bytes that go."""
        return feeds.outbox.queued < MOST_BYTES and not feeds.outbox.ending, leads.outbox.stuck

    def take_in(self, channel: Channel, lane: Lane, now: float) -> bool:
        """Read what has come to an end; false when the client is gone. What a server said last is still passed on."""
        data = channel.read()
        if data is None:
            return True
        lane.heard = now
        for message in lane.messages.feed(data):
            self._pass_on(lane, message, now)
        if not data:
            self._pass_on(lane, lane.messages.flush(), now)
            lane.outbox.ending = True
        return bool(data) or channel is not self.client

    def turn(self, now: float) -> bool:
        """Give out what is due in both directions; false when the connection is over."""
        going_on = True
        for channel, feeds, leads in self.ends():
            if feeds.messages.pending and now >= feeds.heard + QUIET_S:
                self._pass_on(feeds, feeds.messages.flush(), now)
            going_on &= leads.outbox.give_out(channel, now)
        return going_on

    def next_time(self) -> float:
        """When something is due that no selector tells."""
        return min(self.requests.next_time(), self.answers.next_time())

    def close(self) -> None:
        """Hang up at both ends."""
        self.server.close()
        self.client.close()

    def _pass_on(self, lane: Lane, message: bytes, now: float) -> None:
        if not message:
            return
        if lane is self.requests:
            swap_s = self._injector.swap_s(message)
            if swap_s is not None:
                self._swap(swap_s, now)
        delivery: Delivery = self._injector.deliver(lane.side, message)
        lane.outbox.post(delivery, now)

    def _swap(self, swap_s: float, now: float) -> None:
        self.server.close()
        self.answers.messages.flush()
        self.requests.outbox = Outbox(now)
        self.server = self._lead(swap_s)
