"""One owner for every instrument: within a process, across processes, after a process was killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from drivers.address import LinkSettings, parse_address
from drivers.discovery import discover
from drivers.errors import CannotOpen
from drivers.link import open_link
from drivers.lock import InUse, hold, holder, instrument_key
from drivers.message_link import open_message_link

from .benches import MAKERS
from .servers import silent, tcp_server, terminal

needs_pty = pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX")
HOLD = """
import sys
from drivers.link import open_link
with open_link(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def key(address: str) -> str:
    return instrument_key(parse_address(address, LinkSettings()))


@contextmanager
def other_process(address: str) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds an address."""
    command = [sys.executable, "-c", HOLD, address]
    path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        try:
            yield process
        finally:
            process.kill()


def test_every_way_to_the_same_place_has_the_same_key(tmp_path: Path) -> None:
    device, link = tmp_path / "ttyUSB0", tmp_path / "by-id"
    device.touch()
    link.symlink_to(device)
    assert key(f"{link}") == key(f"serial:{device}?baud=9600") == key(f"visa@py:ASRL{device}::INSTR")
    network = (
        "127.0.0.1:5025",
        "tcp://localhost:5025",
        "socket://127.0.0.1:5025",
        "visa:tcpip0::127.0.0.1::5025::SOCKET",
    )
    assert len({key(address) for address in network}) == 1
    assert len({key(a) for a in ("COM3", "COM4", "127.0.0.1:5025", "127.0.0.1:5026", "visa:GPIB0::5::INSTR")}) == 5
    assert key("COM3") == key("com3")


def test_instruments_that_are_simulated_are_each_process_own() -> None:
    simulated = key("visa@bench.yaml@sim:GPIB0::1::INSTR")
    assert str(os.getpid()) in simulated
    assert simulated == key("visa@bench.yaml@sim:gpib0::1::instr")
    assert simulated != key("visa@other.yaml@sim:GPIB0::1::INSTR")
    assert simulated != key("visa:GPIB0::1::INSTR")


def test_a_bus_instrument_has_one_owner_until_it_is_closed() -> None:
    target = parse_address(f"{MAKERS}:GPIB0::16::INSTR", LinkSettings())
    link = open_message_link(target, b"\n")
    with pytest.raises(InUse, match="this program itself"):
        open_message_link(target, b"\n")
    link.close()
    open_message_link(target, b"\n").close()


def test_a_second_link_is_refused_until_the_first_is_closed() -> None:
    with tcp_server(silent) as place:
        with open_link(place), pytest.raises(CannotOpen, match=rf"^socket://{place} is in use by this program itself"):
            open_link(f"socket://{place}")
        open_link(place).close()


def test_an_address_that_cannot_be_opened_stays_free() -> None:
    with tcp_server(silent) as place:
        pass
    for _ in range(2):
        with pytest.raises(CannotOpen, match="nothing listens there"):
            open_link(place)


@needs_pty
@pytest.mark.parametrize("kind", ["tcp", "terminal"])
def test_another_process_is_told_who_has_it_and_since_when(kind: str) -> None:
    with tcp_server(silent) as place, terminal(silent) as there:
        address = place if kind == "tcp" else there.path
        with other_process(address) as other:
            with pytest.raises(CannotOpen) as caught:
                open_link(address)
            said = str(caught.value)
            assert f"(pid {other.pid}, since 20" in said
            assert said.endswith("UTC); close it there first")
            found = holder(parse_address(address, LinkSettings()))
            assert found is not None
            assert (found.pid, found.address) == (other.pid, address)


def test_many_at_once_have_it_one_after_the_other() -> None:
    """Taking, letting go and removing the file race with one another; a counter that nobody else guards shows it."""
    target = parse_address("127.0.0.1:10", LinkSettings())
    counter = most = 0

    def work() -> None:
        nonlocal counter, most
        done = 0
        while done < 10:
            try:
                lock = hold(target)
            except CannotOpen:
                continue
            counter += 1
            most = max(most, counter)
            time.sleep(0.0002)
            counter -= 1
            done += 1
            lock.release()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert not list(Path(os.environ["XDG_RUNTIME_DIR"]).rglob("network_127.0.0.1_10-*"))


def test_what_a_killed_process_held_is_free() -> None:
    with tcp_server(silent) as place:
        target = parse_address(place, LinkSettings())
        with other_process(place) as other:
            os.kill(other.pid, signal.SIGKILL)
            other.wait()
            assert holder(target) is None
            hold(target).release()


def test_a_later_process_with_the_same_number_is_not_the_holder() -> None:
    target = parse_address("127.0.0.1:9", LinkSettings())
    lock = hold(target)
    (note,) = Path(os.environ["XDG_RUNTIME_DIR"]).rglob("network_127.0.0.1_9-*.json")
    fields = json.loads(note.read_text())
    assert fields["started"] == psutil.Process().create_time()
    for changed in ({**fields, "started": 1.0}, {}, []):
        note.write_text(json.dumps(changed))
        assert holder(target) is None
        with pytest.raises(CannotOpen, match="in use by another program; close"):
            hold(target)
    lock.release()
    lock.release()
    hold(target).release()


@needs_pty
def test_discovery_says_who_uses_a_board() -> None:
    with terminal(silent) as there, other_process(there.path) as other:
        (found,) = discover([there.path], serial_ports=False)
    assert not found.is_board
    assert found.holder is not None
    assert found.holder.pid == other.pid
    assert found.reason.startswith(f"{there.path} is in use by ")


def test_discovery_probes_a_place_once_however_it_is_written() -> None:
    with tcp_server(silent) as place:
        (found,) = discover([place, f"tcp://{place}", f"socket://{place}"], serial_ports=False, timeout_s=0.05)
    assert found.address == place
    assert "nothing answers" in found.reason


def test_a_folder_that_cannot_be_written_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(CannotOpen, match="set XDG_RUNTIME_DIR to a folder of yours"):
        hold(parse_address("COM3", LinkSettings()))
