"""Requests and replies as JSON lines, the protocol of the LUCIDAC firmware.

A request carries an identifier of its own, and its reply repeats it: a late reply is recognised by its identifier and
thrown away, so no resynchronisation is needed. What the vendor's client does not look at is looked at here: a reply
under an identifier that was never asked for, of another type, twice, or not JSON at all, is an error.
"""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from drivers.errors import Disconnected, LinkError, LinkTimeout, ProtocolError, Refused, shown
from drivers.link import Deadline, Link

_log = logging.getLogger(__name__)

LONGEST: Final = 1 << 20
"""Bytes of the longest line that is believed."""
REMEMBERED: Final = 64
"""Requests whose replies may still come late."""
UNSOLICITED: Final = ("run_state_change", "run_data", "log")

Message = Mapping[str, Any]


class Session:
    """The conversation with one LUCIDAC over one link.

    Args:
        link: the link; the session does not close it.
        name: the computer's name, for errors.
        timeout_s: how long it may take to reply, in seconds.
        chatty: whether the other end mixes text that is no JSON into its lines, and echoes, as a serial console does.
        identifier: where the identifiers come from.
    """

    def __init__(
        self,
        link: Link,
        name: str,
        *,
        timeout_s: float,
        chatty: bool = False,
        identifier: Callable[[], str] | None = None,
    ) -> None:
        self.name = name
        self.timeout_s = timeout_s
        self._link = link
        self._chatty = chatty
        self._identifier = identifier or (lambda: str(uuid.uuid4()))
        self._buffer = b""
        self._past: deque[str] = deque(maxlen=REMEMBERED)
        self._waiting: deque[Message] = deque()
        self._lock = threading.RLock()

    @property
    def link(self) -> Link:
        """The link underneath."""
        return self._link

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Keep other threads out for several requests that belong together."""
        with self._lock:
            yield

    def request(self, kind: str, message: Message | None = None) -> Message:
        """The message of the reply.

        Raises:
            Refused: the computer replied with an error.
            LinkError: no reply in time, or one that cannot be believed.
        """
        with self._lock, self._during(kind):
            identifier = self._identifier()
            deadline = Deadline(self.timeout_s)
            line = json.dumps({"id": identifier, "type": kind, "msg": dict(message or {})}, allow_nan=False)
            self._past.append(identifier)
            self._link.write(line.encode() + b"\n", deadline)
            while True:
                reply = self._next(deadline)
                if reply.get("type") in UNSOLICITED and "id" not in reply:
                    self._waiting.append(reply)
                elif self._answers(reply, identifier, kind):
                    self._past.remove(identifier)
                    return self._accepted(reply, kind)

    def unsolicited(self, deadline: Deadline) -> Message:
        """The next message that nobody asked for: run data, or a change of a run's state.

        Raises:
            LinkError: none came before the deadline, or something else did.
        """
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            while True:
                message = self._next(deadline)
                if message.get("type") in UNSOLICITED and "id" not in message:
                    return message
                if message.get("id") not in self._past:
                    raise ProtocolError(f"a reply that was not asked for: {_short(message)}", self.name)
                self._late(message)

    def forget(self) -> None:
        """Throw away what nobody asked for so far: it belongs to runs of the past."""
        with self._lock:
            if self._waiting:
                _log.info("%s: %d messages of earlier runs are thrown away", self.name, len(self._waiting))
            self._waiting.clear()

    @contextmanager
    def _during(self, kind: str) -> Iterator[None]:
        try:
            yield
        except LinkError as error:
            raise error.during(kind, self.name) from error

    def _answers(self, reply: Message, identifier: str, kind: str) -> bool:
        found = reply.get("id")
        if found is None:
            # The emulator acknowledges a run without an identifier, and cannot give one for what it cannot read.
            if reply.get("type") in (kind, None):
                return True
            raise ProtocolError(f"a reply without an identifier: {_short(reply)}", self.name)
        if found != identifier:
            if found not in self._past:
                raise ProtocolError(f"a reply that was not asked for, or a second one: {_short(reply)}", self.name)
            self._late(reply)
            return False
        if reply.get("type") not in (kind, None):
            raise ProtocolError(f"a reply of another type: {_short(reply)}", self.name)
        return True

    def _late(self, reply: Message) -> None:
        _log.warning("%s: a late reply is thrown away: %s", self.name, _short(reply))
        self._past.remove(str(reply["id"]))

    def _accepted(self, reply: Message, kind: str) -> Message:
        code, error = reply.get("code", 0), reply.get("error")
        if error or code != 0:
            raise Refused(f"{error or 'no reason given'} ({code})", self.name, kind)
        message = reply.get("msg")
        if message is None:
            return {}
        if not isinstance(message, dict):
            raise ProtocolError(f"a reply without a message: {_short(reply)}", self.name)
        if message.get("error"):  # the emulator's way of refusing what it did not foresee
            raise Refused(str(message["error"]), self.name, kind)
        return message

    def _next(self, deadline: Deadline) -> Message:
        while True:
            line = self._line(deadline)
            try:
                found = json.loads(line)
            except ValueError as error:  # also bytes that are no text
                if not self._chatty:
                    raise ProtocolError(f"a line that is no JSON: {shown(line)}", self.name) from error
                _log.debug("%s says %s", self.name, shown(line))
                continue
            if not isinstance(found, dict):
                raise ProtocolError(f"a line that is no message: {shown(line)}", self.name)
            if self._chatty and "code" not in found and found.get("type") not in UNSOLICITED:
                continue  # an echo of our own request
            return found

    def _line(self, deadline: Deadline) -> bytes:
        """The next line that is not empty. The firmware pads the last data of a run with NUL."""
        while True:
            while b"\n" not in self._buffer:
                if len(self._buffer) > LONGEST:
                    raise ProtocolError(f"a line of more than {LONGEST} bytes", self.name)
                try:
                    self._buffer += self._link.read_some(deadline)
                except LinkTimeout as error:
                    if self._buffer:
                        part = shown(self._buffer)
                        raise LinkTimeout(f"only part of a message came in time: {part}", self.name) from error
                    raise
                except Disconnected:
                    self._buffer = b""
                    raise
            line, _, self._buffer = self._buffer.partition(b"\n")
            line = line.replace(b"\0", b"").strip()
            if line:
                return line


def _short(message: Message) -> str:
    return shown(json.dumps(message).encode())
