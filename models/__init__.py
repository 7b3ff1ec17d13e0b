"""Chip models and their kernels, networks and training.

Names load on first use, so that importing this package loads neither torch nor numba.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models.chip import ChipModel, ideal_counterpart, ideal_model, model_identity
    from models.kernels import membrane
    from models.parameters import ChipParameters

_HOMES = {
    "ChipModel": "models.chip",
    "ChipParameters": "models.parameters",
    "ideal_counterpart": "models.chip",
    "ideal_model": "models.chip",
    "membrane": "models.kernels",
    "model_identity": "models.chip",
}

__all__ = [
    "ChipModel",
    "ChipParameters",
    "ideal_counterpart",
    "ideal_model",
    "membrane",
    "model_identity",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
