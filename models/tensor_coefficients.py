"""The coefficients of a slot as tensors, so that what they were computed from can be learned."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from models.kernels.coefficients import NAMES, Coefficients


@dataclass(frozen=True)
class TensorCoefficients:
    """:class:`models.kernels.coefficients.Coefficients` as tensors, shape (columns,) each, any floating type.

    Gradients reach every one of them. At a rail they are exact: a voltage that clipped last at a rail moves with that
    rail and with nothing before it.
    """

    decay: Tensor
    settle: Tensor
    low: Tensor
    high: Tensor
    line: Tensor
    line_settle: Tensor
    limit: Tensor
    uses_line: bool

    @classmethod
    def of(cls, coefficients: Coefficients) -> TensorCoefficients:
        """The same values, in float64 and without gradient."""
        decay, settle, low, high, line, line_settle, limit = torch.from_numpy(coefficients.rows.copy())
        return cls(decay, settle, low, high, line, line_settle, limit, coefficients.uses_line)

    @property
    def rows(self) -> Tensor:
        """All of them in one float64 tensor, shape (7, columns)."""
        return torch.stack([getattr(self, name).double() for name in NAMES])
