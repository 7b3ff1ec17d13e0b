"""A board of a few rows in pure Python, bytes in and bytes out, written from PROTOCOL.md for the tests of the driver.

It shares no code with the emulated board, and checks what it receives more strictly than a board has to.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

MAGIC = b"LB"
DTYPES = {1: "<u1", 2: "<i1", 3: "<u2", 4: "<i2"}


def checked(text: str, sequence: int) -> bytes:
    body = f"{text} *{sequence & 0xFFFF:04X}".encode()
    return body + b":%08X\n" % zlib.crc32(body)


def block(array: np.ndarray, sequence: int, state: int = 0, echo: int = 0) -> bytes:
    code = {"<u1": 1, "|u1": 1, "|i1": 2, "<u2": 3, "<i2": 4}[array.dtype.str]
    body = struct.pack("<2sBBIIIII", MAGIC, 1, code, sequence, state, echo, *array.shape) + array.tobytes()
    body += struct.pack("<I", zlib.crc32(body))
    return b"#%d%d" % (len(str(len(body))), len(body)) + body + b"\n"


class SmallBoard:
    """Rows x columns, output = sum of activation times weight, clamped."""

    def __init__(self, rows: int = 4, columns: int = 3, serial_number: str = "SB-1") -> None:
        self.rows, self.columns = rows, columns
        self.buffer = b""
        self.log: list[str] = []
        self.replies = {
            "*IDN?": f"tests,SmallBoard,{serial_number},0.1",
            "SYSTEM:PROTOCOL?": "LABCTL,1",
            "SYSTEM:SIMULATED?": "1",
            "GEOMETRY?": f"{rows},{columns},31,63,-128,127,8",
            "TEMPERATURE?": "25.5",
            "SUPPLY:VOLTAGE?": "1.2",
        }
        self.reset()

    def reset(self) -> None:
        self.supply = False
        self.schedule = "40,1,1,1000,5000"
        self.order = np.arange(self.rows, dtype="<u2")
        self.weights = np.zeros((self.rows, self.columns), np.int8)

    def state(self) -> int:
        crc = zlib.crc32(self.order.tobytes(), zlib.crc32(self.schedule.encode()))
        return zlib.crc32(self.weights.tobytes(), crc)

    def feed(self, data: bytes) -> bytes:
        self.buffer += data
        answers = b""
        while True:
            message = self._next()
            if message is None:
                return answers
            answers += self._answer(message)

    def _next(self) -> bytes | None:
        end = self.buffer.find(b"\n")
        start = self.buffer.find(b" #")
        if start >= 0 and (end < 0 or start < end):
            if len(self.buffer) < start + 3:
                return None
            digits = self.buffer[start + 2] - 48
            if not 1 <= digits <= 9 or len(self.buffer) < start + 3 + digits:
                return None
            end = start + 3 + digits + int(self.buffer[start + 3 : start + 3 + digits])
            if len(self.buffer) <= end:
                return None
        elif end < 0:
            return None
        message, self.buffer = self.buffer[:end], self.buffer[end + 1 :]
        return message

    def _answer(self, message: bytes) -> bytes:
        if not message:
            return b""
        head, marker, rest = message.partition(b" #")
        if marker:
            return self._block(head.decode(), rest)
        text, _, trailer = message.rpartition(b" *")
        number, _, crc = trailer.partition(b":")
        if not text or int(crc, 16) != zlib.crc32(text + b" *" + number):
            if message == b"*IDN?":
                return self.replies["*IDN?"].encode() + b"\n"
            return b'ERR -101,"bad check"\n'
        return checked(self._line(text.decode()), int(number, 16))

    def _line(self, text: str) -> str:
        self.log.append(text.partition(" ")[0])
        head, _, argument = text.upper().partition(" ")
        if head in self.replies:
            return self.replies[head]
        if head == "SYSTEM:SYNC?":
            return argument
        if head == "SYSTEM:STATE?":
            return f"{self.state():08X}"
        if head == "SUPPLY:STATE?":
            return str(int(self.supply))
        if head == "*RST":
            self.reset()
        elif head == "SYSTEM:SAFE":
            self.supply, self.weights = False, np.zeros_like(self.weights)
        elif head == "SUPPLY:STATE":
            self.supply = argument == "ON"
        elif head == "SCHEDULE":
            self.schedule = argument
        elif head not in ("SYSTEM:LOCK", "SYSTEM:UNLOCK"):
            return 'ERR -113,"unknown command"'
        return "OK"

    def _block(self, head: str, rest: bytes) -> bytes:
        self.log.append(head)
        payload = rest[1 + int(rest[:1]) :]
        magic, version, code, sequence, state, _, count, width = struct.unpack_from("<2sBBIIIII", payload)
        if zlib.crc32(payload[:-4]) != struct.unpack("<I", payload[-4:])[0] or (magic, version) != (MAGIC, 1):
            return b'ERR -101,"bad check"\n'
        array = np.frombuffer(payload, DTYPES[code], count * width, 24).reshape(count, width)
        if head == "WEIGht":
            self.weights = array.copy()
        elif head == "SCHedule:ORDer":
            self.order = array[0].copy()
        elif head == "MULTiply?":
            return self._multiply(array, sequence, state, struct.unpack("<I", payload[-4:])[0])
        else:
            return checked('ERR -113,"unknown command"', sequence)
        return checked("OK", sequence)

    def _multiply(self, array: np.ndarray, sequence: int, state: int, crc: int) -> bytes:
        if not self.supply:
            return checked('ERR -221,"supply is off"', sequence)
        if state != self.state():
            return checked('ERR -250,"state digest differs"', sequence)
        product = np.clip(array.astype(int) @ self.weights.astype(int), -128, 127).astype("<i2")
        return block(product, sequence, self.state(), crc)
