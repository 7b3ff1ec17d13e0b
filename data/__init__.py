"""The ground floor: values every room shares, run files, catalogue, export, speech and features.

Names load when they are first used: the command line must be quick to say what it can do.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from data.errors import BadInput, Cancelled, DiskFull, LabctlError, Problems
    from data.processor import AnalogProcessor
    from data.sweep import Coordinate, SweepData, SweepPlan
    from data.values import (
        Activations,
        Geometry,
        Identity,
        Outputs,
        Schedule,
        Weights,
        check_activations,
        check_weights,
        digest,
    )

_HOMES = {
    "data.errors": ("BadInput", "Cancelled", "DiskFull", "LabctlError", "Problems"),
    "data.processor": ("AnalogProcessor",),
    "data.sweep": ("Coordinate", "SweepData", "SweepPlan"),
    "data.values": (
        "Activations",
        "Geometry",
        "Identity",
        "Outputs",
        "Schedule",
        "Weights",
        "check_activations",
        "check_weights",
        "digest",
    ),
}

__all__ = [
    "Activations",
    "AnalogProcessor",
    "BadInput",
    "Cancelled",
    "Coordinate",
    "DiskFull",
    "Geometry",
    "Identity",
    "LabctlError",
    "Outputs",
    "Problems",
    "Schedule",
    "SweepData",
    "SweepPlan",
    "Weights",
    "check_activations",
    "check_weights",
    "digest",
]


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(home), name)
    raise AttributeError(f"module 'data' has no attribute {name!r}")
