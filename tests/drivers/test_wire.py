"""The bytes of the protocol: round trips, and one wrong byte is always noticed."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn

from data.values import Schedule
from drivers.wire import OVERHEAD, WireError, decode_line, decode_payload, encode_block, encode_line, state_digest

from .small_board import SmallBoard, block, checked

texts = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60)
numbers = st.integers(0, 0xFFFFFFFF)
arrays = st.sampled_from(["<u1", "<i1", "<u2", "<i2"]).flatmap(
    lambda kind: stn.arrays(np.dtype(kind), stn.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9))
)


def test_a_line_is_what_the_document_says() -> None:
    # CRC-32 of "*IDN? *00FF" by `python -m zipfile`'s and gzip's polynomial, worked out once outside this project.
    assert encode_line("*IDN?", 0xFF) == b"*IDN? *00FF:%08X\n" % zlib.crc32(b"*IDN? *00FF")
    assert zlib.crc32(b"123456789") == 0xCBF43926


@given(texts, numbers)
def test_line_round_trip(text: str, sequence: int) -> None:
    raw = encode_line(text, sequence)
    assert raw == checked(text, sequence)
    line = decode_line(raw[:-1])
    assert (line.text, line.sequence) == (text, sequence & 0xFFFF)


@given(arrays, numbers, numbers, numbers)
def test_block_round_trip(array: np.ndarray, sequence: int, state: int, echo: int) -> None:
    raw, crc = encode_block(array, sequence, state, echo)
    assert raw + b"\n" == block(array, sequence, state, echo)
    payload = raw[2 + int(raw[1:2]) :]
    got = decode_payload(payload)
    assert (got.sequence, got.state, got.echo, got.crc) == (sequence, state, echo, crc)
    np.testing.assert_array_equal(got.array, array)
    assert got.array.dtype == array.dtype
    assert len(payload) == OVERHEAD + array.nbytes


@given(arrays, st.data())
def test_a_flipped_bit_in_a_payload_is_noticed(array: np.ndarray, data: st.DataObject) -> None:
    raw, _ = encode_block(array, 7)
    payload = bytearray(raw[2 + int(raw[1:2]) :])
    bit = data.draw(st.integers(0, len(payload) * 8 - 1))
    payload[bit // 8] ^= 1 << bit % 8
    with pytest.raises(WireError):
        decode_payload(payload)


@given(texts, st.data())
def test_a_flipped_bit_in_a_line_is_noticed(text: str, data: st.DataObject) -> None:
    raw = bytearray(encode_line(text, 7)[:-1])
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8
    try:
        line = decode_line(bytes(raw))
    except WireError:
        return
    assert line.sequence is None


def test_the_digest_is_the_one_that_a_board_keeps() -> None:
    board = SmallBoard()
    board.schedule, board.order = "48,2,0,900,4000", np.array([2, 0, 3, 1], "<u2")
    board.weights = np.arange(-6, 6, dtype=np.int8).reshape(4, 3)
    schedule = Schedule((2, 0, 3, 1), 48, 2, False, 900, 4000)
    assert state_digest(schedule, board.weights) == board.state()
