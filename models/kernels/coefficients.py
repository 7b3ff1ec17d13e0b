"""From chip parameters and a schedule to what a kernel needs: charges, folded weights and factors for one slot."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from data.values import Schedule
from models.kernels.bend import UNIT
from models.kernels.factors import are_lopsided, rail_factors
from models.kernels.layout import filled
from models.parameters import ChipParameters, Floats

LARGEST_LIMIT: Final = 1e9
"""Stands for a line that never saturates: far above any charge, small enough for float32."""
SMALLEST_LIMIT: Final = 1e-9
"""Keeps the line of a dead column (gain 0) from dividing nothing by nothing."""

NAMES: Final = ("decay", "settle", "low", "high", "line", "line_settle", "limit")
"""The coefficients with one value a column, in the sequence in which they are stacked."""
_SHARE = (0.0, 1.0)
_RANGES: Final = {
    "decay": _SHARE,
    "settle": _SHARE,
    "low": (-np.inf, 0.0),
    "high": (0.0, np.inf),
    "line": _SHARE,
    "line_settle": _SHARE,
    "limit": (SMALLEST_LIMIT, LARGEST_LIMIT),
}
"""What each may be: nothing grows by itself, and the membrane starts between its rails, at 0."""
_WORDS: Final = {
    "decay": "membrane decay of one slot",
    "settle": "membrane decay over the settle time",
    "low": "lower rail",
    "high": "upper rail",
    "line": "line decay of one slot",
    "line_settle": "line decay over the settle time",
    "limit": "line limit in output codes",
}


@dataclass(frozen=True)
class Coefficients:
    """What happens to line and membrane within one slot, one value a column, in float64.

    The gain is folded into the weights, so everything is in output codes.

    Attributes:
        decay: factor of the membrane voltage over one slot; 1 without *leak*.
        settle: factor of the membrane voltage over the slot after the last event and the settle time.
        low: lower rail; -inf without *rails*.
        high: upper rail; +inf without *rails*.
        line: factor of the line over one slot; 0 without *line*.
        line_settle: factor of the line over the settle time.
        limit: output codes at which the line saturates.
        uses_line: whether the line is in use at all.
    """

    decay: Floats
    settle: Floats
    low: Floats
    high: Floats
    line: Floats
    line_settle: Floats
    limit: Floats
    uses_line: bool

    @classmethod
    def of_rows(cls, rows: Floats, uses_line: bool) -> Coefficients:
        """Undo :attr:`rows`."""
        decay, settle, low, high, line, line_settle, limit = rows
        return cls(decay, settle, low, high, line, line_settle, limit, uses_line)

    @classmethod
    def of(cls, parameters: ChipParameters, schedule: Schedule) -> Coefficients:
        """The factors of an ordered model (:class:`models.parameters.ChipParameters`) under a schedule."""
        terms = parameters.terms
        columns = parameters.geometry.columns
        spacing, settle = float(schedule.spacing_ns), float(schedule.settle_ns)
        one, nothing = np.ones(columns), np.zeros(columns)
        leak, rails, line = "leak" in terms, "rails" in terms, "line" in terms
        limit = np.abs(parameters.gain) * parameters.line_limit if line else np.full(columns, LARGEST_LIMIT)
        limit = np.nan_to_num(limit, nan=SMALLEST_LIMIT, posinf=LARGEST_LIMIT)
        return cls(
            decay=_decay(spacing, parameters.tau_membrane_ns) if leak else one,
            settle=_decay(spacing + settle, parameters.tau_membrane_ns) if leak else one,
            low=parameters.rail_low if rails else np.full(columns, -np.inf),
            high=parameters.rail_high if rails else np.full(columns, np.inf),
            line=_decay(spacing, parameters.tau_line_ns) if line else nothing,
            line_settle=_decay(settle, parameters.tau_line_ns) if line else nothing,
            limit=np.clip(limit, SMALLEST_LIMIT, LARGEST_LIMIT),
            uses_line=line,
        )

    @cached_property
    def rows(self) -> Floats:
        """All of them in one array, shape (7, columns), in the sequence of :data:`NAMES`."""
        return self.stack()

    def stack(self) -> Floats:
        """As :attr:`rows`, made anew: ``torch.compile`` cannot look into a cached property."""
        return np.stack((self.decay, self.settle, self.low, self.high, self.line, self.line_settle, self.limit))

    @cached_property
    def fault(self) -> str | None:
        """What makes these no coefficients of a board, in one sentence, or None."""
        for name, (low, high) in _RANGES.items():
            values = getattr(self, name)
            bad = np.flatnonzero(~((values >= low) & (values <= high)))
            if len(bad):
                return (
                    f"the chip parameters give column {bad[0]} a {_WORDS[name]} of {values[bad[0]]:g}; "
                    f"it must be {low:g} to {high:g}"
                )
        return None

    @cached_property
    def railed(self) -> bool:
        """Whether any column has a rail."""
        return not (np.all(np.isinf(self.low)) and np.all(np.isinf(self.high)))

    @cached_property
    def lopsided(self) -> bool:
        """Whether any column has a single rail, or two with their middle far from 0 (:mod:`models.kernels.factors`)."""
        return are_lopsided(self.low, self.high)

    @cached_property
    def scale(self) -> NDArray[np.float32]:
        """What the weights of every column are multiplied with before a walk, shape (columns,)."""
        return (UNIT / self.limit if self.uses_line else np.ones_like(self.decay)).astype(np.float32)

    @cached_property
    def packed(self) -> NDArray[np.float32]:
        """As the compiled walks take them (:mod:`models.kernels.factors`), shape (factors, columns of whole tiles)."""
        middle, half, push = rail_factors(self.decay, self.low, self.high, self.lopsided)
        if not self.uses_line:
            factors = np.stack([self.decay, middle, half, push, self.settle, self.low, self.high])
            return filled(factors.astype(np.float32))
        unit = np.maximum((1 - self.line) * self.limit / UNIT, 1e-30)
        rails = [middle / unit, half / unit, push / unit, self.settle, self.low, self.high]
        rest = (1 - self.line_settle) * self.limit / UNIT
        return filled(np.stack([self.decay, *rails, self.line, unit, rest]).astype(np.float32))


def input_charges(activations: NDArray[np.uint8], parameters: ChipParameters) -> Floats:
    """Charge of each event relative to a unit weight, shape (vectors, rows)."""
    charges: Floats = parameters.activation_curve[activations] * parameters.row_gain
    return charges


def weight_charges(weights: NDArray[np.int8], parameters: ChipParameters) -> Floats:
    """Charge for each unit of input charge: weight curve and asymmetry, without the gain, shape (rows, columns)."""
    codes = weights.astype(np.intp)
    charges = parameters.weight_curve[codes + parameters.geometry.weight_max]
    bent: Floats = charges * (1.0 + parameters.asymmetry * np.sign(codes))
    return bent


def _decay(time_ns: float, tau_ns: Floats) -> Floats:
    """``exp(-time / tau)``; a time constant of 0 leaves nothing, also of no time."""
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.exp(-time_ns / tau_ns)
    return np.where(tau_ns > 0, factor, 0.0)
