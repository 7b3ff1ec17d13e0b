"""The ground floor: values every room shares, run files, catalogue, export, speech and features."""

from data.errors import BadInput, Cancelled, LabctlError, Problems
from data.processor import AnalogProcessor
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

__all__ = [
    "Activations",
    "AnalogProcessor",
    "BadInput",
    "Cancelled",
    "Geometry",
    "Identity",
    "LabctlError",
    "Outputs",
    "Problems",
    "Schedule",
    "Weights",
    "check_activations",
    "check_weights",
    "digest",
]
