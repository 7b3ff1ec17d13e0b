"""What accuracies and activations say about a network's robustness against noise; numbers in, numbers out."""

from __future__ import annotations

from models.robustness.binarisation import Binarisation, binarisation, on_or_off, two_levels, unit_sizes
from models.robustness.execution import executed_strengths, tailored_repeats, uniform_repeats
from models.robustness.growth import signal_to_noise, weight_growth
from models.robustness.midpoint import Curve, Midpoint, fit_midpoint, midpoint_ratio
from models.robustness.spread import Estimate, over_seeds
from models.robustness.survival import Survival, survival

__all__ = [
    "Binarisation",
    "Curve",
    "Estimate",
    "Midpoint",
    "Survival",
    "binarisation",
    "executed_strengths",
    "fit_midpoint",
    "midpoint_ratio",
    "on_or_off",
    "over_seeds",
    "signal_to_noise",
    "survival",
    "tailored_repeats",
    "two_levels",
    "uniform_repeats",
    "unit_sizes",
    "weight_growth",
]
