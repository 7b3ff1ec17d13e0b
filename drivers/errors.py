"""What can go wrong between the program and an instrument.

A conversation fails in one of three ways: :class:`LinkTimeout`, :class:`Disconnected`, :class:`ProtocolError`. What the
user named and cannot be used (an address, a device that is no board) is :class:`data.errors.BadInput`.
"""

from __future__ import annotations

from typing import Self

from data.errors import BadInput, LabctlError

SHOWN_BYTES = 60


class LinkError(LabctlError):
    """A conversation with an instrument failed.

    Attributes:
        what: what happened.
        instrument: the address or the name of the instrument.
        command: the command during which it happened; empty when there was none.
    """

    def __init__(self, what: str, instrument: str, command: str = "") -> None:
        self.what = what
        self.instrument = instrument
        self.command = command
        super().__init__(f"{instrument}: {what}" + (f" (command {command})" if command else ""))

    def during(self, command: str, instrument: str) -> Self:
        """The same failure with the command and the instrument's name."""
        return type(self)(self.what, instrument, command)


class LinkTimeout(LinkError):
    """No answer, or not all of it, within the deadline; or nobody took what was written."""


class Disconnected(LinkError):
    """The instrument is gone: unplugged, hung up, or the link was closed."""


class ProtocolError(LinkError):
    """Something came that cannot be believed: a wrong check, number, length or kind."""


class BoardError(LabctlError):
    """The board understood the request and refused it.

    Attributes:
        code: SCPI error code (``PROTOCOL.md``, section 3).
        text: the board's own words.
        instrument: the board.
        command: what was refused.
    """

    def __init__(self, code: int, text: str, instrument: str, command: str) -> None:
        self.code = code
        self.text = text
        self.instrument = instrument
        self.command = command
        super().__init__(f"{instrument}: the board refused {command}: {text} ({code})")


class Refused(LabctlError):
    """An instrument understood a command, or did not, and refused it.

    Attributes:
        text: the instrument's own words.
        instrument: its name.
        command: what was refused.
    """

    def __init__(self, text: str, instrument: str, command: str) -> None:
        self.text = text
        self.instrument = instrument
        self.command = command
        super().__init__(f"{instrument}: it refused {command}: {text}")


class CannotOpen(BadInput):
    """An address that is malformed, absent, busy or out of reach."""


class NotABoard(BadInput):
    """Something answers, or nothing does, but it is no board that speaks this protocol."""


class WrongBoard(BadInput):
    """A board answers, but not the one that was asked for."""


class WrongInstrument(BadInput):
    """An instrument answers, but not the one that was asked for."""


def shown(raw: bytes) -> str:
    """Bytes for a message: escaped, in quotes, and shortened to the first ``SHOWN_BYTES``."""
    text = "".join(chr(byte) if 32 <= byte < 127 and byte != 92 else f"\\x{byte:02x}" for byte in raw[:SHOWN_BYTES])
    more = f" and {len(raw) - SHOWN_BYTES} more bytes" if len(raw) > SHOWN_BYTES else ""
    return f'"{text}"{more}'
