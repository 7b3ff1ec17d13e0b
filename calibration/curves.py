"""Fits what all columns share, activation curve, weight curve and row gains, in one joint Gauss-Newton step.

Each column's own parameters are eliminated by the Schur complement (Golub and Pereyra, *Inverse Problems* 19 (2003)
R1), so that a step of the shared parameters already allows for the columns' answer to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from calibration.columns import derivatives, fitted_names
from calibration.observations import Observations
from calibration.sensitivity import charge_of_weights, evaluate
from models.kernels.cpu import parallel_kernels
from models.parameters import ChipParameters

Floats = NDArray[np.float64]

_CHUNK_BYTES: Final = 48 * 1024 * 1024
_FLATTEST: Final = 1e-3
"""Smallest charge for each code, relative to the ideal."""
_RIDGE: Final = 1e-7
"""Relative damping: codes and rows that the data never show keep their value."""


def fit_curves(
    points: Observations, start: ChipParameters, weights: Floats, *, columns: NDArray[np.intp]
) -> Callable[[float], ChipParameters]:
    """A step for the shared parameters; the columns' own are to be fitted again afterwards.

    Args:
        points: what is fitted.
        start: current parameters of all columns.
        weights: inverse variance of each observation, shape (points, columns).
        columns: the columns that take part; a few dozen good ones determine the curves far below the noise.

    Returns:
        The chip after a given fraction of the step.
    """
    step = joint_equations(points.select_columns(columns), start.select(columns), weights[:, columns]).step()
    top_activation, top = points.geometry.activation_max, points.geometry.weight_max
    activation, weight, row = np.split(step, [top_activation, top_activation + 2 * top])

    def moved(fraction: float) -> ChipParameters:
        whole_weight = np.concatenate([weight[:top], [0.0], weight[top:]])
        chip = replace(
            start,
            activation_curve=start.activation_curve + fraction * np.concatenate([[0.0], activation]),
            weight_curve=start.weight_curve + fraction * whole_weight,
            row_gain=start.row_gain * (1 + np.clip(fraction * row, -0.5, 0.5)),
        )
        return normalised(monotone(chip))

    return moved


def monotone(parameters: ChipParameters) -> ChipParameters:
    """The same chip with curves that never fall, by least squares: a larger code never gives less charge.

    Isotonic regression by pooling adjacent violators (Barlow, Bartholomew, Bremner and Brunk, *Statistical Inference
    under Order Restrictions*, 1972); curves that rise already stay as they are.
    """
    top = parameters.geometry.weight_max

    def rising(curve: Floats) -> Floats:
        # A step that overshoots may turn a curve over; what is left is a poor curve, and still one.
        pooled: Floats = isotonic_regression(curve).x
        floor: Floats = np.maximum(pooled, _FLATTEST * np.arange(1, len(curve) + 1))
        return floor

    weight = parameters.weight_curve
    return replace(
        parameters,
        activation_curve=np.concatenate([[0.0], rising(parameters.activation_curve[1:])]),
        weight_curve=np.concatenate([-rising(-weight[:top][::-1])[::-1], [0.0], rising(weight[top + 1 :])]),
    )


def normalised(parameters: ChipParameters) -> ChipParameters:
    """The same chip with the scales moved to where they belong, since charge fixes only their product.

    Row gains have mean 1; the activation curve and each half of the weight curve have slope 1 (least squares through
    the origin) against the code. What is taken out goes into gain and asymmetry.
    """
    top = parameters.geometry.weight_max
    rows = float(parameters.row_gain.mean())
    codes = np.arange(parameters.geometry.activation_max + 1)
    activation = float(parameters.activation_curve @ codes / (codes @ codes))
    ramp = np.arange(1, top + 1)
    positive = float(parameters.weight_curve[top + 1 :] @ ramp / (ramp @ ramp))
    negative = -float(parameters.weight_curve[:top][::-1] @ ramp / (ramp @ ramp))
    curve = parameters.weight_curve.copy()
    curve[top + 1 :] /= positive
    curve[:top] /= negative
    plus, minus = positive * (1 + parameters.asymmetry), negative * (1 - parameters.asymmetry)
    scale = rows * activation
    return replace(
        parameters,
        row_gain=parameters.row_gain / rows,
        activation_curve=parameters.activation_curve / activation,
        weight_curve=curve,
        gain=parameters.gain * scale * (plus + minus) / 2,
        asymmetry=(plus - minus) / (plus + minus),
        line_limit=parameters.line_limit / (scale * (plus + minus) / 2),
    )


@dataclass(frozen=True)
class JointEquations:
    """Normal equations of shared and columns' own unknowns; shared are activations, weights and rows, in this order.

    Attributes:
        own: information of each column's own unknowns, shape (columns, names, names).
        mixed: shape (columns, shared, names).
        shared: shape (shared, shared).
        own_gradient: by group of points, shape (groups, columns, names).
        shared_gradient: by group of points, shape (groups, columns, shared).
    """

    own: Floats
    mixed: Floats
    shared: Floats
    own_gradient: Floats
    shared_gradient: Floats

    def answers(self) -> Floats:
        """How the columns' own unknowns answer to shared ones, with a minus sign, shape (columns, shared, names)."""
        scale = np.sqrt(np.maximum(np.einsum("caa->ca", self.own), 1e-30))
        # Scaled to a unit diagonal, since the leak's derivative is a million times that of an offset.
        unit = self.own / (scale[:, :, None] * scale[:, None, :]) + 1e-8 * np.eye(self.own.shape[1])
        answered: Floats = (self.mixed / scale[:, None, :]) @ np.linalg.inv(unit) / scale[:, None, :]
        return answered

    def reduced(self) -> Floats:
        """Information of the shared unknowns once the columns have answered, shape (shared, shared)."""
        answered = self.answers()
        reduced = self.shared - np.einsum("cua,cva->uv", answered, self.mixed, optimize=True)
        ridge = _RIDGE * np.diag(self.shared) + 1e-12 * max(float(np.diag(self.shared).max()), 1e-300)
        total: Floats = reduced + np.diag(ridge)
        return total

    def scores(self) -> Floats:
        """Gradients of the shared unknowns once the columns have answered, shape (groups, columns, shared)."""
        moved = self.own_gradient.transpose(1, 0, 2) @ self.answers().transpose(0, 2, 1)
        scores: Floats = self.shared_gradient - moved.transpose(1, 0, 2)
        return scores

    def step(self) -> Floats:
        """The Gauss-Newton step of the shared unknowns, shape (shared,)."""
        step: Floats = np.linalg.solve(self.reduced(), self.scores().sum(axis=(0, 1)))
        return step


def joint_equations(
    points: Observations, chip: ChipParameters, weights: Floats, groups: NDArray[np.intp] | None = None
) -> JointEquations:
    """Normal equations of all unknowns at ``chip``.

    Args:
        points: what is fitted.
        chip: where.
        weights: inverse variance of each observation, shape (points, columns).
        groups: the group of each point, from 0 up, shape (points,); None puts all into one.
    """
    names = fitted_names(chip)
    columns, group = points.geometry.columns, np.zeros(points.points, np.intp) if groups is None else groups
    count = int(group.max(initial=0)) + 1
    unknowns = chip.geometry.activation_max + 2 * chip.geometry.weight_max + chip.geometry.rows
    own, mixed = np.zeros((columns, len(names), len(names))), np.zeros((columns, unknowns, len(names)))
    shared = np.zeros((unknowns, unknowns))
    own_gradient, shared_gradient = np.zeros((count, columns, len(names))), np.zeros((count, columns, unknowns))
    root = np.sqrt(weights).astype(np.float32)
    chunk = max(1, _CHUNK_BYTES // (4 * unknowns * columns))
    order = np.argsort(group, kind="stable")
    for part in (order[first : first + chunk] for first in range(0, points.points, chunk)):
        seen, weight = points.select(part), root[part]
        here = evaluate(seen, chip, reach=True)
        residual = ((seen.mean - here.predicted) * weight).T.astype(np.float32)
        by_own = np.ascontiguousarray((derivatives(here, names) * weight).transpose(2, 1, 0))
        by_shared = _by_shared(seen, chip, here.reach, weight, unknowns)
        flat = by_shared.reshape(-1, unknowns)
        shared += flat.T @ flat
        mixed += by_shared.transpose(0, 2, 1) @ by_own
        own += by_own.transpose(0, 2, 1) @ by_own
        for number in np.unique(group[part]):
            mine = slice(*np.searchsorted(group[part], [number, number + 1]))
            here_residual = residual[:, None, mine]
            own_gradient[number] += (here_residual @ by_own[:, mine])[:, 0]
            shared_gradient[number] += (here_residual @ by_shared[:, mine])[:, 0]
    return JointEquations(own, mixed, shared, own_gradient, shared_gradient)


def scale_directions(chip: ChipParameters) -> Floats:
    """Directions of the shared unknowns that only move scale between them and the gains, as rows, shape (4, shared).

    They are the gradients of the scales that :func:`normalised` takes out; after it no unknown moves along them.
    """
    top, rows = chip.geometry.weight_max, chip.geometry.rows
    codes, ramp = np.arange(1, chip.geometry.activation_max + 1), np.arange(1, top + 1)
    first = len(codes)
    directions = np.zeros((4, first + 2 * top + rows))
    directions[0, :first] = codes
    directions[1, first : first + top] = ramp[::-1]
    directions[2, first + top : first + 2 * top] = ramp
    directions[3, first + 2 * top :] = chip.row_gain
    return directions


def _by_shared(
    points: Observations, chip: ChipParameters, reach: NDArray[np.float32], weight: NDArray[np.float32], unknowns: int
) -> NDArray[np.float32]:
    """Weighted derivatives by the shared unknowns, shape (columns, points, unknowns)."""
    out = np.zeros((points.geometry.columns, points.points, unknowns), np.float32)
    asymmetry = chip.asymmetry.astype(np.float32)
    used, program = np.unique(points.program, return_inverse=True)
    matrices = points.weights[used]
    charges = charge_of_weights(matrices, chip)
    curve, rows = chip.activation_curve.astype(np.float32), chip.row_gain.astype(np.float32)
    with parallel_kernels():
        _scatter(points.activations, program, matrices, charges, curve, rows, asymmetry, reach, weight, out)
    return out


@njit(nogil=True, cache=True, parallel=True)
def _scatter(activations, program, codes, charges, curve, row_gain, asymmetry, reach, weight, out):  # type: ignore[no-untyped-def]
    points, rows = activations.shape
    columns = out.shape[0]
    first_weight = len(curve) - 1
    first_row = out.shape[2] - rows
    top = (first_row - first_weight) // 2
    for point in prange(points):
        matrix, charge_of = codes[program[point]], charges[program[point]]
        for i in range(columns):
            for row in range(rows):
                x, code = activations[point, row], matrix[row, i]
                lam = reach[point, row, i] * weight[point, i]
                if x == 0 or code == 0 or lam == 0:
                    continue
                by_activation = lam * charge_of[row, i]
                skew = 1 + asymmetry[i] if code > 0 else 1 - asymmetry[i]
                slot = top + code - (1 if code > 0 else 0)
                out[i, point, x - 1] += by_activation
                out[i, point, first_weight + slot] += lam * curve[x] * row_gain[row] * skew
                out[i, point, first_row + row] += curve[x] * by_activation
