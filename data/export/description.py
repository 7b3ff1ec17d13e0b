"""What goes with the arrays, as plain values: the run's metadata and what each variable is."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from data.runfile import Run
from data.variables import Variable


def describe(run: Run, names: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The metadata of a run, ``rows_done``, and ``variables``: what each array is, under the name it was given."""
    given = names or {name: name for name in run.variables}
    variables = {given[name]: describe_variable(variable) for name, variable in run.variables.items()}
    return run.metadata.as_dict() | {"rows_done": run.rows_done, "variables": variables}


def describe_variable(variable: Variable) -> dict[str, Any]:
    """Dimensions, shape, type, unit, meaning, and the value that stands for "not measured"."""
    return {
        "dims": list(variable.dims),
        "shape": list(variable.values.shape),
        "dtype": "text" if variable.values.dtype.kind == "U" else str(variable.values.dtype),
        "unit": variable.unit,
        "long_name": variable.long_name,
        "coordinate": variable.coordinate,
        "fill": variable.fill,
    }


def scalars(run: Run) -> dict[str, Any]:
    """The variables without dimensions, which are in no table."""
    return {name: variable.values.item() for name, variable in run.variables.items() if not variable.dims}


def json_text(value: Any, indent: int | None = None) -> str:
    """JSON as the standard has it (RFC 8259): what is not a finite number becomes the text nan, inf or -inf."""
    return json.dumps(_finite(value), indent=indent, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
