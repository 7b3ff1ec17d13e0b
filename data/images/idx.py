"""Arrays of bytes in IDX files, plain or gzipped: MNIST and FashionMNIST.

The format is described with the data set: Y. LeCun, C. Cortes, C. J. C. Burges, *The MNIST database*. A head of two
zero bytes, the type (8: unsigned byte), the number of dimensions and each size as a big-endian 32-bit number; then
the values, the last dimension running fastest.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from data.errors import BadInput

_UNSIGNED_BYTE = 8
_LARGEST = 1 << 31
"""Values that a file may promise; the largest known set has 47 million."""


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """The array of an IDX file of unsigned bytes.

    Args:
        path: ending in ``.gz`` if it is gzipped.
        dimensions: how many it must have.

    Raises:
        BadInput: it cannot be read, is no such file, is cut off or too long.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            return _read(cast(BinaryIO, file), path, dimensions)
    except (OSError, EOFError, zlib.error) as error:
        raise BadInput(f"the file {path} cannot be read ({error}); fetch it again") from error


def _read(file: BinaryIO, path: Path, dimensions: int) -> NDArray[np.uint8]:
    head = file.read(4)
    expected = bytes((0, 0, _UNSIGNED_BYTE, dimensions))
    if head != expected:
        raise BadInput(
            f"the file {path} begins with {head.hex(' ') or 'nothing'}; an IDX file of unsigned bytes with "
            f"{dimensions} dimensions begins with {expected.hex(' ')}"
        )
    sizes_as_bytes = file.read(4 * dimensions)
    if len(sizes_as_bytes) < 4 * dimensions:
        raise BadInput(f"the file {path} is cut off in its head; fetch it again")
    sizes = struct.unpack(f">{dimensions}I", sizes_as_bytes)
    count = math.prod(sizes)
    if count > _LARGEST:
        raise BadInput(f"the file {path} promises an array of shape {sizes}, more than any known set has")
    # One more than promised, so that a file that is too long is noticed without reading all of it.
    values = file.read(count + 1)
    if len(values) != count:
        what = "is cut off" if len(values) < count else "goes on after its last value"
        raise BadInput(f"the file {path} {what}: its head promises {count} values of shape {sizes}; fetch it again")
    return np.frombuffer(values, np.uint8).reshape(sizes)
