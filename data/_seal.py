"""The seal of a finished run file: a checksum of all its bytes, after the end of what HDF5 knows.

It is looked at before HDF5 sees the file, because HDF5 does not survive every damage. Whatever writes to the file
through HDF5 cuts the seal off; the file then counts as unsealed and its variables' own checksums speak for it.
"""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

from data._disk import DiskFile
from data.errors import BadInput

_MAGIC = b"labctl seal 1\n\0\0"
_BODY = struct.Struct("<16sQIII")
"""Magic, length of what is sealed, its CRC-32, the CRC-32 of its first :data:`_HEAD` bytes, length of that head."""
_SUM = struct.Struct("<I")
SEAL_BYTES = _BODY.size + _SUM.size
_HEAD = 1 << 16
_PIECE = 1 << 22


@dataclass(frozen=True, slots=True)
class Seal:
    """What a file was when it was sealed: its length, the CRC-32 of all of it and of its first ``head`` bytes."""

    length: int
    whole: int
    beginning: int
    head: int

    @classmethod
    def find(cls, path: Path) -> Seal | None:
        """The seal of a file; None where there is none, or a broken one.

        Raises:
            OSError: the file cannot be read.
        """
        with path.open("rb", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            if size < SEAL_BYTES:
                return None
            file.seek(size - SEAL_BYTES)
            content = file.read(SEAL_BYTES)
        body, checksum = content[: _BODY.size], content[_BODY.size :]
        if _SUM.pack(zlib.crc32(body)) != checksum:
            return None
        magic, length, whole, beginning, head = _BODY.unpack(body)
        return cls(length, whole, beginning, head) if magic == _MAGIC and length == size - SEAL_BYTES else None

    def check(self, path: Path, *, everything: bool) -> None:
        """Compare a file with its seal.

        Args:
            path: the file.
            everything: all of it, or only the beginning, where HDF5 keeps what it needs first.

        Raises:
            BadInput: it was changed or damaged after it was finished.
            OSError: it cannot be read.
        """
        found = _checksum(path, self.length if everything else self.head)
        if found != (self.whole if everything else self.beginning):
            raise BadInput(
                f"{path} was damaged after it was finished, its checksum does not fit; restore it from a copy"
            )


def put_seal(disk: DiskFile) -> None:
    """Seal a file that is finished.

    Raises:
        DiskFull, LabctlError: the disk refused; the file is good without a seal.
    """
    length = disk.size
    head = min(length, _HEAD)
    body = _BODY.pack(_MAGIC, length, _checksum(disk.path, length), _checksum(disk.path, head), head)
    disk.write(length, body + _SUM.pack(zlib.crc32(body)))


def _checksum(path: Path, length: int) -> int:
    checksum, left = 0, length
    with path.open("rb", buffering=0) as file:
        while left and (piece := file.read(min(left, _PIECE))):
            checksum = zlib.crc32(piece, checksum)
            left -= len(piece)
    return checksum
