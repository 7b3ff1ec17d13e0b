"""The ordered multiply on a CUDA device: launches of the Triton kernels.

They were developed against Triton's interpreter and the plain torch operations; figures of a device are those of
``labctl bench`` on it.
"""

from __future__ import annotations

import importlib.util
from typing import Final

import torch
from torch import Tensor

from data.values import Schedule

_VECTORS: Final = 16
_COLUMNS: Final = 64
"""A program's tile of vectors x columns."""
_TILE: Final = {"BV": _VECTORS, "BC": _COLUMNS, "enable_fp_fusion": True}
_PROGRAMS: Final = 1024
"""About so many programs go backward, each through its share of the vectors: what they add up takes memory each."""
_CHUNK: Final = 16
"""Positions between two places where the line's state is kept."""


def available() -> bool:
    """Whether Triton is installed."""
    return importlib.util.find_spec("triton") is not None


def multiply(
    charges: Tensor, weights: Tensor, rows: Tensor, uses_line: bool, schedule: Schedule, marking: bool
) -> tuple[Tensor, Tensor]:
    """Settled voltages (vectors, blocks, columns), and where ``marking`` the marks, else an empty tensor.

    Args:
        charges: float32, shape (vectors, blocks, rows).
        weights: float32, shape (blocks, rows, columns).
        rows: the coefficients, float64, shape (7, columns).
        uses_line: whether the line is in use.
        schedule: how the vectors are sent.
        marking: whether gradients will be asked for.
    """
    from models.kernels.gpu_walks import forward

    x, w = _in_order(charges, schedule, 2), _in_order(weights, schedule, 1)
    (vectors, blocks, size), columns = x.shape, w.shape[2]
    out = torch.empty(vectors, blocks, columns, device=x.device)
    mark = torch.empty_like(out) if marking else torch.empty(0, device=x.device)
    if out.numel():
        grid = _tiles(vectors, _VECTORS), blocks, _tiles(columns, _COLUMNS)
        job = vectors, blocks, size, columns, schedule.sends
        with _device(x):
            forward[grid](
                x,
                w,
                factors(rows),
                out,
                mark,
                *job,
                SKIP=schedule.skip_zeros,
                LINE=uses_line,
                MARK=marking,
                **_TILE,
            )
    return out, mark


def multiply_back(
    charges: Tensor, weights: Tensor, rows: Tensor, mark: Tensor, grad: Tensor, uses_line: bool, schedule: Schedule
) -> tuple[Tensor, Tensor]:
    """Gradients of charges and weights."""
    from models.kernels.gpu_line import line_backward
    from models.kernels.gpu_walks import backward

    x, w = _in_order(charges, schedule, 2), _in_order(weights, schedule, 1)
    (vectors, blocks, size), columns = x.shape, w.shape[2]
    tiles, across = _tiles(vectors, _VECTORS), _tiles(columns, _COLUMNS)
    parts = _parts(tiles, blocks * across)
    grad_x = torch.zeros(across, *x.shape, device=x.device)
    grad_w = torch.zeros(parts, *w.shape, device=x.device)
    if grad.numel():
        job = x, w, factors(rows), mark, grad.contiguous(), grad_x, grad_w
        sizes = vectors, blocks, size, columns, schedule.sends, tiles
        options = {"SKIP": schedule.skip_zeros, **_TILE}
        grid = parts, blocks, across
        with _device(x):
            if uses_line:
                kept = _tiles(schedule.sends * size, _CHUNK) + _CHUNK
                room = torch.empty(parts * blocks * across, kept, _VECTORS, _COLUMNS, device=x.device)
                line_backward[grid](*job, room, *sizes, **options, CHUNK=_CHUNK)
            else:
                backward[grid](*job, *sizes, **options)
    return _back_in_place(grad_x.sum(dim=0), schedule, 2), _back_in_place(grad_w.sum(dim=0), schedule, 1)


def parameter_gradients(
    charges: Tensor, weights: Tensor, rows: Tensor, grad: Tensor, uses_line: bool, schedule: Schedule
) -> Tensor:
    """Gradient of the coefficients, float64, shape (7, columns)."""
    from models.kernels.gpu_parameters import parameter_backward

    x, w = _in_order(charges, schedule, 2), _in_order(weights, schedule, 1)
    (vectors, blocks, size), columns = x.shape, w.shape[2]
    tiles, across = _tiles(vectors, _VECTORS), _tiles(columns, _COLUMNS)
    parts = _parts(tiles, blocks * across)
    sums = torch.zeros(parts, blocks, 7, columns, device=x.device)
    if grad.numel():
        sizes = vectors, blocks, size, columns, schedule.sends, tiles
        with _device(x):
            parameter_backward[(parts, blocks, across)](
                x,
                w,
                factors(rows),
                grad.contiguous(),
                sums,
                *sizes,
                SKIP=schedule.skip_zeros,
                LINE=uses_line,
                **_TILE,
            )
    return sums.double().sum(dim=(0, 1))


def factors(rows: Tensor) -> Tensor:
    """What the kernels take, float32, shape (9, columns): the coefficients, ``1 - line`` and ``1 / limit``."""
    own = rows.detach().double()
    return torch.cat([own, 1 - own[4:5], 1 / own[6:7]]).float().contiguous()


def _in_order(values: Tensor, schedule: Schedule, axis: int) -> Tensor:
    values = values.detach()
    if schedule.order is not None:
        values = values.index_select(axis, torch.tensor(schedule.order, device=values.device))
    return values.contiguous()


def _back_in_place(values: Tensor, schedule: Schedule, axis: int) -> Tensor:
    if schedule.order is None:
        return values
    return values.index_select(axis, torch.tensor(schedule.order, device=values.device).argsort())


def _tiles(size: int, width: int) -> int:
    return -(-size // width)


def _parts(tiles: int, others: int) -> int:
    return max(1, min(tiles, _PROGRAMS // max(others, 1)))


def _device(values: Tensor) -> torch.cuda.device:
    """Triton launches on the current device, whatever its tensors are on; -1 leaves it as it is."""
    return torch.cuda.device(values.device if values.is_cuda else -1)
