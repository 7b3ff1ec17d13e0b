"""A proxy between a client and a server: transparent without faults, and each fault as asked for, when asked for."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import serial
from hypothesis import given
from hypothesis import strategies as st

from data.errors import BadInput
from data.values import Schedule
from drivers import CannotOpen, Disconnected, WrongBoard, open_board
from drivers.emulator import EmulatedBoard, Options, start
from drivers.faults import Fault
from drivers.proxy import Injector, Proxy, ProxyOptions
from drivers.proxy.injector import once
from drivers.proxy.messages import Messages

from .servers import answering, tcp_server, terminal

needs_pty = pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX")
LINE = b"*IDN? and some more words to strike\n"
BLOCK = b"MULT? #15\n\n#\n\n\n"
EXACT = ("all=off", "gain=1", "geometry=32x16")
WEIGHTS = np.random.default_rng(0).integers(-3, 4, (32, 16), dtype=np.int8)
VECTORS = np.random.default_rng(1).integers(0, 3, (40, 32), dtype=np.uint8)


def echo(data: bytes) -> bytes:
    return data


@contextmanager
def through(proxy: Proxy, timeout_s: float = 5.0) -> Iterator[socket.socket]:
    host, port = str(proxy.tcp).split(":")
    with socket.create_connection((host, int(port)), timeout=timeout_s) as client:
        yield client


def received(client: socket.socket, count: int, wait_s: float = 5.0) -> bytes:
    """At most ``count`` bytes, until none come for ``wait_s`` or the other end hangs up."""
    client.settimeout(wait_s)
    data = b""
    while len(data) < count:
        try:
            chunk = client.recv(count - len(data))
        except TimeoutError:
            break
        if not chunk:
            break
        data += chunk
    return data


@given(
    st.lists(st.sampled_from([b"\n", b"#", b"#1", b"#13", b"3", b"ab", b"*IDN?\n", b"#0", b"#9999999999"])), st.data()
)
def test_cutting_into_messages_neither_loses_nor_changes_anything(parts: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(parts)
    whole = Messages()
    expected = whole.feed(stream)
    bits, found, position = Messages(), [], 0
    while position < len(stream):
        step = data.draw(st.integers(1, 4))
        found += bits.feed(stream[position : position + step])
        position += step
    assert found == expected
    assert bits.flush() == whole.flush()
    assert b"".join(found) + stream[sum(map(len, found)) :] == stream


def test_a_message_is_a_line_or_a_line_with_a_block() -> None:
    assert Messages().feed(LINE + BLOCK + b"A\n#210\n123456789\nrest") == [LINE, BLOCK, b"A\n", b"#210\n123456789\n"]


def test_without_faults_nothing_is_noticed() -> None:
    payload = LINE * 3 + b"#6200000" + os.urandom(200_000) + b"\n" + b"no end"
    with tcp_server(answering(echo)) as place, Proxy(ProxyOptions(place)) as proxy, through(proxy) as client:
        client.sendall(payload)
        assert received(client, len(payload)) == payload
    assert proxy.injector.injections == ()


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("drop:after=1:count=1", LINE + LINE),
        ("cut:byte=40", LINE + LINE[: 40 - len(LINE)] + LINE),
        ("flip:byte=40", LINE + LINE[: 40 - len(LINE)] + b"X" + LINE[41 - len(LINE) :] + LINE),
        ("repeat:after=1:count=1", LINE * 4),
        ("hangup:byte=40", LINE + LINE[: 40 - len(LINE)]),
        ("drip:count=1:ms=2", LINE * 3),
        ("drop:side=in:after=2", LINE * 2),
    ],
)
def test_faults_strike_what_they_are_scheduled_for(fault: str, expected: bytes) -> None:
    with tcp_server(answering(echo)) as place, Proxy(ProxyOptions(place, faults=(fault,))) as proxy:
        with through(proxy) as client:
            client.sendall(LINE * 3)
            got = received(client, len(LINE) * 4, 0.3)
        assert len(got) == len(expected)
        wrong = [index for index, (a, b) in enumerate(zip(got, expected, strict=True)) if a != b]
        assert wrong == ([40] if fault.startswith("flip") else [])
        if wrong:
            assert (got[40] ^ LINE[40 - len(LINE)]).bit_count() == 1
        (injection,) = proxy.injector.injections
        assert fault.startswith(injection.kind)
        assert injection.size == len(LINE)


def test_faults_that_wait() -> None:
    with tcp_server(answering(echo)) as place, Proxy(ProxyOptions(place)) as proxy, through(proxy) as client:
        proxy.injector.arm(once("delay", ms=150))
        begin = time.monotonic()
        client.sendall(b"1\n")
        assert received(client, 2) == b"1\n"
        assert 0.14 < time.monotonic() - begin < 2
        proxy.injector.arm(once("late", ms=150))
        client.sendall(b"1\n2\n3\n")
        assert received(client, 6) == b"2\n3\n1\n"
        proxy.injector.arm(Fault("drop", s=0.2))
        client.sendall(b"1\n")
        assert received(client, 2) == b"1\n"
        time.sleep(0.2)
        client.sendall(b"1\n2\n")
        assert received(client, 2, 0.2) == b""
        proxy.injector.disarm()
        client.sendall(b"2\n")
        assert received(client, 2) == b"2\n"


def test_draws_come_from_the_seed() -> None:
    def struck(seed: int) -> list[bool]:
        injector = Injector(("drop:p=0.5",), seed)
        return [not injector.deliver("out", LINE).pieces[0][1] for _ in range(40)]

    assert struck(1) == struck(1)
    assert struck(1) != struck(2)


@needs_pty
def test_a_line_in_front_of_a_line_that_is_unplugged_and_comes_back(tmp_path: Path) -> None:
    options = {"tcp": None, "serial": tmp_path / "line"}
    with terminal(answering(echo)) as there, Proxy(ProxyOptions(there.path, **options)) as proxy:
        for _ in range(2):
            with serial.Serial(proxy.serial, exclusive=True, timeout=5) as client:
                client.write(LINE)
                assert client.read(len(LINE)) == LINE
                proxy.injector.arm(once("hangup"))
                client.write(LINE)
                with pytest.raises(serial.SerialException):
                    client.read(len(LINE))
    assert not os.path.lexists(tmp_path / "line")


def test_a_server_that_is_away_is_a_hang_up_and_what_it_said_last_arrives() -> None:
    with (
        tcp_server(lambda peer: peer.send(LINE)) as place,
        Proxy(ProxyOptions(place)) as proxy,
        through(proxy) as client,
    ):
        assert received(client, 100) == LINE
    with tcp_server(answering(echo)) as place:
        pass
    with Proxy(ProxyOptions(place)) as proxy, through(proxy) as client:
        assert received(client, 1) == b""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (ProxyOptions("127.0.0.1:1", faults=("flop",)), "unknown kind 'flop'"),
        (ProxyOptions("127.0.0.1:1", faults=("other-board",)), "needs the address of another board"),
        (ProxyOptions("127.0.0.1:1", tcp="nowhere"), "not an address to listen at"),
        (ProxyOptions("127.0.0.1:1", serial=Path("/nowhere/line")), "cannot be put at"),
    ],
)
def test_options_that_cannot_be_used_are_said(options: ProxyOptions, message: str) -> None:
    with pytest.raises(BadInput, match=message), Proxy(options):
        pass


@pytest.fixture(scope="module")
def boards() -> Iterator[tuple[EmulatedBoard, EmulatedBoard]]:
    tcp = {"tcp": "127.0.0.1:0", "physics": EXACT}
    with start(Options(seed=1, **tcp)) as first, start(Options(seed=2, **tcp)) as second:
        yield first, second


def work(board: object) -> None:
    board.program(WEIGHTS)  # type: ignore[attr-defined]
    outputs = board.multiply(VECTORS, Schedule())  # type: ignore[attr-defined]
    np.testing.assert_array_equal(outputs, np.clip(VECTORS.astype(int) @ WEIGHTS, -128, 127))


def test_a_board_behind_a_cable_that_is_pulled_in_mid_read(boards: tuple[EmulatedBoard, EmulatedBoard]) -> None:
    with Proxy(ProxyOptions(str(boards[0].tcp))) as proxy, open_board(str(proxy.tcp), timeout_s=0.3) as board:
        work(board)
        proxy.injector.arm(once("hangup"))
        with pytest.raises(Disconnected):
            work(board)
        board.reconnect(10)
        work(board)


def test_a_board_swapped_for_another(boards: tuple[EmulatedBoard, EmulatedBoard]) -> None:
    options = ProxyOptions(str(boards[0].tcp), other=str(boards[1].tcp))
    with Proxy(options) as proxy, open_board(str(proxy.tcp), timeout_s=0.3) as board:
        work(board)
        proxy.injector.arm(once("other-board"))
        with pytest.raises(WrongBoard, match="is EMU-000002 now, it was EMU-000001"):
            work(board)
        with pytest.raises(WrongBoard):
            board.reconnect(10)
        proxy.lead_back()
        board.reconnect(10)
        work(board)


def test_a_power_cycle_keeps_the_same_board_and_refuses_another() -> None:
    tcp = {"tcp": "127.0.0.1:0", "physics": EXACT}
    with start(Options(seed=1, **tcp)) as emulated:
        address = str(emulated.tcp)
        board = open_board(address, timeout_s=0.3)
        work(board)
    with pytest.raises(Disconnected):
        work(board)
    with start(Options(seed=1, **{**tcp, "tcp": address})):
        board.reconnect(10)
        work(board)
    with start(Options(seed=2, **{**tcp, "tcp": address})), pytest.raises(WrongBoard):
        board.reconnect(10)
    board.close()
    with pytest.raises(CannotOpen, match="nothing listens"):
        open_board(address)


@needs_pty
def test_the_command_says_where_it_is_and_leaves_nothing_behind(tmp_path: Path) -> None:
    line = tmp_path / "line"
    with tcp_server(answering(echo)) as place:
        arguments = [sys.executable, "-m", "labctl", "board", "proxy", place, "--serial", str(line)]
        path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
        environment = {**os.environ, "PYTHONPATH": path}
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, env=environment) as process:
            assert process.stdout is not None
            said = json.loads(process.stdout.readline())
            assert said == {"tcp": None, "serial": str(line), "server": place}
            with serial.Serial(str(line), exclusive=True, timeout=5) as client:
                client.write(LINE)
                assert client.read(len(LINE)) == LINE
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
    assert not os.path.lexists(line)
