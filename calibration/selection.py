"""Chooses the terms of the ordered model by how well nested models predict points that they were not fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibration.noise import total_noise
from calibration.observations import Observations
from calibration.score import expected_output, residual_over_noise, uninformative
from calibration.sensitivity import evaluate
from models.parameters import ChipParameters, Term

Floats = NDArray[np.float64]

CANDIDATES: Final[tuple[frozenset[Term], ...]] = (
    frozenset(),
    frozenset({"leak"}),
    frozenset({"rails"}),
    frozenset({"leak", "rails"}),
    frozenset({"leak", "rails", "line"}),
)
"""From simple to rich; the empty set is the unordered model."""

RELEVANT: Final = 0.005
"""Smallest gain worth a term, as a share of the noise variance: a quarter of a percent of the residual."""

_GROSS: Final = 25.0
"""Squared residuals count at most this many noise variances, so that one broken point decides nothing."""


@dataclass(frozen=True)
class Candidate:
    """One model of the selection table.

    Attributes:
        terms: its order-dependent terms; none for the unordered model.
        residual_over_noise: on the validation part, median over the passing columns.
        loss: mean squared residual of the means in noise variances, over validation points and passing columns.
        behind: how much larger the loss is than that of the best model.
        error: standard error of ``behind``, by groups of points that share weights and schedule.
        chosen: whether this is the model in use.
    """

    terms: frozenset[Term]
    residual_over_noise: float
    loss: float
    behind: float
    error: float
    chosen: bool

    @property
    def name(self) -> str:
        """E.g. ``leak + rails``."""
        return model_name(self.terms)


def model_name(terms: frozenset[Term]) -> str:
    """A model's name in tables."""
    order: tuple[Term, ...] = ("leak", "rails", "line")
    return " + ".join(term for term in order if term in terms) or "unordered"


def choose_terms(
    validation: Observations, models: Sequence[ChipParameters], passing: NDArray[np.bool_]
) -> tuple[Candidate, ...]:
    """Compare fitted models on the validation part; the simplest within one standard error of the best is chosen.

    The one-standard-error rule is that of Breiman, Friedman, Olshen and Stone, *Classification and Regression Trees*
    (1984), section 3.4.3, on paired differences. A model that is ahead by less than ``RELEVANT`` is not ahead.

    Args:
        validation: points that the models were not fitted to.
        models: fitted models, from simple to rich.
        passing: columns that count, shape (columns,).
    """
    predicted = [evaluate(validation, model).predicted for model in models]
    losses = [_loss(validation, at, model.noise, passing) for at, model in zip(predicted, models, strict=True)]
    means = [float(loss.mean()) for loss in losses]
    best = int(np.argmin(means))
    behind = [loss - losses[best] for loss in losses]
    errors = [_error_of_mean(difference, validation) for difference in behind]
    good = [float(d.mean()) <= max(error, RELEVANT) for d, error in zip(behind, errors, strict=True)]
    chosen = good.index(True)
    ratios = [
        residual_over_noise(validation, at, model.noise)[passing] for at, model in zip(predicted, models, strict=True)
    ]
    return tuple(
        Candidate(
            terms=model.terms,
            residual_over_noise=float(np.median(ratio)) if len(ratio) else float("nan"),
            loss=means[index],
            behind=float(behind[index].mean()),
            error=errors[index],
            chosen=index == chosen,
        )
        for index, (model, ratio) in enumerate(zip(models, ratios, strict=True))
    )


def _loss(points: Observations, predicted: NDArray[np.float32], noise: Floats, passing: NDArray[np.bool_]) -> Floats:
    """Mean over the passing columns of the squared residual in noise variances, shape (points,)."""
    expected = expected_output(predicted, noise, points.geometry)
    square = ((points.mean - expected) / total_noise(noise)) ** 2
    used = ~uninformative(points, expected) & passing
    loss: Floats = np.where(used, np.minimum(square, _GROSS), 0.0).sum(axis=1) / max(int(passing.sum()), 1)
    return loss


def _error_of_mean(difference: Floats, points: Observations) -> float:
    """Standard error of the mean where points of the same weights and schedule vary together."""
    _, group = np.unique(np.stack([points.program, points.schedule]), axis=1, return_inverse=True)
    sums = np.bincount(group, difference - difference.mean())
    return float(np.sqrt((sums**2).sum())) / len(difference)
