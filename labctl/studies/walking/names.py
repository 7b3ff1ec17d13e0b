"""Words that the table of the study is made of."""

from __future__ import annotations

from typing import Final, Literal

Trained = Literal["clean", "noisy"]
"""Without noise, or with the very noise that accuracy is measured under."""

EVERYWHERE: Final = "everywhere"
"""Injection at all points at once: global noise."""
NOWHERE: Final = "nowhere"
"""No injection."""

ACCURACY: Final = "accuracy"
CHANCE: Final = "chance"
WEIGHTS: Final = "size of weights before"
"""Geometric mean over the layers in front of an injection point of the root mean square of their weights."""
WEIGHTS_BEHIND: Final = "size of weights behind"
"""Likewise of the layers behind it."""
SIGNAL: Final = "size of signal"
"""Standard deviation over samples of the activations at an injection point, before noise."""
EXPLAINED: Final = "variance explained by two levels"
EXPLAINED_SIZES: Final = "variance of sizes explained by two levels"
"""Likewise of the activations without their sign, which strong multiplicative noise takes from them."""
SEPARATION: Final = "separation of two levels"
ALL_LEVELS: Final = "accuracy with all levels"
"""Under the noise of the training; of the same samples and draws as the two that follow."""
SIGNS: Final = "accuracy with signs"
"""Likewise, the activations in front of the noise replaced by their sign."""
ON_OFF: Final = "accuracy with on and off"
"""Likewise, replaced by one size or nothing, as they are large or small, whatever their sign."""
QUIET: Final = "accuracy without noise"
"""Of a network trained with noise; one that has learnt to live with strong noise may know nothing without it."""
EXECUTED: Final = "accuracy of repeated execution"
LEVEL_EXECUTED: Final = "strength of repeated execution"

ADDITIVE: Final = "additive"
MULTIPLICATIVE: Final = "multiplicative"

KEYWORDS: Final = "keywords"
"""The data set of spoken words, and the point that prepares it."""
UNIFORM: Final = "uniform"
TAILORED: Final = "tailored"
INPUT: Final = "input"
"""The injection point in front of every layer."""
