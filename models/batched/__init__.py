"""Many small networks of one architecture trained and evaluated together, each as it would be alone.

Names load on first use, so that importing this package does not load torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models.batched.evaluation import evaluate, evaluate_each
    from models.batched.stack import Build
    from models.batched.trained import TrainedMembers
    from models.batched.training import train_members
    from models.batched.values import Member, Recipe, Stream, generator

_HOMES = {
    "Build": "stack",
    "Member": "values",
    "Recipe": "values",
    "Stream": "values",
    "TrainedMembers": "trained",
    "evaluate": "evaluation",
    "evaluate_each": "evaluation",
    "generator": "values",
    "train_members": "training",
}

__all__ = [
    "Build",
    "Member",
    "Recipe",
    "Stream",
    "TrainedMembers",
    "evaluate",
    "evaluate_each",
    "generator",
    "train_members",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"models.batched.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
