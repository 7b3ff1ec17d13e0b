"""Whether anything is left of a network's accuracy under noise of extreme strength."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from data.errors import BadInput
from models.robustness.spread import LEVEL, Estimate, over_seeds

EXTREME = 1e10
"""The strength that "Walking Noise" (Borras et al., arXiv 2212.10430) calls maximal."""


@dataclass(frozen=True, slots=True)
class Survival:
    """What is left at extreme strength.

    Attributes:
        left: share of the accuracy above chance that is left: 1 as without noise, 0 chance.
        survives: whether the interval of ``left`` lies above :data:`KEPT`; None where it cannot be told.
    """

    left: Estimate
    survives: bool | None


KEPT = 0.5
"""Share of the accuracy above chance that counts as survival: the same half as that of the midpoint."""


def survival(
    accuracy: Sequence[float], clean: Sequence[float], chance: float, trials: int, level: float = LEVEL
) -> Survival:
    """What is left of the accuracy above chance, over seeds.

    Args:
        accuracy: at extreme strength, one a seed.
        clean: without noise, of the same seeds.
        chance: accuracy of guessing.
        trials: decisions behind each accuracy.
        level: of the interval.

    Raises:
        BadInput: not one clean accuracy above chance for each seed, or no decisions.
    """
    if len(accuracy) != len(clean) or not len(clean) or trials < 1:
        raise BadInput(f"there are {len(accuracy)} accuracies and {len(clean)} without noise; each needs its own")
    if min(clean) <= chance:
        raise BadInput("a network that is no better than chance without noise has nothing to lose")
    shares = [(noisy - chance) / (quiet - chance) for noisy, quiet in zip(accuracy, clean, strict=True)]
    # Of a ratio: both accuracies are counted.
    counting = sum(
        (noisy * (1 - noisy) + share**2 * quiet * (1 - quiet)) / trials / (quiet - chance) ** 2
        for noisy, quiet, share in zip(accuracy, clean, shares, strict=True)
    ) / len(shares)
    left = over_seeds(shares, variance=counting, level=level)
    return Survival(left, True if left.low > KEPT else False if left.high < KEPT else None)
