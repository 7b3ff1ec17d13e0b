"""What noise does to activations: additive, multiplicative, mixed; each a value and a pure function of given draws."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final, Literal, Protocol

import torch
from torch import Tensor

from data.errors import BadInput

Part = Literal["additive", "multiplicative"]


class NoiseKind(Protocol):
    """A kind of noise. Calling it changes nothing and draws nothing.

    Strengths are absolute: standard deviations in the units of the activations (additive) or relative to them
    (multiplicative). The axes of a strength are the leading axes of the activations: shape () is one for all,
    (samples,) one for each sample, (1, columns) one for each output or channel, (samples, columns) both.
    """

    @property
    def name(self) -> str:
        """For tables and command lines; :func:`kind_named` turns it back."""
        ...

    @property
    def draws(self) -> int:
        """Standard normals needed for each activation."""
        ...

    def __call__(self, values: Tensor, strength: Tensor, draw: Tensor) -> Tensor:
        """Noisy activations, shape as ``values``; ``draw`` has that shape, with an axis of ``draws`` in front if > 1.

        Differentiable with respect to every argument.
        """
        ...


@dataclass(frozen=True)
class Additive:
    """``y = x + s z``, z standard normal."""

    @property
    def name(self) -> str:
        """``additive``."""
        return "additive"

    @property
    def draws(self) -> int:
        """One."""
        return 1

    def __call__(self, values: Tensor, strength: Tensor, draw: Tensor) -> Tensor:
        """Noisy activations (:class:`NoiseKind`)."""
        return torch.addcmul(values, over(strength, values), draw)


@dataclass(frozen=True)
class Multiplicative:
    """``y = x (1 + s z)``: the factor is normal with mean 1 and standard deviation s."""

    @property
    def name(self) -> str:
        """``multiplicative``."""
        return "multiplicative"

    @property
    def draws(self) -> int:
        """One."""
        return 1

    def __call__(self, values: Tensor, strength: Tensor, draw: Tensor) -> Tensor:
        """Noisy activations (:class:`NoiseKind`)."""
        return values * (1 + over(strength, values) * draw)


@dataclass(frozen=True)
class Mixed:
    """Additive and multiplicative noise at one place, one after the other (Borras et al., arXiv 2212.10430).

    At strength A the standard deviations are ``A additive`` and ``A multiplicative``: :meth:`of_ratio` gives the
    mixture of amplitude A and ratio r, and at strength 1 the two shares are the standard deviations themselves.

    Attributes:
        additive: share of the strength that is added.
        multiplicative: share of the strength that multiplies.
        first: which of the two comes first; additive noise that comes first is multiplied, too.
    """

    additive: float
    multiplicative: float
    first: Part = "multiplicative"

    def __post_init__(self) -> None:
        for part in ("additive", "multiplicative"):
            share = getattr(self, part)
            if not (math.isfinite(share) and share >= 0):
                raise BadInput(f"the {part} share of mixed noise is {share}; it must be 0 or more")
        if self.first not in ("additive", "multiplicative"):
            raise BadInput(f"mixed noise begins with 'additive' or 'multiplicative', not with {self.first!r}")

    @classmethod
    def of_ratio(cls, ratio: float, first: Part = "multiplicative") -> Mixed:
        """Amplitude A splits into ``sigma_add = A r`` and ``sigma_mul = A (1 - r)``.

        Raises:
            BadInput: a ratio outside 0 to 1.
        """
        if not 0 <= ratio <= 1:
            raise BadInput(f"the ratio of mixed noise is {ratio}; it must lie between 0 and 1")
        return cls(ratio, 1 - ratio, first)

    @property
    def name(self) -> str:
        """``mixed-ADDITIVE-MULTIPLICATIVE``, with ``-additive-first`` where that is so."""
        order = "-additive-first" if self.first == "additive" else ""
        return f"mixed-{float(self.additive)!r}-{float(self.multiplicative)!r}{order}"

    @property
    def draws(self) -> int:
        """Two: the first is added, the second multiplies, whichever comes first."""
        return 2

    def __call__(self, values: Tensor, strength: Tensor, draw: Tensor) -> Tensor:
        """Noisy activations (:class:`NoiseKind`)."""
        strength = over(strength, values)
        added = self.additive * strength * draw[0]
        factor = 1 + self.multiplicative * strength * draw[1]
        if self.first == "additive":
            return (values + added) * factor
        return torch.addcmul(added, values, factor)


ADDITIVE: Final = Additive()
MULTIPLICATIVE: Final = Multiplicative()

_NUMBER = r"(\d+(?:\.\d*)?(?:e[+-]?\d+)?)"
_MIXED = re.compile(rf"mixed-{_NUMBER}(?:-{_NUMBER})?(-additive-first)?")


def kind_named(name: str) -> NoiseKind:
    """The kind of a name: ``additive``, ``multiplicative``, ``mixed-RATIO`` or ``mixed-ADDITIVE-MULTIPLICATIVE``.

    Either form of mixed noise may end in ``-additive-first``.

    Raises:
        BadInput: no kind has that name.
    """
    if name in ("additive", "multiplicative"):
        return ADDITIVE if name == "additive" else MULTIPLICATIVE
    found = _MIXED.fullmatch(name)
    if found is None:
        raise BadInput(
            f"there is no noise called {name!r}; say additive, multiplicative, mixed-RATIO (mixed-0.1, say) "
            "or mixed-ADDITIVE-MULTIPLICATIVE"
        )
    first: Part = "additive" if found[3] else "multiplicative"
    if found[2] is None:
        return Mixed.of_ratio(float(found[1]), first)
    return Mixed(float(found[1]), float(found[2]), first)


def over(strength: Tensor, values: Tensor) -> Tensor:
    """A strength whose axes are the leading ones of ``values``, made to broadcast over the others."""
    return strength.reshape(strength.shape + (1,) * (values.ndim - strength.ndim))
