"""Triton kernel backward with the input line in use; arrays and positions as in :mod:`models.kernels.gpu_walks`.

The line's state cannot be run backwards (its decay divides by little), so it is walked forward again: once from the
start, keeping it where each chunk of CHUNK positions begins, and once more in every chunk on the way back. Each program
has room of its own for both, ``room`` (programs, chunks + CHUNK, BV, BC), and no step of the batch is stored.
"""

from __future__ import annotations

import triton
import triton.language as tl

from models.kernels.gpu_walks import factor, saturate


@triton.jit
def line_backward(
    x: tl.tensor,
    w: tl.tensor,
    f: tl.tensor,
    mark: tl.tensor,
    grad: tl.tensor,
    grad_x: tl.tensor,
    grad_w: tl.tensor,
    room: tl.tensor,
    B: tl.tensor,
    N: tl.tensor,
    R: tl.tensor,
    C: tl.tensor,
    sends: tl.tensor,
    tiles: tl.tensor,
    SKIP: tl.constexpr,
    BV: tl.constexpr,
    BC: tl.constexpr,
    CHUNK: tl.constexpr,
) -> None:
    """Add to ``grad_x`` (column tiles, B, N, R) and ``grad_w`` (parts, N, R, C), zeros before."""
    part, block = tl.program_id(0), tl.program_id(1)
    column = tl.program_id(2) * BC + tl.arange(0, BC)
    there = column < C
    decay, settle = factor(f, 0, column, C), factor(f, 1, column, C)
    line, inverse, share = factor(f, 4, column, C), factor(f, 8, column, C), factor(f, 7, column, C)
    rest = 1.0 - factor(f, 5, column, C)
    total = sends * R
    chunks = (total + CHUNK - 1) // CHUNK
    program = ((part * N + block) * tl.num_programs(2) + tl.program_id(2)).to(tl.int64)
    spot = tl.arange(0, BV)[:, None] * BC + tl.arange(0, BC)[None, :]
    own = room + program * (chunks + CHUNK) * BV * BC + spot
    for tile in range(part, tiles, tl.num_programs(0)):
        vector = (tile * BV + tl.arange(0, BV)).to(tl.int64)
        here = vector < B
        place = (vector[:, None] * N + block) * C + column[None, :]
        inside = here[:, None] & there[None, :]
        s = tl.zeros((BV, BC), tl.float32)
        for step in range(0, total):
            row = step % R
            if step % CHUNK == 0:
                tl.store(own + (step // CHUNK) * BV * BC, s)
            sent = tl.load(x + (vector * N + block) * R + row, mask=here, other=0.0)[:, None]
            weight = tl.load(w + (block * R + row) * C + column, mask=there, other=0.0)[None, :]
            s = tl.where((sent != 0.0) | (SKIP == 0), s * line + sent * weight, s)
        last = tl.load(mark + place, mask=inside, other=0.0)
        h = tl.load(grad + place, mask=inside, other=0.0)
        h = tl.where(total + 1.0 > last, h, 0.0)
        bent = saturate(s * line * inverse)
        adjoint = h * rest * (1.0 - bent * bent) * line
        h = h * settle
        for turn in range(0, chunks):
            first = (chunks - 1 - turn) * CHUNK
            stop = tl.minimum(first + CHUNK, total)
            tl.debug_barrier()
            s = tl.load(own + (first // CHUNK) * BV * BC)
            for step in range(first, stop):
                row = step % R
                sent = tl.load(x + (vector * N + block) * R + row, mask=here, other=0.0)[:, None]
                weight = tl.load(w + (block * R + row) * C + column, mask=there, other=0.0)[None, :]
                s = tl.where((sent != 0.0) | (SKIP == 0), s * line + sent * weight, s)
                tl.store(own + (chunks + step - first) * BV * BC, s)
            tl.debug_barrier()
            for back in range(0, stop - first):
                step = stop - 1 - back
                row = step % R
                sent = tl.load(x + (vector * N + block) * R + row, mask=here, other=0.0)[:, None]
                weight = tl.load(w + (block * R + row) * C + column, mask=there, other=0.0)[None, :]
                taken = (sent != 0.0) | (SKIP == 0)
                bent = saturate(tl.load(own + (chunks + step - first) * BV * BC) * inverse)
                h = tl.where(taken & (step + 1.0 <= last), 0.0, h)
                adjoint = tl.where(taken, adjoint + h * share * (1.0 - bent * bent), adjoint)
                live = tl.where(taken, adjoint, 0.0)
                to_w = grad_w + ((part * N + block) * R + row) * C + column
                tl.atomic_add(to_w, tl.sum(sent * live, axis=0), mask=there, sem="relaxed")
                to_x = grad_x + ((tl.program_id(2).to(tl.int64) * B + vector) * N + block) * R + row
                tl.atomic_add(to_x, tl.sum(weight * live, axis=1), mask=here, sem="relaxed")
                adjoint = tl.where(taken, adjoint * line, adjoint)
                h = tl.where(taken, h * decay, h)
