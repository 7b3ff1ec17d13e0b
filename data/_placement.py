"""Where the rows of a streamed variable lie in its file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the rows of a variable lie in the file.

    Attributes:
        row_bytes: length of one row.
        rows: how many rows lie together.
        addresses: where each such piece begins.
    """

    row_bytes: int
    rows: int
    addresses: tuple[int, ...]

    def pieces(self, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """Rows from ``start`` to ``stop`` as (address, first row, row after the last), in order."""
        while start < stop:
            piece, offset = divmod(start, self.rows)
            end = min(stop, (piece + 1) * self.rows)
            yield self.addresses[piece] + offset * self.row_bytes, start, end
            start = end
