"""The record of the last checkpoint: how many rows were acknowledged, and the checksum of those of each stream.

It is a variable in a group of its own, :data:`ACKNOWLEDGED`: two slots of 64-bit numbers that are overwritten in turn,
each with a checksum, so that one of them is whole whenever the other is being written.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from zlib_ng.zlib_ng import crc32

GROUP = "labctl"
"""Group of a file for what is of no use to its readers."""
ACKNOWLEDGED = f"{GROUP}/acknowledged"
"""Variable of files with streams: the last two checkpoints."""
DIMENSIONS = (f"{GROUP}/checkpoint_slot", f"{GROUP}/checkpoint_field")
MOST_STREAMS = 128
SLOTS = 2
FIELDS = 3 + 2 * MOST_STREAMS + 1
"""Number of the checkpoint, rows, streams; rows and checksum of each stream; checksum of all before."""
LONG_NAME = "checkpoint number, rows, streams; rows and CRC-32 of each stream; CRC-32 of the slot"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What one checkpoint acknowledged.

    Attributes:
        number: counts from 0, the file without rows.
        rows: how many rows are complete.
        streams: rows and CRC-32 of each stream, in the order of their declaration.
    """

    number: int
    rows: int
    streams: tuple[tuple[int, int], ...]

    def as_bytes(self) -> bytes:
        """The record as it is stored: :data:`FIELDS` little-endian integers."""
        numbers = (self.number, self.rows, len(self.streams), *chain.from_iterable(self.streams))
        body = struct.pack(f"<{len(numbers)}q", *numbers).ljust(8 * (FIELDS - 1), b"\0")
        return body + struct.pack("<q", crc32(body))

    def slot(self) -> NDArray[np.int64]:
        """The same as an array, shape (:data:`FIELDS`,)."""
        return np.frombuffer(self.as_bytes(), "<i8")

    @classmethod
    def read(cls, slot: NDArray[np.int64]) -> Checkpoint | None:
        """The inverse of :meth:`slot`; None for a slot that is not whole."""
        numbers = np.ascontiguousarray(slot, "<i8")
        count = int(numbers[2])
        if crc32(numbers[:-1].tobytes()) != numbers[-1] or not 0 <= count <= MOST_STREAMS:
            return None
        pairs = numbers[3 : 3 + 2 * count].reshape(count, 2).tolist()
        return cls(int(numbers[0]), int(numbers[1]), tuple((rows, checksum) for rows, checksum in pairs))


def newest_first(slots: NDArray[np.int64]) -> list[Checkpoint]:
    """The whole ones of the stored slots, shape (:data:`SLOTS`, :data:`FIELDS`)."""
    found = [checkpoint for slot in slots if (checkpoint := Checkpoint.read(slot)) is not None]
    return sorted(found, key=lambda item: item.number, reverse=True)
