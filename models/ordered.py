"""The ordered multiply for training: forward and backward through the recurrence, aware of the rails.

float32 runs in compiled kernels (numba on a CPU, Triton on a CUDA device), float64 in plain torch operations, event by
event, which is slow and what the kernels are compared to. float32 on a device without a kernel runs so too, with a
warning.
"""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from data.errors import BadInput
from data.values import Schedule
from models.event_loop import event_by_event
from models.functions import compiled_multiply, transformed
from models.kernels.coefficients import Coefficients
from models.kernels.tensors import Sending, check_finite, has_kernel
from models.operator import operator_multiply
from models.tensor_coefficients import TensorCoefficients

_SLOW = (
    "there is no compiled kernel of the ordered multiply for {}, so it runs event by event, slowly; "
    "on a CUDA device install triton (extra `gpu-kernels`)"
)


def ordered_multiply(
    charges: Tensor, weights: Tensor, coefficients: Coefficients | TensorCoefficients, schedule: Schedule
) -> Tensor:
    """Membrane voltage after settling, in output codes, before offset, noise and rounding; differentiable.

    The gradient of charges and weights passes through every slot after the last one that clipped; a charge before it,
    or in it, has none. The rail at which a column clipped last has the gradient instead. The gradient of a charge of 0
    that takes no slot is 0.

    Args:
        charges: input charges, shape (vectors, rows) or (vectors, blocks, rows); a charge of 0 is a zero activation and
            takes no slot where the schedule skips zeros.
        weights: output codes for each unit of charge, shape (rows, columns) or (blocks, rows, columns).
        coefficients: what a slot does to line and membrane, one value a column; as tensors where they are to be
            learned.
        schedule: how the vectors are sent.

    Returns:
        Shape (vectors, columns) or (vectors, blocks, columns).

    Raises:
        BadInput: shapes, types or devices that do not fit together, an event order that is none, a value that is not
            finite, or coefficients that no board has.
    """
    flat = charges.ndim == 2
    if flat:
        charges, weights = charges[:, None], weights[None]
    rows = _rows(coefficients)
    _check(charges, weights, rows, schedule)
    rows = rows.to(charges.device)
    made = coefficients if isinstance(coefficients, Coefficients) else None
    sending = Sending(schedule, coefficients.uses_line, made)
    if has_kernel(charges):
        kernel = operator_multiply if torch.compiler.is_compiling() else compiled_multiply
        voltages = kernel(charges, weights, rows, sending)
    else:
        if charges.dtype == torch.float32:
            warnings.warn(_SLOW.format(charges.device), RuntimeWarning, stacklevel=2)
        if transformed(charges, weights, rows):
            raise BadInput("torch.func cannot transform the ordered multiply in plain operations; use float32 tensors")
        check_finite(charges, weights)
        sending.coefficients(rows)
        voltages = event_by_event(charges, weights, rows, sending.uses_line, schedule)
    return voltages[:, 0] if flat else voltages


def unordered_multiply(charges: Tensor, weights: Tensor, low: Tensor, high: Tensor, schedule: Schedule) -> Tensor:
    """The order-blind counterpart: the sum over all sends, clipped once at its end; shapes as above."""
    total = torch.einsum("b...r,...rc->b...c", charges, weights) * schedule.sends
    return total.clamp(low, high)


def _rows(coefficients: Coefficients | TensorCoefficients) -> Tensor:
    if isinstance(coefficients, TensorCoefficients):
        return coefficients.rows
    return torch.from_numpy(coefficients.stack() if torch.compiler.is_compiling() else coefficients.rows)


def _check(charges: Tensor, weights: Tensor, rows: Tensor, schedule: Schedule) -> None:
    if charges.ndim != 3 or weights.ndim != 3 or charges.shape[1:] != weights.shape[:2]:
        raise BadInput(f"charges of shape {tuple(charges.shape)} do not fit weights of shape {tuple(weights.shape)}")
    if weights.shape[2] != rows.shape[1]:
        raise BadInput(f"the weights have {weights.shape[2]} columns, the chip parameters {rows.shape[1]}")
    if charges.dtype != weights.dtype or charges.dtype not in (torch.float32, torch.float64):
        raise BadInput(
            f"charges are {charges.dtype} and weights {weights.dtype}; both must be float32, or both float64"
        )
    if charges.device != weights.device:
        raise BadInput(f"charges are on {charges.device} and weights on {weights.device}; move one of them")
    size = charges.shape[2]
    if schedule.order is not None and sorted(schedule.order) != list(range(size)):
        raise BadInput(f"the event order must name each of the {size} rows once, it has {len(schedule.order)} entries")
