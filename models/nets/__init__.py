"""The networks of the robustness studies, as plain modules of torch with seeded initial weights.

Names load on first use, so that importing this package does not load torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models.nets.initial import initialise
    from models.nets.lenet import lenet5
    from models.nets.perceptron import mlp

_HOMES = {"initialise": "initial", "lenet5": "lenet", "mlp": "perceptron"}

__all__ = ["initialise", "lenet5", "mlp"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"models.nets.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
