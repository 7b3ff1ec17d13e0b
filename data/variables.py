"""A named array of a run: dimensions, values, unit; and which of them a NetCDF-4 file can hold."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import BadInput
from data.metadata import check_text

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")
_NUMBERS = frozenset(["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8"])


@dataclass(frozen=True)
class Variable:
    """An array with named dimensions.

    Attributes:
        dims: a name for each dimension of ``values``.
        values: integers, float32, float64, bool or text.
        unit: as in UDUNITS, "1" for a number without unit.
        long_name: what it is, in words.
        coordinate: whether it says where or how the others were measured; one with the name of its only
            dimension is the coordinate of that dimension.
        fill: the value that stands for "not measured", None where every value counts.
    """

    dims: tuple[str, ...]
    values: NDArray[Any]
    unit: str = "1"
    long_name: str = ""
    coordinate: bool = False
    fill: float | int | None = None


def check_name(what: str, name: str) -> None:
    """Raise :class:`BadInput` unless this can be the name of a variable or dimension in every format."""
    if not _NAME.fullmatch(name):
        raise BadInput(f"{what} {name!r} must begin with a letter and hold letters, digits and '_' only")


def stored_dtype(name: str, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type of number in which values of ``dtype`` are stored; bool is stored as int8, as xarray does.

    Raises:
        BadInput: NetCDF-4 has no such type; the sentence says what to convert to.
    """
    if dtype.kind == "b":
        return np.dtype(np.int8)
    native = dtype.newbyteorder("=")
    if native.str[1:] not in _NUMBERS:
        raise BadInput(
            f"variable {name} has type {dtype}, which run files do not hold; "
            "use integers, float32, float64, bool or text (times as a number with a unit)"
        )
    return native


def is_text(values: NDArray[Any]) -> bool:
    """Whether an array holds text: numpy's ``U``, or objects that are all ``str``."""
    if values.dtype.kind == "O":
        return all(isinstance(item, str) for item in values.flat)
    return values.dtype.kind in "UT"


def check_variable(name: str, variable: Variable) -> None:
    """Raise :class:`BadInput` if a run file cannot hold this variable exactly."""
    check_name("variable", name)
    for dim in variable.dims:
        check_name(f"variable {name}: dimension", dim)
    values = variable.values
    if values.ndim != len(variable.dims):
        raise BadInput(f"variable {name} has {values.ndim} dimensions and {len(variable.dims)} names for them")
    if len(set(variable.dims)) != len(variable.dims):
        raise BadInput(f"variable {name} names a dimension twice: {', '.join(variable.dims)}")
    if not values.size:
        raise BadInput(f"variable {name} is empty; leave it out")
    if name in variable.dims and variable.dims != (name,):
        raise BadInput(f"variable {name} has the name of a dimension; only the coordinate of that dimension may")
    check_text(f"the unit of {name}", variable.unit)
    check_text(f"the long name of {name}", variable.long_name)
    if is_text(values):
        for item in values.flat:
            check_text(f"variable {name}", str(item))
    else:
        stored_dtype(name, values.dtype)
