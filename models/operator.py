"""The ordered multiply as operators of torch, which ``torch.compile`` takes into a graph without looking inside."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from data.errors import BadInput
from data.values import Schedule
from models.functions import ONCE, has_tangent
from models.kernels.tensors import Sending, multiply, multiply_back


def operator_multiply(charges: Tensor, weights: Tensor, rows: Tensor, sending: Sending) -> Tensor:
    """As :func:`models.functions.compiled_multiply`, for use while a graph is traced."""
    if has_tangent(charges, weights, rows):
        raise NotImplementedError("the ordered multiply has no forward-mode derivative (jvp)")
    order = None if sending.schedule.order is None else list(sending.schedule.order)
    job = order, sending.schedule.sends, sending.schedule.skip_zeros, sending.uses_line
    voltages: Tensor = _multiply(charges, weights, rows, *job)[0]
    return voltages


@torch.library.custom_op("labctl::ordered_multiply", mutates_args=())
def _multiply(
    charges: Tensor,
    weights: Tensor,
    rows: Tensor,
    order: list[int] | None,
    sends: int,
    skip_zeros: bool,
    uses_line: bool,
) -> tuple[Tensor, Tensor]:
    return multiply(charges, weights, rows, _sending(order, sends, skip_zeros, uses_line), True)


@torch.library.custom_op("labctl::ordered_multiply_back", mutates_args=())
def _multiply_back(
    charges: Tensor,
    weights: Tensor,
    rows: Tensor,
    last: Tensor,
    grad: Tensor,
    order: list[int] | None,
    sends: int,
    skip_zeros: bool,
    uses_line: bool,
    wanted: list[bool],
) -> tuple[Tensor, Tensor, Tensor]:
    sending = _sending(order, sends, skip_zeros, uses_line)
    return multiply_back(charges, weights, rows, last, grad, sending, (wanted[0], wanted[1], wanted[2]))


def _sending(order: list[int] | None, sends: int, skip_zeros: bool, uses_line: bool) -> Sending:
    listed = None if order is None else tuple(order)
    return Sending(Schedule(order=listed, sends=sends, skip_zeros=skip_zeros), uses_line)


@_multiply.register_fake
def _(charges: Tensor, weights: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
    shape = (*charges.shape[:2], weights.shape[2])
    return charges.new_empty(shape), charges.new_empty(shape)


@_multiply_back.register_fake
def _(charges: Tensor, weights: Tensor, rows: Tensor, *rest: Any) -> tuple[Tensor, ...]:
    wanted = rest[-1]
    like = charges, weights, rows
    return tuple(
        value.new_empty(value.shape) if asked else value.new_empty(0) for value, asked in zip(like, wanted, strict=True)
    )


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.mark_non_differentiable(output[1])
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(*inputs[:3], output[1])
    ctx.job = inputs[3:]


def _back(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
    wanted = list(ctx.needs_input_grad[:3])
    found = _multiply_back(*ctx.saved_tensors, grad, *ctx.job, wanted)
    return *(value if asked else None for value, asked in zip(found, wanted, strict=True)), *([None] * len(ctx.job))


def _refuse(ctx: Any, *grads: Tensor) -> None:
    raise BadInput(ONCE)


_multiply.register_autograd(_back, setup_context=_keep)
_multiply_back.register_autograd(_refuse)
