"""The bytes of the board protocol: checked lines and numbered blocks (``PROTOCOL.md``, sections 1, 2 and 4)."""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from data.values import Schedule, Weights

VERSION: Final = 1
MAX_LINE: Final = 4096
MAX_BLOCK: Final = 16 * 1024 * 1024
MAGIC: Final = b"LB"

_HEADER: Final = struct.Struct("<2sBBIIIII")
_TRAILER: Final = re.compile(rb"^(.*) \*([0-9A-F]{4}):([0-9A-F]{8})$", re.DOTALL)
_DTYPES: Final[dict[int, np.dtype[np.integer]]] = {
    1: np.dtype("<u1"),
    2: np.dtype("<i1"),
    3: np.dtype("<u2"),
    4: np.dtype("<i2"),
}
_CODES: Final = {dtype: code for code, dtype in _DTYPES.items()}

OVERHEAD: Final = _HEADER.size + 4
"""Bytes of a block's payload that are not data."""


class WireError(ValueError):
    """Bytes that do not follow the protocol: a wrong check, magic, version, type or length."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its end; ``sequence`` is None when it was not checked."""

    text: str
    sequence: int | None


@dataclass(frozen=True, slots=True)
class Block:
    """An array on the wire, shape (count, width), and what ties it to its request.

    ``crc`` is the check field as sent or received; an answer repeats the request's in ``echo``.
    """

    array: NDArray[np.integer]
    sequence: int
    state: int = 0
    echo: int = 0
    crc: int = 0


def encode_line(text: str, sequence: int) -> bytes:
    """A checked line with its LF."""
    body = f"{text} *{sequence & 0xFFFF:04X}".encode("ascii")
    return body + f":{zlib.crc32(body):08X}\n".encode("ascii")


def decode_line(raw: bytes) -> Line:
    """Read a line (without LF).

    Raises:
        WireError: the check does not fit, or a byte is not printable ASCII.
    """
    raw = raw.rstrip(b"\r")
    if not all(32 <= byte < 127 for byte in raw):
        raise WireError("a line has bytes that are not printable ASCII")
    match = _TRAILER.match(raw)
    if match is None:
        return Line(raw.decode("ascii"), None)
    if zlib.crc32(raw[: match.end(2)]) != int(match[3], 16):
        raise WireError("a line's CRC-32 does not fit its text")
    return Line(match[1].decode("ascii"), int(match[2], 16))


def encode_block(array: NDArray[np.integer], sequence: int, state: int = 0, echo: int = 0) -> tuple[bytes, int]:
    """A definite-length block (without LF) and its CRC-32, for an array of two dimensions."""
    parts, crc = _block_parts(array, sequence, state, echo)
    return b"".join(parts), crc


def encode_message(command: str, array: NDArray[np.integer], sequence: int, state: int = 0) -> tuple[bytes, int]:
    """A whole command that carries a block, with its LF, and the block's CRC-32; the array is copied once."""
    parts, crc = _block_parts(array, sequence, state, 0)
    return b"".join((command.encode("ascii"), b" ", *parts, b"\n")), crc


def _block_parts(
    array: NDArray[np.integer], sequence: int, state: int, echo: int
) -> tuple[tuple[bytes, bytes, memoryview, bytes], int]:
    little = array.dtype.newbyteorder("<")
    if little not in _CODES or array.ndim != 2:
        raise WireError(f"an array of {array.dtype} with {array.ndim} dimensions cannot travel in a block")
    header = _HEADER.pack(MAGIC, VERSION, _CODES[little], sequence, state, echo, *array.shape)
    data = np.ascontiguousarray(array, dtype=little).reshape(-1).view(np.uint8).data
    crc = zlib.crc32(data, zlib.crc32(header))
    length = str(len(data) + OVERHEAD)
    return (f"#{len(length)}{length}".encode("ascii"), header, data, struct.pack("<I", crc)), crc


def decode_payload(payload: bytes | bytearray | memoryview) -> Block:
    """Read a block's payload (without ``#`` and length).

    Raises:
        WireError: too short, or check, magic, version, type or size do not fit.
    """
    if len(payload) < OVERHEAD:
        raise WireError(f"a block of {len(payload)} bytes is shorter than its header")
    (crc,) = struct.unpack_from("<I", payload, len(payload) - 4)
    if zlib.crc32(memoryview(payload)[:-4]) != crc:
        raise WireError("a block's CRC-32 does not fit its content")
    magic, version, code, sequence, state, echo, count, width = _HEADER.unpack_from(payload)
    if magic != MAGIC or version != VERSION or code not in _DTYPES:
        raise WireError(f"a block has magic {magic!r}, version {version} and type {code}; this is version {VERSION}")
    dtype = _DTYPES[code]
    if count * width * dtype.itemsize != len(payload) - OVERHEAD:
        raise WireError(f"a block says {count} x {width} {dtype} but carries {len(payload) - OVERHEAD} bytes")
    array = np.frombuffer(payload, dtype, count * width, _HEADER.size).reshape(count, width)
    return Block(array, sequence, state, echo, crc)


def schedule_text(schedule: Schedule) -> str:
    """The argument of ``SCHedule``: everything but the order."""
    return f"{schedule.spacing_ns},{schedule.sends},{int(schedule.skip_zeros)},{schedule.settle_ns},{schedule.reset_ns}"


def state_digest(schedule: Schedule, weights: Weights) -> int:
    """The digest that a multiplication carries (``PROTOCOL.md``, section 4)."""
    order = schedule.order_array(weights.shape[0]).astype("<u2").tobytes()
    crc = zlib.crc32(order, zlib.crc32(schedule_text(schedule).encode("ascii")))
    return zlib.crc32(np.ascontiguousarray(weights, dtype=np.int8).tobytes(), crc)
