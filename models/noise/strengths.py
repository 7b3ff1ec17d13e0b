"""How strong the noise is at which point: a value that plans, tables and trainings share."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from data.errors import Problems
from models.noise.operations import Point

Strength = float | tuple[float, ...]
"""One for the whole activation, or one for each output (FC) or channel (conv), as the columns of an array have."""


@dataclass(frozen=True)
class Strengths:
    """Noise strengths by injection point; hashable, and the same whatever the network's size.

    Attributes:
        others: strength at every point that is not named.
        named: points and their own strengths.
    """

    others: float = 0.0
    named: tuple[tuple[str, Strength], ...] = ()

    @classmethod
    def everywhere(cls, strength: float) -> Strengths:
        """The same at every point: global noise."""
        return cls(strength)

    @classmethod
    def at(cls, point: str, strength: Strength) -> Strengths:
        """At one point only: a step of a walk."""
        return cls.of({point: strength})

    @classmethod
    def of(cls, strengths: Mapping[str, float | Sequence[float]]) -> Strengths:
        """At several points, silent elsewhere."""
        return cls(0.0, tuple((name, _plain(value)) for name, value in strengths.items()))

    def value(self, point: str) -> Strength:
        """The strength at a point."""
        return dict(self.named).get(point, self.others)

    def silent(self, point: str) -> bool:
        """Whether nothing is drawn for a point."""
        value = self.value(point)
        return not any(value) if isinstance(value, tuple) else value == 0

    def tensor(self, point: str, like: Tensor) -> Tensor:
        """The strength at a point, shape () or (1, outputs), type and device of ``like``."""
        value = self.value(point)
        shaped = [value] if isinstance(value, tuple) else value
        return torch.tensor(shaped, dtype=like.dtype, device=like.device)

    def check(self, points: Sequence[Point]) -> None:
        """Refuse strengths that these points cannot have.

        Raises:
            BadInput: names that are no points, strengths that are negative or not finite, or a number of them that is
                not the number of outputs; all reasons at once.
        """
        shapes = {point.name: point.shape for point in points}
        problems = _wrong("others", self.others, None)
        for name, value in self.named:
            if name not in shapes:
                problems.append(f"there is no point {name!r}; there are {', '.join(shapes)}")
            else:
                problems += _wrong(name, value, shapes[name])
        if problems:
            raise Problems("the noise strengths", problems)


SILENT = Strengths()
"""No noise anywhere."""


def _plain(value: float | Sequence[float]) -> Strength:
    return tuple(float(v) for v in value) if isinstance(value, Sequence) else float(value)


def _wrong(name: str, value: Strength, shape: tuple[int, ...] | None) -> list[str]:
    several = isinstance(value, tuple)
    values = value if isinstance(value, tuple) else (value,)
    wrong = next((v for v in values if not (math.isfinite(v) and v >= 0)), None)
    problems = [] if wrong is None else [f"the strength of {name} is {wrong}; it must be 0 or more"]
    if several and shape is not None and len(values) != (shape[0] if shape else 1):
        problems.append(f"{name} has shape {shape} a sample, but {len(values)} strengths are given for its outputs")
    return problems
