"""The ordered multiply in plain torch operations, event by event: slow, and what the kernels are compared to."""

from __future__ import annotations

import torch
from torch import Tensor

from data.values import Schedule
from models.kernels.cpu import event_lists


def event_by_event(charges: Tensor, weights: Tensor, rows: Tensor, uses_line: bool, schedule: Schedule) -> Tensor:
    """Every slot of all vectors at once, the settle step last; every step is kept for the backward pass.

    Args:
        charges: shape (vectors, blocks, rows).
        weights: shape (blocks, rows, columns).
        rows: the coefficients, shape (7, columns), as :attr:`models.tensor_coefficients.TensorCoefficients.rows`.
        uses_line: whether the line is in use.
        schedule: how the vectors are sent.

    Returns:
        Shape (vectors, blocks, columns).
    """
    decay, settle, low, high, line, line_settle, limit = rows.to(charges.dtype)
    listed, taken = event_lists(charges.detach().cpu().numpy(), schedule)
    events = torch.as_tensor(listed, device=charges.device).long()
    counts = torch.as_tensor(taken, device=charges.device)[:, :, None]
    blocks = torch.arange(charges.shape[1], device=charges.device)
    # Where nothing is sent, gradients are zeros too, and not absent.
    nothing = 0 * (charges.sum() + weights.sum())
    voltage = charges.new_zeros(*charges.shape[:2], weights.shape[2]) + nothing
    on_line = torch.zeros_like(voltage)
    for step in range(schedule.sends * int(counts.max()) if counts.numel() else 0):
        # Vectors with fewer slots finish earlier: their slot of this step would lie beyond their last.
        slot = step % counts.clamp(min=1)
        present = step < schedule.sends * counts
        rows_now = events.gather(2, slot)
        charge = charges.gather(2, rows_now) * weights[blocks, rows_now[:, :, 0]]
        if uses_line:
            on_line = torch.where(present, on_line * line + charge, on_line)
            charge = (1 - line) * limit * torch.tanh(on_line / limit)
        voltage = torch.where(present, (voltage * decay + charge).clamp(low, high), voltage)
    settled = voltage * settle
    if uses_line:
        settled = settled + (1 - line_settle) * limit * torch.tanh(on_line * line / limit)
    clipped: Tensor = settled.clamp(low, high)
    return clipped
