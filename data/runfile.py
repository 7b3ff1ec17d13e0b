"""Run files: written as a run goes on, read back whole.

A file is called ``<run_id>-<kind>.h5``. It is HDF5 and NetCDF-4: ``xarray.open_dataset(path, engine="h5netcdf")`` opens
it, also while it is being written. A process killed at any moment leaves every row in it that a checkpoint
acknowledged.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from data._netcdf import ROWS_DONE, NetcdfFile, read_attributes, read_variables, reading, saving
from data._writers import WriterMark
from data.errors import BadInput, Cancelled, LabctlError
from data.metadata import SCHEMA, RunMetadata, Status, utc_now
from data.variables import Variable, check_variable, stored_dtype

__all__ = ["Run", "RunMetadata", "RunWriter", "Variable", "read_metadata", "read_run", "write_run"]


@dataclass(frozen=True)
class Run:
    """A run file in memory.

    Attributes:
        metadata: what is known about the run.
        variables: its arrays by name; the rows of a streamed one beyond ``rows_done`` hold no measurement.
        path: where it was read.
        rows_done: rows acknowledged by the last checkpoint, None for a file without streams.
    """

    metadata: RunMetadata
    variables: Mapping[str, Variable]
    path: Path
    rows_done: int | None = None

    def values(self, name: str) -> NDArray[Any]:
        """The array of one variable.

        Raises:
            BadInput: there is none of this name; the sentence lists those there are.
        """
        if name not in self.variables:
            raise BadInput(f"{self.path.name} has no variable {name!r}; it has {', '.join(self.variables) or 'none'}")
        return self.variables[name].values


@dataclass
class _Stream:
    dims: tuple[str, ...]
    row_shape: tuple[int, ...]
    limit: int | None
    given: np.dtype[Any]
    dataset: h5py.Dataset
    filled: int = 0


@dataclass
class RunWriter:
    """Writes one run file. Use it as a context manager; one thread at a time.

    An exception inside the ``with`` ends the run as ``failed`` with its text, Ctrl-C and
    :class:`~data.errors.Cancelled` end it as ``stopped``, and a plain exit as ``complete`` unless :meth:`finish` said
    otherwise. The file is closed in every case. Declare coordinates before what they belong to, and everything before
    the first row.
    """

    path: Path
    metadata: RunMetadata
    _file: NetcdfFile | None
    _streams: dict[str, _Stream] = field(default_factory=dict)
    _counter: h5py.Dataset | None = None
    _rows_done: int = 0

    @classmethod
    def create(cls, folder: Path, metadata: RunMetadata, *, filename: str | None = None) -> Self:
        """Begin a new file in ``folder``, which is made if it is missing.

        Args:
            folder: where the file goes.
            metadata: who, what, when; its status becomes ``running``.
            filename: another name than ``<run_id>-<kind>.h5``.

        Raises:
            BadInput: the file exists, the folder cannot be written, or a field cannot be stored.
        """
        metadata = replace(metadata, status="running", ended="", message="")
        metadata.check()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(f"cannot make the folder {folder} ({error.strerror}); choose another one") from error
        path = folder / (filename or metadata.filename)
        mark = WriterMark.of_this_process()
        attributes = metadata.attributes() | {"writer": mark.as_json()}
        return cls(path, metadata, NetcdfFile.create(path, attributes, {"status": "running"}))

    def add(self, name: str, variable: Variable) -> None:
        """Write a whole array.

        Raises:
            BadInput: the name is taken, or the file cannot hold this array exactly.
            LabctlError: the disk failed.
        """
        file = self._open_file()
        check_variable(name, variable)
        self._check_new(name)
        with saving(self.path):
            file.add(name, variable)
            file.flush()

    def stream(
        self,
        name: str,
        dims: tuple[str, ...],
        sizes: tuple[int | None, ...],
        dtype: DTypeLike,
        unit: str = "1",
        long_name: str = "",
        fill: float | int | None = None,
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

        Raises:
            BadInput: the name is taken, or sizes do not go with dimensions already there.
            LabctlError: the disk failed.
        """
        file = self._open_file()
        self._check_new(name)
        given = np.dtype(dtype)
        likeness = Variable(dims, np.zeros((1,) * len(dims), given), unit, long_name, fill=fill)
        check_variable(name, likeness)
        stored_dtype(name, given)
        if not dims or len(sizes) != len(dims):
            raise BadInput(f"variable {name} has {len(sizes)} sizes for {len(dims)} dimensions; a stream needs one")
        row_shape = tuple(size for size in sizes[1:] if size)
        if len(row_shape) != len(sizes) - 1 or sizes[0] == 0:
            raise BadInput(f"variable {name}: every size must be at least 1, only the first may be open")
        with saving(self.path):
            dataset = file.declare(name, likeness, sizes)
            if self._counter is None:
                self._counter = file.count_rows()
            file.flush()
        self._streams[name] = _Stream(dims, row_shape, sizes[0], given, dataset)

    def append(self, name: str, values: ArrayLike) -> None:
        """Write rows after the last one written; see :meth:`write_rows`."""
        self.write_rows(name, self._stream(name).filled, values)

    def write_rows(self, name: str, start: int, values: ArrayLike) -> None:
        """Write rows from ``start`` on; they count as saved after the next :meth:`checkpoint`.

        Args:
            name: a variable declared by :meth:`stream`.
            start: the first row.
            values: shape (rows, ...) as declared.

        Raises:
            BadInput: no such stream, rows of another shape, or numbers its type cannot hold.
            LabctlError: the disk failed.
        """
        file, stream = self._open_file(), self._stream(name)
        rows = _rows(name, stream, values)
        stop = start + len(rows)
        if start < 0 or (stream.limit is not None and stop > stream.limit):
            raise BadInput(f"variable {name}: rows {start}..{stop - 1} lie outside the {stream.limit} declared")
        if not len(rows):
            return
        with saving(self.path):
            if stream.limit is None:
                file.grow(stream.dims[0], stop)
            stream.dataset[start:stop] = rows
        if start <= stream.filled:
            stream.filled = max(stream.filled, stop)

    def checkpoint(self, rows_done: int | None = None) -> int:
        """Save everything written so far; from here on a killed process cannot lose it.

        Args:
            rows_done: how many rows are complete; None for those that every stream has, and never fewer than before.

        Returns:
            How many rows are acknowledged.

        Raises:
            BadInput: a stream has not got that many rows yet.
            LabctlError: the disk failed; nothing new is acknowledged.
        """
        file = self._open_file()
        complete = min((stream.filled for stream in self._streams.values()), default=0)
        rows = max(complete, self._rows_done) if rows_done is None else rows_done
        if not 0 <= rows <= max((stream.filled for stream in self._streams.values()), default=0):
            raise BadInput(f"a checkpoint at row {rows} was asked for and only {complete} rows have been written")
        with saving(self.path):
            if self._counter is not None:
                file.flush()  # rows before the count of them
                self._counter[()] = rows
            file.flush()
        self._rows_done = rows
        return rows

    def finish(self, status: Status = "complete", message: str = "") -> None:
        """Save everything, write how the run ended, and close the file.

        Args:
            status: any but ``running``.
            message: why, at most 1,024 bytes are kept.

        Raises:
            BadInput: not an ending.
            LabctlError: the disk failed (the file is closed all the same), or the run has ended already.
        """
        if status in ("running", "interrupted"):
            raise BadInput(f"a run cannot be finished as {status!r}")
        file = self._open_file()
        try:
            self.checkpoint()
            self._end(file, status, message)
        except LabctlError as error:
            with suppress(LabctlError):  # what is overwritten in place can still succeed on a full disk
                self._end(file, "failed", str(error))
            raise
        finally:
            self._file, self._counter, self._streams = None, None, {}
            with saving(self.path):
                file.close()
        _sync(self.path)

    def _end(self, file: NetcdfFile, status: Status, message: str) -> None:
        ended = utc_now()
        with saving(self.path):
            file.set_ending({"status": status, "ended": ended, "message": message})
            file.flush()
        self.metadata = replace(self.metadata, status=status, ended=ended, message=message)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is None:
            return
        if error is None:
            self.finish()
            return
        stopped = isinstance(error, Cancelled | KeyboardInterrupt)
        message = "stopped with Ctrl-C" if isinstance(error, KeyboardInterrupt) else str(error) or type(error).__name__
        try:
            self.finish("stopped" if stopped else "failed", message)
        except LabctlError as second:
            error.add_note(f"also, while the run file was closed: {second}")

    def _open_file(self) -> NetcdfFile:
        if self._file is None:
            raise LabctlError(f"run {self.metadata.run_id} has ended ({self.metadata.status}); its file is closed")
        return self._file

    def _stream(self, name: str) -> _Stream:
        self._open_file()
        if name not in self._streams:
            raise BadInput(f"{name!r} is no stream of this run; it has {', '.join(self._streams) or 'none'}")
        return self._streams[name]

    def _check_new(self, name: str) -> None:
        if name == ROWS_DONE or self._open_file().has(name):
            raise BadInput(f"run {self.metadata.run_id} has a variable {name!r} already")


def read_metadata(path: Path | str) -> RunMetadata:
    """What is known about a run, without reading its arrays.

    A file that still says ``running`` reads as ``interrupted`` when the process that wrote it is gone.

    Raises:
        BadInput: no such file, damaged, not a run file, or written by a newer labctl.
    """
    path = Path(path)
    attributes = read_attributes(path)
    schema = attributes.get("labctl_schema")
    if not isinstance(schema, int):
        raise BadInput(f"{path} is an HDF5 file but not a run of labctl; give a file that labctl wrote")
    if schema > SCHEMA:
        raise BadInput(
            f"{path} was written by a newer labctl (layout {schema}, this one reads up to {SCHEMA}); update labctl"
        )
    with reading(path):
        metadata = RunMetadata.from_attributes(attributes)
        if metadata.status == "running" and WriterMark.from_json(attributes["writer"]).gone(path):
            return replace(metadata, status="interrupted", message="the process that wrote this run is gone")
        return metadata


def read_run(path: Path | str) -> Run:
    """A run, whole: opened read-only, read into memory, closed.

    Raises:
        BadInput: as :func:`read_metadata`.
    """
    path = Path(path)
    metadata = read_metadata(path)
    variables = read_variables(path)
    counter = variables.pop(ROWS_DONE, None)
    return Run(metadata, variables, path, None if counter is None else int(counter.values))


def write_run(run: Run, path: Path) -> None:
    """Write a run that is in memory to a new file, compressed, with the ending it has.

    Raises:
        BadInput: the file exists, the folder cannot be written, or a variable cannot be stored.
        LabctlError: the disk failed.
    """
    metadata = run.metadata
    ending = {"status": metadata.status, "ended": metadata.ended, "message": metadata.message}
    attributes = metadata.attributes() | {"writer": WriterMark.of_this_process().as_json()}
    file = NetcdfFile.create(path, attributes, ending)
    try:
        with saving(path):
            for name, variable in sorted(run.variables.items(), key=lambda item: not item[1].coordinate):
                check_variable(name, variable)
                file.add(name, variable)
            if run.rows_done is not None:
                file.count_rows()[()] = run.rows_done
            file.flush()
    finally:
        file.close()


def _rows(name: str, stream: _Stream, values: ArrayLike) -> NDArray[Any]:
    rows = np.asarray(values)
    if rows.shape[1:] != stream.row_shape or not rows.ndim:
        wanted = " x ".join(map(str, ("rows", *stream.row_shape)))
        raise BadInput(f"variable {name} takes {wanted}, not shape {' x '.join(map(str, rows.shape))}")
    if rows.dtype == stream.given:
        return rows
    if not np.can_cast(rows.dtype, stream.given, "same_kind"):
        raise BadInput(f"variable {name} holds {stream.given}, not {rows.dtype}")
    cast = rows.astype(stream.given)
    if stream.given.kind in "iu" and not np.array_equal(cast, rows):
        raise BadInput(f"variable {name} holds {stream.given}; a value lies outside its range")
    return cast


def _sync(path: Path) -> None:
    """Ask the operating system to bring a finished file to the disk."""
    with saving(path), path.open("rb+") as file:
        os.fsync(file.fileno())
