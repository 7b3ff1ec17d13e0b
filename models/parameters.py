"""What a fitted chip model knows about one board: the parameters of the ordered and the unordered model."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from data.values import Geometry

Floats = NDArray[np.float64]
Term = Literal["leak", "rails", "line"]
TERMS: tuple[Term, ...] = ("leak", "rails", "line")


@dataclass(frozen=True)
class ChipParameters:
    r"""Parameters of the ordered model; with no term in use it is the unordered one.

    Per column :math:`i`, rows sending in event order :math:`k = 1..K` (a skipped zero takes no slot; the vector is sent
    ``sends`` times, so that :math:`K` counts all of them), :math:`d` = spacing, :math:`D` = settle time::

        charge    q_k = row_gain[r] * activation_curve[x] * weight_curve[w] * (1 + asymmetry_i * sign(w))
        line      s_k = s_{k-1} * exp(-d / tau_line_i) + q_k
                  i_k = (1 - exp(-d / tau_line_i)) * line_limit_i * tanh(s_k / line_limit_i)
        membrane  v_k = clip(v_{k-1} * exp(-d / tau_membrane_i) + gain_i * i_k, rail_low_i, rail_high_i)
        settle    s = s_K * exp(-d / tau_line_i), and one more step: v = clip(v_K * exp(-(d + D) / tau_membrane_i)
                  + gain_i * (1 - exp(-D / tau_line_i)) * line_limit_i * tanh(s / line_limit_i), ...)
        read-out  y   = clamp(floor(v + offset_i + n_i), output_min, output_max),  n_i ~ N(0, noise_i^2)

    The settle time begins one slot after the last event; the membrane leaks in that slot as in every other.
    The factor ``1 - exp(-d / tau_line)`` and the settle step conserve charge: far from ``line_limit`` every event puts
    ``gain * q`` on the membrane, but for what is still on the line at the read-out. For ``tau_line`` towards 0 and
    ``line_limit`` towards infinity the line is gone, so the models are nested. Without the term *line*,
    ``i_k = q_k``; without *leak*, nothing decays; without *rails*, nothing clips before the read-out.

    The *unordered* model keeps what does not depend on order: ``y = clamp(floor(clip(gain_i * sends * sum q,
    rail_low_i, rail_high_i) + offset_i + n_i))``; its rails act once, on the finished sum.

    Attributes:
        geometry: the array these parameters belong to.
        ordered: false for the unordered model.
        terms: the order-dependent terms in use; parameters of terms not in use hold their neutral value.
        activation_curve: charge of each activation code relative to a unit weight, shape (activation_max + 1,);
            ideal is the code itself; entry 0 is 0.
        row_gain: gain of each row, shape (rows,), mean 1.
        weight_curve: charge of each weight code from -weight_max up, shape (2 weight_max + 1,);
            ideal is the code itself; the middle entry is 0.
        asymmetry: relative half-difference between positive and negative weights, shape (columns,), no unit.
        gain: output codes per unit charge and send, shape (columns,).
        offset: output codes, shape (columns,).
        noise: standard deviation of the trial noise before rounding, output codes, shape (columns,).
        tau_membrane_ns: membrane time constant in nanoseconds, shape (columns,); infinite without *leak*.
        rail_low: lower membrane rail in output codes, shape (columns,); -inf without rails.
        rail_high: upper membrane rail in output codes, shape (columns,); +inf without rails.
        tau_line_ns: time constant of the input line in nanoseconds, shape (columns,); 0 without *line*.
        line_limit: charge at which the input line saturates, shape (columns,); infinite without *line*.
    """

    geometry: Geometry
    ordered: bool
    terms: frozenset[Term]
    activation_curve: Floats
    row_gain: Floats
    weight_curve: Floats
    asymmetry: Floats
    gain: Floats
    offset: Floats
    noise: Floats
    tau_membrane_ns: Floats
    rail_low: Floats
    rail_high: Floats
    tau_line_ns: Floats
    line_limit: Floats

    @classmethod
    def ideal(cls, geometry: Geometry, gain: float = 0.002) -> ChipParameters:
        """A board without any imperfection: the integer product times ``gain``."""
        columns = geometry.columns

        def full(value: float) -> Floats:
            return np.full(columns, value)

        return cls(
            geometry=geometry,
            ordered=False,
            terms=frozenset(),
            activation_curve=np.arange(geometry.activation_max + 1, dtype=np.float64),
            row_gain=np.ones(geometry.rows),
            weight_curve=np.arange(-geometry.weight_max, geometry.weight_max + 1, dtype=np.float64),
            asymmetry=full(0.0),
            gain=full(gain),
            offset=full(0.0),
            noise=full(0.0),
            tau_membrane_ns=full(np.inf),
            rail_low=full(-np.inf),
            rail_high=full(np.inf),
            tau_line_ns=full(0.0),
            line_limit=full(np.inf),
        )

    def select(self, columns: NDArray[np.integer]) -> ChipParameters:
        """The same board seen through some of its columns only, in the given order."""
        picked: dict[str, Floats] = {
            item.name: getattr(self, item.name)[columns] for item in fields(self) if item.name in PER_COLUMN
        }
        geometry = replace(self.geometry, columns=len(columns))
        return replace(self, geometry=geometry, **picked)  # type: ignore[arg-type]


PER_COLUMN = (
    "asymmetry",
    "gain",
    "offset",
    "noise",
    "tau_membrane_ns",
    "rail_low",
    "rail_high",
    "tau_line_ns",
    "line_limit",
)
"""The parameters with one value a column."""
