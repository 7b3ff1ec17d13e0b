"""Discovery tells boards from everything else that may sit on a bench, and leaves no port open."""

from __future__ import annotations

import os
import socket
import threading
import time

import pytest
import serial
from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo

from drivers.discovery import discover
from drivers.link import Deadline, open_link

from .servers import Peer, answering, never_reading, silent, tcp_server, terminal
from .small_board import SmallBoard

needs_pty = pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX")


def garbage(peer: Peer) -> None:
    for _ in range(200):
        peer.send(b"\x00\xff\x81garbage\n\r")
        time.sleep(0.01)


def scpi(data: bytes) -> bytes:
    return b"".join(b"ACME,Multimeter 7,M-3,2.0\n" for line in data.splitlines() if line == b"*IDN?")


def why(address: str) -> str:
    (candidate,) = discover([address], serial_ports=False, timeout_s=0.1)
    assert (candidate.address, candidate.is_board, candidate.geometry) == (address, False, None)
    return candidate.reason


def test_boards_come_first_by_serial_number_and_with_what_they_are() -> None:
    first, second = SmallBoard(serial_number="SB-1"), SmallBoard(5, 6, serial_number="SB-2")
    with socket.create_server(("127.0.0.1", 0)) as unused:
        absent = f"127.0.0.1:{unused.getsockname()[1]}"
    with tcp_server(answering(second.feed)) as b, tcp_server(answering(first.feed)) as a:
        found = discover([f"tcp://{b}", absent, a], serial_ports=False)
        again = discover([a], serial_ports=False)
    assert [candidate.address for candidate in found] == [a, f"tcp://{b}", absent]
    assert [candidate.is_board for candidate in found] == [True, True, False]
    assert found[0].identity is not None
    assert (found[0].identity.serial_number, found[0].identity.simulated) == ("SB-1", True)
    assert found[1].geometry is not None
    assert (found[1].geometry.rows, found[1].geometry.columns) == (5, 6)
    assert "nothing listens there" in found[2].reason
    assert again[0].is_board
    assert not {"SYSTem:LOCK", "*RST", "SYSTem:SAFE"} & set(first.log)


@needs_pty
def test_listed_serial_ports_are_probed_and_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(answering(SmallBoard().feed)) as there, terminal(silent) as dumb:
        ports = [ListPortInfo(path) for path in (dumb.path, there.path)]
        ports[1].description = "USB board"
        monkeypatch.setattr(list_ports, "comports", lambda: ports)
        board, rejected = discover(timeout_s=0.1)
        for path in (there.path, dumb.path):
            serial.Serial(path, exclusive=True).close()
    assert (board.address, board.description) == (there.path, "USB board")
    assert rejected.address == dumb.path


def test_silence() -> None:
    with tcp_server(silent) as place:
        assert "nothing answers; is it switched on, and is the baud rate right?" in why(place)


def test_garbage() -> None:
    with tcp_server(garbage) as place:
        assert 'what comes back is no answer of a board: "' in why(place)


def test_another_instrument() -> None:
    with tcp_server(answering(scpi)) as place:
        assert 'another device answers, "ACME,Multimeter 7,M-3,2.0"' in why(place)


def test_an_echo() -> None:
    with tcp_server(answering(lambda data: data)) as place:
        assert "comes back unchanged" in why(place)


def test_hanging_up() -> None:
    with tcp_server(lambda peer: None) as place:
        assert "the connection is lost" in why(place)


@needs_pty
def test_a_port_in_use() -> None:
    with terminal(silent) as there, serial.Serial(there.path, exclusive=True):
        assert "in use" in why(there.path)


def test_a_bad_address() -> None:
    assert "not known" in why("http://bench:80")


@needs_pty
def test_a_port_that_swallows_nothing_does_not_hang_it() -> None:
    with terminal() as there:
        with open_link(there.path) as link, pytest.raises(Exception, match="could not be written"):
            link.write(bytes(100_000), Deadline(0.1))
        start = time.monotonic()
        assert why(there.path)
        assert time.monotonic() - start < 4


def test_a_server_that_never_reads_does_not_hang_it() -> None:
    stop = threading.Event()
    with tcp_server(never_reading(stop)) as place:
        start = time.monotonic()
        assert "nothing answers" in why(place)
        assert time.monotonic() - start < 3
        stop.set()


def test_a_board_left_in_the_middle_of_a_message_is_found() -> None:
    class Stuck(SmallBoard):
        """Throws half a block away when nothing more comes for half a second."""

        last = time.monotonic()

        def feed(self, data: bytes) -> bytes:
            if self.buffer and time.monotonic() - self.last > 0.5:
                self.buffer = b""
            self.last = time.monotonic()
            return super().feed(data)

    board = Stuck()
    board.feed(b"WEIGht #3100abc")
    with tcp_server(answering(board.feed)) as place:
        (candidate,) = discover([place], serial_ports=False, timeout_s=0.1)
    assert candidate.is_board
