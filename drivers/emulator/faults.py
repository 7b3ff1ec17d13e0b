"""How an emulated board misbehaves at the wire, answer by answer.

A fault is written ``KIND[:KEY=VALUE...]``, for example ``flip:p=0.01`` or ``hangup:after=20:count=1``:

=============  ========================================================================================
``delay``      the answer and all that follow it wait ``ms`` (50)
``late``       the answer comes ``ms`` (3000) late, behind whatever has been answered in the meantime
``drip``       the answer comes in up to 64 pieces with ``ms`` (5) between them
``drop``       the answer does not come
``cut``        the end of the answer is missing
``flip``       one bit of the answer is inverted
``repeat``     the answer comes twice
``hangup``     the connection ends in the middle of the answer
``other-board``  ``*IDN?`` names another board
=============  ========================================================================================

``p`` is the probability for each answer (1), ``after`` the number of answers that are spared first (0), ``count`` how
often it strikes at most (no limit). With ``side=in``, ``drop``, ``cut`` and ``flip`` strike the bytes that begin a
request instead of an answer. All draws come from the board's seed.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from data.errors import BadInput, Problems

DEFAULT_MS: Final = {"delay": 50.0, "late": 3000.0, "drip": 5.0}
INWARD: Final = ("drop", "cut", "flip")
KINDS: Final = ("delay", "drop", "cut", "flip", "repeat", "hangup", "late", "drip", "other-board")
PIECES: Final = 64


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to misbehave.

    Attributes:
        kind: one of :data:`KINDS`.
        side: ``out`` strikes answers, ``in`` requests.
        p: probability for each answer or request.
        after: answers or requests that are spared first.
        count: how often it strikes at most.
        ms: milliseconds, for the kinds that wait.
    """

    kind: str
    side: str = "out"
    p: float = 1.0
    after: int = 0
    count: float = math.inf
    ms: float = 0.0


def parse_fault(spec: str) -> Fault:
    """The fault that ``spec`` describes.

    Raises:
        Problems: every part that cannot be used, all at once.
    """
    kind, *settings = (part.strip() for part in spec.split(":"))
    problems = [] if kind in KINDS else [f"unknown kind {kind!r}, known are {', '.join(KINDS)}"]
    fault = Fault(kind, ms=DEFAULT_MS.get(kind, 0.0))
    for setting in settings:
        try:
            fault = _apply(fault, setting)
        except BadInput as problem:
            problems.append(str(problem))
    if fault.side == "in" and kind in KINDS and kind not in INWARD:
        problems.append(f"side=in goes with {', '.join(INWARD)} only")
    if problems:
        raise Problems(f"--fault {spec}", problems)
    return fault


def _apply(fault: Fault, setting: str) -> Fault:
    key, _, value = setting.partition("=")
    if key == "side":
        if value not in ("in", "out"):
            raise BadInput(f"side is {value!r}, it must be in or out")
        return replace(fault, side=value)
    if key in ("after", "count"):
        if not (value.isascii() and value.isdecimal() and len(value) < 10):
            raise BadInput(f"{key} is {value!r}, it must be a whole number")
        return replace(fault, after=int(value)) if key == "after" else replace(fault, count=float(value))
    if key not in ("p", "ms"):
        raise BadInput(f"unknown setting {setting!r}, known are p, after, count, ms, side")
    highest = 1.0 if key == "p" else 3.6e6
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not 0 <= number <= highest:
        raise BadInput(f"{key} is {value!r}, it must be a number 0 to {highest:g}")
    if key == "p":
        return replace(fault, p=number)
    if fault.kind in KINDS and fault.kind not in DEFAULT_MS:
        raise BadInput(f"{fault.kind} takes no ms")
    return replace(fault, ms=number)


@dataclass(frozen=True, slots=True)
class Delivery:
    """How an answer leaves the board.

    Attributes:
        pieces: bytes, each with the seconds to wait before it.
        late_s: seconds by which all of it is late while later answers pass; 0 keeps its place.
        hang_up: whether the connection ends after it.
    """

    pieces: tuple[tuple[float, bytes], ...]
    late_s: float = 0.0
    hang_up: bool = False


class FaultInjector:
    """Strikes answers and requests of all connections of one board with its faults, in order."""

    def __init__(self, specs: Iterable[str], seed: int) -> None:
        self._strikers = [_Striker(parse_fault(spec), f"{seed}/{index}") for index, spec in enumerate(specs)]
        self._outward = [s for s in self._strikers if s.fault.side == "out" and s.fault.kind != "other-board"]
        self._inward = [s for s in self._strikers if s.fault.side == "in"]
        self._swaps = [s for s in self._strikers if s.fault.kind == "other-board"]
        self._answers = 0

    def outgoing(self, answer: bytes) -> Delivery:
        """How ``answer`` leaves the board."""
        self._answers += 1
        delivery = Delivery(((0.0, answer),))
        for striker in self._outward:
            if striker.strikes():
                delivery = striker.spoil(delivery)
        return delivery

    def incoming(self, data: bytes) -> bytes:
        """What reaches the board of bytes that begin a request."""
        for striker in self._inward:
            if data and striker.strikes():
                data = striker.damage(data)
        return data

    def swapped(self) -> bool:
        """Whether the board now gives another identity than its own; asked once for each ``*IDN?``."""
        return sum(striker.strikes(self._answers) for striker in self._swaps) > 0


class _Striker:
    """One fault and its memory."""

    def __init__(self, fault: Fault, key: str) -> None:
        self.fault = fault
        self._random = random.Random(key)
        self._seen = 0
        self._struck = 0

    def strikes(self, seen: int | None = None) -> bool:
        """Whether the fault strikes now; ``seen`` replaces the number of its own chances so far."""
        chances = self._seen if seen is None else seen
        self._seen += 1
        if chances < self.fault.after or self._struck >= self.fault.count or self._random.random() >= self.fault.p:
            return False
        self._struck += 1
        return True

    def spoil(self, delivery: Delivery) -> Delivery:
        """The delivery with this fault."""
        kind, seconds = self.fault.kind, self.fault.ms / 1e3
        pieces = delivery.pieces
        if kind == "delay":
            return replace(delivery, pieces=((pieces[0][0] + seconds, pieces[0][1]), *pieces[1:]))
        if kind == "late":
            return replace(delivery, late_s=delivery.late_s + seconds)
        if kind == "repeat":
            return replace(delivery, pieces=pieces + pieces)
        first, answer = pieces[0][0], b"".join(data for _, data in pieces)
        if not answer:
            return delivery
        if kind == "drip":
            size = -(-len(answer) // PIECES)
            parts = [answer[start : start + size] for start in range(0, len(answer), size)]
            return replace(delivery, pieces=tuple((seconds if n else first, part) for n, part in enumerate(parts)))
        if kind == "hangup":
            return replace(delivery, pieces=((first, answer[: len(answer) // 2]),), hang_up=True)
        return replace(delivery, pieces=((first, self.damage(answer)),))

    def damage(self, data: bytes) -> bytes:
        """Bytes with some missing or one bit wrong."""
        if self.fault.kind == "drop" or not data:  # an earlier fault may have left nothing to damage
            return b""
        if self.fault.kind == "cut":
            return data[: self._random.randrange(len(data))]
        place, bit = self._random.randrange(len(data)), self._random.randrange(8)
        return data[:place] + bytes([data[place] ^ (1 << bit)]) + data[place + 1 :]
