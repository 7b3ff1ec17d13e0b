"""How sure the fitted parameters are, where the model is only nearly true.

Weights that count every point as independent promise too much: all points of a programme share its weights, and with
them the mismatch of single synapses that no chip model knows. So the errors are taken from what the residuals of one
programme, together, do to the parameters: the bias-reduced cluster sandwich CR2 of R. M. Bell and D. F. McCaffrey,
*Survey Methodology* 28 (2002) 169, which is right also for a programme that alone determines a parameter. One column's
programmes are few; how much larger its errors are than those of independent points is therefore taken from all
columns together. What the shared curves and row gains are unsure of is added: it moves all columns alike.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibration.columns import ColumnFit, derivatives, inverse
from calibration.curves import joint_equations, scale_directions
from calibration.fit import CURVE_POINTS, ModelFit, curve_columns
from calibration.observations import Observations, thinned_indices
from calibration.sensitivity import evaluate
from calibration.walks import normal_equations
from models.kernels.cpu import parallel_kernels

Floats = NDArray[np.float64]

_TRIMMED: Final = 0.05
"""Share of the columns at either end that does not count for what all have in common."""

_LEAST_FREEDOM: Final = 0.02
"""Smallest share of a programme's own information that is taken to be checked by the others."""


def covariance(points: Observations, fit: ModelFit, passing: NDArray[np.bool_]) -> Floats:
    """Covariance of the fitted coordinates of every column, shape (columns, names, names).

    Args:
        points: what the model was fitted to.
        fit: the fitted model.
        passing: columns that tell what is common to all, shape (columns,).
    """
    _, group = np.unique(points.program, return_inverse=True)
    prior = fit.columns.prior
    posterior = inverse(fit.columns.information + np.diag(prior.precision))
    # The columns that lean on the common value share its error.
    leaning = posterior * prior.precision
    naive = (posterior + (leaning * prior.variance) @ leaning.transpose(0, 2, 1)) * fit.columns.chi_square[
        :, None, None
    ]
    stretch = np.sqrt(np.maximum(_inflation(points, fit, naive, group, passing), 1.0))
    total: Floats = naive * stretch[:, None] * stretch[None, :] + _shared_part(points, fit, group, passing)
    return total


def _inflation(
    points: Observations, fit: ModelFit, naive: Floats, group: NDArray[np.intp], passing: NDArray[np.bool_]
) -> Floats:
    """Variance by programmes over that of independent points, common to all columns, shape (names,)."""
    found = _by_programmes(points, fit, group)
    ratio = np.einsum("caa->ca", found) / np.maximum(np.einsum("caa->ca", naive), 1e-300)
    used = np.sort(ratio[passing] if passing.any() else ratio, axis=0)
    cut = int(_TRIMMED * len(used))
    mean: Floats = used[cut : len(used) - cut].mean(axis=0)
    # What a single programme determines (a rail, often) is not checked by any other; it is no surer than the rest.
    return np.maximum(mean, np.median(mean))


def _by_programmes(points: Observations, fit: ModelFit, group: NDArray[np.intp]) -> Floats:
    """Cluster sandwich of the columns' own coordinates, shape (columns, names, names)."""
    columns: ColumnFit = fit.columns
    jacobian = derivatives(evaluate(points, fit.parameters), columns.names)
    residual = (points.mean - columns.predicted).astype(np.float32)
    weights = fit.weights.astype(np.float32)
    posterior = inverse(columns.information + np.diag(columns.prior.precision))
    scale = np.sqrt(np.maximum(np.einsum("caa->ca", posterior), 1e-300))
    values, vectors = np.linalg.eigh(posterior / (scale[:, :, None] * scale[:, None, :]))
    # A root of the posterior: root @ root.T is the posterior.
    root = scale[:, :, None] * vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]
    # What the prior adds is as sure as it says; it belongs to no programme.
    total = (posterior * columns.prior.precision) @ posterior
    with parallel_kernels():
        for number in range(int(group.max()) + 1):
            of = np.flatnonzero(group == number)
            _, score, share = normal_equations(weights[of], residual[of], np.ascontiguousarray(jacobian[:, of]))
            lever, axes = np.linalg.eigh(root.transpose(0, 2, 1) @ share @ root)
            turned = axes.transpose(0, 2, 1) @ (root.transpose(0, 2, 1) @ score[:, :, None])
            turned /= np.sqrt(np.maximum(1 - lever, _LEAST_FREEDOM))[:, :, None]
            moved = (root @ axes @ turned)[:, :, 0]
            total += moved[:, :, None] * moved[:, None, :]
    return total


def _shared_part(points: Observations, fit: ModelFit, group: NDArray[np.intp], passing: NDArray[np.bool_]) -> Floats:
    """What the own coordinates owe to errors of curves and row gains, mean over columns, shape (names, names)."""
    some, columns = thinned_indices(points.points, CURVE_POINTS), curve_columns(passing)
    chip = fit.parameters.select(columns)
    seen = points.select(some).select_columns(columns)
    equations = joint_equations(seen, chip, fit.weights[np.ix_(some, columns)], group[some])
    # Only what moves no scale: the scales are the gains' by convention.
    _, _, rotation = np.linalg.svd(scale_directions(chip))
    free = rotation[4:].T
    bread = free @ np.linalg.inv(free.T @ equations.reduced() @ free) @ free.T
    scores = equations.scores().reshape(-1, len(free)) @ bread
    spread = scores.T @ scores
    answered = equations.answers()
    part: Floats = np.einsum("cua,uv,cvb->ab", answered, spread, answered, optimize=True) / len(columns)
    return part
