"""The board protocol byte by byte, without any process: what is sent, and exactly what comes back."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.values import Schedule
from drivers.emulator.board import Board
from drivers.emulator.commands import Interpreter
from drivers.emulator.receiver import BlockLine, Damage, Receiver, TextLine
from drivers.emulator.strengths import parse_strengths
from drivers.wire import MAX_BLOCK, decode_line, decode_payload, encode_block, encode_line, state_digest

ROWS, COLUMNS = 4, 3


@pytest.fixture
def board() -> Iterator[Board]:
    made = Board(7, parse_strengths((f"geometry={ROWS}x{COLUMNS},all=off,gain=1",)))
    yield made
    made.close()


@pytest.fixture
def client(board: Board) -> Interpreter:
    return Interpreter(board)


def ask(client: Interpreter, text: str, sequence: int = 0x1234) -> str:
    """The answer to a checked line, its sequence number and its one line checked."""
    raw = client.talk(encode_line(text, sequence))
    assert raw.endswith(b"\n")
    assert raw.count(b"\n") == 1
    line = decode_line(raw[:-1])
    assert line.sequence == sequence
    return line.text


def send_block(client: Interpreter, header: str, array: np.ndarray, sequence: int = 5, state: int = 0) -> bytes:
    block, _ = encode_block(array, sequence, state)
    return client.talk(header.encode() + b" " + block + b"\n")


def program(client: Interpreter, weights: np.ndarray) -> None:
    assert decode_line(send_block(client, "WEIG", weights)[:-1]).text == "OK"
    assert ask(client, "SUPP:STAT ON") == "OK"


WEIGHTS = np.array([[1, -2, 3], [4, 5, -6], [0, 1, 0], [7, 0, 2]], np.int8)
VECTORS = np.array([[1, 2, 3, 0], [0, 0, 0, 4]], np.uint8)


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        (b"*IDN?\n", b"labctl,EmulatedBoard,EMU-000007,1.0.0\n"),
        (b"*idn?\r\n", b"labctl,EmulatedBoard,EMU-000007,1.0.0\n"),
        (b"\n", b""),
        (b"*OPC?\n", b"1\n"),
        (b"*TST?\n", b"0\n"),
        (b"SYST:VERS?\n", b"1999.0\n"),
        (b"system:version?\n", b"1999.0\n"),
        (b":SYSTem:PROT?\n", b"LABCTL,1\n"),
        (b"SYST:SIM?\n", b"1\n"),
        (b"SYST:SYNC? 8F3A\n", b"8F3A\n"),
        (b"GEOM?\n", b"4,3,31,63,-128,127,8\n"),
        (b"GEOMETRY?\n", b"4,3,31,63,-128,127,8\n"),
        (b"SUPP:STAT?\n", b"0\n"),
        (b"SUPP:VOLT?\n", b"0.0000\n"),
        (b"TEMP?\n", b"35.000\n"),
        (b"SCH?\n", b"40,1,1,1000,5000\n"),
        (b"SCH 80,2,0,500,600;SCH?\n", b"80,2,0,500,600\n"),
        (b"*IDN?;*OPC?;:SYST:VERS?;ERR?\n", b'labctl,EmulatedBoard,EMU-000007,1.0.0;1;1999.0;0,"No error"\n'),
        (b"*ESR?\n*ESR?\n", b"128\n0\n"),
        (b"FOO\nSYST:ERR?\n", b'-113,"unknown command FOO"\n'),
        (b"SYSTE:ERR?\n*STB?\n", b"4\n"),
        (b"*RST 1\nSYST:ERR?\n", b'-100,"*RST takes no argument"\n'),
        (b"SCH 40,1\nSYST:ERR?\n", b'-100,"SCHedule takes SPACING,SENDS,SKIP,SETTLE,RESET as whole numbers"\n'),
        (b"SCH 41,1,1,0,0\nSCH?\n", b"40,1,1,1000,5000\n"),
        (b"SUPP:STAT MAYBE\nSYST:ERR?\n", b'-222,"the supply is ON or OFF"\n'),
        (b"MULT?\nSYST:ERR?\n", b'-100,"MULTiply? needs a block"\n'),
        (b"WEIG 3\nSYST:ERR?\n", b'-100,"WEIG needs a block"\n'),
        (b"FOO\n*CLS\nSYST:ERR?\n*STB?\n", b'0,"No error"\n0\n'),
        (b"SYST:LOCK?\nSYST:LOCK\nSYST:LOCK?\nSYST:UNL\nSYST:LOCK?\n", b"0\n1\n0\n"),
    ],
)
def test_plain_lines(client: Interpreter, sent: bytes, received: bytes) -> None:
    assert client.talk(sent) == received


def test_a_stream_may_arrive_in_any_pieces(board: Board) -> None:
    block, _ = encode_block(WEIGHTS, 9)
    stream = b"*IDN?\n" + encode_line("SUPP:STAT ON", 1) + b"WEIG " + block + b"\n" + encode_line("SYST:STAT?", 2)
    whole = Interpreter(board)
    expected = whole.talk(stream)
    whole.hang_up()
    drop = Interpreter(board)
    assert b"".join(drop.talk(bytes([byte])) for byte in stream) == expected
    assert drop.wait() == b""
    assert drop.talk(b"SYST:ERR?\n") == b'0,"No error"\n'


def test_checked_lines_are_answered_one_to_one(client: Interpreter) -> None:
    assert ask(client, "SUPP:STAT ON") == "OK"
    assert ask(client, "SUPP:STAT?") == "1"
    assert ask(client, "NOSUCH") == 'ERR -113,"unknown command NOSUCH"'
    assert ask(client, "SCH 40,99,1,0,0").startswith("ERR -222,")
    assert ask(client, "SYST:ERR?").startswith("-113,")


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_damaged_checked_line_is_never_carried_out(data: st.DataObject) -> None:
    board = Board(0, parse_strengths((f"geometry={ROWS}x{COLUMNS},all=off",)))
    client = Interpreter(board)
    assert ask(client, "*OPC?") == "1"
    line = bytearray(encode_line("SUPP:STAT ON", data.draw(st.integers(0, 0xFFFF))))
    place = data.draw(st.integers(0, len(line) - 2))
    line[place] ^= 1 << data.draw(st.integers(0, 7))
    answer = client.talk(bytes(line))
    assert not board.supply
    assert not answer or answer.startswith(b"ERR -1")
    board.close()


def test_a_connection_that_uses_checks_takes_no_command_without(board: Board) -> None:
    client, terminal = Interpreter(board), Interpreter(board)
    assert ask(client, "*OPC?") == "1"
    # One flipped bit makes the mark of the check a line end.
    line = encode_line("SUPP:STAT ON", 1)
    assert line.replace(b"*", b"\n").startswith(b"SUPP:STAT ON \n")
    assert client.talk(line.replace(b"*", b"\n")).startswith(b"ERR -101,")
    assert not board.supply
    assert client.talk(b"\n*OPC?\n") == b"1\n"
    assert terminal.talk(b"SUPP:STAT ON\n") == b""
    assert board.supply


def test_a_wrong_check_is_answered_by_a_plain_line(client: Interpreter) -> None:
    assert client.talk(b"*RST *0001:00000000\n") == b'ERR -101,"a line\'s CRC-32 does not fit its text"\n'
    assert client.talk(b"*RST *0001:0000000\n") == b'ERR -101,"a line\'s check is damaged"\n'


def test_multiply_answers_with_a_block_tied_to_its_request(client: Interpreter) -> None:
    program(client, WEIGHTS)
    digest = state_digest(Schedule(), WEIGHTS)
    assert ask(client, "SYST:STAT?") == f"{digest:08X}"
    block, crc = encode_block(VECTORS, 0xABCDEF01, digest)
    raw = client.talk(b"MULT? " + block + b"\n")
    digits = int(raw[1:2])
    assert raw[:1] == b"#"
    assert raw[-1:] == b"\n"
    assert len(raw) == 2 + digits + int(raw[2 : 2 + digits]) + 1
    answer = decode_payload(raw[2 + digits : -1])
    assert (answer.sequence, answer.state, answer.echo) == (0xABCDEF01, digest, crc)
    assert answer.array.dtype == np.int16
    np.testing.assert_array_equal(answer.array, VECTORS.astype(int) @ WEIGHTS.astype(int))


def test_an_empty_batch_has_an_empty_answer(client: Interpreter) -> None:
    program(client, WEIGHTS)
    raw = send_block(client, "MULTIPLY?", np.zeros((0, ROWS), np.uint8), 3, state_digest(Schedule(), WEIGHTS))
    assert decode_payload(raw[4:-1]).array.shape == (0, COLUMNS)


def test_order_and_schedule_enter_the_digest(client: Interpreter) -> None:
    program(client, WEIGHTS)
    order = np.array([[3, 1, 0, 2]], np.uint16)
    assert decode_line(send_block(client, "SCH:ORD", order)[:-1]).text == "OK"
    assert ask(client, "SCH 48,3,0,16,24") == "OK"
    expected = state_digest(Schedule((3, 1, 0, 2), 48, 3, False, 16, 24), WEIGHTS)
    assert ask(client, "SYST:STAT?") == f"{expected:08X}"
    assert ask(client, "*RST") == "OK"
    assert ask(client, "SYST:STAT?") == f"{state_digest(Schedule(), np.zeros_like(WEIGHTS)):08X}"


def test_safe_state_switches_off_and_forgets_weights(client: Interpreter) -> None:
    program(client, WEIGHTS)
    assert ask(client, "SUPP:STAT?;VOLT?").startswith("1;1.1")
    assert ask(client, "SYST:SAFE") == "OK"
    assert ask(client, "SUPP:STAT?") == "0"
    assert ask(client, "SYST:STAT?") == f"{state_digest(Schedule(), np.zeros_like(WEIGHTS)):08X}"


@pytest.mark.parametrize(
    ("header", "array", "code"),
    [
        ("MULT?", VECTORS, -250),
        ("NOSUCH", VECTORS, -113),
        ("*IDN?", VECTORS, -100),
        ("WEIG", WEIGHTS.astype(np.uint8), -101),
        ("WEIG", WEIGHTS.T.copy(), -222),
        ("WEIG", np.full_like(WEIGHTS, 64), -222),
        ("SCH:ORD", np.array([[0, 1, 1, 2]], np.uint16), -222),
        ("SCH:ORD", np.array([[0, 1, 2]], np.uint16), -222),
        ("SCH:ORD", np.array([[0, 1, 2, 3]] * 2, np.uint16), -222),
    ],
)
def test_refused_blocks_change_nothing(client: Interpreter, header: str, array: np.ndarray, code: int) -> None:
    program(client, WEIGHTS)
    before = ask(client, "SYST:STAT?")
    answer = decode_line(send_block(client, header, array, 0x10007, 1)[:-1])
    assert answer.sequence == 7
    assert answer.text.startswith(f'ERR {code},"')
    assert ask(client, "SYST:STAT?") == before


def test_multiply_needs_supply_and_codes_in_range(client: Interpreter) -> None:
    assert decode_line(send_block(client, "WEIG", WEIGHTS)[:-1]).text == "OK"
    digest = state_digest(Schedule(), WEIGHTS)
    assert b"ERR -221," in send_block(client, "MULT?", VECTORS, 1, digest)
    assert ask(client, "SUPP:STAT ON") == "OK"
    assert b"ERR -222," in send_block(client, "MULT?", VECTORS + np.uint8(29), 1, digest)
    assert b"ERR -222," in send_block(client, "MULT?", VECTORS[:, :3].copy(), 1, digest)
    assert b"ERR -101," in send_block(client, "MULT?", VECTORS.astype(np.int8), 1, digest)


def test_a_damaged_block_is_answered_by_a_plain_line_and_not_carried_out(client: Interpreter) -> None:
    block, _ = encode_block(WEIGHTS, 5)
    before = ask(client, "SYST:STAT?")
    for place in range(4, len(block)):
        damaged = bytearray(block)
        damaged[place] ^= 0x10
        answer = client.talk(b"WEIG " + bytes(damaged) + b"\n")
        assert answer.startswith(b"ERR -101,")
        assert answer.count(b"\n") == 1
    assert ask(client, "SYST:STAT?") == before


def test_a_block_too_long_is_refused_and_swallowed(client: Interpreter) -> None:
    digits = str(MAX_BLOCK + 1).encode()
    assert client.talk(b"WEIG #8" + digits).startswith(b"ERR -223,")
    for _ in range(MAX_BLOCK // (1 << 20)):
        assert client.talk(b"\n" * (1 << 20)) == b""
    assert client.talk(b"\n\n*OPC?\n") == b"1\n"


def test_a_line_too_long_is_refused_up_to_its_end(client: Interpreter) -> None:
    assert client.talk(b"A" * 5000).startswith(b"ERR -223,")
    assert client.talk(b"A" * 5000 + b"\n*OPC?\n") == b"1\n"


def test_an_unfinished_message_is_discarded_after_silence(client: Interpreter) -> None:
    block, _ = encode_block(WEIGHTS, 5)
    for beginning in (b"*IDN", b"WEIG #", b"WEIG #23", b"WEIG " + block[:20], b"WEIG " + block, b"WEIG #99999"):
        client.talk(b"*CLS\n" + beginning)
        assert client.wait() == b""
        assert client.talk(b"SYST:ERR?\n") == b'-109,"incomplete message discarded"\n'
    assert client.wait() == b""
    assert client.talk(b"SYST:ERR?\n") == b'0,"No error"\n'


def test_a_block_with_a_bad_end_is_refused_up_to_the_next_line(client: Interpreter) -> None:
    block, _ = encode_block(WEIGHTS, 5)
    assert client.talk(b"WEIG " + block + b"garbage\n*OPC?\n") == (
        b'ERR -101,"a block is not followed by a line end"\n1\n'
    )
    assert client.talk(b"WEIG #x12\n*OPC?\n") == b'ERR -101,"a block\'s length is not a number"\n1\n'


def test_one_client_is_in_control_at_a_time(board: Board) -> None:
    first, second = Interpreter(board), Interpreter(board)
    program(first, WEIGHTS)
    assert ask(second, "SYST:LOCK?") == "2"
    for text in ("SYST:LOCK", "SUPP:STAT OFF", "*RST", "SYST:SAFE", "SYST:UNL"):
        assert ask(second, text) == 'ERR -203,"another client is in control"'
    digest = state_digest(Schedule(), WEIGHTS)
    assert b"ERR -203," in send_block(second, "MULT?", VECTORS, 1, digest)
    assert b"ERR -203," in send_block(second, "WEIG", WEIGHTS)
    assert ask(second, "SUPP:STAT?") == "1"
    assert ask(first, "SYST:UNL") == "OK"
    assert ask(second, "SYST:LOCK") == "OK"
    assert ask(second, "SUPP:STAT?") == "1"
    first.hang_up()
    assert ask(second, "SUPP:STAT?") == "1"
    second.hang_up()
    assert not board.supply
    assert ask(first, "SYST:LOCK?") == "0"


def test_errors_belong_to_the_connection_that_made_them(board: Board) -> None:
    first, second = Interpreter(board), Interpreter(board)
    first.talk(b"FOO\n")
    assert second.talk(b"SYST:ERR?\n") == b'0,"No error"\n'
    for _ in range(40):
        first.talk(b"FOO\n")
    codes = [first.talk(b"SYST:ERR?\n") for _ in range(33)]
    assert codes[-2] == b'-350,"Queue overflow"\n'
    assert codes[-1] == b'0,"No error"\n'


@settings(max_examples=200, deadline=None)
@given(garbage=st.lists(st.binary(max_size=60), max_size=6))
def test_garbage_never_stops_the_receiver(garbage: list[bytes]) -> None:
    receiver = Receiver()
    for request in itertools.chain.from_iterable(receiver.feed(piece) for piece in garbage):
        assert isinstance(request, TextLine | BlockLine | Damage)
    receiver.expire()
    assert receiver.idle
    assert receiver.feed(b"*IDN?\n") == [TextLine(b"*IDN?")]


@settings(max_examples=200, deadline=None)
@given(garbage=st.binary(max_size=80))
def test_garbage_is_answered_by_whole_ascii_lines(garbage: bytes) -> None:
    board = Board(0, parse_strengths((f"geometry={ROWS}x{COLUMNS},all=off",)))
    answer = Interpreter(board).talk(garbage)
    board.close()
    assert answer == b"" or answer.endswith(b"\n")
    assert answer.isascii()
