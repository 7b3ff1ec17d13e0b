"""Every failure that real ports, sockets and VISA resources show becomes one of the three errors, or one sentence."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import serial

from drivers.address import LinkSettings, parse_address
from drivers.errors import CannotOpen, Disconnected, LinkTimeout
from drivers.link import Deadline, StreamLink, open_link
from drivers.visa_link import VisaChannel, open_session

from .servers import Handler, Peer, answering, never_reading, rfc2217_echo, silent, tcp_server, terminal

needs_pty = pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX")


def viread(address: str) -> StreamLink:
    """The slow way that any VISA library offers, here through pyvisa-py."""
    session = open_session(parse_address(address, LinkSettings()))
    return StreamLink(address, VisaChannel(session, 1e6))


def visa_socket(place: str) -> str:
    return "visa@py:TCPIP::{}::{}::SOCKET".format(*place.split(":"))


TCP_WAYS: dict[str, Callable[[str], StreamLink]] = {
    "tcp": lambda place: open_link(f"tcp://{place}"),
    "bare": open_link,
    "socket": lambda place: open_link(f"socket://{place}"),
    "visa": lambda place: open_link(visa_socket(place)),
}
PORT_WAYS: dict[str, Callable[[str], StreamLink]] = {
    "path": open_link,
    "serial": lambda path: open_link(f"serial:{path}?baud=921600"),
    "visa": lambda path: open_link(f"visa@py:ASRL{path}::INSTR"),
}
tcp_ways = pytest.mark.parametrize("way", TCP_WAYS.values(), ids=TCP_WAYS.keys())
port_ways = pytest.mark.parametrize("way", PORT_WAYS.values(), ids=PORT_WAYS.keys())

ALL_BYTES = bytes(range(256)) * 40


def read_all(link: StreamLink, count: int) -> bytes:
    got = b""
    deadline = Deadline(5)
    while len(got) < count:
        got += link.read_some(deadline, count - len(got))
    return got


def check_echo(link: StreamLink) -> None:
    with link:
        for piece in (b"\n", b"\r\n", b"#", ALL_BYTES):
            writer = threading.Thread(target=link.write, args=(piece, Deadline(5)))
            writer.start()
            assert read_all(link, len(piece)) == piece
            writer.join()


@pytest.mark.parametrize("way", [*TCP_WAYS.values(), lambda place: viread(visa_socket(place))])
def test_every_byte_comes_through_a_socket(way: Callable[[str], StreamLink]) -> None:
    with tcp_server(answering(lambda data: data)) as place:
        check_echo(way(place))


@needs_pty
@pytest.mark.parametrize("way", [*PORT_WAYS.values(), lambda path: viread(f"visa@py:ASRL{path}::INSTR")])
def test_every_byte_comes_through_a_serial_port(way: Callable[[str], StreamLink]) -> None:
    with terminal(answering(lambda data: data)) as there:
        check_echo(way(there.path))


# pyserial 3.5 starts its thread by a method that Python has deprecated.
rfc2217 = pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")


@rfc2217
def test_every_byte_comes_through_rfc2217() -> None:
    with tcp_server(rfc2217_echo) as place:
        check_echo(open_link(f"rfc2217://{place}"))


@rfc2217
def test_silence_and_hanging_up_of_rfc2217() -> None:
    with tcp_server(rfc2217_echo) as place:
        check_timeout(open_link(f"rfc2217://{place}"))
        link = open_link(f"rfc2217://{place}")
        threading.Timer(0.1, link.close).start()
        with pytest.raises(Disconnected, match="closed"):
            link.read_some(Deadline(5))
        link.close()


def check_timeout(link: StreamLink) -> None:
    with link:
        start = time.monotonic()
        with pytest.raises(LinkTimeout, match="no answer in time"):
            link.read_some(Deadline(0.15))
        assert 0.14 < time.monotonic() - start < 1
        assert link.discard(0.02, Deadline(0.1)) == 0


@tcp_ways
def test_silence_of_a_socket_is_a_timeout(way: Callable[[str], StreamLink]) -> None:
    with tcp_server(silent) as place:
        check_timeout(way(place))


@needs_pty
@port_ways
def test_silence_of_a_port_is_a_timeout(way: Callable[[str], StreamLink]) -> None:
    with terminal(silent) as there:
        check_timeout(way(there.path))


def test_a_drip_does_not_prolong_a_deadline() -> None:
    def drip(peer: Peer) -> None:
        for _ in range(40):
            peer.send(b"x")
            time.sleep(0.02)

    with tcp_server(drip) as place, open_link(f"tcp://{place}") as link:
        deadline, start = Deadline(0.2), time.monotonic()
        with pytest.raises(LinkTimeout):
            list(iter(lambda: link.read_some(deadline), b""))
        assert time.monotonic() - start < 3


def hang_up(peer: Peer) -> None:
    peer.receive()


def reset(peer: Peer) -> None:
    peer.receive()
    peer.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # type: ignore[attr-defined]


@tcp_ways
@pytest.mark.parametrize("handler", [hang_up, reset])
def test_a_socket_that_goes_away_is_disconnected_at_once(way: Callable[[str], StreamLink], handler: Handler) -> None:
    with tcp_server(handler) as place, way(place) as link:
        link.write(b"x", Deadline(1))
        start = time.monotonic()
        with pytest.raises(Disconnected, match="the connection is lost"):
            link.read_some(Deadline(5))
        assert time.monotonic() - start < 1
        time.sleep(0.01)
        with pytest.raises(Disconnected):
            link.write(bytes(20_000_000), Deadline(1))


@needs_pty
@port_ways
def test_a_port_that_is_unplugged_is_disconnected_at_once(way: Callable[[str], StreamLink]) -> None:
    with terminal() as there, way(there.path) as link:
        threading.Timer(0.1, there.unplug).start()
        start = time.monotonic()
        with pytest.raises(Disconnected, match="the connection is lost"):
            link.read_some(Deadline(5))
        assert 0.05 < time.monotonic() - start < 1
        with pytest.raises(Disconnected):
            link.write(b"x", Deadline(1))
        link.close()
        link.close()


@tcp_ways
def test_a_link_closed_by_another_thread_is_disconnected(way: Callable[[str], StreamLink]) -> None:
    with tcp_server(silent) as place:
        link = way(place)
        threading.Timer(0.1, link.close).start()
        with pytest.raises(Disconnected, match="closed"):
            link.read_some(Deadline(5))
        with pytest.raises(Disconnected, match="the link is closed"):
            link.write(b"x", Deadline(1))


@needs_pty
@port_ways
def test_a_port_closed_by_another_thread_is_disconnected(way: Callable[[str], StreamLink]) -> None:
    with terminal(silent) as there:
        link = way(there.path)
        threading.Timer(0.1, link.close).start()
        with pytest.raises(Disconnected, match="closed"):
            link.read_some(Deadline(5))


def check_swallowed(link: StreamLink) -> None:
    with link:
        start = time.monotonic()
        with pytest.raises(LinkTimeout, match=r"of 20000000 bytes could not be written in time"):
            link.write(bytes(20_000_000), Deadline(0.2))
        assert time.monotonic() - start < 2


@tcp_ways
def test_a_socket_that_takes_nothing_is_a_timeout(way: Callable[[str], StreamLink]) -> None:
    stop = threading.Event()
    with tcp_server(never_reading(stop)) as place:
        check_swallowed(way(place))
        stop.set()


@needs_pty
@port_ways
def test_a_port_that_takes_nothing_is_a_timeout(way: Callable[[str], StreamLink]) -> None:
    with terminal() as there:
        check_swallowed(way(there.path))


def test_an_expired_deadline_ends_a_write_in_another_thread() -> None:
    stop = threading.Event()
    with tcp_server(never_reading(stop)) as place, open_link(place) as link:
        deadline = Deadline(30)
        threading.Timer(0.1, deadline.expire).start()
        start = time.monotonic()
        with pytest.raises(LinkTimeout):
            link.write(bytes(50_000_000), deadline)
        assert time.monotonic() - start < 2
        stop.set()


@pytest.mark.parametrize("form", ["tcp://{}", "{}", "socket://{}", "visa"])
def test_a_refused_connection_says_so(form: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        place = f"127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(CannotOpen, match="nothing listens there; is the board switched on"):
        open_link(visa_socket(place) if form == "visa" else form.format(place))


@pytest.mark.parametrize("address", ["/dev/ttyNOWHERE7", "serial:/dev/ttyNOWHERE7"])
def test_a_missing_port_says_so(address: str) -> None:
    with pytest.raises(CannotOpen, match=r"there is no port .*ttyNOWHERE7; (ports here|none is plugged in)"):
        open_link(address)


def test_a_missing_visa_port_says_so() -> None:
    with pytest.raises(CannotOpen, match="there is no such port"):
        open_link("visa@py:ASRL/dev/ttyNOWHERE7::INSTR")


@pytest.mark.parametrize("prefix", ["", "serial:"])
def test_a_file_is_no_port(tmp_path: Path, prefix: str) -> None:
    file = tmp_path / "port"
    file.write_text("no port")
    with pytest.raises(CannotOpen, match="is a file or folder, not a serial port"):
        open_link(f"{prefix}{file}")


@needs_pty
@port_ways
def test_a_port_in_use_names_its_user(way: Callable[[str], StreamLink]) -> None:
    busy = pytest.raises(CannotOpen, match=r"in use by this (program itself|or another program); close it first")
    with terminal(silent) as there, serial.Serial(there.path, exclusive=True), busy:
        way(there.path)


@needs_pty
def test_a_port_in_use_elsewhere_names_the_program() -> None:
    code = "import serial, sys; port = serial.Serial(sys.argv[1], exclusive=True); print(); sys.stdin.read()"
    with terminal(silent) as there:
        command = [sys.executable, "-c", code, there.path]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
            assert other.stdout is not None
            other.stdout.readline()
            with pytest.raises(CannotOpen, match=rf"in use by another program \(python.*, process {other.pid}\)"):
                open_link(there.path)
            other.communicate()


@needs_pty
@port_ways
def test_a_port_is_opened_for_this_program_alone(way: Callable[[str], StreamLink]) -> None:
    locked = pytest.raises(serial.SerialException, match="exclusively lock")
    with terminal(silent) as there, way(there.path), locked:
        serial.Serial(there.path, exclusive=True)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("", "the address is empty"),
        ("serial:", "names no port"),
        ("http://bench", "needs a host and a port"),
        ("http://bench:80", "begins with http://, which is not known"),
        ("tcp://bench", "needs a host and a port"),
        ("tcp://bench:99999", "port that is not a number from 1 to 65535"),
        ("tcp://:5025", "needs a host and a port"),
        ("/dev/ttyS9?speed=9", "unknown setting 'speed'; known are baud, open_timeout_s"),
        ("/dev/ttyS9?baud=fast", "baud must be a number, not 'fast'"),
        ("/dev/ttyS9?baud=-1", "must be greater than 0"),
        ("/dev/ttyS9?open_timeout_s=nan", "must be greater than 0"),
        ("visa@py:NONSENSE", "that is not a VISA resource name"),
        ("visa@py:GPIB0::7::INSTR", "cannot open visa@py:GPIB0::7::INSTR"),
        ("visa@nowhere:ASRL1::INSTR", "cannot open visa@nowhere:ASRL1::INSTR"),
        ("tcp://no-such-host.invalid:5025", "the host name is not known"),
    ],
)
def test_a_bad_address_is_one_sentence(address: str, message: str) -> None:
    with pytest.raises(CannotOpen) as caught:
        open_link(address)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "kind", "target"),
    [
        ("/dev/ttyACM0", "serial", "/dev/ttyACM0"),
        ("COM3", "serial", "COM3"),
        ("serial:/dev/ttyUSB0?baud=9600", "serial", "/dev/ttyUSB0"),
        ("127.0.0.1:5025", "tcp", "127.0.0.1:5025"),
        ("tcp://[::1]:5025", "tcp", "[::1]:5025"),
        ("socket://bench:5025", "serial", "socket://bench:5025"),
        ("rfc2217://bench:5025", "serial", "rfc2217://bench:5025"),
        ("visa:TCPIP::bench::5025::SOCKET", "visa", "TCPIP::bench::5025::SOCKET"),
        ("visa@py:ASRL/dev/pts/3::INSTR", "visa", "ASRL/dev/pts/3::INSTR"),
    ],
)
def test_addresses(address: str, kind: str, target: str) -> None:
    parsed = parse_address(address, LinkSettings(baud=123))
    assert (parsed.text, parsed.kind, parsed.target) == (address, kind, target)
    assert parsed.library == ("py" if "@py" in address else "")
    assert parsed.settings.baud == (9600 if "9600" in address else 123)


def test_a_setting_reaches_the_port() -> None:
    with terminal(silent) as there, open_link(f"{there.path}?baud=921600") as link:
        assert link.slowest_rate == 92160


def test_importing_drivers_loads_no_backend() -> None:
    code = "import sys, drivers; print([name for name in ('serial', 'pyvisa', 'numba') if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
