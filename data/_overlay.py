"""Changes to a file that happen whole or not at all, also when the process is killed in the middle.

HDF5 spreads one change of its bookkeeping over several places of a file. Here it writes into an :class:`Overlay`
instead: what it adds beyond the end goes to the disk at once, since nothing refers to it yet, and what it changes
within the file is kept in memory until :meth:`Overlay.commit`. A commit writes what stood there before to a file of its
own beside it (the undo file), then the changes, then removes the undo file. Whoever finds an undo file reads through
it and sees the file as it was before: the rollback journal of databases (Gray and Reuter, "Transaction Processing",
1993, chapter 10), for a single file.
"""

from __future__ import annotations

import os
import struct
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zlib_ng.zlib_ng import crc32

from data._disk import DiskFile, failure
from data.errors import LabctlError

_MAGIC = b"labctl undo 1\n"
_HEAD = struct.Struct("<QQ")
"""Length of the file before the change, and how many pieces follow."""
_PIECE = struct.Struct("<QQ")
"""Address and length of a piece."""
_SUM = struct.Struct("<I")

Pieces = list[tuple[int, bytes]]
"""Addresses and what stands there; later ones lie over earlier ones."""


@dataclass(frozen=True)
class Undo:
    """What brings a file back to where it was before a change that may be half done."""

    size: int
    pieces: Pieces

    @staticmethod
    def path_for(path: Path) -> Path:
        """The undo file of a file."""
        return path.with_name(f".{path.name}.undo")

    @classmethod
    def find(cls, path: Path) -> Undo | None:
        """What lies beside ``path``; None where nothing does, or only half of it: the change had not begun then."""
        try:
            content = cls.path_for(path).read_bytes()
        except OSError:
            return None
        body, checksum = content[: -_SUM.size], content[-_SUM.size :]
        if not body.startswith(_MAGIC) or _SUM.pack(crc32(body)) != checksum:
            return None
        at = len(_MAGIC)
        size, count = _HEAD.unpack_from(body, at)
        at += _HEAD.size
        pieces = []
        for _ in range(count):
            address, length = _PIECE.unpack_from(body, at)
            at += _PIECE.size
            pieces.append((address, body[at : at + length]))
            at += length
        return cls(size, pieces)

    def write(self, path: Path) -> None:
        """Put it beside ``path``."""
        parts = [_MAGIC, _HEAD.pack(self.size, len(self.pieces))]
        for address, old in self.pieces:
            parts += [_PIECE.pack(address, len(old)), old]
        body = b"".join(parts)
        place = self.path_for(path)
        place.unlink(missing_ok=True)
        file = DiskFile.create(place)
        try:
            file.write(0, body + _SUM.pack(crc32(body)))
        except LabctlError:
            place.unlink(missing_ok=True)
            raise
        finally:
            file.close()

    def apply(self, disk: DiskFile) -> None:
        """Bring the file back, and remove the undo file."""
        for address, old in self.pieces:
            disk.write(address, old)
        disk.truncate(self.size)
        self.path_for(disk.path).unlink(missing_ok=True)


@dataclass(eq=False)
class Overlay:
    """A file as HDF5 sees it: the one on the disk with uncommitted changes over it; the file object that h5py takes.

    A write that the disk refuses is noted in :attr:`error` and not raised, because HDF5 cannot be trusted with it:
    the change goes on in memory, and :meth:`commit` refuses it.

    Attributes:
        disk: the file.
        error: why the change under way cannot be committed.
    """

    disk: DiskFile
    error: LabctlError | None = None
    _committed: int = 0
    _size: int = 0
    _position: int = 0
    _pieces: Pieces = field(default_factory=list)
    _torn: Undo | None = None
    _process: int = field(default_factory=os.getpid)

    @classmethod
    def over(cls, disk: DiskFile, size: int) -> Overlay:
        """An overlay over the first ``size`` bytes of a file; what is beyond does not count."""
        return cls(disk, None, size, size)

    def commit(self, *, undoable: bool = True) -> None:
        """Make the changes.

        Args:
            undoable: write the undo file first; without it a kill in the next microseconds may cost the file.

        Raises:
            LabctlError: the disk refused; the file is as it was before the change.
        """
        if self.error is not None:
            raise self.error
        self._mend()
        undo = Undo(self._committed, [(address, self.disk.read(address, len(new))) for address, new in self._pieces])
        if undoable and self._pieces:
            undo.write(self.disk.path)
        try:
            if self.disk.size > max(self._size, self._committed):
                self.disk.truncate(max(self._size, self._committed))  # takes the seal off
            for address, new in self._pieces:
                self.disk.write(address, new)
            if self.disk.size != self._size:
                self.disk.truncate(self._size)
            Undo.path_for(self.disk.path).unlink(missing_ok=True)
        except (LabctlError, OSError) as error:
            self._torn = undo
            with suppress(LabctlError, OSError):
                self._mend()
            if isinstance(error, OSError):  # some systems do not remove what a reader has open
                raise failure(self.disk.path, error) from error
            raise
        self._committed, self._pieces = self._size, []

    @property
    def committed(self) -> int:
        """Length of the file as of the last commit, without a seal."""
        return self._committed

    def reserve(self, count: int) -> None:
        """Claim room for a change that adds ``count`` bytes; see :meth:`DiskFile.reserve`."""
        self._mend()
        self.disk.reserve(count)

    def discard(self) -> None:
        """Forget the changes; HDF5 must have closed the file, or must not use it again."""
        self.error, self._pieces, self._size = None, [], self._committed
        with suppress(LabctlError):
            self._mend()
            self.disk.truncate(self._committed)  # what stays beyond the end harms nobody

    def deafen(self, why: LabctlError) -> None:
        """Take nothing more to the disk until the change is discarded."""
        self.error = self.error or why

    def write(self, content: Any) -> int:
        """As of a file."""
        data, address = bytes(content), self._position
        self._position += len(data)
        self._size = max(self._size, self._position)
        if os.getpid() != self._process:  # HDF5 tidies up in forked children too, over the parent's file
            return len(data)
        if address >= self._committed and self.error is None:
            try:
                self.disk.write(address, data)
            except LabctlError as error:
                self.error = error
        else:
            self._pieces.append((address, data))
        return len(data)

    def read(self, count: int) -> bytes:
        """As of a file."""
        found = bytearray(count)
        self.readinto(found)
        return bytes(found)

    def readinto(self, buffer: Any) -> int:
        """As of a file."""
        wanted = memoryview(buffer).cast("B")
        start, stop = self._position, self._position + len(wanted)
        found = self.disk.read(start, len(wanted))
        wanted[: len(found)] = found
        wanted[len(found) :] = bytes(len(wanted) - len(found))
        if self._torn is not None:
            lay_over(wanted, start, self._torn.pieces)
        lay_over(wanted, start, self._pieces)
        self._position = stop
        return len(wanted)

    def truncate(self, size: int | None = None) -> int:
        """As of a file; happens at the commit."""
        self._size = self._position if size is None else size
        return self._size

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As of a file."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        """As of a file."""
        return self._position

    def flush(self) -> None:
        """Nothing waits here."""

    def _mend(self) -> None:
        """Bring the file back to where it was before a commit that the disk cut short, if it lets us by now."""
        if self._torn is not None:
            self._torn.apply(self.disk)
            self._torn = None


def lay_over(wanted: memoryview, start: int, pieces: Pieces) -> None:
    """Put what the pieces say over bytes that begin at address ``start``."""
    stop = start + len(wanted)
    for address, new in pieces:
        low, high = max(start, address), min(stop, address + len(new))
        if low < high:
            wanted[low - start : high - start] = new[low - address : high - address]
