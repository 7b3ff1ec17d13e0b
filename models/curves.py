"""Curves of codes as tensors: their values at codes and between them, with gradients."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from data.errors import BadInput
from models.functions import has_tangent, nobody_follows


def look_up(curve: Tensor, codes: Tensor, zero: int, whole: bool = True) -> Tensor:
    """Values of a curve of codes, shape of ``codes``.

    Args:
        curve: one value for each whole code, ascending.
        codes: whole numbers, or any within the curve where ``whole`` is false.
        zero: where the value of code 0 stands.
        whole: whether all codes are whole; their gradient is then the slope of the curve (central differences),
            else that of the straight line between two codes, on which the value lies.

    Raises:
        BadInput: a code outside the curve (not within ``torch.compile``, where torch's own error says so).
    """
    last, place, compiling = len(curve) - 1, codes.detach() + zero, torch.compiler.is_compiling()
    if not compiling and place.numel():
        place = _checked(place, zero, last)
    if whole:
        index = place.long()
        values = _at(curve, index)
        if not codes.requires_grad and (not has_tangent(codes) if compiling else nobody_follows(codes)):
            return values
        slopes = torch.gradient(curve.detach())[0]
        return values + _at(slopes, index) * (codes - codes.detach())
    index = place.floor().clamp(max=last - 1).long()
    here = _at(curve, index)
    return here + (_at(curve, index + 1) - here) * (codes + zero - index)


def _checked(place: Tensor, zero: int, last: int) -> Tensor:
    if nobody_follows(place):
        _check(place, zero, last)
        return place
    apply: Any = _Checked.apply
    checked: Tensor = apply(place, zero, last)
    return checked


class _Checked(torch.autograd.Function):
    """Places as they are: within a function values can be looked at, whatever ``torch.func`` does around it."""

    @staticmethod
    def forward(place: Tensor, zero: int, last: int) -> Tensor:
        _check(place, zero, last)
        return place.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.mark_non_differentiable(output)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], place: Tensor, zero: int, last: int) -> tuple[Tensor, Any]:
        return _checked(place, zero, last), in_dims[0]


def _check(place: Tensor, zero: int, last: int) -> None:
    least, most = (float(value) for value in place.aminmax())
    if not (least >= 0 and most <= last):
        raise BadInput(
            f"codes from {least - zero:g} to {most - zero:g} do not fit a curve from {-zero} to {last - zero}"
        )


def _at(curve: Tensor, index: Tensor) -> Tensor:
    """Like ``curve[index]``, but an index below 0 is an error and not one from the end."""
    return curve.index_select(0, index.flatten()).reshape(index.shape)
