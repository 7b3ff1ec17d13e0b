"""Which message is struck by which fault, and a record of all that were."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Literal

from data.errors import BadInput
from drivers.faults import DEFAULT_MS, KINDS, Delivery, Fault, Striker, parse_fault

Side = Literal["in", "out"]
OTHER: Final = "other-board"
INWARD: Final = tuple(kind for kind in KINDS if kind != OTHER)
WAITING: Final = {**DEFAULT_MS, OTHER: 0.0}
"""Here another board is really there, for so many milliseconds; 0 is for ever."""


@dataclass(frozen=True, slots=True)
class Injection:
    """A fault that was brought about.

    Attributes:
        kind: of the fault.
        side: ``out`` for an answer, ``in`` for a request.
        message: number of the message in its direction, from 0.
        size: of the message, in bytes.
        at_s: seconds since the injector was made.
    """

    kind: str
    side: str
    message: int
    size: int
    at_s: float


class Injector:
    """Strikes messages of all connections of a proxy; safe to use from several threads.

    Args:
        specs: faults, see :mod:`drivers.faults`.
        seed: of all draws.
        swaps: whether there is another board to lead to.
    """

    def __init__(self, specs: Iterable[str] = (), seed: int = 0, *, swaps: bool = False) -> None:
        self._lock = threading.Lock()
        self._seed = seed
        self._swaps = swaps
        self._keys = itertools.count()
        self._began = time.monotonic()
        self._messages = {"in": 0, "out": 0}
        self._injections: list[Injection] = []
        self._strikers: list[Striker] = []
        for spec in specs:
            self.arm(parse_fault(spec, INWARD, WAITING))

    @property
    def injections(self) -> tuple[Injection, ...]:
        """What was brought about so far, in order."""
        with self._lock:
            return tuple(self._injections)

    def arm(self, fault: Fault) -> None:
        """Strike with one more fault from now on; ``after``, ``byte`` and ``s`` count from now.

        Raises:
            BadInput: another board is asked for, and there is none.
        """
        if fault.kind == OTHER and not self._swaps:
            raise BadInput("other-board needs the address of another board, to which the proxy can lead")
        with self._lock:
            self._strikers.append(Striker(fault, f"{self._seed}/{next(self._keys)}"))

    def disarm(self) -> None:
        """Strike no more."""
        with self._lock:
            self._strikers.clear()

    def swap_s(self, message: bytes) -> float | None:
        """Seconds for which another board is to be there from this request on, 0 for ever; None to stay."""
        with self._lock:
            for striker in self._of(OTHER, "out"):
                if striker.strikes(len(message)):
                    self._note(striker, "in", len(message))
                    return striker.fault.ms / 1e3
        return None

    def deliver(self, side: Side, message: bytes) -> Delivery:
        """How a message goes on its way."""
        delivery = Delivery(((0.0, message),))
        with self._lock:
            for striker in self._strikers:
                if striker.fault.side != side or striker.fault.kind == OTHER or not striker.strikes(len(message)):
                    continue
                delivery = striker.spoil(delivery)
                self._note(striker, side, len(message))
            self._messages[side] += 1
            self._strikers = [striker for striker in self._strikers if not striker.spent]
        return delivery

    def _of(self, kind: str, side: Side) -> list[Striker]:
        return [striker for striker in self._strikers if striker.fault.kind == kind and striker.fault.side == side]

    def _note(self, striker: Striker, side: Side, size: int) -> None:
        at_s = time.monotonic() - self._began
        self._injections.append(Injection(striker.fault.kind, side, self._messages[side], size, at_s))


def once(kind: str, *, side: Side = "out", after: int = 0, ms: float | None = None) -> Fault:
    """A fault that strikes one message, after so many that are spared."""
    return replace(Fault(kind, side, after=after, count=1), ms=WAITING.get(kind, 0.0) if ms is None else ms)
