"""Bytes chosen by what they reach, at every parser of a link: ``python -m tests.fuzz.wire [libFuzzer options]``.

Needs the extra ``fuzz``. Only the errors that the parsers announce may come out, and what is believed must be right.
"""

from __future__ import annotations

import sys
import zlib

import atheris

with atheris.instrument_imports(
    include=["drivers.wire", "drivers.reader", "drivers.answers", "drivers.proxy.messages"]
):
    from drivers.answers import Request, outputs_answer, text_answer
    from drivers.errors import BoardError, LinkTimeout, ProtocolError
    from drivers.link import Deadline
    from drivers.proxy.messages import Messages
    from drivers.reader import AnswerReader, RawLine
    from drivers.wire import OVERHEAD, WireError, decode_line, decode_payload

from drivers.emulator.receiver import Receiver

REQUEST = Request("MULTiply?", 7, "fuzz", 99)


class Words:
    """A link that gives some bytes, some at a time, and nothing any more."""

    address = "fuzz"
    slowest_rate = 1e9

    def __init__(self, words: bytes, step: int) -> None:
        self._words, self._step = words, step

    def read_some(self, deadline: Deadline, need: int = 1) -> bytes:
        if not self._words:
            raise LinkTimeout("no more", self.address)
        some, self._words = self._words[: self._step], self._words[self._step :]
        return some


def checked_payload(payload: bytes) -> None:
    try:
        block = decode_payload(payload)
    except WireError:
        return
    assert zlib.crc32(payload[:-4]) == block.crc
    assert block.array.nbytes == len(payload) - OVERHEAD


def answers(data: bytes, step: int) -> None:
    reader = AnswerReader(Words(data, step), 0.001)  # type: ignore[arg-type]
    try:
        while True:
            answer = reader.answer(Deadline(0.001), 4096)
            try:
                if isinstance(answer, RawLine):
                    text = text_answer(answer, REQUEST)
                    assert answer.raw.startswith(text.encode() + b" *0007:")
                else:
                    outputs_answer(answer, REQUEST, 5, (2, 3))
                    raise AssertionError("a block that answers nothing was believed")
            except (ProtocolError, BoardError):
                pass
    except (LinkTimeout, ProtocolError):
        pass


def one(data: bytes) -> None:
    """Everything that takes bytes."""
    step = 1 + (data[0] if data else 0) % 9
    body = data[1:]
    try:
        line = decode_line(body)
    except WireError:
        pass
    else:
        if line.sequence is not None:
            raw = body.rstrip(b"\r")
            assert int(raw[-8:], 16) == zlib.crc32(raw[:-9])
    checked_payload(body)
    # The same with the right check: a fuzzer does not guess a CRC-32, a faulty board may well compute one.
    checked_payload(body + zlib.crc32(body).to_bytes(4, "little"))
    answers(body, step)
    messages = Messages()
    whole = b"".join(messages.feed(body)) + messages.flush()
    assert whole == body
    receiver = Receiver()
    for start in range(0, len(body), step):
        receiver.feed(body[start : start + step])
    receiver.expire()
    assert receiver.idle


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
