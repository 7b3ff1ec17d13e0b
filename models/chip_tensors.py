"""Chip parameters as tensors: what a layer computes with, and what a calibration can be refined by gradient in."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data.errors import BadInput
from data.values import Geometry, Schedule
from models.curves import look_up
from models.kernels.coefficients import LARGEST_LIMIT, SMALLEST_LIMIT, Coefficients
from models.ordered import ordered_multiply, unordered_multiply
from models.parameters import ChipParameters, Term
from models.tensor_coefficients import TensorCoefficients

LEARNABLE = (
    "activation_curve",
    "row_gain",
    "weight_curve",
    "asymmetry",
    "gain",
    "offset",
    "tau_membrane_ns",
    "rail_low",
    "rail_high",
    "tau_line_ns",
    "line_limit",
)
"""What can be learned from outputs: everything but the noise."""


@dataclass(frozen=True)
class ChipTensors:
    """:class:`models.parameters.ChipParameters` as tensors of one floating type; the same names, shapes and units.

    Every method is differentiable with respect to every tensor that requires it.
    """

    geometry: Geometry
    ordered: bool
    terms: frozenset[Term]
    activation_curve: Tensor
    row_gain: Tensor
    weight_curve: Tensor
    asymmetry: Tensor
    gain: Tensor
    offset: Tensor
    noise: Tensor
    tau_membrane_ns: Tensor
    rail_low: Tensor
    rail_high: Tensor
    tau_line_ns: Tensor
    line_limit: Tensor

    @classmethod
    def of(cls, chip: ChipParameters, dtype: torch.dtype = torch.float32) -> ChipTensors:
        """The parameters of ``chip``, without gradient."""
        values = {name: torch.as_tensor(getattr(chip, name).copy(), dtype=dtype) for name in TENSORS}
        return cls(chip.geometry, chip.ordered, chip.terms, **values)

    def learning(self, names: Collection[str]) -> ChipTensors:
        """The same values, with gradients for ``names``.

        Raises:
            BadInput: a name that is no parameter, or one of a term that is not in use.
        """
        check_learnable(names, self.ordered, self.terms)
        return replace(self, **{name: getattr(self, name).detach().clone().requires_grad_() for name in names})

    def parameters(self) -> ChipParameters:
        """The values as they are now, in float64, for a calibration record or a chip model."""
        values = {name: getattr(self, name).detach().cpu().double().numpy().copy() for name in TENSORS}
        return ChipParameters(self.geometry, self.ordered, self.terms, **values)

    def input_charges(self, codes: Tensor, whole: bool = True) -> Tensor:
        """Charge of each event relative to a unit weight, shape (..., rows) as ``codes``."""
        return look_up(self.activation_curve, codes, 0, whole) * self.row_gain

    def folded_weights(self, codes: Tensor, whole: bool = True) -> Tensor:
        """Output codes for each unit of charge, shape (..., columns) as ``codes``: curve, asymmetry and gain."""
        charges = look_up(self.weight_curve, codes, self.geometry.weight_max, whole)
        return charges * (1 + self.asymmetry * codes.detach().sign()) * self.gain

    def coefficients(self, schedule: Schedule) -> TensorCoefficients:
        """What a slot does to line and membrane, as :meth:`models.kernels.coefficients.Coefficients.of`, in float64."""
        leak, rails, line = (term in self.terms for term in ("leak", "rails", "line"))
        gain = self.gain.detach().double()
        zero, one = torch.zeros_like(gain), torch.ones_like(gain)
        spacing, settle = float(schedule.spacing_ns), float(schedule.settle_ns)
        membrane, on_line = self.tau_membrane_ns.double(), self.tau_line_ns.double()
        return TensorCoefficients(
            decay=_decay(spacing, membrane) if leak else one,
            settle=_decay(spacing + settle, membrane) if leak else one,
            low=self.rail_low.double() if rails else zero - torch.inf,
            high=self.rail_high.double() if rails else zero + torch.inf,
            line=_decay(spacing, on_line) if line else zero,
            line_settle=_decay(settle, on_line) if line else zero,
            limit=self._limit() if line else one * LARGEST_LIMIT,
            uses_line=line,
        )

    def voltages(
        self,
        charges: Tensor,
        folded: Tensor,
        schedule: Schedule,
        coefficients: Coefficients | TensorCoefficients | None = None,
    ) -> Tensor:
        """Settled voltages of this model, ordered or not, shape (vectors, blocks, columns).

        Args:
            charges: of :meth:`input_charges`, shape (vectors, blocks, rows).
            folded: of :meth:`folded_weights`, shape (blocks, rows, columns).
            schedule: how the vectors are sent.
            coefficients: those of the schedule, where they are there already.
        """
        if not self.ordered:
            return unordered_multiply(charges, folded, self.rail_low, self.rail_high, schedule)
        made = self.coefficients(schedule) if coefficients is None else coefficients
        return ordered_multiply(charges, folded, made, schedule)

    def read_out(self, voltages: Tensor, noise: Tensor | None = None) -> Tensor:
        """Output codes of voltages (..., columns): offset, trial noise, rounded down straight-through, clamped.

        Args:
            voltages: settled ones.
            noise: draws of a standard normal distribution, shape as the voltages; without it there is no noise.
        """
        level = voltages + self.offset
        if noise is not None:
            level = level + self.noise * noise
        return floor_through(level).clamp(self.geometry.output_min, self.geometry.output_max)

    def _limit(self) -> Tensor:
        finite = self.line_limit.isfinite()
        limit = self.gain.double().abs() * torch.where(finite, self.line_limit, 1.0).double()
        return torch.where(finite, limit.clamp(SMALLEST_LIMIT, LARGEST_LIMIT), LARGEST_LIMIT)


TENSORS = tuple(item.name for item in fields(ChipTensors))[3:]
"""The fields of :class:`ChipTensors` that are tensors."""


def check_learnable(names: Collection[str], ordered: bool, terms: frozenset[Term]) -> None:
    """Raise :class:`BadInput` for a name that cannot be learned on a chip model with these terms."""
    needed: dict[str, Term] = {
        "tau_membrane_ns": "leak",
        "rail_low": "rails",
        "rail_high": "rails",
        "tau_line_ns": "line",
        "line_limit": "line",
    }
    for name in names:
        if name not in LEARNABLE:
            raise BadInput(f"{name!r} is no parameter that can be learned; those are {', '.join(LEARNABLE)}")
        if ordered and name in needed and needed[name] not in terms:
            raise BadInput(f"{name} cannot be learned: the chip model does not use the term {needed[name]}")


def round_through(values: Tensor) -> Tensor:
    """Rounded to the nearest whole number; the gradient passes as if it were not."""
    return values + (values.round() - values).detach()


def floor_through(values: Tensor) -> Tensor:
    """Rounded down; the gradient passes as if it were not."""
    return values + (values.floor() - values).detach()


def tensor(values: NDArray[np.generic]) -> Tensor:
    """A float32 tensor of its own."""
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32).copy())


def _decay(time_ns: float, tau_ns: Tensor) -> Tensor:
    """``exp(-time / tau)``; a time constant of 0 leaves nothing, also of no time."""
    none = tau_ns == 0
    return torch.where(none, 0.0, torch.exp(-time_ns / torch.where(none, 1.0, tau_ns)))
