"""Whatever comes down a link or stands in an address: a clear error, never a crash, never a wrong acceptance."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from data.errors import BadInput
from data.values import Schedule
from drivers.address import LinkSettings, parse_address
from drivers.board import board_on
from drivers.errors import BoardError, LinkError, LinkTimeout, NotABoard, ProtocolError
from drivers.exchange import Exchange, Multiplication
from drivers.faults import KINDS, Fault, parse_fault
from drivers.link import Deadline
from drivers.lock import hold, holder
from drivers.proxy.injector import INWARD
from drivers.reader import AnswerReader, RawBlock, RawLine
from drivers.wire import OVERHEAD, WireError, decode_line, decode_payload, encode_block, encode_line

PIECES = (b"#", b"#1", b"#9", b"\n", b"\r\n", b" *0001:", b"OK", b'ERR -101,"x"', b"LB\x01\x04", b"0", b"?", b"\xff")
PARTS = st.lists(st.one_of(st.binary(max_size=40), st.sampled_from(PIECES)), max_size=12)
STREAMS = PARTS.map(b"".join)
FAULTS = st.from_regex(r"(flip|late|cut|hangup|x)(:(p|ms|after|count|byte|s|side|y)=\S{0,6}){0,3}")
BATCH = np.arange(8, dtype=np.uint8).reshape(2, 4)


class Babbler:
    """A link at whose other end somebody says ``words``, some at a time, whatever is asked, and then is gone."""

    address = "babbler"
    slowest_rate = 1e9

    def __init__(self, words: bytes, step: int) -> None:
        self._words = words
        self._step = step

    def write(self, data: bytes, deadline: Deadline) -> None:
        pass

    def read_some(self, deadline: Deadline, need: int = 1) -> bytes:
        if not self._words:
            raise LinkTimeout("no answer in time", self.address)
        some, self._words = self._words[: self._step], self._words[self._step :]
        return some

    def discard(self, silence_s: float, deadline: Deadline) -> int:
        return 0

    def close(self) -> None:
        self._words = b""


@given(STREAMS)
def test_a_line_is_believed_only_with_its_check(raw: bytes) -> None:
    try:
        line = decode_line(raw)
    except WireError:
        return
    if line.sequence is not None:
        body, _, crc = raw.rstrip(b"\r").rpartition(b":")
        assert int(crc, 16) == zlib.crc32(body)


@given(st.one_of(st.binary(max_size=80), STREAMS))
def test_a_payload_of_random_bytes_is_not_believed(payload: bytes) -> None:
    assume(len(payload) < 4 or zlib.crc32(payload[:-4]) != int.from_bytes(payload[-4:], "little"))
    with pytest.raises(WireError):
        decode_payload(payload)


@given(st.binary(max_size=64))
def test_a_payload_with_the_right_check_and_a_random_header_is_not_misread(content: bytes) -> None:
    payload = content + zlib.crc32(content).to_bytes(4, "little")
    try:
        block = decode_payload(payload)
    except WireError:
        return
    assert block.array.nbytes == len(payload) - OVERHEAD


@given(STREAMS, st.integers(1, 50))
def test_the_reader_finds_answers_or_says_why_not(words: bytes, step: int) -> None:
    reader = AnswerReader(Babbler(words, step), 0.01)
    seen = b""
    try:
        while True:
            answer = reader.answer(Deadline(0.01), 1000)
            if isinstance(answer, RawLine):
                assert b"\n" not in answer.raw
                seen += answer.raw
            else:
                assert isinstance(answer, RawBlock)
                assert OVERHEAD <= len(answer.payload) <= 1000
                seen += bytes(answer.payload)
    except (LinkTimeout, ProtocolError):
        assert reader.received <= len(words)
    assert len(seen) <= len(words)


@settings(max_examples=60, deadline=None)
@given(STREAMS, st.integers(1, 50), st.booleans())
def test_nobody_takes_babble_for_an_answer(words: bytes, step: int, multiply: bool) -> None:
    exchange = Exchange(Babbler(words, step), timeout_s=0.001, tries=1, first_sequence=1)
    exchange._suspect = False
    taken: list[object] = []

    def talk() -> None:
        if multiply:
            exchange.multiply(Multiplication([BATCH], 7, 3, 0.0), lambda index, outputs: taken.append(outputs))
        else:
            taken.append(exchange.ask("TEMPerature?"))

    with pytest.raises((LinkTimeout, ProtocolError, BoardError)):
        talk()
    assert taken == []


@settings(max_examples=30, deadline=None)
@given(STREAMS, st.integers(1, 50))
def test_nobody_takes_a_babbler_for_a_board(words: bytes, step: int) -> None:
    with pytest.raises((NotABoard, LinkError)):
        board_on(Babbler(words, step), timeout_s=0.001)


@given(st.binary(min_size=1, max_size=6), st.integers(0, 200))
def test_no_damage_to_an_answer_makes_another_one(damage: bytes, place: int) -> None:
    """Bytes put over others, which is worse than a flipped bit; a CRC-32 sees any burst of up to 32 bits."""
    outputs = np.array([[5, -6, 7], [-128, 127, 0]], "<i2")
    answer, _ = encode_block(outputs, 9, 7, 0)
    payload = bytearray(answer[answer.index(b"LB") :])
    place %= len(payload) - 4
    payload[place : place + len(damage)] = damage
    payload = payload[: len(answer) - answer.index(b"LB")]
    try:
        block = decode_payload(bytes(payload))
    except WireError:
        return
    np.testing.assert_array_equal(block.array, outputs)


@given(st.one_of(st.text(max_size=40), st.from_regex(r"(tcp|socket|visa|serial|rfc2217|http)?(@py)?:?/?/?\S{0,20}")))
def test_an_address_is_understood_or_refused(text: str) -> None:
    try:
        address = parse_address(text, LinkSettings())
    except BadInput:
        return
    assert address.kind in ("tcp", "serial", "visa")
    assert address.target
    assert 0 <= address.port <= 65535


@given(st.one_of(st.text(max_size=30), FAULTS))
def test_a_fault_is_understood_or_refused(spec: str) -> None:
    try:
        fault = parse_fault(spec, INWARD)
    except BadInput:
        return
    assert isinstance(fault, Fault)
    assert fault.kind in KINDS
    assert 0 <= fault.p <= 1


@settings(max_examples=40)
@given(st.one_of(st.binary(max_size=60), st.sampled_from([b"[]", b"{}", b"null", b'{"pid": 1e400}', b'{"pid": "x"}'])))
def test_the_note_of_a_lock_may_hold_anything(content: bytes) -> None:
    target = parse_address("127.0.0.1:11", LinkSettings())
    lock = hold(target)
    try:
        lock._note.write_bytes(content)
        assert holder(target) is None
    finally:
        lock.release()


def test_a_line_that_never_ends_and_a_board_that_never_stops() -> None:
    reader = AnswerReader(Babbler(b"x" * 100_000, 1000), 0.5)
    with pytest.raises(ProtocolError, match="a line without end"):
        reader.answer(Deadline(1))
    exchange = Exchange(Babbler(encode_line("OK", 3) * 1000, 999), timeout_s=0.01, tries=2)
    with pytest.raises(LinkTimeout, match="resynchronising"):
        exchange.synchronise()


def test_the_schedule_of_a_board_is_what_is_written_down() -> None:
    text = (Path(__file__).parents[2] / "drivers" / "PROTOCOL.md").read_text(encoding="utf-8")
    default = Schedule()
    assert f"Power-up schedule: `{default.spacing_ns},{default.sends},1,{default.settle_ns},{default.reset_ns}`" in text
