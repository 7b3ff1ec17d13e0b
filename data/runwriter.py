"""Write a run file as the run goes on.

Three promises. What :meth:`RunWriter.add`, :meth:`RunWriter.stream` and :meth:`RunWriter.checkpoint` have returned
from is with the operating system: a process that is killed cannot lose it. At the end, and at the first checkpoint more
than :data:`data._rowstore.SYNC_EVERY_S` after the last time, it is brought to the disk itself: a power cut loses only
what came later, and can damage the file only in the moments in which it grows or ends.
When the disk is full a call raises :class:`~data.errors.DiskFull` and everything is as it was: the same call may be
made again once there is room, and no row that was handed over is lost.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from data import _thread
from data._checkpoints import GROUP, MOST_STREAMS
from data._netcdf import ROWS_DONE, NetcdfFile
from data._rowstore import RowStore
from data._streams import BlockPool, Stream
from data._thread import WriterThread
from data._writers import WriterMark
from data.clock import TIME, TIME_UNIT, RunClock
from data.errors import BadInput, Cancelled, DiskFull, LabctlError
from data.metadata import RunMetadata, Status, utc_now
from data.variables import Variable, check_variable, stored_dtype


@dataclass(eq=False)
class RunWriter:
    """Writes one run file. Use it as a context manager; one thread at a time.

    Rows are copied, gathered and written by a thread of the writer's own; nothing here waits for the disk longer than
    :data:`data._thread.PATIENCE_S`. What the disk refused is told at the next call.

    An exception inside the ``with`` ends the run as ``failed`` with its text, Ctrl-C and
    :class:`~data.errors.Cancelled` end it as ``stopped``, and a plain exit as ``complete`` unless :meth:`finish` said
    otherwise. The file is closed in every case. Declare coordinates before what they belong to, and everything before
    the first row.

    Attributes:
        path: the file.
        metadata: what is known about the run so far.
        clock: tells the time in this run.
    """

    path: Path
    metadata: RunMetadata
    _thread: WriterThread
    _store: RowStore
    _pool: BlockPool
    _streams: dict[str, Stream] = field(default_factory=dict)
    _rows_done: int = 0
    _acknowledged: dict[str, int] = field(default_factory=dict)
    clock: RunClock = field(default_factory=RunClock.start)
    _open: bool = True

    @classmethod
    def create(cls, folder: Path, metadata: RunMetadata, *, filename: str | None = None) -> Self:
        """Begin a new file in ``folder``, which is made if it is missing.

        Args:
            folder: where the file goes.
            metadata: who, what, when; its status becomes ``running``.
            filename: another name than ``<run_id>-<kind>.h5``.

        Raises:
            BadInput: the file exists, the folder cannot be written, or a field cannot be stored.
            DiskFull: the disk has no room for a file.
        """
        metadata = replace(metadata, status="running", ended="", message="")
        metadata.check()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(f"cannot make the folder {folder} ({error.strerror}); choose another one") from error
        path = folder / (filename or metadata.filename)
        attributes = metadata.attributes() | {"writer": WriterMark.of_this_process().as_json()}
        file = NetcdfFile.create(path, attributes, {"status": "running"})
        thread = WriterThread(path.name)
        thread.start()
        writer = cls(path, metadata, thread, RowStore(file, thread.post), BlockPool.new())
        weakref.finalize(writer, _abandon, thread, file)
        return writer

    def add(self, name: str, variable: Variable) -> None:
        """Write a whole array.

        Raises:
            BadInput: the name is taken, or the file cannot hold this array exactly.
            DiskFull: there is no room; nothing has changed.
            LabctlError: the disk failed.
        """
        self._check_open()
        check_variable(name, variable)

        def work() -> None:
            self._check_new(name)
            with self._store.file.change():
                self._store.file.add(name, variable)

        self._thread.check()
        self._thread.call(f"variable {name}", work)

    def stream(
        self,
        name: str,
        dims: tuple[str, ...],
        sizes: tuple[int | None, ...],
        dtype: DTypeLike,
        unit: str = "1",
        long_name: str = "",
        fill: float | int | None = None,
        coordinate: bool = False,
    ) -> None:
        """Declare a variable that is filled row by row along its first dimension.

        Args:
            name: of the variable.
            dims: a name for each dimension.
            sizes: the length of each; None for the first when it is not known beforehand. A known length is allocated
                at once, so that a full disk shows here.
            dtype: type of the numbers (not text).
            unit: as in UDUNITS.
            long_name: what it is, in words.
            fill: what unwritten rows hold; 0 and unmarked when None.
            coordinate: whether it says where or how the others were measured.

        Raises:
            BadInput: the name is taken, sizes do not go with dimensions already there, or there are 128 streams.
            DiskFull: there is no room; nothing has changed.
            LabctlError: the disk failed.
        """
        self._check_open()
        given = np.dtype(dtype)
        likeness = Variable(dims, np.zeros((1,) * len(dims), given), unit, long_name, coordinate, fill)
        check_variable(name, likeness)
        stored = stored_dtype(name, given)
        if not dims or len(sizes) != len(dims):
            raise BadInput(f"variable {name} has {len(sizes)} sizes for {len(dims)} dimensions; a stream needs one")
        row_shape = tuple(size for size in sizes[1:] if size)
        if len(row_shape) != len(sizes) - 1 or sizes[0] == 0:
            raise BadInput(f"variable {name}: every size must be at least 1, only the first may be open")
        if len(self._streams) == MOST_STREAMS:
            raise BadInput(f"variable {name}: a run file holds at most {MOST_STREAMS} streamed variables")
        likeness = replace(likeness, values=np.zeros((1, *row_shape), given))

        def work() -> None:
            self._check_new(name)
            self._store.declare(name, likeness, sizes)

        self._thread.check()
        self._thread.call(f"variable {name}", work)
        self._streams[name] = Stream(name, dims, row_shape, sizes[0], given, stored)
        self._acknowledged[name] = 0

    def stream_time(self, dim: str, size: int | None, long_name: str) -> None:
        """Declare the coordinate ``time``: when each row had been measured, NaN where none was.

        Its rows are what :attr:`clock` told, in seconds since 1970-01-01 UTC.

        Args:
            dim: the dimension along which rows come.
            size: its length, None when it is not known beforehand.
            long_name: what has a time, in words.

        Raises:
            BadInput, DiskFull, LabctlError: as :meth:`stream`.
        """
        self.stream(TIME, (dim,), (size,), np.float64, TIME_UNIT, long_name, float("nan"), coordinate=True)

    def append(self, name: str, values: ArrayLike) -> None:
        """Write rows after the last one written; see :meth:`write_rows`."""
        self.write_rows(name, self._stream(name).filled, values)

    def append_row(self, **values: ArrayLike) -> None:
        """Write one row of several streams, each after its last one: ``append_row(voltage=1.2, current=3e-6)``.

        Raises:
            BadInput, DiskFull, LabctlError: as :meth:`write_rows`; no stream has got its row then.
        """
        self._ready()
        checked = []
        for name, value in values.items():
            stream = self._streams.get(name) or self._stream(name)
            rows = stream.check_one(value)
            if stream.limit is not None and stream.filled >= stream.limit:
                stream.check_place(stream.filled, 1, 0)
            checked.append((stream, rows))
        for stream, rows in checked:
            stream.take_one(rows, self._pool, self._send)

    def write_rows(self, name: str, start: int, values: ArrayLike) -> None:
        """Write rows from ``start`` on; they count as saved after the next :meth:`checkpoint`.

        Args:
            name: a variable declared by :meth:`stream`.
            start: the first row.
            values: shape (rows, ...) as declared; copied.

        Raises:
            BadInput: no such stream, rows of another shape, numbers its type cannot hold, or rows that a checkpoint
                has acknowledged.
            DiskFull: there was no room for rows handed over before; none of these have been taken, give them again.
            LabctlError: the disk failed or does not answer; none of these rows have been taken.
        """
        stream = self._stream(name)
        rows = stream.check(values)
        stream.check_place(start, len(rows), self._acknowledged[name])
        if len(rows):
            self._ready()
            stream.take(start, rows, self._pool, self._send)

    def checkpoint(self, rows_done: int | None = None) -> int:
        """Save everything written so far; from here on a killed process cannot lose it.

        Args:
            rows_done: how many rows are complete; None for those that every stream has, and never fewer than before.

        Returns:
            How many rows are acknowledged.

        Raises:
            BadInput: a stream has not got that many rows yet, or more are saved already.
            DiskFull: there is no room; nothing new is acknowledged, and nothing is lost: call it again.
            LabctlError: the disk failed; nothing new is acknowledged.
        """
        self._check_open()
        complete = min((stream.filled for stream in self._streams.values()), default=0)
        rows = max(complete, self._rows_done) if rows_done is None else rows_done
        if rows < self._rows_done:
            raise BadInput(f"a checkpoint at row {rows} was asked for; {self._rows_done} rows are saved already")
        if not 0 <= rows <= max((stream.filled for stream in self._streams.values()), default=0):
            raise BadInput(f"a checkpoint at row {rows} was asked for and only {complete} rows have been written")
        self._thread.check()
        rest: list[Callable[[], None]] = []
        for stream in self._streams.values():
            stream.send_rest(lambda *block: rest.append(partial(self._write, *block)))
        counts = {name: min(rows, stream.filled) for name, stream in self._streams.items()}
        if counts:
            self._thread.call(f"{rows} rows", lambda: self._store.save(rows, counts), rest)
        self._rows_done, self._acknowledged = rows, counts
        return rows

    def finish(self, status: Status = "complete", message: str = "") -> None:
        """Save everything, write how the run ended, and close the file.

        Args:
            status: any but ``running`` and ``interrupted``.
            message: why, at most 1,024 bytes are kept.

        Raises:
            BadInput: not an ending.
            DiskFull: there is no room; the file stays open and everything is as it was, call it again.
            LabctlError: the disk failed (the file is closed all the same), or the run has ended already.
        """
        if status in ("running", "interrupted"):
            raise BadInput(f"a run cannot be finished as {status!r}")
        self._check_open()
        ended = utc_now()
        ending = {"status": status, "ended": ended, "message": message}
        try:
            self.checkpoint()
            lengths = self._open_lengths()
            self._thread.call("how the run ended", lambda: self._store.end(lengths, ending))
        except DiskFull:
            raise
        except LabctlError as error:
            self._give_up(error)
            raise
        self.metadata = replace(self.metadata, status=status, ended=ended, message=message)
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._open:
            return
        stopped = isinstance(error, Cancelled | KeyboardInterrupt)
        status: Status = "complete" if error is None else "stopped" if stopped else "failed"
        message = "stopped with Ctrl-C" if isinstance(error, KeyboardInterrupt) else str(error or "")
        try:
            self.finish(status, message or (type(error).__name__ if error else ""))
        except LabctlError as second:
            if self._open:
                self._give_up(second)
            if error is None:
                raise
            if error is not second:
                error.add_note(f"also, while the run file was closed: {second}")

    def _send(self, stream: Stream, start: int, block: bytearray, size: int) -> None:
        self._pool.sent()
        self._thread.post(partial(self._write, stream, start, block, size))

    def _write(self, stream: Stream, start: int, block: bytearray, size: int) -> None:
        """Runs on the writer thread."""
        self._store.write(stream.name, start, memoryview(block)[:size])
        self._pool.give_back(block)

    def _open_lengths(self) -> dict[str, int]:
        """How long each dimension without a fixed length has become."""
        lengths: dict[str, int] = {}
        for stream in self._streams.values():
            if stream.limit is None:
                lengths[stream.dims[0]] = max(lengths.get(stream.dims[0], 0), stream.filled)
        return lengths

    def _ready(self) -> None:
        """Raise unless rows can be taken now."""
        self._check_open()
        if self._thread.failed is not None:
            self._thread.check()
        if not self._pool.wait(_thread.PATIENCE_S, lambda: self._thread.failed is not None):
            self._thread.check()
            raise LabctlError(
                f"the disk of {self.path} has taken nothing for {_thread.PATIENCE_S:g} s; check it and its connection, "
                "then give the same rows again"
            )

    def _give_up(self, error: LabctlError) -> None:
        """Close a file that cannot be finished; rows that were not acknowledged are lost."""
        self._thread.drop()
        with suppress(LabctlError):
            self._thread.call("how the run ended", lambda: self._store.end_badly(str(error)))
        self.metadata = replace(self.metadata, status="failed", ended=utc_now(), message=str(error))
        self._close()

    def _close(self) -> None:
        self._open = False
        self._thread.stop()

    def _check_open(self) -> None:
        if not self._open:
            raise LabctlError(f"run {self.metadata.run_id} has ended ({self.metadata.status}); its file is closed")

    def _stream(self, name: str) -> Stream:
        self._check_open()
        if name not in self._streams:
            raise BadInput(f"{name!r} is no stream of this run; it has {', '.join(self._streams) or 'none'}")
        return self._streams[name]

    def _check_new(self, name: str) -> None:
        if name in (ROWS_DONE, GROUP) or self._store.file.has(name):
            raise BadInput(f"run {self.metadata.run_id} has a variable {name!r} already")


def _abandon(thread: WriterThread, file: NetcdfFile) -> None:
    """A writer that nobody holds any more lets go of its file; the run reads as it was left."""
    thread.post(file.close)
    thread.stop()
