"""Noise of many members in one batch: each draws its own, as it would alone.

What a member draws is, number by number, what :func:`models.noise.draws.draw_noise` gives for its strengths and the
same generator; here it goes straight to its place in the layout of the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from models.batched.steps import Noise, samples_last
from models.noise.kinds import NoiseKind
from models.noise.operations import Point
from models.noise.strengths import Strengths


@dataclass(frozen=True)
class NoisePlan:
    """Which members have noise at which points, and how much.

    Attributes:
        kind: of noise.
        points: where any member has noise, in the order of the computation.
        loud: for each member the points where it has noise.
        strengths: by point: (members, 1, 1) or (members, values, 1), for pictures
            (members, 1, 1, 1, 1) or (members, 1, channels, 1, 1).
    """

    kind: NoiseKind
    points: tuple[Point, ...]
    loud: tuple[frozenset[str], ...]
    strengths: dict[str, Tensor]

    @classmethod
    def of(cls, points: Sequence[Point], kind: NoiseKind, strengths: Sequence[Strengths], like: Tensor) -> NoisePlan:
        """Plan for members with these strengths, type and device of ``like``."""
        loud = tuple(frozenset(point.name for point in points if not each.silent(point.name)) for each in strengths)
        used = tuple(point for point in points if any(point.name in names for names in loud))
        return cls(kind, used, loud, {point.name: _strengths(point, strengths, like) for point in used})

    def draw(
        self, samples: int, generators: Sequence[torch.Generator], factors: Sequence[Tensor] | None = None
    ) -> dict[str, Noise]:
        """Noise of one batch.

        Args:
            samples: of the batch.
            generators: of the members, on the device of the strengths.
            factors: each member's factor of its schedule, shape () or (samples,); None for 1. A member whose factor is
                0 for all samples draws nothing.
        """
        loud = self.loud
        if factors is not None:
            loud = tuple(
                names if bool(factor.any()) else frozenset() for names, factor in zip(loud, factors, strict=True)
            )
        places = self._places(samples)
        for member, (names, chance) in enumerate(zip(loud, generators, strict=True)):
            self._draw_one(member, names, samples, chance, places)
        alone = self.kind.draws == 1
        return {
            name: Noise(self._strength(name, factors), place[0] if alone else place) for name, place in places.items()
        }

    def _places(self, samples: int) -> dict[str, Tensor]:
        """Where the draws go, in the layout of the batch: (draws, members, ..., samples), zeros where none come."""
        made = {}
        for point in self.points:
            shape = (self.kind.draws, len(self.loud), *_layout(point.shape), samples)
            made[point.name] = self.strengths[point.name].new_zeros(shape)
        return made

    def _draw_one(
        self, member: int, names: frozenset[str], samples: int, chance: torch.Generator, places: dict[str, Tensor]
    ) -> None:
        points = [point for point in self.points if point.name in names]
        if not points:
            return
        sizes = [self.kind.draws * samples * prod(point.shape) for point in points]
        like = self.strengths[points[0].name]
        drawn = torch.randn(sum(sizes), generator=chance, dtype=like.dtype, device=like.device)
        for point, part in zip(points, torch.split(drawn, sizes), strict=True):
            each = part.view(self.kind.draws, samples, *point.shape)
            places[point.name][:, member].copy_(samples_last(each))

    def _strength(self, name: str, factors: Sequence[Tensor] | None) -> Tensor:
        strength = self.strengths[name]
        if factors is None:
            return strength
        shape = max((factor.shape for factor in factors), key=len)
        scale = torch.stack([factor.expand(shape) for factor in factors]).to(strength)
        return strength * scale.view(len(scale), *(1,) * (strength.ndim - 2), -1)


def _layout(shape: Sequence[int]) -> tuple[int, ...]:
    """Of one sample: (channels, height, width) becomes (height, channels, width)."""
    return (shape[1], shape[0], shape[2]) if len(shape) == 3 else tuple(shape)


def _strengths(point: Point, strengths: Sequence[Strengths], like: Tensor) -> Tensor:
    rows = [given.tensor(point.name, like).view(-1) for given in strengths]
    each = torch.stack([row.expand(max(map(len, rows))) for row in rows])
    return each[:, None, :, None, None] if len(point.shape) == 3 else each[:, :, None]
