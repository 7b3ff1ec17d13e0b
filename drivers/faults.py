"""How a link misbehaves, message by message: the faults that an emulated board and a proxy can bring about.

A fault is written ``KIND[:KEY=VALUE...]``, for example ``flip:p=0.01`` or ``hangup:after=20:count=1``:

=============  ========================================================================================
``delay``      the message and all that follow it wait ``ms`` (50)
``late``       the message comes ``ms`` (3000) late, behind whatever has been sent in the meantime
``drip``       the message comes in up to 64 pieces with ``ms`` (5) between them
``drop``       the message does not come
``cut``        the end of the message is missing
``flip``       one bit of the message is inverted
``repeat``     the message comes twice
``hangup``     the connection ends in the middle of the message
``other-board``  another board answers
=============  ========================================================================================

``p`` is the probability for each message (1), ``after`` the number of messages that are spared first (0), ``s`` the
seconds for which all are spared (0), ``byte`` the byte of the stream, counted from 0, whose message is struck (any; a
flip, a cut and a hang-up strike at that very byte), ``count`` how often it strikes at most (no limit). A message is an
answer, or with ``side=in`` a request. All draws come from a seed.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final

from data.errors import BadInput, Problems

DEFAULT_MS: Final = {"delay": 50.0, "late": 3000.0, "drip": 5.0}
KINDS: Final = ("delay", "drop", "cut", "flip", "repeat", "hangup", "late", "drip", "other-board")
PIECES: Final = 64


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to misbehave.

    Attributes:
        kind: one of :data:`KINDS`.
        side: ``out`` strikes answers, ``in`` requests.
        p: probability for each message.
        after: messages that are spared first.
        count: how often it strikes at most.
        ms: milliseconds, for the kinds that wait.
        s: seconds for which all messages are spared.
        byte: number of the byte whose message is struck; None for any.
    """

    kind: str
    side: str = "out"
    p: float = 1.0
    after: int = 0
    count: float = math.inf
    ms: float = 0.0
    s: float = 0.0
    byte: int | None = None


def parse_fault(spec: str, inward: Collection[str], waiting: Mapping[str, float] = DEFAULT_MS) -> Fault:
    """The fault that ``spec`` describes.

    Args:
        spec: see above.
        inward: the kinds that can strike requests.
        waiting: the kinds that take ``ms``, and how many without any.

    Raises:
        Problems: every part that cannot be used, all at once.
    """
    kind, *settings = (part.strip() for part in spec.split(":"))
    problems = [] if kind in KINDS else [f"unknown kind {kind!r}, known are {', '.join(KINDS)}"]
    fault = Fault(kind, ms=waiting.get(kind, 0.0))
    for setting in settings:
        try:
            fault = _apply(fault, setting, waiting)
        except BadInput as problem:
            problems.append(str(problem))
    if fault.side == "in" and kind in KINDS and kind not in inward:
        problems.append(f"side=in goes with {', '.join(inward)} only")
    if problems:
        raise Problems(f"--fault {spec}", problems)
    return fault


def _apply(fault: Fault, setting: str, waiting: Mapping[str, float]) -> Fault:
    key, _, value = setting.partition("=")
    if key == "side":
        if value not in ("in", "out"):
            raise BadInput(f"side is {value!r}, it must be in or out")
        return replace(fault, side=value)
    if key in ("after", "count", "byte"):
        if not (value.isascii() and value.isdecimal() and len(value) < 10):
            raise BadInput(f"{key} is {value!r}, it must be a whole number")
        if key == "byte":
            return replace(fault, byte=int(value))
        return replace(fault, after=int(value)) if key == "after" else replace(fault, count=float(value))
    if key not in ("p", "ms", "s"):
        raise BadInput(f"unknown setting {setting!r}, known are p, after, s, byte, count, ms, side")
    highest = {"p": 1.0, "ms": 3.6e6, "s": 3.6e6}[key]
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not 0 <= number <= highest:
        raise BadInput(f"{key} is {value!r}, it must be a number 0 to {highest:g}")
    if key == "p":
        return replace(fault, p=number)
    if key == "s":
        return replace(fault, s=number)
    if fault.kind in KINDS and fault.kind not in waiting:
        raise BadInput(f"{fault.kind} takes no ms")
    return replace(fault, ms=number)


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a message goes on its way.

    Attributes:
        pieces: bytes, each with the seconds to wait before it.
        late_s: seconds by which all of it is late while later messages pass; 0 keeps its place.
        hang_up: whether the connection ends after it.
    """

    pieces: tuple[tuple[float, bytes], ...]
    late_s: float = 0.0
    hang_up: bool = False


class Striker:
    """One fault and its memory.

    Args:
        fault: what it does.
        key: where its draws come from.
    """

    def __init__(self, fault: Fault, key: str) -> None:
        self.fault = fault
        self.struck = 0
        self._random = random.Random(key)
        self._began = time.monotonic()
        self._seen = 0
        self._bytes = 0
        self._place: int | None = None

    @property
    def spent(self) -> bool:
        """Whether it will never strike again."""
        return self.struck >= self.fault.count

    def strikes(self, size: int, seen: int | None = None) -> bool:
        """Whether the fault strikes a message of so many bytes; ``seen`` replaces the number of its chances so far."""
        fault, first = self.fault, self._bytes
        chances = self._seen if seen is None else seen
        self._seen += 1
        self._bytes += size
        self._place = None if fault.byte is None else fault.byte - first
        spared = chances < fault.after or self.spent or (fault.s > 0 and time.monotonic() < self._began + fault.s)
        if spared or (self._place is not None and not 0 <= self._place < size) or self._random.random() >= fault.p:
            return False
        self.struck += 1
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
        first, message = pieces[0][0], b"".join(data for _, data in pieces)
        if not message:
            return delivery
        if kind == "drip":
            size = -(-len(message) // PIECES)
            parts = [message[start : start + size] for start in range(0, len(message), size)]
            return replace(delivery, pieces=tuple((seconds if n else first, part) for n, part in enumerate(parts)))
        if kind == "hangup":
            end = len(message) // 2 if self._place is None else self._place
            return replace(delivery, pieces=((first, message[:end]),), hang_up=True)
        return replace(delivery, pieces=((first, self.damage(message)),))

    def damage(self, data: bytes) -> bytes:
        """Bytes with some missing or one bit wrong."""
        if self.fault.kind == "drop" or not data:  # an earlier fault may have left nothing to damage
            return b""
        place = self._random.randrange(len(data)) if self._place is None else min(self._place, len(data) - 1)
        if self.fault.kind == "cut":
            return data[:place]
        return data[:place] + bytes([data[place] ^ (1 << self._random.randrange(8))]) + data[place + 1 :]
