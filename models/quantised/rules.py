"""How coarse a network's numbers are: bits, and where the scale of activations comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from types import MappingProxyType
from typing import Final

from data.errors import BadInput, Problems

CEILINGS: Final[Mapping[int, int]] = MappingProxyType({4: 15, 8: 256, 16: 65536})
"""Largest activation over the constant scale, by bits."""


@dataclass(frozen=True)
class Quantisation:
    """Bits of weights and activations, and the scale of activations.

    Weights are signed, symmetric and of narrow range, ``w = d k`` with whole ``|k| <= 2^(bits-1) - 1`` and the step
    ``d = max|w| / (2^(bits-1) - 1)``, per output channel in convolutions and per tensor in fully connected layers.
    Activations are unsigned, at rectifiers only, ``a = e clamp(round(x / e), 0, 2^bits - 1)``. Inputs, biases and the
    network's outputs are not quantised. Gradients pass straight through the rounding.

    With a constant scale ``s`` the largest activation is ``M s`` with ``M`` = 15, 256, 65536 for 4, 8, 16 bits, so
    that the step ``e = M s / (2^bits - 1)`` is ``s`` or a little more and no training changes it. A learned scale
    starts at the 99.999 percentile of the first ``collect_steps`` batches and is trained like a weight.

    Both are those of the comparison of quantisation-aware with noisy training in arXiv:2501.14531 and its published
    code, by Brevitas' own quantisers (doi:10.5281/zenodo.3333552).

    Attributes:
        bits: 4, 8 or 16.
        scale: constant scale of activations, in their own unit; None for a learned one.
        collect_steps: training batches whose activations a learned scale starts from.
    """

    bits: int = 8
    scale: float | None = None
    collect_steps: int = 300

    @property
    def levels(self) -> int:
        """Steps between the smallest and the largest activation."""
        return (1 << self.bits) - 1

    @property
    def ceiling(self) -> float | None:
        """The largest activation; None where it is learned."""
        return None if self.scale is None else CEILINGS[self.bits] * self.scale

    def check(self) -> None:
        """Raise :class:`BadInput` with all that makes no sense."""
        problems = []
        if self.bits not in CEILINGS:
            problems.append(f"{self.bits} bits; there are {', '.join(map(str, CEILINGS))}")
        if self.scale is not None and not (isfinite(self.scale) and self.scale > 0):
            problems.append(f"a constant scale of {self.scale}; it must be positive, or None for a learned one")
        if self.collect_steps < 1:
            problems.append(f"a learned scale from {self.collect_steps} batches; it must be at least 1")
        if problems:
            raise Problems("the quantisation", problems)


def need_brevitas() -> None:
    """Raise :class:`BadInput` if Brevitas is not installed."""
    try:
        import brevitas  # noqa: F401 (asked for, not used)
    except ImportError as error:
        raise BadInput('quantised networks need the package brevitas; type `pip install "labctl[studies]"`') from error
