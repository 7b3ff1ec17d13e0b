"""Compiled forward and backward of the ordered multiply as functions that autograd and ``torch.func`` know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from data.errors import BadInput
from models.kernels.tensors import Sending, Wanted, multiply, multiply_back

ONCE = "the ordered multiply can be differentiated only once; use float64 tensors for second derivatives"


def compiled_multiply(charges: Tensor, weights: Tensor, rows: Tensor, sending: Sending) -> Tensor:
    """Settled voltages, shape (vectors, blocks, columns); see :func:`models.kernels.tensors.multiply`."""
    apply: Any = _Multiply.apply
    learning = torch.is_grad_enabled() and (charges.requires_grad or weights.requires_grad or rows.requires_grad)
    if not learning and nobody_follows(charges, weights, rows):
        # A function of autograd's takes longer to call than a small product takes to compute.
        return multiply(charges, weights, rows, sending, False)[0]
    voltages: Tensor = apply(charges, weights, rows, sending, learning)[0]
    return voltages


def nobody_follows(*tensors: Tensor) -> bool:
    """Whether tensors are plain ones: seen by no transform of ``torch.func``, and without a tangent."""
    return not transformed(*tensors) and not has_tangent(*tensors)


def has_tangent(*tensors: Tensor) -> bool:
    """Whether forward-mode differentiation follows any of some tensors."""
    unpack: Any = forward_ad.unpack_dual
    return any(unpack(tensor).tangent is not None for tensor in tensors)


def transformed(*tensors: Tensor) -> bool:
    """Whether a transform of ``torch.func`` has wrapped any of some tensors."""
    try:
        for tensor in tensors:
            # What a transform hands over has no memory of its own.
            tensor.data_ptr()
    except RuntimeError:
        return True
    return False


class _Multiply(torch.autograd.Function):
    @staticmethod
    def forward(
        charges: Tensor, weights: Tensor, rows: Tensor, sending: Sending, marking: bool
    ) -> tuple[Tensor, Tensor]:
        return multiply(charges, weights, rows, sending, marking)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        charges, weights, rows, ctx.sending, _ = inputs
        ctx.mark_non_differentiable(output[1])
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(charges, weights, rows, output[1])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        charges, weights, rows, last = ctx.saved_tensors
        wanted = tuple(ctx.needs_input_grad[:3])
        apply: Any = _Gradients.apply
        found = apply(charges, weights, rows, last, grads[0], ctx.sending, wanted)
        return *(g if w else None for g, w in zip(found, wanted, strict=True)), None, None

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Any) -> tuple[Any, Any]:
        return _one_by_one(_Multiply.apply, info.batch_size, in_dims, inputs)


class _Gradients(torch.autograd.Function):
    """A function of its own, so that a second derivative is refused in words."""

    @staticmethod
    def forward(
        charges: Tensor, weights: Tensor, rows: Tensor, last: Tensor, grad: Tensor, sending: Sending, wanted: Wanted
    ) -> tuple[Tensor, Tensor, Tensor]:
        return multiply_back(charges, weights, rows, last, grad, sending, wanted)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[None, ...]:
        raise BadInput(ONCE)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Any) -> tuple[Any, Any]:
        return _one_by_one(_Gradients.apply, info.batch_size, in_dims, inputs)


def _one_by_one(
    apply: Callable[..., tuple[Tensor, ...]], size: int, in_dims: Sequence[Any], inputs: Sequence[Any]
) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
    """``torch.func.vmap``: one call after another, each of which is parallel within."""

    def one(value: Any, dim: Any, index: int) -> Any:
        return value.select(dim, index) if isinstance(dim, int) else value

    calls = [apply(*(one(v, d, index) for v, d in zip(inputs, in_dims, strict=True))) for index in range(size)]
    stacked = tuple(torch.stack(results) for results in zip(*calls, strict=True))
    return stacked, (0,) * len(stacked)
