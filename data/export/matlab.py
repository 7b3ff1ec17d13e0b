"""MATLAB 5 ``.mat``: one array a variable, and the structures ``run``, ``units``, ``dimensions``, ``meanings``.

Names that MATLAB does not allow are changed (``run.names`` says which is which). Vectors are columns, dimensions keep
their order, texts become cells, and values that were not measured keep their code, which ``run.variables`` gives.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.io import savemat

from data.errors import BadInput
from data.export.description import describe, json_text
from data.export.names import unique
from data.runfile import Run

_LIMIT = 2**31 - 2**16
"""Bytes of one variable in a MATLAB 5 file, with room for its header."""

_LONGEST_NAME = 63
_KEYWORDS = frozenset(
    [
        "break",
        "case",
        "catch",
        "classdef",
        "continue",
        "else",
        "elseif",
        "end",
        "for",
        "function",
        "global",
        "if",
        "otherwise",
        "parfor",
        "persistent",
        "return",
        "spmd",
        "switch",
        "try",
        "while",
    ]
)
_STRUCTURES = ("run", "units", "dimensions", "meanings")


def write(run: Run, path: Path) -> None:
    """Write a run to one MATLAB file.

    Raises:
        BadInput: a variable is too large for the format.
    """
    for name, variable in run.variables.items():
        if variable.values.nbytes > _LIMIT:
            raise BadInput(
                f"variable {name} has {variable.values.nbytes / 2**30:.1f} GiB and a MATLAB 5 file holds at most 2 GiB "
                "a variable; export to NetCDF, which MATLAB reads with ncread"
            )
    names = names_of(run)
    contents: dict[str, Any] = {names[name]: _array(variable.values) for name, variable in run.variables.items()}
    if names:
        contents["units"] = {names[name]: variable.unit for name, variable in run.variables.items()}
        contents["meanings"] = {names[name]: variable.long_name for name, variable in run.variables.items()}
        contents["dimensions"] = {names[name]: _cells(variable.dims) for name, variable in run.variables.items()}
    contents["run"] = _structure(run, names)
    savemat(path, contents, do_compression=True, oned_as="column", long_field_names=True)


def names_of(run: Run) -> dict[str, str]:
    """The name of each variable in MATLAB, by its name in the run."""
    return unique(run.variables, matlab_name, taken=_STRUCTURES)


def matlab_name(name: str) -> str:
    """A name MATLAB allows: letters, digits and '_', a letter first, no keyword, at most 63 characters."""
    allowed = re.sub(r"[^A-Za-z0-9_]", "_", name)
    if not allowed[:1].isalpha() or allowed in _KEYWORDS:
        allowed = "x_" + allowed
    return allowed[:_LONGEST_NAME]


def _structure(run: Run, names: dict[str, str]) -> dict[str, Any]:
    """The metadata as a structure; what has no fixed fields is JSON text (``jsondecode`` reads it)."""
    structure: dict[str, Any] = {}
    for name, value in describe(run, names).items():
        if value is None:
            continue
        plain = isinstance(value, str | int | float) or name in ("identity", "geometry")
        structure[name] = value if plain else json_text(value)
    changed = {given: name for name, given in names.items()}
    return structure | ({"names": changed} if changed else {})


def _array(values: NDArray[Any]) -> NDArray[Any]:
    return _cells(values) if values.dtype.kind == "U" and values.ndim else values


def _cells(texts: tuple[str, ...] | NDArray[np.str_]) -> NDArray[np.object_]:
    return np.array(texts, dtype=object)
