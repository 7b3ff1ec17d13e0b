"""What an emulated board is asked to be: which chip, where it is reached, how it misbehaves."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

from data.errors import BadInput

DEFAULT_TCP = "127.0.0.1:0"


@dataclass(frozen=True, slots=True)
class Options:
    """How to start an emulated board.

    Attributes:
        seed: the chip; the same seed is the same chip for ever, 0 to 999999.
        tcp: ``HOST:PORT`` to listen at (port 0 takes a free one), or None.
        serial: whether to offer a serial line (a pseudo-terminal). With neither ``tcp`` nor ``serial`` the board
            listens at a free port of 127.0.0.1 and offers a serial line where the platform has pseudo-terminals.
        faults: fault specifications, see :mod:`drivers.emulator.faults`.
        physics: settings ``KEY=VALUE[,KEY=VALUE...]`` of the physics, see :mod:`drivers.emulator.strengths`.
        until_stdin_closes: stop when standard input closes, so that a parent that dies takes the board along.
    """

    seed: int = 0
    tcp: str | None = None
    serial: bool = False
    faults: tuple[str, ...] = ()
    physics: tuple[str, ...] = ()
    until_stdin_closes: bool = False

    def arguments(self) -> list[str]:
        """The command line of ``python -m drivers.emulator`` that says the same."""
        line = ["--seed", str(self.seed)]
        line += ["--tcp", self.tcp] if self.tcp is not None else []
        line += ["--serial"] if self.serial else []
        for fault in self.faults:
            line += ["--fault", fault]
        for setting in self.physics:
            line += ["--physics", setting]
        return line + (["--until-stdin-closes"] if self.until_stdin_closes else [])

    def addresses(self) -> tuple[tuple[str, int] | None, bool]:
        """Where to listen: (host and port, or None) and whether a serial line is offered.

        Raises:
            BadInput: the address is not ``HOST:PORT``, or this platform has no pseudo-terminals.
        """
        if self.tcp is None and not self.serial:
            return split_address(DEFAULT_TCP), has_terminals()
        if self.serial and not has_terminals():
            raise BadInput("this platform has no pseudo-terminals; offer the board over --tcp instead of --serial")
        return (None if self.tcp is None else split_address(self.tcp)), self.serial

    def check_seed(self) -> int:
        """The seed, or :class:`BadInput` when it does not fit a serial number."""
        if not 0 <= self.seed <= 999_999:
            raise BadInput(f"the seed {self.seed} is outside 0 to 999999, the serial numbers of emulated boards")
        return self.seed


def has_terminals() -> bool:
    """Whether this platform has pseudo-terminals."""
    return importlib.util.find_spec("termios") is not None


def split_address(text: str) -> tuple[str, int]:
    """Host and port of ``HOST:PORT``; an IPv6 host stands in brackets."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise BadInput(f"{text!r} is not an address to listen at; give HOST:PORT, for example {DEFAULT_TCP}")
    return host, int(port)
