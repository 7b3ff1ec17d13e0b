"""The other end of a link that does as little as can be: an echo, or a board that knows its answers beforehand.

Run as ``python -m labctl.selftest.peer KIND WAY VECTORS ROWS COLUMNS RATE``, in a process of its own; it prints its
address. It sends at most RATE bytes per second, as a wire would; 0 is as fast as this computer can.
"""

from __future__ import annotations

import argparse
import os
import socket
import struct
import sys
import threading
import time
import tty
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from drivers.wire import OVERHEAD, decode_line, encode_block, encode_line

CHUNK: Final = 1 << 20
PIECE: Final = 1 << 15
PATIENCE_S: Final = 0.005
MULTIPLY: Final = b"MULTiply? "
_TO_CHECK: Final = struct.Struct("<4xII")


@dataclass(frozen=True, slots=True)
class Stream:
    """Both directions of one connection; ``receive`` gives nothing when the client has gone."""

    receive: Callable[[], bytes]
    send: Callable[[bytes | memoryview], None]


class Wire:
    """Sends as a wire of a given rate does.

    Args:
        send: as fast as it can.
        rate: bytes per second.
    """

    def __init__(self, send: Callable[[bytes | memoryview], None], rate: float) -> None:
        self._send = send
        self._rate = rate
        self._free = 0.0

    def __call__(self, data: bytes | memoryview) -> None:
        """Send ``data``, piece by piece, each when the one before has gone."""
        rest = memoryview(data)
        while rest:
            # A process that was kept waiting makes up for a little of it: a wire would not have waited.
            self._free = max(self._free, time.perf_counter() - PATIENCE_S)
            self._free += len(rest[:PIECE]) / self._rate
            self._send(rest[:PIECE])
            rest = rest[PIECE:]
            time.sleep(max(0.0, self._free - time.perf_counter()))


def echo(stream: Stream, request_size: int, answer: bytes) -> None:
    """Answer every ``request_size`` bytes with the same bytes, whatever they are."""
    held = 0
    while data := stream.receive():
        held += len(data)
        while held >= request_size:
            held -= request_size
            stream.send(answer)


class Clerk:
    """A board whose outputs are always the same; it checks no more than it has to.

    Args:
        vectors: of a batch.
        rows: of the array.
        columns: of the array.
    """

    def __init__(self, vectors: int, rows: int, columns: int) -> None:
        outputs = np.random.default_rng(0).integers(-128, 128, (vectors, columns)).astype(np.int16)
        self._outputs = outputs
        self._geometry = f"{rows},{columns},31,63,-128,127,8"
        self._buffer = bytearray()
        block, _ = encode_block(outputs, 0)
        start = block.index(b"LB")
        self._length, self._kind = block[:start], block[start : start + 4]
        self._body = block[start + 16 : -4]

    def serve(self, stream: Stream) -> None:
        """Answer until the client goes."""
        while data := stream.receive():
            self._buffer += data
            while (size := self._size()) is not None:
                message = bytes(memoryview(self._buffer)[:size])
                del self._buffer[:size]
                self._answer(message, stream)

    def _size(self) -> int | None:
        mark = self._buffer.find(b" #", 0, 64)
        if mark < 0 or self._buffer.find(b"\n", 0, mark) >= 0:
            return self._buffer.find(b"\n") + 1 or None
        digits = self._buffer[mark + 2 : mark + 3]
        start = mark + 3 + int(digits or b"9")
        if len(self._buffer) < start:
            return None
        size = start + int(self._buffer[mark + 3 : start]) + 1
        return size if len(self._buffer) >= size else None

    def _answer(self, message: bytes, stream: Stream) -> None:
        if not message.startswith(MULTIPLY):
            stream.send(self._line(message))
            return
        start = message.index(b"LB")
        sequence, state = _TO_CHECK.unpack_from(message, start)
        header = self._kind + struct.pack("<II", sequence, state) + message[-5:-1]
        crc = zlib.crc32(self._body, zlib.crc32(header))
        stream.send(b"".join((self._length, header, self._body, struct.pack("<I", crc), b"\n")))

    def _line(self, message: bytes) -> bytes:
        if b" #" in message:
            (sequence,) = struct.unpack_from("<I", message, message.index(b"LB") + 4)
            return encode_line("OK", sequence)
        line = decode_line(message[:-1])
        head, _, argument = line.text.partition(" ")
        answers = {
            "SYSTem:PROTocol?": "LABCTL,1",
            "*IDN?": "labctl,Clerk,CLERK-1,1",
            "SYSTem:SIMulated?": "1",
            "GEOMetry?": self._geometry,
            "SYSTem:SYNC?": argument,
        }
        return b"" if line.sequence is None else encode_line(answers.get(head, "OK"), line.sequence)


def main(arguments: list[str] | None = None) -> None:
    """Serve clients, one after the other, until standard input closes."""
    parser = argparse.ArgumentParser(prog="python -m labctl.selftest.peer", description=__doc__)
    parser.add_argument("kind", choices=("echo", "clerk"))
    parser.add_argument("way", choices=("tcp", "pty"))
    for size in ("vectors", "rows", "columns"):
        parser.add_argument(size, type=int)
    parser.add_argument("rate", type=float)
    given = parser.parse_args(arguments)
    request = len(MULTIPLY) + len(_framed(given.vectors * given.rows)) + 1
    answer = _framed(given.vectors * given.columns * 2) + b"\n"

    def serve(stream: Stream) -> None:
        if given.rate:
            stream = replace(stream, send=Wire(stream.send, given.rate))
        if given.kind == "echo":
            echo(stream, request, answer)
        else:
            Clerk(given.vectors, given.rows, given.columns).serve(stream)

    threading.Thread(target=_serve_tcp if given.way == "tcp" else _serve_pty, args=(serve,), daemon=True).start()
    while os.read(0, 4096):
        pass


def _framed(size: int) -> bytes:
    length = str(size + OVERHEAD)
    return f"#{len(length)}{length}".encode("ascii") + bytes(size + OVERHEAD)


def _announce(address: str) -> None:
    sys.stdout.write(address + "\n")
    sys.stdout.flush()


def _serve_tcp(serve: Callable[[Stream], None]) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    _announce(f"127.0.0.1:{listener.getsockname()[1]}")
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection:
            serve(Stream(lambda: connection.recv(CHUNK), connection.sendall))  # noqa: B023 (used in this round only)


def _serve_pty(serve: Callable[[Stream], None]) -> None:
    master, slave = os.openpty()
    tty.setraw(slave)
    _announce(os.ttyname(slave))

    def send(data: bytes | memoryview) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(master, rest) :]

    while True:
        serve(Stream(lambda: os.read(master, CHUNK), send))


if __name__ == "__main__":
    main()
