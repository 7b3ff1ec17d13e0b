"""The seal of a run file: a checksum of its bytes, after the end of what HDF5 knows.

It is looked at before HDF5 sees the file, because HDF5 does not survive every damage: it may crash, or look for an end
for ever. While a run goes on the places where rows arrive are left out of it; they have checksums of their own in the
record of checkpoints. Every change of what the file is made of takes the seal off first and puts a new one on last, and
whatever else writes to the file through HDF5 cuts it off: a file without a seal is read for what it is.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from zlib_ng.zlib_ng import crc32

from data._disk import DiskFile
from data.errors import BadInput

_MAGIC = b"labctl seal 1\n\0\0"
_TAIL = struct.Struct("<QIIQI16s")
"""Length of what is sealed, its CRC-32, the CRC-32 of its beginning, number of places left out, CRC-32 of the seal
before its last 20 bytes, magic. Before it stand the places: address and length of each."""
_PLACE = struct.Struct("<QQ")
_HEAD = 1 << 16
_PIECE = 1 << 22

Places = Sequence[tuple[int, int]]
"""Addresses and lengths."""
Read = Callable[[int, int], bytes]
"""Gives bytes from an address on."""


@dataclass(frozen=True, slots=True)
class Seal:
    """What a file was when it was sealed.

    Attributes:
        length: of the file without its seal.
        whole: CRC-32 of all of it but the places left out.
        beginning: the same of its first 64 KiB, where HDF5 keeps what it needs first.
        left_out: the places where rows arrive, in order.
    """

    length: int
    whole: int
    beginning: int
    left_out: tuple[tuple[int, int], ...]

    @classmethod
    def find(cls, path: Path) -> Seal | None:
        """The seal of a file; None where there is none, or a broken one.

        Raises:
            OSError: the file cannot be read.
        """
        with path.open("rb", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            if size < _TAIL.size:
                return None
            file.seek(size - _TAIL.size)
            tail = file.read(_TAIL.size)
            if len(tail) < _TAIL.size:
                return None
            length, whole, beginning, count, checksum, magic = _TAIL.unpack(tail)
            if magic != _MAGIC or length + count * _PLACE.size + _TAIL.size != size:
                return None
            file.seek(length)
            places = file.read(count * _PLACE.size)
        if crc32(places + tail[:-20]) != checksum:
            return None
        return cls(length, whole, beginning, tuple(_PLACE.iter_unpack(places)))

    @classmethod
    def of(cls, read: Read, length: int, left_out: Places) -> Seal:
        """The seal for the first ``length`` bytes of a file as they are now."""
        places = tuple(sorted(left_out))
        beginning = _checksum(read, min(length, _HEAD), places)
        return cls(length, _checksum(read, length, places), beginning, places)

    def as_bytes(self) -> bytes:
        """The seal as it is stored."""
        places = b"".join(_PLACE.pack(*place) for place in self.left_out)
        tail = _TAIL.pack(self.length, self.whole, self.beginning, len(self.left_out), 0, _MAGIC)[:-20]
        return places + tail + struct.pack("<I16s", crc32(places + tail), _MAGIC)

    def fits(self, path: Path, *, everything: bool) -> bool:
        """Whether a file, or only its beginning, is what was sealed."""
        length, sealed = (self.length, self.whole) if everything else (min(self.length, _HEAD), self.beginning)
        with path.open("rb", buffering=0) as file:

            def read(address: int, count: int) -> bytes:
                file.seek(address)
                return file.read(count)

            return _checksum(read, length, self.left_out) == sealed


def check_seal(path: Path, *, everything: bool) -> Seal | None:
    """Compare a file with its seal.

    Args:
        path: the file.
        everything: all of it, or only the beginning.

    Returns:
        The seal, None where there is none.

    Raises:
        BadInput: the file was changed or damaged after it was sealed.
        OSError: it cannot be read.
    """
    seal = Seal.find(path)
    while seal is not None and not seal.fits(path, everything=everything):
        again = Seal.find(path)
        if again == seal:  # not just replaced by a writer at work
            raise BadInput(
                f"{path} was damaged after it was written, its checksum does not fit; restore it from a copy"
            )
        seal = again
    return seal


def put_seal(disk: DiskFile, length: int, left_out: Places = ()) -> None:
    """Seal the first ``length`` bytes of a file, which are all it has.

    Raises:
        DiskFull, LabctlError: the disk refused; the file is good without a seal.
    """
    if disk.size > length:
        disk.truncate(length)
    disk.write(length, Seal.of(disk.read, length, left_out).as_bytes())


def _checksum(read: Read, length: int, left_out: Places) -> int:
    checksum = 0
    for start, stop in _kept(length, left_out):
        while start < stop and (piece := read(start, min(stop - start, _PIECE))):
            checksum = crc32(piece, checksum)
            start += len(piece)
    return checksum


def _kept(length: int, left_out: Places) -> Iterator[tuple[int, int]]:
    at = 0
    for start, size in left_out:
        if start >= length:
            break
        yield at, start
        at = max(at, start + size)
    if at < length:
        yield at, length
