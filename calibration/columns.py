"""Fits the parameters that every column has for itself, all columns at once: batched Levenberg-Marquardt.

Marquardt, *SIAM J. Appl. Math.* 11 (1963) 431; each column has its own damping and accepts or refuses its own step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from calibration.observations import Observations
from calibration.priors import Prior, common_value, no_prior
from calibration.sensitivity import NO_LIMIT, Evaluation, evaluate, leak_of, saturation_of
from calibration.walks import normal_equations
from models.kernels.cpu import parallel_kernels
from models.parameters import ChipParameters

Floats = NDArray[np.float64]
Name = Literal["gain", "asymmetry", "offset", "leak", "rail_low", "rail_high", "line_time", "saturation"]
NAMES: Final[tuple[Name, ...]] = (
    "gain",
    "asymmetry",
    "offset",
    "leak",
    "rail_low",
    "rail_high",
    "line_time",
    "saturation",
)
"""Fitted coordinates: gain is relative, leak is 1 / tau in 1/ns, saturation is the line's 1 / limit squared."""

_TOGETHER: Final[tuple[Name, ...]] = ("line_time", "saturation")
"""The line's parameters, which one column hardly shows alone: what all columns say of them is a prior."""

_SENSIBLE: Final[dict[Name, tuple[float, float]]] = {
    "line_time": (5.0, 5000.0),
    "saturation": (NO_LIMIT**-2, 1.0),
}
"""Where the line's parameters are kept, in their coordinates."""

ENOUGH: Final = 0.3
"""Chi square that a step must gain to be followed by another; a tenth of an error is 0.01 of it."""


@dataclass(frozen=True)
class ColumnFit:
    """Fitted parameters of every column.

    Attributes:
        parameters: the fitted chip.
        names: the fitted coordinates, in the order of ``information``.
        information: J^T W J per column, shape (columns, names, names), without the prior.
        prior: what all columns together say.
        cost: chi square per column, without the prior.
        chi_square: reduced, per column.
        predicted: at the fitted points, shape (points, columns).
    """

    parameters: ChipParameters
    names: tuple[Name, ...]
    information: Floats
    prior: Prior
    cost: Floats
    chi_square: Floats
    predicted: NDArray[np.float32]


def fitted_names(parameters: ChipParameters) -> tuple[Name, ...]:
    """Which coordinates a model with the terms of ``parameters`` fits."""
    names: list[Name] = ["gain", "asymmetry", "offset"]
    if "leak" in parameters.terms:
        names.append("leak")
    if "rails" in parameters.terms or not parameters.ordered:
        names += ["rail_low", "rail_high"]
    if "line" in parameters.terms:
        names += ["line_time", "saturation"]
    return tuple(names)


def fit_columns(
    points: Observations,
    start: ChipParameters,
    weights: Floats,
    passing: NDArray[np.bool_],
    *,
    iterations: int = 4,
    enough: float = ENOUGH,
) -> ColumnFit:
    """Fit gain, asymmetry, offset and the terms in use, curves and row gains held.

    Args:
        points: what is fitted.
        start: starting values; its terms and ``ordered`` say which model.
        weights: inverse variance of each observation, 0 for one that must not count, shape (points, columns).
        passing: columns whose common values a weakly determined column may lean on, shape (columns,).
        iterations: how many trial steps at most.
        enough: a step that lowers chi square by less, in 19 of 20 columns, is the last one.
    """
    names = fitted_names(start)
    parameters, state = start, _State.at(points, start, weights, names)
    prior = _prior(state, start, names, passing)
    cost = state.cost + prior.cost(coordinates(start, names))
    damping = np.full(points.geometry.columns, 1e-4)
    for _ in range(iterations):
        trial = _moved(parameters, names, _steps(state, coordinates(parameters, names), prior, damping))
        tried = _State.at(points, trial, weights, names)
        tried_cost = tried.cost + prior.cost(coordinates(trial, names))
        better = tried_cost < cost
        gained = np.where(better, cost - tried_cost, 0)
        parameters, cost = choose(better, trial, parameters), np.where(better, tried_cost, cost)
        state = tried.where(better, state)
        damping = np.where(better, np.maximum(damping / 10, 1e-9), np.minimum(damping * 30, 1e3))
        if np.quantile(gained, 0.95) < enough:
            break
    freedom = np.maximum((weights > 0).sum(axis=0) - len(names), 1)
    return ColumnFit(parameters, names, state.information, prior, state.cost, state.cost / freedom, state.predicted)


def huber(residual: Floats, weights: Floats, bend: float = 3.0) -> Floats:
    """Weights lowered where a residual exceeds ``bend`` deviations (Huber, *Ann. Math. Stat.* 35 (1964) 73)."""
    size = np.abs(residual) * np.sqrt(weights)
    lowered: Floats = weights * np.minimum(1, bend / np.maximum(size, bend))
    return lowered


def derivatives(at: Evaluation, names: tuple[Name, ...]) -> NDArray[np.float32]:
    """The Jacobian, shape (names, points, columns)."""
    table = {
        "gain": at.by_gain,
        "asymmetry": at.by_asymmetry,
        "offset": np.ones_like(at.by_gain),
        "leak": at.by_leak,
        "rail_low": at.by_low,
        "rail_high": at.by_high,
        "line_time": at.by_line_time,
        "saturation": at.by_saturation,
    }
    return np.stack([table[name] for name in names])


def choose(columns: NDArray[np.bool_], yes: ChipParameters, no: ChipParameters) -> ChipParameters:
    """``yes`` where ``columns`` is true, ``no`` elsewhere; only what :func:`fit_columns` changes is looked at."""

    def pick(name: str) -> Floats:
        picked: Floats = np.where(columns, getattr(yes, name), getattr(no, name))
        return picked

    return replace(
        no,
        gain=pick("gain"),
        asymmetry=pick("asymmetry"),
        offset=pick("offset"),
        tau_membrane_ns=pick("tau_membrane_ns"),
        rail_low=pick("rail_low"),
        rail_high=pick("rail_high"),
        tau_line_ns=pick("tau_line_ns"),
        line_limit=pick("line_limit"),
    )


@dataclass(frozen=True)
class _State:
    """Cost and normal equations of all columns at some parameters."""

    cost: Floats
    gradient: Floats
    information: Floats
    predicted: NDArray[np.float32]

    @classmethod
    def at(cls, points: Observations, parameters: ChipParameters, weights: Floats, names: tuple[Name, ...]) -> _State:
        here = evaluate(points, parameters)
        residual = points.mean.astype(np.float32) - here.predicted
        with parallel_kernels():
            sums = normal_equations(weights.astype(np.float32), residual, derivatives(here, names))
        cost, gradient, information = sums
        return cls(cost, gradient, information, here.predicted)

    def where(self, mine: NDArray[np.bool_], other: _State) -> _State:
        return _State(
            np.where(mine, self.cost, other.cost),
            np.where(mine[:, None], self.gradient, other.gradient),
            np.where(mine[:, None, None], self.information, other.information),
            np.where(mine, self.predicted, other.predicted),
        )


def _steps(state: _State, values: Floats, prior: Prior, damping: Floats) -> Floats:
    """Damped Gauss-Newton steps, shape (columns, names)."""
    information = state.information + np.diag(prior.precision)
    gradient = state.gradient + prior.pull(values)
    diagonal = np.einsum("caa->ca", information)
    scale = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    unit = information / (scale[:, :, None] * scale[:, None, :])
    # A coordinate that the data do not show (a rail that is never touched) stays where it is.
    unit += np.eye(len(scale[0])) * (damping[:, None] + np.where(diagonal > 0, 1e-9, 1.0))[:, :, None]
    steps: Floats = np.linalg.solve(unit, (gradient / scale)[:, :, None])[:, :, 0] / scale
    return np.where(diagonal > 0, steps, 0.0)


def _prior(state: _State, parameters: ChipParameters, names: tuple[Name, ...], passing: NDArray[np.bool_]) -> Prior:
    """What the passing columns, each by its own data, say together of the line's parameters."""
    prior = no_prior(len(names))
    if not set(_TOGETHER) & set(names):
        return prior
    own = inverse(state.information)
    steps = np.einsum("cab,cb->ca", own, state.gradient)
    for name in _TOGETHER:
        slot = names.index(name)
        variance = own[:, slot, slot]
        use = passing & (variance > 0) & np.isfinite(variance)
        values = coordinate(parameters, name)[use] + steps[use, slot]
        # A full step may lead beyond what makes sense; the parameter itself is kept inside as well.
        common = common_value(np.clip(values, *_SENSIBLE[name]), variance[use])
        prior.centre[slot], prior.precision[slot] = common.centre, common.precision
        prior.variance[slot] = common.variance
    return prior


def inverse(information: Floats) -> Floats:
    """Inverses of information matrices, shape (columns, names, names), 0 for coordinates that the data do not show."""
    diagonal = np.einsum("caa->ca", information)
    shown = diagonal > 0
    scale = np.sqrt(np.where(shown, diagonal, 1.0))
    unit = information / (scale[:, :, None] * scale[:, None, :])
    unit += np.eye(len(scale[0])) * np.where(shown, 1e-12, 1.0)[:, :, None]
    inverted: Floats = np.linalg.inv(unit) / (scale[:, :, None] * scale[:, None, :])
    inverted *= shown[:, :, None] & shown[:, None, :]
    return inverted


def coordinates(parameters: ChipParameters, names: tuple[Name, ...]) -> Floats:
    """Values of the fitted coordinates, shape (columns, names)."""
    return np.stack([coordinate(parameters, name) for name in names], axis=1)


def coordinate(parameters: ChipParameters, name: str) -> Floats:
    """The value of a fitted coordinate for every column, shape (columns,)."""
    if name == "leak":
        return leak_of(parameters)
    if name == "saturation":
        return saturation_of(parameters)
    values: Floats = parameters.tau_line_ns if name == "line_time" else getattr(parameters, name)
    return values


def _moved(parameters: ChipParameters, names: tuple[Name, ...], steps: Floats) -> ChipParameters:
    """Parameters after a step, kept where they make sense."""
    step = {name: steps[:, index] for index, name in enumerate(names)}
    moved = replace(
        parameters,
        gain=parameters.gain * np.exp(np.clip(step["gain"], -0.5, 0.5)),
        asymmetry=np.clip(parameters.asymmetry + step["asymmetry"], -0.5, 0.5),
        offset=parameters.offset + step["offset"],
    )
    if "leak" in step:
        leak = np.maximum(leak_of(parameters) + step["leak"], 1e-9)
        moved = replace(moved, tau_membrane_ns=1 / leak)
    if "rail_low" in step:
        low = np.minimum(parameters.rail_low + np.clip(step["rail_low"], -20, 20), -1.0)
        high = np.maximum(parameters.rail_high + np.clip(step["rail_high"], -20, 20), 1.0)
        moved = replace(moved, rail_low=low, rail_high=high)
    if "line_time" in step:
        line_time = parameters.tau_line_ns + np.clip(step["line_time"], -200, 200)
        saturation = saturation_of(parameters) + step["saturation"]
        moved = replace(
            moved,
            tau_line_ns=np.clip(line_time, *_SENSIBLE["line_time"]),
            line_limit=np.clip(saturation, *_SENSIBLE["saturation"]) ** -0.5,
        )
    return moved
