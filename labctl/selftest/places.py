"""Every kind of link on this computer, with an emulated board behind it, another one, and a proxy between."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from data.errors import BadInput, LabctlError
from drivers.emulator import EmulatedBoard, Options, start
from drivers.emulator.options import has_terminals
from drivers.proxy import Proxy, ProxyOptions

ANSWER_S: Final = 5.0
SAFE_S: Final = 3.0
"""How long a board may take to notice that its client is gone."""


def _visa_socket(proxy: Proxy) -> str:
    host, port = str(proxy.tcp).rsplit(":", 1)
    return f"visa@py:TCPIP::{host}::{port}::SOCKET"


LINKS: Final[Mapping[str, Callable[[Proxy], str]]] = {
    "tcp": lambda proxy: f"tcp://{proxy.tcp}",
    "tcp-pyserial": lambda proxy: f"socket://{proxy.tcp}",
    "tcp-pyvisa": _visa_socket,
    "pty-pyserial": lambda proxy: str(proxy.serial),
    "pty-pyvisa": lambda proxy: f"visa@py:ASRL{proxy.serial}::INSTR",
}
"""Address of each kind of link to a board behind a proxy."""


def known_links(names: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The links that are meant; all that this system has when none is named.

    Raises:
        BadInput: an unknown name, or a serial line on a system without pseudo-terminals.
    """
    here = tuple(name for name in LINKS if has_terminals() or not name.startswith("pty"))
    wrong = [name for name in names if name not in here]
    if wrong:
        raise BadInput(f"there is no link {', '.join(wrong)} here; there are {', '.join(here)}")
    return names or here


@dataclass(frozen=True)
class Boards:
    """The board that is meant, and the one that a cable may be plugged into by mistake."""

    board: EmulatedBoard
    other: EmulatedBoard

    def proxy(self, link: str, seed: int) -> Proxy:
        """A proxy in front of them for one kind of link; not begun yet."""
        if link.startswith("pty"):
            return Proxy(ProxyOptions(str(self.board.serial), str(self.other.serial), None, Path(), seed=seed))
        return Proxy(ProxyOptions(str(self.board.tcp), str(self.other.tcp), seed=seed))

    def unsafe(self, safe_digests: Set[str]) -> str:
        """Which board is not in its safe state, asked past the proxy; empty when both are."""
        for board in (self.board, self.other):
            said = _wait_for_safety(str(board.tcp), safe_digests)
            if said:
                return f"{board.serial_number} {said}"
        return ""


@contextmanager
def emulated_boards(seed: int, physics: tuple[str, ...]) -> Iterator[Boards]:
    """Start two boards, of ``seed`` and of the seed after it."""
    both = {"tcp": "127.0.0.1:0", "serial": has_terminals(), "physics": physics}
    with start(Options(seed=seed, **both)) as board, start(Options(seed=seed + 1, **both)) as other:  # type: ignore[arg-type]
        yield Boards(board, other)


def ask_past(address: str, queries: tuple[str, ...]) -> list[str]:
    """Answers to plain queries on a connection of its own, which controls nothing.

    Raises:
        LabctlError: no answer.
    """
    host, port = address.rsplit(":", 1)
    try:
        with socket.create_connection((host, int(port)), timeout=ANSWER_S) as connection:
            connection.sendall("".join(f"{query}\n" for query in queries).encode("ascii"))
            data = b""
            while data.count(b"\n") < len(queries):
                chunk = connection.recv(4096)
                if not chunk:
                    raise LabctlError(f"the emulated board at {address} has hung up")
                data += chunk
    except OSError as error:
        raise LabctlError(f"the emulated board at {address} does not answer: {error}") from error
    return data.decode("ascii").split()


def _wait_for_safety(address: str, safe_digests: Set[str]) -> str:
    deadline = time.monotonic() + SAFE_S
    while True:
        supply, digest = ask_past(address, ("SUPPly:STATe?", "SYSTem:STATe?"))
        if supply == "0" and digest in safe_digests:
            return ""
        if time.monotonic() > deadline:
            return "still has its supply on" if supply != "0" else "still holds weights"
        time.sleep(0.02)
