"""Chip models and their kernels, networks and training.

Names load on first use, so that importing this package loads neither torch nor numba.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models.arms import Arm, Epoch, TrainedNetwork, TrainingOptions
    from models.chip import ChipModel, ideal_counterpart, ideal_model, model_identity
    from models.chip_tensors import ChipTensors
    from models.floatnet import FloatNetwork, FloatOptions, train_float
    from models.kernels import membrane
    from models.layers import OrderedConv2d, OrderedLinear
    from models.network import IntegerNetwork, Layer, LayerTrace, NetworkTrace, place, run
    from models.networkfile import load_network, save_network
    from models.ordered import ordered_multiply
    from models.parameters import ChipParameters
    from models.refinement import Measured, Refined, refine
    from models.samples import Augment, Samples
    from models.training import Task, start_network, train

_HOMES = {
    "Arm": "models.arms",
    "Augment": "models.samples",
    "ChipModel": "models.chip",
    "ChipParameters": "models.parameters",
    "Epoch": "models.arms",
    "ChipTensors": "models.chip_tensors",
    "FloatNetwork": "models.floatnet",
    "FloatOptions": "models.floatnet",
    "IntegerNetwork": "models.network",
    "Layer": "models.network",
    "LayerTrace": "models.network",
    "Measured": "models.refinement",
    "NetworkTrace": "models.network",
    "OrderedConv2d": "models.layers",
    "OrderedLinear": "models.layers",
    "Refined": "models.refinement",
    "Samples": "models.samples",
    "Task": "models.training",
    "TrainedNetwork": "models.arms",
    "TrainingOptions": "models.arms",
    "ideal_counterpart": "models.chip",
    "ideal_model": "models.chip",
    "load_network": "models.networkfile",
    "membrane": "models.kernels",
    "model_identity": "models.chip",
    "ordered_multiply": "models.ordered",
    "place": "models.network",
    "refine": "models.refinement",
    "run": "models.network",
    "save_network": "models.networkfile",
    "start_network": "models.training",
    "train": "models.training",
    "train_float": "models.floatnet",
}

__all__ = [
    "Arm",
    "Augment",
    "ChipModel",
    "ChipParameters",
    "ChipTensors",
    "Epoch",
    "FloatNetwork",
    "FloatOptions",
    "IntegerNetwork",
    "Layer",
    "LayerTrace",
    "Measured",
    "NetworkTrace",
    "OrderedConv2d",
    "OrderedLinear",
    "Refined",
    "Samples",
    "Task",
    "TrainedNetwork",
    "TrainingOptions",
    "ideal_counterpart",
    "ideal_model",
    "load_network",
    "membrane",
    "model_identity",
    "ordered_multiply",
    "place",
    "refine",
    "run",
    "save_network",
    "start_network",
    "train",
    "train_float",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
