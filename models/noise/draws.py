"""Draws of noise for a batch, made before anything is computed, as the buffers that the points read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import prod

import torch
from torch import Tensor

from data.errors import BadInput
from models.noise.kinds import NoiseKind
from models.noise.operations import Point
from models.noise.strengths import Strengths


def draw_noise(
    points: Sequence[Point],
    kind: NoiseKind,
    strengths: Strengths,
    samples: int,
    generator: torch.Generator,
    *,
    factor: Tensor | None = None,
    held: Collection[str] = (),
    dtype: torch.dtype = torch.float32,
) -> dict[str, tuple[Tensor, Tensor]]:
    """Strength and draw of every point, on the device of the generator.

    One run of standard normals is drawn and cut in the order of the points; silent points take none of it.

    Args:
        points: in the order of the computation.
        kind: of noise.
        strengths: at the points.
        samples: of the batch.
        generator: gives every draw.
        factor: multiplies all strengths, shape () or (samples,) (:mod:`models.noise.schedules`); where it is 0 for all
            samples nothing is drawn.
        held: silent points that get a draw of zeros, which changes no activation, instead of an empty one, so that
            networks with noise at different points can be computed together.
        dtype: of strengths and draws.

    Raises:
        BadInput: strengths that the points cannot have, or a factor of another shape.
    """
    strengths.check(points)
    if factor is not None and factor.shape not in ((), (samples,)):
        raise BadInput(f"the factor of the strengths has shape {tuple(factor.shape)}; it must be () or ({samples},)")
    like = torch.empty(0, dtype=dtype, device=generator.device)
    quiet = factor is not None and not bool(factor.any())
    loud = {point.name for point in points if not (quiet or strengths.silent(point.name))}
    shapes = {point.name: _shape(point, kind, samples) for point in points}
    sizes = [prod(shapes[point.name]) for point in points if point.name in loud]
    drawn = torch.randn(sum(sizes), generator=generator, dtype=dtype, device=generator.device) if loud else like
    parts = iter(torch.split(drawn, sizes))
    made = {}
    for point in points:
        name = point.name
        if name in loud:
            strength = scaled(strengths.tensor(name, like), factor)
            made[name] = strength, next(parts).view(shapes[name])
        else:
            made[name] = like.new_zeros(()), like.new_zeros(shapes[name] if name in held else 0)
    return made


def scaled(strength: Tensor, factor: Tensor | None) -> Tensor:
    """A strength times a factor of shape () or (samples,), its axes the leading ones of an activation."""
    if factor is None:
        return strength
    factor = factor.to(strength)
    return strength * (factor[:, None] if strength.ndim and factor.ndim else factor)


def _shape(point: Point, kind: NoiseKind, samples: int) -> tuple[int, ...]:
    shape = (samples, *point.shape)
    return shape if kind.draws == 1 else (kind.draws, *shape)
