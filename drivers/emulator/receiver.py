"""Bytes in, requests out: where a line ends, where a block begins, and what to do with what is neither.

Nothing here reads or writes; one receiver belongs to one connection.
"""

from __future__ import annotations

from dataclasses import dataclass

from drivers.wire import MAX_BLOCK, MAX_LINE


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line without its end, as it came."""

    raw: bytes


@dataclass(frozen=True, slots=True)
class BlockLine:
    """A command that carried a block: the text before ``#``, and the payload."""

    header: bytes
    payload: bytes


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes that were discarded; ``answered`` tells whether the sender is told by a plain line."""

    code: int
    text: str
    answered: bool


Request = TextLine | BlockLine | Damage


class Receiver:
    """Cuts a stream of bytes into requests (``PROTOCOL.md``, sections 1 and 2)."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._header: bytes | None = None
        self._missing = 0
        self._swallow = 0
        self._lost = False

    @property
    def idle(self) -> bool:
        """Whether nothing is held, so that the next byte begins a request."""
        return not (self._buffer or self._header is not None or self._swallow or self._lost)

    def feed(self, data: bytes) -> list[Request]:
        """The requests that ``data`` completes, in the order in which they came."""
        requests: list[Request] = []
        position = 0
        while position < len(data):
            used, request = self._take(data, position)
            position += used
            if request is not None:
                requests.append(request)
        return requests

    def expire(self) -> Damage | None:
        """Discard what is held because no byte has come for too long; None when nothing was held."""
        if self.idle:
            return None
        self._reset()
        return Damage(-109, "incomplete message discarded", answered=False)

    def _reset(self) -> None:
        self._buffer, self._header, self._missing, self._swallow, self._lost = bytearray(), None, 0, 0, False

    def _take(self, data: bytes, position: int) -> tuple[int, Request | None]:
        if self._swallow:
            used = min(self._swallow, len(data) - position)
            self._swallow -= used
            self._lost = True
            return used, None
        if self._missing:
            used = min(self._missing, len(data) - position)
            self._buffer += data[position : position + used]
            self._missing -= used
            return used, None
        end = data.find(b"\n", position)
        if self._lost:
            if end < 0:
                return len(data) - position, None
            self._reset()
            return end + 1 - position, None
        if self._header is not None:
            return self._end_block(data, position)
        return self._text(data, position, end)

    def _text(self, data: bytes, position: int, end: int) -> tuple[int, Request | None]:
        """Take up to the line's end, or up to the end of a block's length field, whichever comes first."""
        if b"#" in self._buffer:
            return self._length(data, position)
        stop = len(data) if end < 0 else end
        mark = data.find(b"#", position, stop)
        taken = data[position : stop if mark < 0 else mark + 1]
        self._buffer += taken
        if len(self._buffer) > MAX_LINE:
            self._reset()
            self._lost = True
            return len(taken), Damage(-223, f"a line is longer than {MAX_LINE} bytes", answered=True)
        if mark >= 0 or end < 0:
            return len(taken), None
        line = TextLine(bytes(self._buffer))
        self._reset()
        return len(taken) + 1, line

    def _length(self, data: bytes, position: int) -> tuple[int, Request | None]:
        """Take one byte of a block's length field."""
        byte = data[position : position + 1]
        header, _, digits = bytes(self._buffer).partition(b"#")
        if not byte.isdigit() or (not digits and byte == b"0"):
            self._reset()
            # The sender's line end, if this was one, is what a lost receiver waits for.
            self._lost = byte != b"\n"
            return 1, Damage(-101, "a block's length is not a number", answered=True)
        self._buffer += byte
        digits += byte
        if len(digits) < 1 + int(digits[:1]):
            return 1, None
        length = int(digits[1:])
        self._reset()
        if length > MAX_BLOCK:
            self._swallow = length
            return 1, Damage(-223, f"a block of {length} bytes is longer than {MAX_BLOCK}", answered=True)
        self._header, self._missing = header, length
        return 1, None

    def _end_block(self, data: bytes, position: int) -> tuple[int, Request | None]:
        byte = data[position : position + 1]
        if byte == b"\r":
            return 1, None
        header, payload = self._header or b"", bytes(self._buffer)
        self._reset()
        if byte == b"\n":
            return 1, BlockLine(header, payload)
        self._lost = True
        return 1, Damage(-101, "a block is not followed by a line end", answered=True)
