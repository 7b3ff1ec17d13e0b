"""CIFAR-10 in its binary version and in its Python version.

A. Krizhevsky, *Learning Multiple Layers of Features from Tiny Images*, 2009. Binary: records of one label and 3072
bytes, red, green and blue planes of 32 x 32, row by row. Python: a pickled dictionary with ``data`` and ``labels``.

A pickle can run anything when it is opened. Here it is opened by a reader that makes no object of the file's choosing:
of the three names that such a file needs for its array, each stands for a small class of this module, and any other
name is refused.
"""

from __future__ import annotations

import pickle
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from data.errors import BadInput

SIDE = 32
PIXELS = 3 * SIDE * SIDE
CLASSES = 10
_LARGEST = 1 << 29
"""Bytes that a batch may have; a real one has 31 million."""

_DAMAGED = (
    pickle.UnpicklingError,
    OSError,
    EOFError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ImportError,
    OverflowError,
    MemoryError,
    RecursionError,
    struct.error,
)
"""What the reader of pickles raises on damaged ones; BadInput is a ValueError and says already what is wrong."""

Batch = tuple[NDArray[np.uint8], NDArray[np.int64]]


def read_binary(path: Path) -> Batch:
    """Images, shape (n, 3, 32, 32), and labels, shape (n,), of a batch of the binary version.

    Raises:
        BadInput: it cannot be read, is cut off, or is another file.
    """
    content = _bytes(path)
    record = 1 + PIXELS
    if not content or len(content) % record:
        raise BadInput(
            f"the file {path} has {len(content)} bytes, no whole number of CIFAR-10 records of {record}; fetch it again"
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, record)
    return _checked(path, records[:, 1:], records[:, 0].astype(np.int64))


def read_python(path: Path) -> Batch:
    """Images, shape (n, 3, 32, 32), and labels, shape (n,), of a batch of the Python version.

    Raises:
        BadInput: it cannot be read, is damaged, or asks for an object that is not an array of bytes.
    """
    _bytes_allowed(path)
    try:
        with path.open("rb") as file:
            content = _Reader(file).load()
    except _DAMAGED as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"the file {path} is no CIFAR-10 batch or is damaged ({error}); fetch it again") from error
    if not isinstance(content, dict) or b"data" not in content or b"labels" not in content:
        raise BadInput(f"the file {path} holds no data and labels; a CIFAR-10 batch of the Python version has both")
    data, labels = content[b"data"], content[b"labels"]
    if not isinstance(data, _Array) or not isinstance(labels, list) or not all(type(item) is int for item in labels):
        raise BadInput(f"the data and labels of {path} are not an array and a list of numbers")
    return _checked(path, data.pixels(path), np.array(labels, np.int64))


def _checked(path: Path, pixels: NDArray[np.uint8], labels: NDArray[np.int64]) -> Batch:
    if len(pixels) != len(labels):
        raise BadInput(f"the file {path} has {len(pixels)} images and {len(labels)} labels")
    if len(labels) and not 0 <= labels.min() <= labels.max() < CLASSES:
        raise BadInput(f"the labels of {path} go from {labels.min()} to {labels.max()}; CIFAR-10 has 0 to 9")
    return np.ascontiguousarray(pixels).reshape(-1, 3, SIDE, SIDE), labels


def _bytes(path: Path) -> bytes:
    _bytes_allowed(path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"the file {path} cannot be read ({error.strerror or error})") from error


def _bytes_allowed(path: Path) -> None:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise BadInput(f"the file {path} cannot be read ({error.strerror or error})") from error
    if size > _LARGEST:
        raise BadInput(f"the file {path} has {size} bytes; a CIFAR-10 batch has 31 million")


@dataclass
class _Type:
    """Stands for numpy's dtype: the name of a type, and nothing that could be called."""

    name: object = None

    def __setstate__(self, _state: object) -> None:
        """Byte order and the like; of no meaning for single bytes."""


class _Array:
    """Stands for numpy's array: shape and bytes as the file has them."""

    def __init__(self) -> None:
        self._state: object = None

    def __setstate__(self, state: object) -> None:
        self._state = state

    def pixels(self, path: Path) -> NDArray[np.uint8]:
        """The bytes, shape (n, 3072).

        Raises:
            BadInput: it is not an array of bytes of that shape.
        """
        match self._state:
            case (int(), (int() as count, int(width)), _Type(name=kind), fortran, bytes() as values):
                fits = width == PIXELS and count > 0 and len(values) == count * width
                if fits and _text(kind) in ("u1", "|u1") and not fortran:
                    return np.frombuffer(values, np.uint8).reshape(count, width)
        raise BadInput(f"the data of {path} are not an array of bytes of shape (n, {PIXELS}); fetch it again")


def _text(value: object) -> object:
    return value.decode("ascii", "replace") if isinstance(value, bytes) else value


def _make_array(*_: object) -> _Array:
    return _Array()


def _make_type(name: object, *_: object) -> _Type:
    return _Type(name)


_NAMES: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _make_type,
    ("numpy.core.multiarray", "_reconstruct"): _make_array,
    ("numpy._core.multiarray", "_reconstruct"): _make_array,
}


class _Reader(pickle.Unpickler):
    """Opens the pickle of a CIFAR-10 batch and nothing else."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file, encoding="bytes")
        self._file = file.name

    def find_class(self, module: str, name: str) -> Any:
        """What stands for a name that the file asks for."""
        try:
            return _NAMES[module, name]
        except KeyError:
            raise BadInput(
                f"the file {self._file} asks for {module}.{name}, which no CIFAR-10 batch needs; do not trust it"
            ) from None
