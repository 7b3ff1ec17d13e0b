"""Triton kernels of the ordered multiply: forward, and backward for charges and weights.

A program takes a tile of vectors x columns of one block through all events; the states stay in registers. Arrays, for B
vectors, N blocks, R rows in event order and C columns: ``x`` (B, N, R), ``w`` (N, R, C), ``f`` (9, C), the factors
of :func:`models.kernels.gpu.factors`, ``out``, ``mark`` and ``grad`` (B, N, C). A position counts rows over all sends,
taken or not, from 1; ``mark`` holds the position of the last event that clipped, 0 where none did.

A row that takes no slot is walked past with its states kept: neighbouring vectors skip different rows.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def saturate(u: tl.tensor) -> tl.tensor:
    """``tanh`` by a rational function, within 3e-7 (the coefficients of Eigen's float ``tanh``)."""
    u = tl.minimum(tl.maximum(u, -7.9), 7.9)
    y = u * u
    top = -2.76076847742355e-16 * y + 2.00018790482477e-13
    top = top * y - 8.60467152213735e-11
    top = top * y + 5.12229709037114e-08
    top = top * y + 1.48572235717979e-05
    top = top * y + 6.37261928875436e-04
    top = (top * y + 4.89352455891786e-03) * u
    bottom = 1.19825839466702e-06 * y + 1.18534705686654e-04
    bottom = bottom * y + 2.26843463243900e-03
    bottom = bottom * y + 4.89352518554385e-03
    return top / bottom


@triton.jit
def factor(f: tl.tensor, number: tl.constexpr, column: tl.tensor, C: tl.tensor) -> tl.tensor:
    """One factor of a tile's columns, shape (1, columns); 0 beyond the last column."""
    return tl.load(f + number * C + column, mask=column < C, other=0.0)[None, :]


@triton.jit
def forward(
    x: tl.tensor,
    w: tl.tensor,
    f: tl.tensor,
    out: tl.tensor,
    mark: tl.tensor,
    B: tl.tensor,
    N: tl.tensor,
    R: tl.tensor,
    C: tl.tensor,
    sends: tl.tensor,
    SKIP: tl.constexpr,
    LINE: tl.constexpr,
    MARK: tl.constexpr,
    BV: tl.constexpr,
    BC: tl.constexpr,
) -> None:
    """Settled voltages into ``out`` and, where MARK, positions of the last clip into ``mark``."""
    block = tl.program_id(1)
    vector = (tl.program_id(0) * BV + tl.arange(0, BV)).to(tl.int64)
    column = tl.program_id(2) * BC + tl.arange(0, BC)
    here, there = vector < B, column < C
    decay, low, high = factor(f, 0, column, C), factor(f, 2, column, C), factor(f, 3, column, C)
    line, limit, inverse = factor(f, 4, column, C), factor(f, 6, column, C), factor(f, 8, column, C)
    share = factor(f, 7, column, C)
    v = tl.zeros((BV, BC), tl.float32)
    s = tl.zeros((BV, BC), tl.float32)
    last = tl.zeros((BV, BC), tl.float32)
    for step in range(0, sends * R):
        row = step % R
        sent = tl.load(x + (vector * N + block) * R + row, mask=here, other=0.0)[:, None]
        weight = tl.load(w + (block * R + row) * C + column, mask=there, other=0.0)[None, :]
        arrived = sent * weight
        taken = (sent != 0.0) | (SKIP == 0)
        if LINE:
            s = tl.where(taken, s * line + arrived, s)
            arrived = share * limit * saturate(s * inverse)
        wanted = v * decay + arrived
        clipped = tl.minimum(tl.maximum(wanted, low), high)
        if MARK:
            last = tl.where(taken & (clipped != wanted), step + 1.0, last)
        v = tl.where(taken, clipped, v)
    wanted = v * factor(f, 1, column, C)
    if LINE:
        rest = (1.0 - factor(f, 5, column, C)) * limit * saturate(s * line * inverse)
        wanted = wanted + rest
    clipped = tl.minimum(tl.maximum(wanted, low), high)
    place = (vector[:, None] * N + block) * C + column[None, :]
    inside = here[:, None] & there[None, :]
    tl.store(out + place, clipped, mask=inside)
    if MARK:
        last = tl.where(clipped != wanted, sends * R + 1.0, last)
        tl.store(mark + place, last, mask=inside)


@triton.jit
def backward(
    x: tl.tensor,
    w: tl.tensor,
    f: tl.tensor,
    mark: tl.tensor,
    grad: tl.tensor,
    grad_x: tl.tensor,
    grad_w: tl.tensor,
    B: tl.tensor,
    N: tl.tensor,
    R: tl.tensor,
    C: tl.tensor,
    sends: tl.tensor,
    tiles: tl.tensor,
    SKIP: tl.constexpr,
    BV: tl.constexpr,
    BC: tl.constexpr,
) -> None:
    """Without the line: add to ``grad_x`` (column tiles, B, N, R) and ``grad_w`` (parts, N, R, C), zeros before.

    The mark is all that is needed: after it a voltage is a sum of decayed charges, before it nothing reaches the
    read-out. Every place is added to by one program alone and in sequence, so results repeat bit for bit; the additions
    are atomic because different threads of that program see each other's only so.
    """
    part, block = tl.program_id(0), tl.program_id(1)
    column = tl.program_id(2) * BC + tl.arange(0, BC)
    there = column < C
    decay, settle = factor(f, 0, column, C), factor(f, 1, column, C)
    for tile in range(part, tiles, tl.num_programs(0)):
        vector = (tile * BV + tl.arange(0, BV)).to(tl.int64)
        here = vector < B
        place = (vector[:, None] * N + block) * C + column[None, :]
        inside = here[:, None] & there[None, :]
        h = tl.load(grad + place, mask=inside, other=0.0) * settle
        last = tl.load(mark + place, mask=inside, other=0.0)
        for back in range(0, sends * R):
            step = sends * R - 1 - back
            row = step % R
            sent = tl.load(x + (vector * N + block) * R + row, mask=here, other=0.0)[:, None]
            weight = tl.load(w + (block * R + row) * C + column, mask=there, other=0.0)[None, :]
            taken = (sent != 0.0) | (SKIP == 0)
            live = tl.where(taken & (step + 1.0 > last), h, 0.0)
            to_w = grad_w + ((part * N + block) * R + row) * C + column
            tl.atomic_add(to_w, tl.sum(sent * live, axis=0), mask=there, sem="relaxed")
            to_x = grad_x + ((tl.program_id(2).to(tl.int64) * B + vector) * N + block) * R + row
            tl.atomic_add(to_x, tl.sum(weight * live, axis=1), mask=here, sem="relaxed")
            h = tl.where(taken, h * decay, h)
