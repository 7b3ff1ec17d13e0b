"""Noise on activations: kinds, strengths, schedules, and points for it after every operation of a network.

Names load on first use, so that importing this package does not load torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models.noise.clamping import clamp_weights, clampable
    from models.noise.draws import draw_noise
    from models.noise.dropout import Dropout
    from models.noise.kinds import ADDITIVE, MULTIPLICATIVE, Additive, Mixed, Multiplicative, NoiseKind, kind_named
    from models.noise.measured import measured_strengths
    from models.noise.noisy import NoisyModule, inject
    from models.noise.operations import EVERY_OP, NOT_AFTER_BATCH_NORM, Op, Point
    from models.noise.point import NoisePoint
    from models.noise.schedules import Constant, NoiseSchedule, Overshoot, Ramp, Vant
    from models.noise.strengths import SILENT, Strengths

_HOMES = {
    "ADDITIVE": "kinds",
    "Additive": "kinds",
    "Constant": "schedules",
    "Dropout": "dropout",
    "EVERY_OP": "operations",
    "MULTIPLICATIVE": "kinds",
    "Mixed": "kinds",
    "Multiplicative": "kinds",
    "NOT_AFTER_BATCH_NORM": "operations",
    "NoiseKind": "kinds",
    "NoisePoint": "point",
    "NoiseSchedule": "schedules",
    "NoisyModule": "noisy",
    "Op": "operations",
    "Overshoot": "schedules",
    "Point": "operations",
    "Ramp": "schedules",
    "SILENT": "strengths",
    "Strengths": "strengths",
    "Vant": "schedules",
    "clamp_weights": "clamping",
    "clampable": "clamping",
    "draw_noise": "draws",
    "inject": "noisy",
    "kind_named": "kinds",
    "measured_strengths": "measured",
}

__all__ = [
    "ADDITIVE",
    "EVERY_OP",
    "MULTIPLICATIVE",
    "NOT_AFTER_BATCH_NORM",
    "SILENT",
    "Additive",
    "Constant",
    "Dropout",
    "Mixed",
    "Multiplicative",
    "NoiseKind",
    "NoisePoint",
    "NoiseSchedule",
    "NoisyModule",
    "Op",
    "Overshoot",
    "Point",
    "Ramp",
    "Strengths",
    "Vant",
    "clamp_weights",
    "clampable",
    "draw_noise",
    "inject",
    "kind_named",
    "measured_strengths",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"models.noise.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
