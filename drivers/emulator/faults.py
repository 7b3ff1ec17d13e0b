"""How an emulated board misbehaves at the wire, answer by answer (see :mod:`drivers.faults`).

A message is a whole answer here, and with ``side=in`` the bytes that begin a request, which ``drop``, ``cut`` and
``flip`` can strike. ``other-board`` names another board in the answer to ``*IDN?``, and nothing else changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from drivers.faults import Delivery, Striker, parse_fault

INWARD: Final = ("drop", "cut", "flip")


class FaultInjector:
    """Strikes answers and requests of all connections of one board with its faults, in order."""

    def __init__(self, specs: Iterable[str], seed: int) -> None:
        self._strikers = [Striker(parse_fault(spec, INWARD), f"{seed}/{index}") for index, spec in enumerate(specs)]
        self._outward = [s for s in self._strikers if s.fault.side == "out" and s.fault.kind != "other-board"]
        self._inward = [s for s in self._strikers if s.fault.side == "in"]
        self._swaps = [s for s in self._strikers if s.fault.kind == "other-board"]
        self._answers = 0

    def outgoing(self, answer: bytes) -> Delivery:
        """How ``answer`` leaves the board."""
        self._answers += 1
        delivery = Delivery(((0.0, answer),))
        for striker in self._outward:
            if striker.strikes(len(answer)):
                delivery = striker.spoil(delivery)
        return delivery

    def incoming(self, data: bytes) -> bytes:
        """What reaches the board of bytes that begin a request."""
        for striker in self._inward:
            if data and striker.strikes(len(data)):
                data = striker.damage(data)
        return data

    def swapped(self) -> bool:
        """Whether the board now gives another identity than its own; asked once for each ``*IDN?``."""
        return sum(striker.strikes(0, self._answers) for striker in self._swaps) > 0
