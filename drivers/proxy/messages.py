"""Cuts a stream of bytes into the messages of SCPI instruments; nothing is ever lost or changed."""

from __future__ import annotations

import re
from typing import Final

from drivers.wire import MAX_BLOCK

LONGEST_LINE: Final = 1 << 16
_END: Final = re.compile(rb"\n|#[1-9]")


class Messages:
    """One direction of one connection."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._looked = 0

    @property
    def pending(self) -> bool:
        """Whether part of a message is held."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that ``data`` completes."""
        self._buffer += data
        found = []
        while (size := self._size()) is not None:
            found.append(bytes(self._buffer[:size]))
            del self._buffer[:size]
            self._looked = 0
        return found

    def flush(self) -> bytes:
        """What is held, as it is: its sender has stopped in the middle, or speaks another language."""
        data = bytes(self._buffer)
        self._buffer.clear()
        self._looked = 0
        return data

    def _size(self) -> int | None:
        """Bytes of the first message; None when more have to come."""
        while True:
            found = _END.search(self._buffer, self._looked)
            if found is None:
                unseen = len(self._buffer) - self._looked
                return len(self._buffer) if unseen > LONGEST_LINE else None
            if found[0] == b"\n":
                return found.end()
            start = found.end() + int(found[0][1:])
            digits = bytes(self._buffer[found.end() : start])
            if len(self._buffer) < start:
                return None
            if digits.isdigit() and int(digits) <= MAX_BLOCK:
                if len(self._buffer) < start + int(digits):
                    return None
                self._looked = start + int(digits)
            else:
                self._looked = found.end()
