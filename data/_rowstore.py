"""The streams of a run file as its writer thread has them: where rows lie, room for more, checkpoints, the ending."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
from zlib_ng.zlib_ng import crc32

from data._checkpoints import ACKNOWLEDGED, FIELDS, SLOTS, Checkpoint
from data._disk import DiskFile
from data._netcdf import ROWS_DONE, NetcdfFile
from data._placement import Placement
from data.errors import LabctlError
from data.metadata import utc_now
from data.variables import Variable

SYNC_EVERY_S = 10.0
"""Between two times at which a checkpoint has everything brought to the disk itself."""
_GROWTH_BYTES = 1 << 26
_SLOT_BYTES = 8 * FIELDS
_READ_BACK_BYTES = 1 << 20


@dataclass
class Summed:
    """How far a checksum over rows from the first on has come."""

    rows: int = 0
    checksum: int = 0


@dataclass
class StoredRows:
    """A streamed variable on the disk.

    Attributes:
        disk: the file.
        dim: the dimension along which rows come.
        place: where its rows lie.
        capacity: how many there is room for.
    """

    disk: DiskFile
    dim: str
    place: Placement
    capacity: int
    _rolling: Summed = field(default_factory=Summed)
    _acknowledged: Summed = field(default_factory=Summed)

    def write(self, start: int, content: memoryview) -> None:
        """Write whole rows and sum them up if they follow on; the same may be written again after an error."""
        size = self.place.row_bytes
        stop = start + len(content) // size
        for address, first, end in self.place.pieces(start, stop):
            self.disk.write(address, content[(first - start) * size : (end - start) * size])
        if start == self._rolling.rows:
            self._rolling = Summed(stop, crc32(content, self._rolling.checksum))
        elif start < self._rolling.rows:
            self._rolling = self._acknowledged  # rows were written again

    def sum_up(self, rows: int) -> Summed:
        """The checksum of the first ``rows`` rows, read back from the disk where it was not kept."""
        known = self._rolling if self._rolling.rows <= rows else self._acknowledged
        found, checksum = known.rows, known.checksum
        step = max(1, _READ_BACK_BYTES // self.place.row_bytes)
        while found < rows:
            for address, first, end in self.place.pieces(found, min(rows, found + step)):
                checksum = crc32(self.disk.read(address, (end - first) * self.place.row_bytes), checksum)
                found = end
        return Summed(rows, checksum)

    def acknowledge(self, summed: Summed) -> None:
        """Note what a checkpoint has acknowledged."""
        self._acknowledged = summed
        if self._rolling.rows < summed.rows:
            self._rolling = summed


@dataclass(eq=False)
class RowStore:
    """All streams of one file; only the writer thread touches it.

    Attributes:
        file: the run file.
        later: hands work to the writer thread that nobody waits for.
    """

    file: NetcdfFile
    later: Callable[[Callable[[], None]], None]
    _streams: dict[str, StoredRows] = field(default_factory=dict)
    _counter: int = 0
    _record: int = 0
    _number: int = 0
    _synced: float = field(default_factory=time.monotonic)

    def declare(self, name: str, likeness: Variable, sizes: tuple[int | None, ...]) -> None:
        """Make room for another stream; see :meth:`NetcdfFile.declare`.

        Raises:
            BadInput, DiskFull, LabctlError: the file is as it was.
        """
        with self.file.change():
            self.file.declare(name, likeness, sizes, len(self._streams))
            if not self._streams:
                self.file.count_rows(np.stack([Checkpoint(0, 0, ()).slot()] * SLOTS))
        place, capacity = self.file.place(name), self.file.length(name)
        self._streams[name] = StoredRows(self.file.disk, likeness.dims[0], place, capacity)
        self._counter = self.file.place(ROWS_DONE).addresses[0]
        self._record = self.file.place(ACKNOWLEDGED).addresses[0]

    def write(self, name: str, start: int, content: memoryview) -> None:
        """Write whole rows of a stream from ``start`` on, with more room for them where they need it.

        Raises:
            DiskFull, LabctlError: the same may be written again.
        """
        stream = self._streams[name]
        stop = start + len(content) // stream.place.row_bytes
        if stop > stream.capacity:
            self._grow(stream.dim, stop)
        stream.write(start, content)

    def save(self, rows: int, counts: Mapping[str, int]) -> None:
        """Acknowledge so many rows of each stream, none of those that ``counts`` does not name.

        Args:
            rows: how many rows are complete.
            counts: rows of each stream.

        Raises:
            DiskFull, LabctlError: nothing new is acknowledged; may be called again.
        """
        sums = {name: stream.sum_up(counts.get(name, 0)) for name, stream in self._streams.items()}
        number = self._number + 1
        checkpoint = Checkpoint(number, rows, tuple((item.rows, item.checksum) for item in sums.values()))
        self.file.disk.write(self._record + number % SLOTS * _SLOT_BYTES, checkpoint.as_bytes())
        self.file.disk.write(self._counter, rows.to_bytes(8, "little"))
        self._number = number
        for name, summed in sums.items():
            self._streams[name].acknowledge(summed)
        if time.monotonic() - self._synced > SYNC_EVERY_S:
            self._synced = time.monotonic()
            self.later(self.file.disk.sync)

    def end(self, lengths: Mapping[str, int], ending: Mapping[str, str]) -> None:
        """Cut open dimensions to these lengths, write how the run ended, seal and close the file.

        Raises:
            DiskFull, LabctlError: the file stays open; may be called again.
        """
        with self.file.change():
            for dim, length in lengths.items():
                self.file.resize(dim, length)
            self.file.set_ending(ending)
        self.file.seal_all()
        self.file.disk.sync()
        self.file.close()

    def end_badly(self, message: str) -> None:
        """Say in the file, if it lets us, that the run failed, and close it."""
        with suppress(LabctlError), self.file.change(undoable=False):
            self.file.set_ending({"status": "failed", "ended": utc_now(), "message": message})
        self.file.close()

    def _grow(self, dim: str, stop: int) -> None:
        """Room for more rows than are asked for, so that it happens seldom."""
        along = {name: stream for name, stream in self._streams.items() if stream.dim == dim}
        step = _GROWTH_BYTES // sum(stream.place.row_bytes for stream in along.values())
        now = max(stream.capacity for stream in along.values())
        # Whole pieces: the disk gives them whole, too.
        piece = min(stream.place.rows for stream in along.values())
        capacity = -(-max(stop, now + min(now, step)) // piece) * piece
        with self.file.change():
            self.file.resize(dim, capacity)
        for name, stream in along.items():
            stream.place, stream.capacity = self.file.place(name), self.file.length(name)
