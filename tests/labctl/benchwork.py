"""A supply that remembers whether it is safe, and work whose every failure can be ordered."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from data.errors import DiskFull, LabctlError
from data.instrument import Quantity, Reading, Value
from data.metadata import Status
from data.values import Identity
from drivers.errors import Disconnected
from labctl.engine import About, Action, Call, HasSafeState, Saved, Wait


class Supply:
    """An instrument with a link that can be cut and an output that can be left on."""

    def __init__(self, name: str = "supply", log: list[str] | None = None) -> None:
        self.name = name
        self.identity = Identity("test", "supply", "1", "1", simulated=True)
        self.quantities: Mapping[str, Quantity] = {
            "voltage": Quantity("voltage", "voltage", "V", settable=True, low=0, high=5),
            "current": Quantity("current", "current", "A"),
        }
        self.values: dict[str, Value] = {"voltage": 0.0, "current": 0.1}
        self.is_safe = True
        self.linked = True
        self.comes_back = True
        self.refuses_safe = False
        self.reconnects = 0
        self.log = [] if log is None else log

    def get(self, name: str, max_age_s: float = 0.0) -> Value:
        self._talk(f"get {name}")
        return self.values[name]

    def set(self, name: str, value: Value) -> None:
        self.quantities[name].check(value)
        self._talk(f"set {name} {value}")
        self.values[name] = value
        self.is_safe = False

    def snapshot(self, max_age_s: float = 0.0) -> tuple[Reading, ...]:
        return tuple(Reading(name, self.values[name], item.unit, 0.0) for name, item in self.quantities.items())

    def safe(self) -> None:
        self._talk("safe")
        if self.refuses_safe:
            raise LabctlError("the relay is stuck")
        self.is_safe = True
        self.values["voltage"] = 0.0

    def close(self) -> None:
        self.log.append("close")

    def reconnect(self, deadline_s: float) -> None:
        self.log.append("reconnect")
        self.reconnects += 1
        if not self.comes_back:
            raise LabctlError(f"it did not come back within {deadline_s:g} s")
        self.linked = True
        self.values["voltage"] = 0.0  # it has been without power

    def _talk(self, what: str) -> None:
        self.log.append(what)
        if not self.linked:
            raise Disconnected("the cable is out", self.name, what)


class CountingWork:
    """Saves the numbers 0, 1, 2, ... one a chunk, with the supply on while it measures.

    ``log`` tells in which order hardware and file were used.
    """

    def __init__(self, total: int = 5, supply: Supply | None = None, settle_s: float = 0.0) -> None:
        self.log: list[str] = []
        self.supply = supply or Supply()
        self.supply.log = self.log
        self.others: dict[str, HasSafeState] = {}
        self.title = "counting"
        self.about = About("counting", "20261122-144700-3f2a", simulated=True)
        self.total = total
        self.settle_s = settle_s
        self.rows: list[int] = []
        self.disk_full = False
        self.ended: tuple[Status, str] | None = None
        self.end_full = 0
        self.refuses: tuple[str, ...] = ()
        self.breaks_at: int | None = None
        self.hangs: threading.Event | None = None
        self.deadline_s = 5.0
        self.measuring = threading.Event()
        self.path: Path | None = None
        self._measured: int | None = None

    @property
    def devices(self) -> Mapping[str, HasSafeState]:
        return {self.supply.name: self.supply, **self.others}

    def problems(self) -> tuple[str, ...]:
        return self.refuses

    def begin(self) -> None:
        self.log.append("begin")
        self.path = Path("counted.h5")

    def chunk(self) -> Iterator[Action] | None:
        return self._actions() if len(self.rows) < self.total else None

    def _actions(self) -> Iterator[Action]:
        self._measured = None
        yield Call("switching on", lambda: self.supply.set("voltage", 3.0), self.supply)
        if self.settle_s:
            yield Wait("settling", self.settle_s)
        yield Call("measuring", self._measure, self.supply, self.deadline_s)

    def _measure(self) -> None:
        self.measuring.set()
        if self.hangs is not None:
            self.hangs.wait(20)
        if self.breaks_at == len(self.rows):
            raise ZeroDivisionError("a mistake in a driver")
        self.supply.get("current")
        self._measured = len(self.rows)

    def save(self) -> Saved:
        self.log.append("save")
        if self.disk_full:
            raise DiskFull("the disk is full; make room")
        assert self._measured == len(self.rows), "nothing is saved twice, nothing is saved unmeasured"
        self.rows.append(self._measured)
        self._measured = None
        return Saved(len(self.rows), f"{len(self.rows)} counted")

    def forget(self) -> None:
        self.log.append("forget")

    def end(self, status: Status, message: str) -> None:
        self.log.append("end")
        if self.end_full:
            self.end_full -= 1
            raise DiskFull("the disk is full; make room")
        self.ended = (status, message)

    def abandon(self, error: Exception) -> None:
        self.log.append("abandon")
