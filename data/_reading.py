"""Run files as they are found: opened read-only, read into memory, closed; whoever writes them is not disturbed."""

from __future__ import annotations

import io
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import h5netcdf
import h5py
import numpy as np
from numpy.typing import NDArray

from data._checkpoints import ACKNOWLEDGED
from data._checksums import CHECKSUM
from data._disk import reason
from data._netcdf import ROWS_DONE, STREAM
from data._overlay import Undo, lay_over
from data.errors import BadInput, LabctlError
from data.variables import Variable

_READ_ERRORS = (
    OSError,
    RuntimeError,
    KeyError,
    TypeError,
    ValueError,
    IndexError,
    AttributeError,
    MemoryError,
    OverflowError,
    ZeroDivisionError,
    AssertionError,
)

_ALWAYS_BYTES = 1 << 28
_MOST_PACKED = 1100
"""gzip packs at most about a thousand to one; a variable that claims more is damage, and would fill the memory."""


_FRESH_S = 1.0
_PAUSES_S = (0.01, 0.03, 0.1)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stored:
    """A variable as a file has it: with its checksum, and its number in the record of checkpoints if it is streamed."""

    variable: Variable
    checksum: str | None
    stream: int | None


def read_attributes(path: Path) -> dict[str, Any]:
    """The attributes of a file, text as ``str``.

    Raises:
        BadInput: there is no such file, or it is no readable HDF5 file.
    """
    with reading(path), _opened(path) as file:
        return {name: _plain(value) for name, value in file.attrs.items() if not name.startswith("_")}


def read_variables(path: Path) -> dict[str, Stored]:
    """Every variable of a file, in memory, in the order of its creation where the file keeps it.

    Raises:
        BadInput: the file cannot be read.
    """
    with reading(path), _opened(path) as raw:
        # The record of checkpoints first, should rows still come: what it says is there by the time it is read.
        record = np.asarray(raw[ACKNOWLEDGED][...]) if ACKNOWLEDGED in raw else None
        return _all_variables(path, raw, record)


def _all_variables(path: Path, raw: h5py.File, record: NDArray[np.int64] | None) -> dict[str, Stored]:
    found: dict[str, Stored] = {}
    if record is not None:
        found[ACKNOWLEDGED] = Stored(Variable(("slot", "field"), record), None, None)
    with h5netcdf.File(raw, "r", decode_vlen_strings=True) as file:
        names = sorted(file.variables, key=lambda name: name != ROWS_DONE)
        most = max(_ALWAYS_BYTES, _MOST_PACKED * path.stat().st_size)
        return found | {name: _stored(name, file.variables[name], most) for name in names}


def steadily(path: Path, read: Callable[[], T]) -> T:
    """Read a file; one that was written just now may have been caught in the middle of a change, and is read again.

    Raises:
        BadInput: as ``read``.
    """
    for pause in _PAUSES_S:
        try:
            return read()
        except BadInput:
            if not _fresh(path):
                raise
            time.sleep(pause)
    return read()


def _fresh(path: Path) -> bool:
    try:
        return abs(time.time() - path.stat().st_mtime) < _FRESH_S
    except OSError:
        return False


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what h5py raises on missing, damaged or foreign files into one sentence."""
    try:
        yield
    except LabctlError:
        raise
    except _READ_ERRORS as error:
        if not path.exists():
            raise BadInput(f"there is no file {path}") from error
        if isinstance(error, PermissionError):
            raise BadInput(f"{path} may not be read (permission denied)") from error
        if path.is_dir():
            raise BadInput(f"{path} is a folder, not a run file") from error
        raise BadInput(
            f"{path} cannot be read as a run file, it is damaged, cut off or of another kind "
            f"({reason(error)}); restore it from a copy"
        ) from error


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    undo = Undo.find(path)
    if undo is not None:
        with path.open("rb") as raw, h5py.File(_Before(raw, undo), "r") as file:
            yield file
        return
    try:
        file = h5py.File(path, "r", locking=False)
    except OSError as error:
        if "locking flag" not in str(error):
            raise
        file = h5py.File(path, "r")  # open elsewhere in this process, with locks; HDF5 wants both the same
    with file:
        yield file


class _Before:
    """A file as it was before a change that was cut short; the file object h5py wants, for reading."""

    def __init__(self, file: io.BufferedReader, undo: Undo) -> None:
        self._file = file
        self._undo = undo

    def read(self, count: int) -> bytes:
        found = bytearray(count)
        self.readinto(found)
        return bytes(found)

    def readinto(self, buffer: Any) -> int:
        wanted = memoryview(buffer).cast("B")
        start = self._file.tell()
        found = self._file.read(len(wanted))
        wanted[: len(found)] = found
        lay_over(wanted, start, self._undo.pieces)
        return len(wanted)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(self._undo.size + offset) if whence == os.SEEK_END else self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


def _stored(name: str, stored: Any, most: int) -> Stored:
    size = math.prod(stored.shape) * np.dtype(stored.dtype).itemsize
    if size > most:
        raise ValueError(f"variable {name} claims {size} bytes, more than such a file can hold")
    checksum, stream = stored.attrs.get(CHECKSUM), stored.attrs.get(STREAM)
    return Stored(
        _variable(stored),
        None if checksum is None else str(checksum),
        None if stream is None else int(np.asarray(stream).item()),
    )


def _variable(stored: Any) -> Variable:
    attributes = stored.attrs
    values = np.asarray(stored[...])
    if values.dtype.kind == "O":
        values = values.astype(str)
    if attributes.get("dtype") == "bool":
        values = values.astype(np.bool_)
    fill = attributes.get("_FillValue")
    return Variable(
        dims=tuple(stored.dimensions),
        values=values,
        unit=str(attributes.get("units", "1")),
        long_name=str(attributes.get("long_name", "")),
        coordinate=attributes.get("role") == "coordinate",
        fill=None if fill is None else np.asarray(fill).item(),
    )


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, np.ndarray | np.generic) and value.size == 1:  # h5netcdf writes numbers as arrays of one
        return value.item()
    return value
