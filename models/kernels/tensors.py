"""The compiled kernels on tensors: which of them computes, and what is checked before any does."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from data.errors import BadInput
from data.values import Schedule
from models.kernels import gpu
from models.kernels.coefficients import Coefficients
from models.kernels.cpu import gradients, parallel_kernels, voltages
from models.kernels.parameter_gradients import parameter_gradients

Wanted = tuple[bool, bool, bool]
"""Whether the gradient of charges, of weights and of the coefficients is wanted."""


@dataclass(frozen=True)
class Sending:
    """What a multiply needs besides its tensors.

    Attributes:
        schedule: how the vectors are sent.
        uses_line: whether the line is in use.
        made: the coefficients where they are there already; else they are made of the tensor (7, columns) of them.
    """

    schedule: Schedule
    uses_line: bool
    made: Coefficients | None = None

    def coefficients(self, rows: Tensor) -> Coefficients:
        """The coefficients of ``rows``, shape (7, columns).

        Raises:
            BadInput: one of them is no coefficient of a board.
        """
        made = self.made
        if made is None:
            made = Coefficients.of_rows(rows.detach().cpu().double().numpy(), self.uses_line)
        if made.fault is not None:
            raise BadInput(made.fault)
        return made


def multiply(charges: Tensor, weights: Tensor, rows: Tensor, sending: Sending, marking: bool) -> tuple[Tensor, Tensor]:
    """Settled voltages (vectors, blocks, columns), and where ``marking`` the last slots that clipped, else empty.

    Args:
        charges: float32, shape (vectors, blocks, rows).
        weights: float32, shape (blocks, rows, columns).
        rows: the coefficients, float64, shape (7, columns).
        sending: the rest.
        marking: whether gradients will be asked for.

    Raises:
        BadInput: a value that is not finite, or coefficients of no board.
    """
    coefficients = sending.coefficients(rows)
    if charges.is_cuda:
        check_finite(charges, weights)
        return gpu.multiply(charges, weights, rows, sending.uses_line, sending.schedule, marking)
    x, w = charges.detach().contiguous().numpy(), weights.detach().contiguous().numpy()
    out = torch.empty(*x.shape[:2], w.shape[2])
    last = torch.empty_like(out) if marking else torch.empty(0)
    if not voltages(x, w, coefficients, sending.schedule, out.numpy(), last.numpy() if marking else None):
        check_finite(charges, weights)
    return out, last


def multiply_back(
    charges: Tensor, weights: Tensor, rows: Tensor, last: Tensor, grad: Tensor, sending: Sending, wanted: Wanted
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of charges, weights and coefficients; empty where not wanted."""
    if not len(last) and len(grad):
        # Within torch.func a transform further out may ask for gradients that nobody saw coming.
        _, last = multiply(charges, weights, rows, sending, True)
    if charges.is_cuda:
        return _multiply_back_on_gpu(charges, weights, rows, last, grad, sending, wanted)
    x, w = charges.detach().contiguous().numpy(), weights.detach().contiguous().numpy()
    top, coefficients, schedule = grad.detach().contiguous().numpy(), sending.coefficients(rows), sending.schedule
    grad_x = grad_w = grad_rows = torch.empty(0)
    if wanted[0] or wanted[1]:
        of_x, of_w = gradients(x, w, coefficients, schedule, last.numpy(), top, wanted[:2])
        grad_x = grad_x if of_x is None else torch.from_numpy(of_x)
        grad_w = grad_w if of_w is None else torch.from_numpy(of_w)
    if wanted[2]:
        order = schedule.order_array(x.shape[2])
        job = order, schedule.skip_zeros, schedule.sends, coefficients.rows, sending.uses_line
        with parallel_kernels():
            grad_rows = torch.from_numpy(parameter_gradients(x, w, *job, top))
    return grad_x, grad_w, grad_rows


def has_kernel(charges: Tensor) -> bool:
    """Whether a compiled kernel computes such tensors: float32 on a CPU, or on a CUDA device where Triton is there."""
    device = charges.device.type
    return charges.dtype == torch.float32 and (device == "cpu" or (device == "cuda" and gpu.available()))


def check_finite(charges: Tensor, weights: Tensor) -> None:
    """Raise :class:`BadInput` if a value is NaN or infinite.

    The sums tell, at the price of reading the values once; only a sum that is not finite asks for a closer look.
    """
    if bool((charges.detach().sum() + weights.detach().sum()).isfinite()):
        return
    for name, values in (("charges", charges.detach()), ("weights", weights.detach())):
        bad = torch.nonzero(~values.isfinite())
        if len(bad):
            place = tuple(bad[0].tolist())
            raise BadInput(f"the {name} must be finite; at {place} they hold {values[place].item():g}")


def _multiply_back_on_gpu(
    charges: Tensor, weights: Tensor, rows: Tensor, last: Tensor, grad: Tensor, sending: Sending, wanted: Wanted
) -> tuple[Tensor, Tensor, Tensor]:
    grad_x = grad_w = grad_rows = torch.empty(0, device=charges.device)
    job = sending.uses_line, sending.schedule
    if wanted[0] or wanted[1]:
        grad_x, grad_w = gpu.multiply_back(charges, weights, rows, last, grad, *job)
    if wanted[2]:
        grad_rows = gpu.parameter_gradients(charges, weights, rows, grad, *job)
    return grad_x, grad_w, grad_rows
