"""Checksums of what a run file holds, over meanings and not over bytes of HDF5, so that a copy has the same ones.

CRC-32 (ISO 3309), in eight hexadecimal digits: it finds every burst of up to 32 wrong bits and misses any other damage
once in four thousand million times. It guards against disks and cables, not against people.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from zlib_ng.zlib_ng import crc32

from data.variables import Variable, is_text

CHECKSUM = "checksum"
"""Attribute of a variable: the checksum of its description and, unless it is streamed, of its values."""
METADATA_CHECKSUM = "metadata_checksum"
"""Attribute of a file: the checksum of what its attributes say, without the ending."""
ENDING_CHECKSUM = "ending_checksum"
"""Attribute of a file: the checksum of how the run ended; overwritten with the ending."""
ENDING = ("status", "ended", "message")


def of_variable(name: str, variable: Variable) -> str:
    """The checksum of a whole variable."""
    values = variable.values
    head = _description(name, variable, values.shape)
    if is_text(values):
        return _hex(crc32("\0".join(map(str, values.ravel().tolist())).encode("utf-8"), head))
    return _hex(crc32(raw(values), head))


def of_stream(name: str, variable: Variable) -> str:
    """The checksum of what is said about a streamed variable; its rows have their own in every checkpoint."""
    return _hex(_description(name, variable, variable.values.shape[1:]))


def checksum_of_rows(variable: Variable, rows: int) -> int | None:
    """The CRC-32 of the first rows of a streamed variable; None when it has not got so many."""
    if not 0 <= rows <= len(variable.values):
        return None
    return crc32(raw(variable.values[:rows]))


def of_attributes(attributes: Mapping[str, Any]) -> str:
    """The checksum of a file's attributes, the ending and checksums left out."""
    said = {
        name: value if isinstance(value, str) else int(value)
        for name, value in attributes.items()
        if name not in (*ENDING, METADATA_CHECKSUM, ENDING_CHECKSUM) and not name.startswith("_")
    }
    return _hex(crc32(json.dumps(said, sort_keys=True).encode()))


def of_ending(ending: Mapping[str, str]) -> str:
    """The checksum of how a run ended."""
    return _hex(crc32(json.dumps([ending.get(name, "") for name in ENDING]).encode()))


def raw(values: NDArray[Any]) -> memoryview:
    """The bytes of an array as they are stored on the machines that we know: little-endian, last index fastest."""
    if values.dtype.kind == "b":
        values = values.astype(np.int8)
    ordered = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    return ordered.reshape(-1).view(np.uint8).data


def _description(name: str, variable: Variable, shape: tuple[int, ...]) -> int:
    text = is_text(variable.values)
    dtype = variable.values.dtype
    said = [
        name,
        list(variable.dims),
        "text" if text else f"{dtype.kind}{dtype.itemsize}",
        list(shape),
        "1" if text else variable.unit,
        variable.long_name,
        variable.coordinate,
        None if variable.fill is None else repr(np.asarray(variable.fill, dtype).item()),
    ]
    return crc32(json.dumps(said).encode())


def _hex(checksum: int) -> str:
    return f"{checksum:08x}"
