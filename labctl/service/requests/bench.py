"""Requests about the bench: its file, who is connected, readings and settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.instrument import Value
from labctl.service.messages import BenchStatus, Readings
from labctl.service.request import Lane, Looking, Task

if TYPE_CHECKING:
    from labctl.service.session import Session

BOARD = "board"


@dataclass(frozen=True, slots=True)
class UseBench:
    """Take a bench file.

    Attributes:
        file: the file; None for ``bench.toml`` in the current folder, or else the default bench.
        runs: folder of the run files in place of the file's, None for that.
        demo: take the default bench with its emulated board, whatever files there are.
    """

    file: str | None = None
    runs: str | None = None
    demo: bool = False

    @property
    def lane(self) -> Lane:
        """Waits for nothing but the board."""
        return Lane.BOARD

    @property
    def title(self) -> str:
        """For people."""
        return "use the demonstration bench" if self.demo else f"use {self.file or 'the bench of this folder'}"

    def script(self) -> str:
        """The same in Python."""
        if self.demo:
            runs = "" if self.runs is None else f"runs={self.runs!r}"
            return f"bench = labctl.open_bench(labctl.BenchConfig({runs}))"
        opened = f"bench = labctl.open_bench({self.file!r})" if self.file else "bench = labctl.open_bench()"
        if self.runs is None:
            return opened
        return f"import pathlib\n{opened}\nbench.runs = pathlib.Path({self.runs!r})"

    def do(self, session: Session, task: Task) -> BenchStatus:
        """Carry it out."""
        from labctl.bench import BENCH_FILE, BenchConfig, read_config

        file = None if self.file is None else Path(self.file)
        if file is None and not self.demo and BENCH_FILE.exists():
            file = BENCH_FILE
        config = BenchConfig() if self.demo else read_config(file)
        if self.runs is not None:
            config = config.model_copy(update={"runs": Path(self.runs)})
        session.use(config, file)
        return session.status()


@dataclass(frozen=True, slots=True)
class Connect:
    """Connect a device, or connect it anew.

    Attributes:
        device: ``board`` or the name of an instrument.
        address: of the board, in place of the bench file's; ``emulated`` for an emulated board.
    """

    device: str
    address: str | None = None

    @property
    def lane(self) -> Lane:
        """Of the device."""
        return Lane.BOARD if self.device == BOARD else Lane.INSTRUMENTS

    @property
    def title(self) -> str:
        """For people."""
        return f"connect {self.device}" + (f" at {self.address}" if self.address else "")

    def script(self) -> str:
        """The same in Python."""
        if self.device != BOARD:
            return f"bench.instruments[{self.device!r}]  # connects"
        if self.address is None:
            return ""
        return f"bench.close()\nbench = labctl.open_bench(bench.config.at({self.address!r}))"

    def do(self, session: Session, task: Task) -> None:
        """Carry it out."""
        if self.device == BOARD:
            session.connect_board(self.address)
        else:
            session.connect_instrument(self.device)


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Make a device safe and let go of it."""

    device: str

    @property
    def lane(self) -> Lane:
        """Of the device."""
        return Lane.BOARD if self.device == BOARD else Lane.INSTRUMENTS

    @property
    def title(self) -> str:
        """For people."""
        return f"disconnect {self.device}"

    def script(self) -> str:
        """Leaving the bench does it."""
        return ""

    def do(self, session: Session, task: Task) -> None:
        """Carry it out."""
        session.disconnect(self.device)


@dataclass(frozen=True, slots=True)
class Read(Looking):
    """Read every quantity of a device."""

    device: str
    max_age_s: float = 0.0

    @property
    def lane(self) -> Lane:
        """Readings come between two requests to the instruments."""
        return Lane.INSTRUMENTS

    def do(self, session: Session, task: Task) -> Readings:
        """Carry it out."""
        return session.read(self.device, self.max_age_s)


@dataclass(frozen=True, slots=True)
class SetQuantity:
    """Set a quantity of a device, and read it back."""

    device: str
    quantity: str
    value: Value

    @property
    def lane(self) -> Lane:
        """As reading."""
        return Lane.INSTRUMENTS

    @property
    def title(self) -> str:
        """For people."""
        return f"set {self.device}.{self.quantity} to {self.value}"

    def script(self) -> str:
        """The same in Python."""
        device = "bench.board" if self.device == BOARD else f"bench.instruments[{self.device!r}]"
        return f"{device}.set({self.quantity!r}, {self.value!r})"

    def do(self, session: Session, task: Task) -> Readings:
        """Carry it out."""
        session.check_free(self.device)
        session.instrument(self.device).set(self.quantity, self.value)
        return session.read(self.device)


@dataclass(frozen=True, slots=True)
class Discover:
    """Look for boards on the serial ports and at some addresses."""

    addresses: tuple[str, ...] = ()

    @property
    def lane(self) -> Lane:
        """Opens ports."""
        return Lane.INSTRUMENTS

    @property
    def title(self) -> str:
        """For people."""
        return "look for boards"

    def script(self) -> str:
        """The same in Python."""
        return f"import drivers\ndrivers.discover({self.addresses!r})"

    def do(self, session: Session, task: Task) -> tuple[Any, ...]:
        """Carry it out; the answer is a tuple of :class:`drivers.discovery.Candidate`."""
        from drivers.discovery import discover
        from labctl.bench import EMULATED

        addresses = [*self.addresses, *session.config.discover]
        if session.config.board.address != EMULATED:
            addresses.append(session.config.board.address)
        return discover(tuple(dict.fromkeys(addresses)))
