"""The emulated board as a process: over TCP and a pseudo-terminal, with several clients, and gone when it should be."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
import psutil
import pytest
import serial

from data.errors import BadInput
from data.values import Schedule
from drivers.emulator import NICE, EmulatedBoard, Options, start
from drivers.emulator.board import Board
from drivers.emulator.commands import Session
from drivers.emulator.connection import Connection
from drivers.emulator.faults import FaultInjector
from drivers.emulator.receiver import TextLine
from drivers.emulator.strengths import parse_strengths
from drivers.wire import Block, decode_line, decode_payload, encode_block, encode_line, state_digest

SMALL = ("geometry=16x8",)
posix = pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX")


class Port(Protocol):
    def send(self, data: bytes) -> object: ...
    def receive(self, count: int) -> bytes: ...


class TcpPort:
    def __init__(self, board: EmulatedBoard) -> None:
        host, port = str(board.tcp).split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=10)

    def send(self, data: bytes) -> object:
        return self.socket.sendall(data)

    def receive(self, count: int) -> bytes:
        return self.socket.recv(count)

    def close(self) -> None:
        self.socket.close()


class SerialPort:
    def __init__(self, board: EmulatedBoard) -> None:
        self.port = serial.Serial(board.serial, exclusive=True, timeout=10)

    def send(self, data: bytes) -> object:
        return self.port.write(data)

    def receive(self, count: int) -> bytes:
        return bytes(self.port.read(count))

    def close(self) -> None:
        self.port.close()


PORTS = [TcpPort, pytest.param(SerialPort, marks=posix)]


def exactly(port: Port, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = port.receive(count - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def line_of(port: Port) -> bytes:
    data = b""
    while not data.endswith(b"\n"):
        data += exactly(port, 1)
    return data


def ask(port: Port, text: str) -> str:
    port.send(encode_line(text, 9))
    return decode_line(line_of(port)[:-1]).text


def block_of(port: Port) -> Block:
    head = exactly(port, 2)
    assert head[:1] == b"#", head + line_of(port)
    payload = exactly(port, int(exactly(port, int(head[1:]))))
    assert exactly(port, 1) == b"\n"
    return decode_payload(payload)


def multiply(port: Port, batches: list[np.ndarray]) -> list[np.ndarray]:
    """Program, then send all batches before the first answer is read."""
    weights = np.random.default_rng(1).integers(-63, 64, (16, 8)).astype(np.int8)
    assert ask(port, "SUPP:STAT ON") == "OK"
    port.send(b"WEIG " + encode_block(weights, 1)[0] + b"\n")
    assert decode_line(line_of(port)[:-1]).text == "OK"
    digest = state_digest(Schedule(), weights)
    requests = [encode_block(batch, number, digest) for number, batch in enumerate(batches)]
    for block, _ in requests:
        port.send(b"MULT? " + block + b"\n")
    answers = [block_of(port) for _ in batches]
    assert [answer.echo for answer in answers] == [crc for _, crc in requests]
    return [answer.array for answer in answers]


def eventually(port: Port, text: str, answer: str) -> None:
    """Ask until the board has noticed what happened elsewhere."""
    deadline = time.monotonic() + 10
    while (got := ask(port, text)) != answer:
        assert time.monotonic() < deadline, got
        time.sleep(0.01)


@pytest.fixture(scope="module")
def board() -> Iterator[EmulatedBoard]:
    with start(Options(seed=3, physics=SMALL)) as running:
        yield running


@pytest.mark.parametrize("kind", PORTS)
def test_a_board_answers(board: EmulatedBoard, kind: type[TcpPort]) -> None:
    with contextlib.closing(kind(board)) as port:
        assert ask(port, "*IDN?") == board.identity == "labctl,EmulatedBoard,EMU-000003,1.0.0"
        assert ask(port, "SYST:SIM?") == "1"
        port.send(b"\n*IDN?\r\n")
        assert line_of(port).decode().strip() == board.identity


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="sessions are not scheduled as groups here")
def test_a_board_takes_no_time_from_the_session_that_started_it() -> None:
    with start(Options(seed=3, physics=SMALL, until_stdin_closes=True)) as board:
        assert psutil.Process(board.pid).nice() == NICE
        assert Path(f"/proc/{board.pid}/autogroup").read_text(encoding="ascii").endswith(f"nice {NICE}\n")
    assert not Path("/proc/self/autogroup").read_text(encoding="ascii").endswith(f"nice {NICE}\n")


def test_the_same_requests_have_the_same_answers_by_every_way() -> None:
    batches = [np.random.default_rng(n).integers(0, 32, (n, 16)).astype(np.uint8) for n in (1, 3, 700, 0, 20)]
    answers = []
    for kind in [TcpPort, SerialPort] if os.name == "posix" else [TcpPort, TcpPort]:
        with start(Options(seed=4, physics=SMALL)) as running, contextlib.closing(kind(running)) as port:
            answers.append(multiply(port, batches))
    for one, other in zip(*answers, strict=True):
        np.testing.assert_array_equal(one, other)
    assert answers[0][2].shape == (700, 8)


@pytest.mark.parametrize("kind", PORTS)
def test_a_client_that_leaves_gives_up_control_and_leaves_the_board_safe(
    board: EmulatedBoard, kind: type[TcpPort]
) -> None:
    with contextlib.closing(TcpPort(board)) as watcher:
        eventually(watcher, "SYST:LOCK?", "0")
        for _ in range(3):
            with contextlib.closing(kind(board)) as port:
                assert ask(port, "SUPP:STAT ON") == "OK"
                assert ask(watcher, "SUPP:STAT?") == "1"
                assert ask(watcher, "SYST:LOCK").startswith("ERR -203")
                port.send(b"WEIG #9000")
            eventually(watcher, "SYST:LOCK?", "0")
            assert ask(watcher, "SUPP:STAT?") == "0"


class HeldChannel:
    """A channel that gives what it is told to."""

    def __init__(self, *data: bytes) -> None:
        self._data = list(data)

    def fileno(self) -> int:
        return -1

    def read(self) -> bytes | None:
        return self._data.pop(0) if self._data else None

    def write(self, data: memoryview) -> int | None:
        return len(data)

    def close(self) -> None:
        return None


def test_a_message_is_not_given_up_while_the_board_itself_does_not_listen() -> None:
    board = Board(0, parse_strengths(SMALL))
    connection = Connection(HeldChannel(b"*ID", b"N?\n"), Session(board), FaultInjector((), 0), 0.0)
    assert connection.wanted() == (True, False)
    assert connection.take_in(0.0) == []
    assert connection.next_time() == 0.5
    connection.waiting_requests = 8
    assert connection.wanted() == (False, False)
    connection.waiting_requests = 0
    assert connection.give_up_waiting(3.0) == []
    assert connection.wanted() == (True, False)
    assert connection.take_in(3.1) == [TextLine(b"*IDN?")]
    assert connection.give_up_waiting(9.0) == []
    board.close()


def test_many_requests_may_be_under_way(board: EmulatedBoard) -> None:
    with contextlib.closing(TcpPort(board)) as port:
        sender = threading.Thread(target=lambda: port.send(b"GEOM?\n" * 3000))
        sender.start()
        assert exactly(port, 3000 * 22) == b"16,8,31,63,-128,127,8\n" * 3000
        sender.join()


def test_an_unfinished_line_is_forgotten_after_half_a_second(board: EmulatedBoard) -> None:
    with contextlib.closing(TcpPort(board)) as port:
        port.send(b"*ID")
        time.sleep(0.8)
        assert ask(port, "SYST:ERR?") == '-109,"incomplete message discarded"'


@posix
def test_a_second_program_cannot_open_the_serial_line(board: EmulatedBoard) -> None:
    with contextlib.closing(SerialPort(board)), pytest.raises(serial.SerialException):
        SerialPort(board)


def test_a_client_that_reads_nothing_does_not_stop_others(board: EmulatedBoard) -> None:
    with contextlib.closing(TcpPort(board)) as silent, contextlib.closing(TcpPort(board)) as port:
        silent.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            for _ in range(4000):
                silent.socket.send(b"*IDN?\n" * 1000)
        assert ask(port, "*OPC?") == "1"


def test_stop_leaves_nothing_and_may_be_repeated() -> None:
    running = start(Options(seed=1, tcp="127.0.0.1:0", physics=SMALL))
    assert running.serial is None
    assert psutil.pid_exists(running.pid)
    running.stop()
    running.stop()
    assert not psutil.pid_exists(running.pid)
    with pytest.raises(OSError, match="refused"):
        TcpPort(running)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (Options(physics=("laek=off",)), "unknown option 'laek'"),
        (Options(faults=("flop",)), "unknown kind 'flop'"),
        (Options(tcp="nowhere.invalid:1"), "cannot listen at nowhere.invalid:1"),
        (Options(seed=-3), "seed -3"),
    ],
)
def test_bad_options_come_back_as_the_sentence_of_the_board(options: Options, words: str) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        start(options)
    assert "\n" not in str(caught.value)


def run_board(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "drivers.emulator", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@posix
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_ends_it_cleanly_after_one_line(name: str) -> None:
    with run_board("--seed", "8", "--tcp", "127.0.0.1:0", "--serial", "--physics", "geometry=16x8") as process:
        announced = json.loads(process.stdout.readline())
        assert announced["pid"] == process.pid
        assert announced["serial_number"] == "EMU-000008"
        assert announced["serial"].startswith("/dev/")
        process.send_signal(getattr(signal, name))
        rest, complaints = process.communicate(timeout=20)
    assert (process.returncode, rest, complaints) == (0, "", "")


def test_it_ends_with_its_parent() -> None:
    with run_board("--tcp", "127.0.0.1:0", "--until-stdin-closes", "--physics", "geometry=16x8") as process:
        assert process.stdout.readline().startswith("{")
        assert process.communicate(timeout=20) == ("", "")
    assert process.returncode == 0


def test_bad_options_are_one_sentence_and_exit_code_two() -> None:
    with run_board("--physics", "leak=2x") as process:
        output, complaint = process.communicate(timeout=30)
    assert (process.returncode, output) == (2, "")
    assert complaint.count("\n") == 1


def test_wire_faults_reach_the_client() -> None:
    faults = ("repeat:after=1:count=1", "late:after=2:count=1:ms=400", "hangup:after=4:count=1")
    with start(Options(tcp="127.0.0.1:0", physics=SMALL, faults=faults)) as running:
        with contextlib.closing(TcpPort(running)) as port:
            assert ask(port, "SYST:SYNC? ONE") == "ONE"
            assert ask(port, "SYST:SYNC? TWO") == "TWO"
            assert decode_line(line_of(port)[:-1]).text == "TWO"
            port.send(encode_line("SYST:SYNC? THREE", 3) + encode_line("SYST:SYNC? FOUR", 4))
            assert decode_line(line_of(port)[:-1]).text == "FOUR"
            assert decode_line(line_of(port)[:-1]).text == "THREE"
            port.send(encode_line("SYST:SYNC? FIVE", 5))
            with pytest.raises(EOFError):
                line_of(port)
        with contextlib.closing(TcpPort(running)) as port:
            assert ask(port, "SYST:SYNC? SIX") == "SIX"


@posix
def test_hanging_up_a_serial_line_unplugs_it() -> None:
    with start(Options(serial=True, physics=SMALL, faults=("hangup",))) as running:
        port = SerialPort(running)
        port.send(b"*IDN?\n")
        with pytest.raises(serial.SerialException):
            exactly(port, 1000)
        port.close()


def test_another_board_may_answer() -> None:
    with (
        start(Options(seed=1, tcp="127.0.0.1:0", physics=SMALL, faults=("other-board",))) as running,
        contextlib.closing(TcpPort(running)) as port,
    ):
        assert running.serial_number == "EMU-000001"
        assert ask(port, "*IDN?").split(",")[2] == "EMU-000002"
