"""Asking places who is there: instruments, nobody, and somebody who says nothing."""

from __future__ import annotations

import json

import pytest

from data.errors import LabctlError
from drivers.finding import find_instruments, list_resources
from labctl.cli import run

from .benches import HERE, MAKERS
from .servers import Peer, answering, silent, tcp_server

FILE = f"{HERE / 'instruments.yaml'}@sim"


def test_resources_of_a_library() -> None:
    found = list_resources(FILE)
    assert f"{MAKERS}:GPIB0::16::INSTR" in found
    assert len(found) == 3
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


def test_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["instruments", "discover", "--visa", FILE, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["instruments"]
    assert {item["address"].rpartition("@sim:")[2] for item in found} == {
        "GPIB0::16::INSTR",
        "GPIB0::1::INSTR",
        "TCPIP0::192.0.2.7::inst0::INSTR",
    }
