"""The ordered multiply for training: forward and backward through the recurrence, aware of the rails.

float32 on the CPU runs in compiled kernels; any other floating type runs in plain torch operations, event by event,
which is slow and what the kernels are compared to.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from data.errors import BadInput
from data.values import Schedule
from models.kernels.coefficients import Coefficients
from models.kernels.cpu import event_lists, gradients, voltages


def ordered_multiply(charges: Tensor, weights: Tensor, coefficients: Coefficients, schedule: Schedule) -> Tensor:
    """Membrane voltage after settling, in output codes, before offset, noise and rounding; differentiable.

    The gradient passes through every slot after the last one that clipped; a charge before it, or in it, has none.

    Args:
        charges: input charges, at least 0, shape (vectors, rows) or (vectors, blocks, rows); a charge of 0 is a zero
            activation and takes no slot where the schedule skips zeros.
        weights: output codes for each unit of charge, shape (rows, columns) or (blocks, rows, columns).
        coefficients: what a slot does to line and membrane, one value a column.
        schedule: how the vectors are sent.

    Returns:
        Shape (vectors, columns) or (vectors, blocks, columns).

    Raises:
        BadInput: shapes that do not fit together.
    """
    flat = charges.ndim == 2
    if flat:
        charges, weights = charges[:, None], weights[None]
    if charges.ndim != 3 or weights.ndim != 3 or charges.shape[1:] != weights.shape[:2]:
        raise BadInput(f"charges of shape {tuple(charges.shape)} do not fit weights of shape {tuple(weights.shape)}")
    if weights.shape[2] != len(coefficients.decay):
        raise BadInput(f"the weights have {weights.shape[2]} columns, the chip parameters {len(coefficients.decay)}")
    if charges.dtype == torch.float32 and charges.device.type == "cpu":
        apply: Any = _OrderedMultiply.apply
        voltages: Tensor = apply(charges, weights, coefficients, schedule)
    else:
        voltages = _event_by_event(charges, weights, coefficients, schedule)
    return voltages[:, 0] if flat else voltages


def unordered_multiply(charges: Tensor, weights: Tensor, low: Tensor, high: Tensor, schedule: Schedule) -> Tensor:
    """The order-blind counterpart: the sum over all sends, clipped once at its end; shapes as above."""
    total = torch.einsum("b...r,...rc->b...c", charges, weights) * schedule.sends
    return total.clamp(low, high)


class _OrderedMultiply(torch.autograd.Function):
    """Compiled forward and backward."""

    @staticmethod
    def forward(ctx: Any, charges: Tensor, weights: Tensor, coefficients: Coefficients, schedule: Schedule) -> Tensor:
        x, w = charges.detach().contiguous().numpy(), weights.detach().contiguous().numpy()
        out = torch.empty(*x.shape[:2], w.shape[2])
        training = any(ctx.needs_input_grad[:2])
        last = np.empty(tuple(out.shape), np.float32) if training else None
        voltages(x, w, coefficients, schedule, out.numpy(), last)
        ctx.job = (x, w, coefficients, schedule, last) if training else None
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        x, w, coefficients, schedule, last = ctx.job
        wanted = ctx.needs_input_grad[0], ctx.needs_input_grad[1]
        grad_x, grad_w = gradients(x, w, coefficients, schedule, last, grad.contiguous().numpy(), wanted)
        return _tensor(grad_x), _tensor(grad_w), None, None


def _tensor(array: np.ndarray[Any, np.dtype[np.float32]] | None) -> Tensor | None:
    return None if array is None else torch.from_numpy(array)


def _event_by_event(charges: Tensor, weights: Tensor, coefficients: Coefficients, schedule: Schedule) -> Tensor:
    """The same in torch operations: every slot of all vectors at once, the settle step last."""

    def column(values: np.ndarray[Any, np.dtype[np.float64]]) -> Tensor:
        return torch.as_tensor(values, dtype=charges.dtype, device=charges.device)

    c = coefficients
    decay, low, high, settle = column(c.decay), column(c.low), column(c.high), column(c.settle)
    line, limit, line_settle = column(c.line), column(c.limit), column(c.line_settle)
    listed, taken = event_lists(charges.detach().cpu().numpy(), schedule)
    events = torch.as_tensor(listed, device=charges.device).long()
    counts = torch.as_tensor(taken, device=charges.device)[:, :, None]
    blocks = torch.arange(charges.shape[1], device=charges.device)
    voltage = charges.new_zeros(*charges.shape[:2], weights.shape[2])
    on_line = torch.zeros_like(voltage)
    for step in range(schedule.sends * int(counts.max()) if counts.numel() else 0):
        # Vectors with fewer slots finish earlier: their slot of this step would lie beyond their last.
        slot = step % counts.clamp(min=1)
        present = step < schedule.sends * counts
        rows = events.gather(2, slot)
        charge = charges.gather(2, rows) * weights[blocks, rows[:, :, 0]]
        if c.uses_line:
            on_line = torch.where(present, on_line * line + charge, on_line)
            charge = (1 - line) * limit * torch.tanh(on_line / limit)
        voltage = torch.where(present, (voltage * decay + charge).clamp(low, high), voltage)
    if c.uses_line:
        rest = (1 - line_settle) * limit * torch.tanh(on_line * line / limit)
        return (voltage * settle + rest).clamp(low, high)
    return (voltage * settle).clamp(low, high)
