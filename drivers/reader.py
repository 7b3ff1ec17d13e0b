"""Cuts the bytes of a link into answers: lines and definite-length blocks (``PROTOCOL.md``, sections 1 and 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from drivers.errors import LinkTimeout, ProtocolError, shown
from drivers.link import Deadline, FillingLink, Link
from drivers.wire import MAX_BLOCK, MAX_LINE, OVERHEAD

_LF: Final = b"\n"


@dataclass(frozen=True, slots=True)
class RawLine:
    """A line without its LF, not yet checked."""

    raw: bytes


@dataclass(frozen=True, slots=True)
class RawBlock:
    """The payload of a definite-length block, not yet checked."""

    payload: bytes | memoryview


class AnswerReader:
    """Reads whole answers from a link, each by its own deadline.

    Args:
        link: where the bytes come from.
        stall_s: longest silence inside an answer, in seconds.
        received: bytes that have been received before.
    """

    def __init__(self, link: Link, stall_s: float, received: int = 0) -> None:
        self._link = link
        self._stall_s = stall_s
        self._buffer = bytearray()
        self.received = received

    @property
    def left_over(self) -> bool:
        """Whether bytes are there that belong to no answer asked for so far."""
        return bool(self._buffer)

    def clear(self) -> None:
        """Forget what has been read from the link and not been used."""
        self._buffer.clear()

    def wait(self, deadline: Deadline) -> None:
        """Wait for the first byte of an answer.

        Raises:
            LinkTimeout: nothing came.
            Disconnected: the other end is gone.
        """
        if not self._buffer:
            self._take(deadline, 1)

    def answer(self, deadline: Deadline, limit: int = MAX_BLOCK) -> RawLine | RawBlock:
        """The next answer: its first byte by ``deadline``, the rest as fast as the link is at its slowest.

        Args:
            deadline: for the first byte.
            limit: largest payload of a block that can be meant, in bytes.

        Raises:
            LinkTimeout: no answer, or a part of one.
            ProtocolError: a line that does not end, or a block with an impossible length.
            Disconnected: the other end is gone.
        """
        self.wait(deadline)
        return self._block(limit) if self._buffer[0] == ord("#") else self._line()

    def seek(self, wanted: bytes, deadline: Deadline) -> bytes:
        """Forget everything up to ``wanted`` and the end of its line; what was forgotten, shortened to 4 KiB.

        Raises:
            LinkTimeout: it did not come; what came instead stays and can be had from :meth:`heard`.
            Disconnected: the other end is gone.
        """
        searched = 0
        while True:
            start = self._buffer.find(wanted, searched)
            if start >= 0:
                end = self._buffer.find(_LF, start + len(wanted))
                if end >= 0:
                    forgotten = bytes(self._buffer[: min(start, MAX_LINE)])
                    del self._buffer[: end + 1]
                    return forgotten
            if deadline.passed:  # somebody who talks without pause would keep us here for ever
                raise LinkTimeout("no answer to it in time", self._link.address)
            if start < 0 and len(self._buffer) > 2 * MAX_LINE:
                del self._buffer[:-MAX_LINE]
            searched = max(0, len(self._buffer) - len(wanted)) if start < 0 else start
            self._take(deadline, 1)

    def heard(self) -> bytes:
        """What has been read from the link and not been used, shortened to 4 KiB."""
        return bytes(self._buffer[:MAX_LINE])

    def _line(self) -> RawLine:
        deadline = Deadline(self._stall_s + MAX_LINE / self._link.slowest_rate)
        searched = 0
        while True:
            end = self._buffer.find(_LF, searched)
            if end >= 0:
                raw = bytes(self._buffer[:end])
                del self._buffer[: end + 1]
                return RawLine(raw)
            searched = len(self._buffer)
            if searched > MAX_LINE:
                raise ProtocolError(
                    f"a line without end came, beginning with {shown(bytes(self._buffer))}", self._link.address
                )
            self._more(deadline, 1, "a line")

    def _block(self, limit: int) -> RawBlock:
        deadline = Deadline(self._stall_s + 16 / self._link.slowest_rate)
        self._fill(2, deadline)
        digits = self._buffer[1] - ord("0")
        if not 1 <= digits <= 9:
            raise ProtocolError(f"a block begins with {shown(bytes(self._buffer[:2]))}", self._link.address)
        start = 2 + digits
        self._fill(start, deadline)
        text = bytes(self._buffer[2:start])
        if not text.isdigit() or not OVERHEAD <= int(text) <= limit:
            raise ProtocolError(f"a block says it has {shown(text)} bytes; at most {limit} can be", self._link.address)
        del self._buffer[:start]
        payload = self._counted(int(text) + 1)
        last = payload[-1]
        if last == ord("\r"):
            self._fill(1, deadline.at_most(self._stall_s))
            last = self._buffer[0]
            del self._buffer[:1]
        if last != ord(_LF):
            raise ProtocolError("a block does not end with LF", self._link.address)
        return RawBlock(payload[: int(text)])

    def _counted(self, size: int) -> memoryview:
        """The next ``size`` bytes, read straight to where they stay."""
        deadline = Deadline(self._stall_s + size / self._link.slowest_rate)
        there = np.empty(size, np.uint8).data
        have = min(len(self._buffer), size)
        there[:have] = self._buffer[:have]
        del self._buffer[:have]
        while have < size:
            try:
                have += self._read_into(there[have:], deadline.at_most(self._stall_s))
            except LinkTimeout as error:
                self._buffer[:0] = there[:have]
                raise LinkTimeout(f"only a part of a block came ({have} bytes)", self._link.address) from error
        return there

    def _fill(self, size: int, deadline: Deadline) -> None:
        while len(self._buffer) < size:
            self._more(deadline, size - len(self._buffer), "a block")

    def _more(self, deadline: Deadline, need: int, what: str) -> None:
        try:
            self._take(deadline.at_most(self._stall_s), need)
        except LinkTimeout as error:
            raise LinkTimeout(f"only a part of {what} came ({len(self._buffer)} bytes)", self._link.address) from error

    def _read_into(self, there: memoryview, deadline: Deadline) -> int:
        if isinstance(self._link, FillingLink):
            count = self._link.read_into(there, deadline)
            self.received += count
            return count
        self._take(deadline, len(there))
        count = min(len(self._buffer), len(there))
        there[:count] = self._buffer[:count]
        del self._buffer[:count]
        return count

    def _take(self, deadline: Deadline, need: int) -> None:
        chunk = self._link.read_some(deadline, need)
        self.received += len(chunk)
        self._buffer += chunk
