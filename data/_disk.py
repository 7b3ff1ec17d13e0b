"""One file on a disk, read and written at addresses; what the disk refuses is one sentence.

Nothing is kept back in the process: what :meth:`DiskFile.write` has taken is with the operating system, and a process
that is killed right after cannot lose it.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from data.errors import DiskFull, LabctlError

SPARE_BYTES = 1 << 22
"""What must be left on a disk besides what is asked for: room for the catalogue and the next run's beginning."""

_NO_ROOM = frozenset(getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG") if hasattr(errno, name))
_CANNOT_RESERVE = frozenset([errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.ENODEV])


@dataclass
class DiskFile:
    """A file that is open for reading and writing. :meth:`close` must be called; more than once does no harm."""

    path: Path
    _handle: int | None

    @classmethod
    def create(cls, path: Path) -> DiskFile:
        """A new, empty file.

        Raises:
            FileExistsError, OSError: as the system has it.
        """
        return cls(path, os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666))

    @classmethod
    def open(cls, path: Path) -> DiskFile:
        """A file that is there.

        Raises:
            OSError: as the system has it.
        """
        return cls(path, os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0)))

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return os.fstat(self._number).st_size

    def read(self, address: int, count: int) -> bytes:
        """Bytes from an address on; fewer where the file ends."""
        if hasattr(os, "pread"):
            return os.pread(self._number, count, address)
        os.lseek(self._number, address, os.SEEK_SET)
        return os.read(self._number, count)

    def write(self, address: int, content: bytes | memoryview) -> None:
        """Overwrite or extend; returns when the operating system has all of it.

        Raises:
            DiskFull: no room; writing the same again once there is some makes it whole.
            LabctlError: the disk failed.
        """
        left = memoryview(content).cast("B")
        with refused(self.path, len(left)):
            while left:
                if hasattr(os, "pwrite"):
                    taken = os.pwrite(self._number, left, address)
                else:
                    os.lseek(self._number, address, os.SEEK_SET)
                    taken = os.write(self._number, left)
                left, address = left[taken:], address + taken

    def truncate(self, size: int) -> None:
        """Make the file exactly so long.

        Raises:
            DiskFull, LabctlError: as :meth:`write`.
        """
        with refused(self.path):
            os.ftruncate(self._number, size)

    def reserve(self, count: int) -> None:
        """Claim ``count`` bytes after the end, so that writing them cannot fail for lack of room.

        The file may be longer afterwards. Where the system cannot claim, what is free is looked up.

        Raises:
            DiskFull: there is no room; the file is as it was.
            LabctlError: the disk failed.
        """
        free = shutil.disk_usage(self.path.parent).free
        if free < count + SPARE_BYTES:
            raise no_room(self.path, count, free)
        if not count or not hasattr(os, "posix_fallocate"):
            return
        size = self.size
        try:
            os.posix_fallocate(self._number, size, count)
        except OSError as error:
            if error.errno in _CANNOT_RESERVE:
                return
            os.ftruncate(self._number, size)
            if error.errno in _NO_ROOM:
                raise no_room(self.path, count, shutil.disk_usage(self.path.parent).free) from error
            raise failure(self.path, error) from error

    def sync(self) -> None:
        """Ask the operating system to bring everything to the disk itself.

        Raises:
            DiskFull, LabctlError: as :meth:`write`.
        """
        with refused(self.path):
            getattr(os, "fdatasync", os.fsync)(self._number)

    def close(self) -> None:
        """Let go of the file."""
        if self._handle is not None:
            handle, self._handle = self._handle, None
            os.close(handle)

    @property
    def _number(self) -> int:
        if self._handle is None:
            raise LabctlError(f"{self.path} has been closed")
        return self._handle


@contextmanager
def refused(path: Path, count: int = 0) -> Iterator[None]:
    """Turn what the system raises into :class:`DiskFull` or :class:`LabctlError`."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise no_room(path, count, shutil.disk_usage(path.parent).free) from error
        raise failure(path, error) from error


def no_room(path: Path, count: int, free: int) -> DiskFull:
    """The sentence for a disk without room."""
    return DiskFull(
        f"{path} could not be written: it needs {count / 2**20:.1f} MiB more and its disk has {free / 2**20:.1f} MiB "
        "left (or a quota or a limit of file sizes has been reached); make free space and go on, everything saved so "
        "far is in the file"
    )


def failure(path: Path, error: BaseException) -> LabctlError:
    """The sentence for a disk that failed."""
    return LabctlError(
        f"{path} could not be written ({reason(error)}); check the connection and the health of that disk, "
        "everything saved so far is in the file"
    )


def reason(error: BaseException) -> str:
    """What went wrong in a few words, without addresses or traces."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = str(error).splitlines()
    return text[0] if text else type(error).__name__
