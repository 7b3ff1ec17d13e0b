"""Bytes in and out with a deadline, whatever carries them.

A :class:`Channel` is the little that differs between a serial port, a socket and a VISA resource; a :class:`StreamLink`
adds what they share: deadlines, cancellation from another thread, and the translation of every failure into one of the
three errors of :mod:`drivers.errors`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol, Self, runtime_checkable

from drivers.address import Address, LinkSettings, parse_address
from drivers.errors import Disconnected, LinkTimeout
from drivers.lock import InstrumentLock, hold

_log = logging.getLogger(__name__)

SLICE_S = 0.05
"""Longest uninterrupted wait, so that a link closed by another thread is noticed."""


class Deadline:
    """A point in time by which something must have happened. It can be brought forward, never put off.

    Args:
        seconds: from now on.
    """

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    @property
    def left_s(self) -> float:
        """Seconds left, 0 when it has passed."""
        return max(0.0, self._at - time.monotonic())

    @property
    def passed(self) -> bool:
        """Whether no time is left."""
        return time.monotonic() >= self._at

    def at_most(self, seconds: float) -> Deadline:
        """A deadline that comes ``seconds`` from now, or at this one when that is earlier."""
        return Deadline(min(self.left_s, seconds))

    def expire(self) -> None:
        """Bring it forward to now: whoever waits for it, in any thread, gives up."""
        self._at = time.monotonic()


class Channel(Protocol):
    """What a backend has to bring. Failures are raised as the backend raises them, of the types in ``failures``."""

    @property
    def failures(self) -> tuple[type[Exception], ...]:
        """Every exception by which this backend says that the other end is gone."""
        ...

    @property
    def slowest_rate(self) -> float:
        """Bytes per second that the link carries at the least; deadlines of large messages grow by it."""
        ...

    def receive(self, need: int, wait_s: float) -> bytes:
        """Bytes that are there, or that come within ``wait_s`` seconds; empty when none came.

        ``need`` bytes are known to be on their way: a backend that can only read counted bytes may wait for so many.
        """
        ...

    def send(self, data: memoryview, wait_s: float) -> int:
        """Write some of ``data`` within ``wait_s`` seconds; how many bytes were taken."""
        ...

    def close(self) -> None:
        """Let go of the port."""
        ...


class Link(Protocol):
    """Bytes in and out; one thread may read while another writes."""

    @property
    def address(self) -> str:
        """As the user wrote it."""
        ...

    @property
    def slowest_rate(self) -> float:
        """Bytes per second that the link carries at the least."""
        ...

    def write(self, data: bytes, deadline: Deadline) -> None:
        """Write all of ``data``.

        Raises:
            LinkTimeout: not all was taken before the deadline.
            Disconnected: the other end is gone, or the link is closed.
        """
        ...

    def read_some(self, deadline: Deadline, need: int = 1) -> bytes:
        """At least one byte; ``need`` is how many are known to be on their way.

        Raises:
            LinkTimeout: nothing came before the deadline.
            Disconnected: the other end is gone, or the link is closed.
        """
        ...

    def discard(self, silence_s: float, deadline: Deadline) -> int:
        """Read and forget until nothing came for ``silence_s`` seconds or the deadline passed; how many bytes.

        Raises:
            Disconnected: the other end is gone, or the link is closed.
        """
        ...

    def close(self) -> None:
        """Let go of the port; a read or write under way in another thread ends as :class:`Disconnected`."""
        ...


@runtime_checkable
class FillingLink(Protocol):
    """A link that can read straight to where the bytes stay."""

    def read_into(self, there: memoryview, deadline: Deadline) -> int:
        """Fill the beginning of ``there``; how many bytes, at least one. Raises as :meth:`Link.read_some`."""
        ...


@runtime_checkable
class FillingChannel(Protocol):
    """A channel that can do so."""

    def receive_into(self, there: memoryview, wait_s: float) -> int:
        """As :meth:`Channel.receive`, into ``there``; how many bytes, 0 when none came."""
        ...


class StreamLink:
    """A :class:`Link` over any :class:`Channel`.

    Args:
        address: as the user wrote it.
        channel: closed with the link.
        lock: let go of when the link is closed.
    """

    def __init__(self, address: str, channel: Channel, lock: InstrumentLock | None = None) -> None:
        self._address = address
        self._channel = channel
        self._lock = lock
        self._spare = b""
        self._closed = threading.Event()
        self._reading = threading.Lock()
        self._writing = threading.Lock()
        self._closing = threading.Lock()
        self._released = False

    @property
    def address(self) -> str:
        """As the user wrote it."""
        return self._address

    @property
    def slowest_rate(self) -> float:
        """Bytes per second that the link carries at the least."""
        return self._channel.slowest_rate

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, data: bytes, deadline: Deadline) -> None:
        """Write all of ``data`` (see :class:`Link`)."""
        rest = memoryview(data)
        with self._writing:
            while rest:
                with self._translated("write"):
                    taken = self._channel.send(rest, min(SLICE_S, deadline.left_s))
                rest = rest[taken:]
                if rest and deadline.passed:
                    raise LinkTimeout(f"{len(rest)} of {len(data)} bytes could not be written in time", self._address)

    def read_some(self, deadline: Deadline, need: int = 1) -> bytes:
        """At least one byte (see :class:`Link`)."""
        with self._reading:
            if self._spare:
                spare, self._spare = self._spare, b""
                return spare
            while True:
                with self._translated("read"):
                    chunk = self._channel.receive(need, min(SLICE_S, deadline.left_s))
                if chunk:
                    return chunk
                if deadline.passed:
                    raise LinkTimeout("no answer in time", self._address)

    def read_into(self, there: memoryview, deadline: Deadline) -> int:
        """Read straight to where the bytes stay (see :class:`FillingLink`)."""
        channel = self._channel
        if self._spare or not isinstance(channel, FillingChannel):
            chunk = self.read_some(deadline, len(there))
            count = min(len(chunk), len(there))
            there[:count] = chunk[:count]
            self._spare = chunk[count:]
            return count
        with self._reading:
            while True:
                with self._translated("read"):
                    count = channel.receive_into(there, min(SLICE_S, deadline.left_s))
                if count:
                    return count
                if deadline.passed:
                    raise LinkTimeout("no answer in time", self._address)

    def discard(self, silence_s: float, deadline: Deadline) -> int:
        """Read and forget until the line is silent (see :class:`Link`)."""
        count = 0
        while not deadline.passed:
            try:
                count += len(self.read_some(deadline.at_most(silence_s)))
            except LinkTimeout:
                break
        return count

    def close(self) -> None:
        """Let go of the port; closing twice is fine."""
        self._closed.set()
        with self._closing, self._reading, self._writing:
            if not self._released:
                self._released = True
                try:
                    with self._quiet():
                        self._channel.close()
                finally:
                    if self._lock is not None:
                        self._lock.release()

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        try:
            yield
        except self._channel.failures as error:
            _log.info("%s: closing a connection that was lost: %s", self._address, error)

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        if self._closed.is_set():
            raise Disconnected("the link is closed", self._address)
        try:
            yield
        except self._channel.failures as error:
            if self._closed.is_set():
                raise Disconnected("the link was closed meanwhile", self._address) from error
            raise Disconnected(f"the connection is lost: {doing} failed: {error}", self._address) from error


def open_link(address: str, settings: LinkSettings | None = None, *, within_s: float | None = None) -> StreamLink:
    """Open the link at an address (``drivers.address``) for this program alone, until it is closed.

    Args:
        address: where; the settings in it go before ``settings``.
        settings: settings of the link.
        within_s: opening may take at most so many seconds, whatever the settings say.

    Raises:
        CannotOpen: malformed address, no such port, out of reach, a setting that the port refuses, or in use, with
            the process that uses it where that is known.
    """
    target = parse_address(address, settings or LinkSettings())
    if within_s is not None:
        soon = replace(target.settings, open_timeout_s=min(target.settings.open_timeout_s, max(within_s, SLICE_S)))
        target = replace(target, settings=soon)
    lock = hold(target)
    try:
        return StreamLink(address, _open_channel(target), lock)
    except BaseException:
        lock.release()
        raise


def _open_channel(target: Address) -> Channel:
    # Imported here: a program that only talks TCP should not load VISA.
    if target.kind == "tcp":
        from drivers.socket_link import open_socket

        return open_socket(target)
    if target.kind == "serial":
        from drivers.serial_link import open_port

        return open_port(target)
    from drivers.visa_link import open_resource

    return open_resource(target)
