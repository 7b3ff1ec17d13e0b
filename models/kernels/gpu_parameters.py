"""Triton kernel for the gradients of the coefficients: derivatives carried forward beside the voltages.

The same recurrences as :mod:`models.kernels.parameter_gradients`; arrays as in :mod:`models.kernels.gpu_walks`.
"""

from __future__ import annotations

import triton
import triton.language as tl

from models.kernels.gpu_walks import factor, saturate


@triton.jit
def _bend(u: tl.tensor, bent: tl.tensor, slope: tl.tensor) -> tl.tensor:
    """Derivative of ``limit * tanh(charge / limit)`` with respect to ``limit``; a series where that cancels."""
    y = u * u
    small = -0.0243298877 * y + 0.0805751949
    small = small * y - 0.173258581
    small = small * y + 0.323643464
    small = small * y - 0.5333273
    small = (small * y + 0.666666631) * y * u
    return tl.where(y < 0.42, small, bent - u * slope)


@triton.jit
def parameter_backward(
    x: tl.tensor,
    w: tl.tensor,
    f: tl.tensor,
    grad: tl.tensor,
    sums: tl.tensor,
    B: tl.tensor,
    N: tl.tensor,
    R: tl.tensor,
    C: tl.tensor,
    sends: tl.tensor,
    tiles: tl.tensor,
    SKIP: tl.constexpr,
    LINE: tl.constexpr,
    BV: tl.constexpr,
    BC: tl.constexpr,
) -> None:
    """Gradients of decay, settle, low, high, line, line settle and limit into ``sums`` (parts, N, 7, C)."""
    part, block = tl.program_id(0), tl.program_id(1)
    column = tl.program_id(2) * BC + tl.arange(0, BC)
    there = column < C
    decay, settle = factor(f, 0, column, C), factor(f, 1, column, C)
    low, high, share = factor(f, 2, column, C), factor(f, 3, column, C), factor(f, 7, column, C)
    line, limit, inverse = factor(f, 4, column, C), factor(f, 6, column, C), factor(f, 8, column, C)
    rest = 1.0 - factor(f, 5, column, C)
    of_decay = tl.zeros((BC,), tl.float32)
    of_settle = tl.zeros((BC,), tl.float32)
    of_low = tl.zeros((BC,), tl.float32)
    of_high = tl.zeros((BC,), tl.float32)
    of_line = tl.zeros((BC,), tl.float32)
    of_line_settle = tl.zeros((BC,), tl.float32)
    of_limit = tl.zeros((BC,), tl.float32)
    for tile in range(part, tiles, tl.num_programs(0)):
        vector = (tile * BV + tl.arange(0, BV)).to(tl.int64)
        here = vector < B
        v = tl.zeros((BV, BC), tl.float32)
        v_decay = tl.zeros((BV, BC), tl.float32)
        v_low = tl.zeros((BV, BC), tl.float32)
        v_high = tl.zeros((BV, BC), tl.float32)
        s = tl.zeros((BV, BC), tl.float32)
        s_line = tl.zeros((BV, BC), tl.float32)
        v_line = tl.zeros((BV, BC), tl.float32)
        v_limit = tl.zeros((BV, BC), tl.float32)
        for step in range(0, sends * R):
            row = step % R
            sent = tl.load(x + (vector * N + block) * R + row, mask=here, other=0.0)[:, None]
            weight = tl.load(w + (block * R + row) * C + column, mask=there, other=0.0)[None, :]
            arrived = sent * weight
            taken = (sent != 0.0) | (SKIP == 0)
            if LINE:
                s_line = tl.where(taken, s + line * s_line, s_line)
                s = tl.where(taken, s * line + arrived, s)
                u = s * inverse
                bent = saturate(u)
                slope = 1.0 - bent * bent
                arrived = share * limit * bent
            wanted = v * decay + arrived
            under, over = wanted < low, wanted > high
            free = (under | over) == 0
            if LINE:
                by_line = v_line * decay + share * slope * s_line - limit * bent
                by_limit = v_limit * decay + share * _bend(u, bent, slope)
                v_line = tl.where(taken, tl.where(free, by_line, 0.0), v_line)
                v_limit = tl.where(taken, tl.where(free, by_limit, 0.0), v_limit)
            v_decay = tl.where(taken, tl.where(free, v_decay * decay + v, 0.0), v_decay)
            v_low = tl.where(taken, tl.where(free, v_low * decay, tl.where(under, 1.0, 0.0)), v_low)
            v_high = tl.where(taken, tl.where(free, v_high * decay, tl.where(over, 1.0, 0.0)), v_high)
            v = tl.where(taken, tl.minimum(tl.maximum(wanted, low), high), v)
        place = (vector[:, None] * N + block) * C + column[None, :]
        top = tl.load(grad + place, mask=here[:, None] & there[None, :], other=0.0)
        wanted = v * settle
        if LINE:
            u = s * line * inverse
            bent = saturate(u)
            slope = 1.0 - bent * bent
            wanted = wanted + rest * limit * bent
        under, over = wanted < low, wanted > high
        of_low += tl.sum(tl.where(under, top, 0.0), axis=0)
        of_high += tl.sum(tl.where(over, top, 0.0), axis=0)
        top = tl.where(under | over, 0.0, top)
        of_decay += tl.sum(top * settle * v_decay, axis=0)
        of_settle += tl.sum(top * v, axis=0)
        of_low += tl.sum(top * settle * v_low, axis=0)
        of_high += tl.sum(top * settle * v_high, axis=0)
        if LINE:
            by_line = settle * v_line + rest * slope * (s + line * s_line)
            of_line += tl.sum(top * by_line, axis=0)
            of_line_settle -= tl.sum(top * limit * bent, axis=0)
            of_limit += tl.sum(top * (settle * v_limit + rest * _bend(u, bent, slope)), axis=0)
    to = sums + (part * N + block) * 7 * C + column
    tl.store(to, of_decay, mask=there)
    tl.store(to + C, of_settle, mask=there)
    tl.store(to + 2 * C, of_low, mask=there)
    tl.store(to + 3 * C, of_high, mask=there)
    tl.store(to + 4 * C, of_line, mask=there)
    tl.store(to + 5 * C, of_line_settle, mask=there)
    tl.store(to + 6 * C, of_limit, mask=there)
