"""Tells an answer that can be believed from one that cannot (``PROTOCOL.md``, sections 1, 2 and 4)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from drivers.errors import BoardError, ProtocolError, shown
from drivers.reader import RawBlock, RawLine
from drivers.wire import WireError, decode_line, decode_payload

_ERROR: Final = re.compile(r'ERR (-?\d+),"(.*)"')
_DAMAGE: Final = frozenset({-100, -101, -109, -113})
"""What a board says to a block command that was damaged on its way."""


@dataclass(frozen=True, slots=True)
class Request:
    """What an answer must fit.

    Attributes:
        command: the command without its argument.
        sequence: its number.
        instrument: whom it was sent to, for messages.
        crc: the check field of its block, when it carried one.
    """

    command: str
    sequence: int
    instrument: str
    crc: int = 0


def text_answer(raw: RawLine | RawBlock, request: Request) -> str:
    """The text of the checked line that answers a request.

    Raises:
        BoardError: the board refused.
        ProtocolError: a wrong check, another request's number, none, or a block.
    """
    if isinstance(raw, RawBlock):
        raise ProtocolError("a block came where a line belongs", request.instrument)
    try:
        line = decode_line(raw.raw)
    except WireError as error:
        raise ProtocolError(f"{error}: {shown(raw.raw)}", request.instrument) from error
    if line.sequence != request.sequence & 0xFFFF:
        raise ProtocolError(f"the answer {shown(raw.raw)} belongs to another request", request.instrument)
    refused = _ERROR.fullmatch(line.text)
    if refused:
        raise BoardError(int(refused[1]), refused[2], request.instrument, request.command)
    return line.text


def done_answer(raw: RawLine | RawBlock, request: Request) -> None:
    """Check the answer to a command; raises as :func:`text_answer`, or when it is not ``OK``.

    Raises:
        ProtocolError: also when the board could not read a block that came with the command.
    """
    try:
        text = text_answer(raw, request)
    except BoardError as error:
        raise _told_apart(error, request) from error
    if text != "OK":
        raise ProtocolError(f"the answer {text!r} came where OK belongs", request.instrument)


def outputs_answer(raw: RawLine | RawBlock, request: Request, state: int, shape: tuple[int, int]) -> NDArray[np.int16]:
    """The outputs, of the given shape, that answer a multiplication in a board of the given state digest.

    Raises:
        BoardError: the board refused.
        ProtocolError: anything that is not exactly the answer to this request.
    """
    if isinstance(raw, RawLine):
        done_answer(raw, request)
        raise ProtocolError("a line came where a block belongs", request.instrument)
    try:
        block = decode_payload(raw.payload)
    except WireError as error:
        raise ProtocolError(str(error), request.instrument) from error
    for what, came, wanted in (
        ("sequence number", block.sequence, request.sequence),
        ("echo", block.echo, request.crc),
        ("state digest", block.state, state),
        ("shape", block.array.shape, shape),
        ("type", block.array.dtype, np.dtype("<i2")),
    ):
        if came != wanted:
            raise ProtocolError(f"an answer has the {what} {came} where {wanted} belongs", request.instrument)
    return block.array.astype(np.int16, copy=False)


def _told_apart(error: BoardError, request: Request) -> BoardError | ProtocolError:
    """A block that the board could not read was damaged on its way; sending it again may help."""
    if request.crc and error.code in _DAMAGE:
        return ProtocolError(f"the board could not read the request: {error.text} ({error.code})", request.instrument)
    return error
