"""Links without any port: one that follows a script, and one that leads to a board in this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from drivers.errors import Disconnected, LinkTimeout
from drivers.link import Deadline


class ScriptedLink:
    """Plays (sent, received) pairs; :meth:`finish` fails when pairs or bytes are left over."""

    address = "script"
    slowest_rate = 1e9

    def __init__(self, *pairs: tuple[bytes, bytes]) -> None:
        self.pairs = list(pairs)
        self.written = b""
        self.incoming = b""
        self.closed = False
        self.discarded = 0

    def write(self, data: bytes, deadline: Deadline) -> None:
        if self.closed:
            raise Disconnected("closed", self.address)
        self.written += data
        while self.pairs and self.written.startswith(self.pairs[0][0]):
            sent, received = self.pairs.pop(0)
            self.written = self.written[len(sent) :]
            self.incoming += received
        expected = self.pairs[0][0] if self.pairs else b""
        assert expected.startswith(self.written), f"wrote {self.written!r} where {expected!r} belongs"

    def read_some(self, deadline: Deadline, need: int = 1) -> bytes:
        if not self.incoming:
            raise LinkTimeout("no answer in time", self.address)
        data, self.incoming = self.incoming, b""
        return data

    def discard(self, silence_s: float, deadline: Deadline) -> int:
        count, self.incoming = len(self.incoming), b""
        self.discarded += count
        return count

    def close(self) -> None:
        self.closed = True

    def finish(self) -> None:
        assert not self.pairs, f"never sent: {self.pairs}"
        assert not self.written, f"sent without being asked for: {self.written!r}"
        assert not self.incoming, f"never read: {self.incoming!r}"


class BoardLink:
    """Leads to a board in this process; ``spoil`` may change every answer on its way, None takes it for lost."""

    address = "board"
    slowest_rate = 1e9

    def __init__(self, feed: Callable[[bytes], bytes], spoil: Callable[[bytes], bytes | None] | None = None) -> None:
        self._feed = feed
        self._spoil = spoil or (lambda answer: answer)
        self._incoming = b""
        self._ready = threading.Condition()
        self.closed = False

    def write(self, data: bytes, deadline: Deadline) -> None:
        with self._ready:
            if self.closed:
                raise Disconnected("closed", self.address)
            answer = self._feed(data)
            if answer:
                self._incoming += self._spoil(answer) or b""
                self._ready.notify()

    def read_some(self, deadline: Deadline, need: int = 1) -> bytes:
        with self._ready:
            if not self._ready.wait_for(lambda: self._incoming, min(deadline.left_s, 0.02)):
                raise LinkTimeout("no answer in time", self.address)
            data, self._incoming = self._incoming, b""
            return data

    def discard(self, silence_s: float, deadline: Deadline) -> int:
        time.sleep(0.001)
        with self._ready:
            count, self._incoming = len(self._incoming), b""
            return count

    def close(self) -> None:
        self.closed = True
