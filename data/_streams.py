"""Streamed variables as their caller has them: rows are checked and gathered in blocks for the writer thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.errors import BadInput

BLOCK_BYTES = 1 << 19
BLOCKS = 8
"""Blocks that may wait for the disk; a caller that is faster than the disk then waits for it."""

Send = Callable[["Stream", int, bytearray, int], None]
"""Hands over a block: its stream, first row, memory, and how many bytes of it count."""


@dataclass
class BlockPool:
    """Memory for rows on their way to the disk: so much and no more, however long the run is."""

    _spare: SimpleQueue[bytearray] = field(default_factory=SimpleQueue)
    _tokens: SimpleQueue[None] = field(default_factory=SimpleQueue)

    @classmethod
    def new(cls) -> BlockPool:
        """A pool; its memory is taken when it is first used."""
        pool = cls()
        for _ in range(BLOCKS):
            pool._tokens.put(None)
        return pool

    def wait(self, patience_s: float, failed: Callable[[], bool]) -> bool:
        """Wait until a block may be sent, the time is over, or the disk has failed; whether one may."""
        if not self._tokens.empty():
            return True
        end = time.monotonic() + patience_s
        while self._tokens.empty() and time.monotonic() < end and not failed():
            time.sleep(0.001)
        return not self._tokens.empty()

    def take(self) -> bytearray:
        """A block to gather rows in."""
        try:
            return self._spare.get_nowait()
        except Empty:
            return bytearray(BLOCK_BYTES)

    def sent(self) -> None:
        """Count a block that is on its way; more than may be are let through, so that no call is done by half."""
        with suppress(Empty):
            self._tokens.get_nowait()

    def give_back(self, block: bytearray) -> None:
        """A block is on the disk and may be used again."""
        if self._spare.qsize() < BLOCKS and len(block) == BLOCK_BYTES:
            self._spare.put(block)
        if self._tokens.qsize() < BLOCKS:
            self._tokens.put(None)


@dataclass
class Stream:
    """A streamed variable as its caller has it.

    Attributes:
        name: of the variable.
        dims: names of its dimensions.
        row_shape: shape of one row.
        limit: how many rows it was declared with, None for any number.
        given: the type it takes.
        stored: the type it is stored as.
        filled: rows handed over without a gap.
    """

    name: str
    dims: tuple[str, ...]
    row_shape: tuple[int, ...]
    limit: int | None
    given: np.dtype[Any]
    stored: np.dtype[Any]
    filled: int = 0
    _block: bytearray | None = None
    _view: NDArray[Any] | None = None
    _start: int = 0
    _count: int = 0

    def check(self, values: ArrayLike) -> NDArray[Any]:
        """Rows as an array that this stream takes, shape (rows, ...).

        Raises:
            BadInput: rows of another shape, or numbers its type cannot hold.
        """
        rows = np.asarray(values)
        if rows.shape[1:] != self.row_shape or not rows.ndim:
            wanted = " x ".join(map(str, ("rows", *self.row_shape)))
            raise BadInput(f"variable {self.name} takes {wanted}, not shape {' x '.join(map(str, rows.shape))}")
        if rows.dtype == self.given:
            return rows
        whole = rows.dtype.kind in "iu" and self.given.kind in "iu"  # whether they fit shows below
        if not whole and not np.can_cast(rows.dtype, self.given, "same_kind"):
            raise BadInput(f"variable {self.name} holds {self.given}, not {rows.dtype}")
        cast = rows.astype(self.given)
        if self.given.kind in "iu" and not np.array_equal(cast, rows):
            raise BadInput(f"variable {self.name} holds {self.given}; a value lies outside its range")
        return cast

    def check_one(self, value: Any) -> Any:
        """One row as :meth:`take_one` wants it; errors as :meth:`check`."""
        if not self.row_shape and self.given.kind == "f" and isinstance(value, float):
            return value  # nothing can be wrong with it, and single numbers come often
        return self.check(np.asarray(value)[None])[0]

    def check_place(self, start: int, count: int, acknowledged: int) -> None:
        """Raise :class:`BadInput` unless rows may be written there."""
        stop = start + count
        if start < 0 or (self.limit is not None and stop > self.limit):
            raise BadInput(f"variable {self.name}: rows {start}..{stop - 1} lie outside the {self.limit} declared")
        if start < acknowledged:
            raise BadInput(
                f"variable {self.name}: rows up to {acknowledged - 1} have been acknowledged and stay as they are; "
                f"row {start} cannot be written again"
            )

    def take(self, start: int, rows: NDArray[Any], pool: BlockPool, send: Send) -> None:
        """Gather checked rows; ``send`` gets every block that is full."""
        if self._count and start != self._start + self._count:
            self.send_rest(send)
        done = 0
        while done < len(rows):
            view = self._begin(start + done, pool) if self._view is None else self._view
            part = rows[done : done + len(view) - self._count]
            view[self._count : self._count + len(part)] = part
            self._count, done = self._count + len(part), done + len(part)
            if self._count == len(view):
                self.send_rest(send)
        if start <= self.filled:
            self.filled = max(self.filled, start + len(rows))

    def take_one(self, row: Any, pool: BlockPool, send: Send) -> None:
        """Gather one checked row after the last one."""
        view = self._view
        if view is None or self._start + self._count != self.filled:
            self.send_rest(send)
            view = self._begin(self.filled, pool)
        view[self._count] = row
        self._count += 1
        self.filled += 1
        if self._count == len(view):
            self.send_rest(send)

    def send_rest(self, send: Send) -> None:
        """Hand over what has been gathered."""
        block, view = self._block, self._view
        if block is None or view is None:
            return
        self._block = self._view = None
        start, count, self._count = self._start, self._count, 0
        send(self, start, block, count * (view.nbytes // len(view)))

    def _begin(self, start: int, pool: BlockPool) -> NDArray[Any]:
        items = int(np.prod(self.row_shape, dtype=np.int64))
        row_bytes = items * self.stored.itemsize
        block = pool.take() if row_bytes <= BLOCK_BYTES else bytearray(row_bytes)
        rows = len(block) // row_bytes
        view = np.frombuffer(block, self.stored, rows * items).reshape(rows, *self.row_shape)
        self._block, self._view, self._start, self._count = block, view, start, 0
        return view
