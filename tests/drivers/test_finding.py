"""Asking places who is there: instruments, nobody, and somebody who says nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from data.errors import LabctlError
from drivers.finding import find_instruments, list_resources
from labctl.cli import run

from .benches import HERE
from .servers import Peer, answering, silent, tcp_server


@pytest.fixture
def library(tmp_path: Path) -> str:
    """A copy: simulated instruments keep what was sent to them, for as long as anybody holds their file."""
    return f"{shutil.copy(HERE / 'instruments.yaml', tmp_path / 'copy.yaml')}@sim"


def test_resources_of_a_library(library: str) -> None:
    found = list_resources(library)
    assert f"visa@{library}:GPIB0::16::INSTR" in found
    assert len(found) == 4
    with pytest.raises(LabctlError, match="the VISA library nobody cannot be used"):
        list_resources("nobody")


def test_who_is_there() -> None:
    sent: list[bytes] = []

    def answer(data: bytes) -> bytes:
        sent.append(data)
        return b"maker,model,7,1.0\n"

    def greeter(peer: Peer) -> None:
        peer.send(b"\xff\xfe\n")
        silent(peer)

    with tcp_server(answering(answer)) as one, tcp_server(silent) as two, tcp_server(greeter) as three:
        found = find_instruments([one, two, three, "tcp://127.0.0.1:1", "nonsense://x:1", one], timeout_s=0.3)
    assert [item.address for item in found] == [one, two, three, "tcp://127.0.0.1:1", "nonsense://x:1"]
    assert found[0].identity == "model 7, firmware 1.0"
    assert all(item.identity == "" for item in found[1:])
    assert "no answer in time" in found[1].reason
    assert "nothing listens there" in found[3].reason
    assert "is not known" in found[4].reason
    assert sent == [b"*IDN?\n"]


def test_command(library: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["instruments", "discover", "--visa", library, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["instruments"]
    assert {item["address"].rpartition("@sim:")[2] for item in found} == {
        "GPIB0::16::INSTR",
        "GPIB0::1::INSTR",
        "GPIB0::5::INSTR",
        "TCPIP0::192.0.2.7::inst0::INSTR",
    }
