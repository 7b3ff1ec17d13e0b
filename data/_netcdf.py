"""How run files lie on the disk: HDF5 that is also NetCDF-4, laid out so that a kill at any moment leaves it readable.

What a file is made of changes by :meth:`NetcdfFile.change`, whole or not at all (:mod:`data._overlay`). Streams are
allocated before their rows arrive, so that a full disk shows before the measurement, and rows are then written
straight to their place (:mod:`data._placement`): HDF5 has no part in it, and neither its bookkeeping nor its lock is
touched. Nothing that is written in pieces is compressed, and how the run ended is text of fixed length, overwritten in
place. The writer takes no file lock, so that a viewer that holds the file open cannot stop a measurement.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from data._checkpoints import ACKNOWLEDGED, DIMENSIONS, GROUP, LONG_NAME
from data._checksums import (
    CHECKSUM,
    ENDING_CHECKSUM,
    METADATA_CHECKSUM,
    of_attributes,
    of_ending,
    of_stream,
    of_variable,
)
from data._disk import DiskFile, failure, reason
from data._overlay import Overlay, Undo
from data._placement import Placement
from data._seal import Seal, put_seal
from data.errors import BadInput, LabctlError
from data.variables import Variable, is_text, stored_dtype

log = logging.getLogger(__name__)

ROWS_DONE = "rows_done"
"""Scalar variable of files with streams: how many rows have been saved."""
STREAM = "stream"
"""Attribute of a streamed variable: its number in the record of checkpoints."""
NO_VARIABLE = "This is a netCDF dimension but not a netCDF variable."

_FIXED_TEXT = {"status": 16, "ended": 32, "message": 1024, ENDING_CHECKSUM: 8}
_COMPRESS_ABOVE = 4096
_CHUNK_BYTES = 1 << 18
_BOOKKEEPING_BYTES = 1 << 16
"""What HDF5 needs besides the values for one variable, generously."""


class NetcdfFile:
    """A file under construction. :meth:`create` and :meth:`open` make one; :meth:`close` must be called.

    The dimension scales follow the NetCDF-4 format specification (Unidata, "NetCDF-4 file format"). They are written
    with h5py alone: an :class:`h5netcdf.File` whose disk failed closes itself once more when it is collected, and HDF5
    then takes the process down.
    """

    def __init__(self, disk: DiskFile, file: h5py.File, overlay: Overlay) -> None:
        self.disk = disk
        self._file = file
        self._overlay = overlay
        self._over = False
        self._dims: dict[str, list[str]] = {}  # the datasets along each dimension, its scale first
        self._coordinates: dict[str, tuple[str, ...]] = {}

    @classmethod
    def create(cls, path: Path, attributes: Mapping[str, str | int], ending: Mapping[str, str]) -> NetcdfFile:
        """A new file with these attributes; never an existing one. It has its name only when it is whole.

        Raises:
            BadInput: the file exists, or the folder does not or cannot be written.
            DiskFull: there is no room; nothing has been made.
        """
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            disk = DiskFile.create(part)
        except OSError as error:
            raise _cannot_create(path, error) from error
        disk.path = path
        file = None
        try:
            disk.reserve(0)
            overlay = Overlay.over(disk, 0)
            raw = h5py.File(overlay, "w", track_order=True)
            file = cls(disk, raw, overlay)
            with file.change():
                file._write_attributes(attributes, ending)
            _give_name(part, path)
        except BaseException:
            if file is not None:
                file.close()
            disk.close()
            part.unlink(missing_ok=True)
            raise
        return file

    @classmethod
    def open(cls, path: Path) -> NetcdfFile:
        """A file that is there, to change how it ended or to trim it; a change that was cut short is undone first.

        Raises:
            OSError, RuntimeError: it cannot be opened, or is no HDF5 file.
        """
        disk = DiskFile.open(path)
        try:
            undo = Undo.find(path)
            if undo is not None:
                undo.apply(disk)
            seal = Seal.find(path)
            overlay = Overlay.over(disk, disk.size if seal is None else seal.length)
            return cls(disk, h5py.File(overlay, "r+"), overlay)
        except BaseException:
            disk.close()
            raise

    @contextmanager
    def change(self, *, undoable: bool = True) -> Iterator[None]:
        """A change of what the file is made of, that happens whole or not at all.

        Raises:
            DiskFull: there is no room; the file is as it was, and the same change may be tried again.
            LabctlError: the disk failed; the file is as it was.
        """
        dims = {name: list(along) for name, along in self._dims.items()}
        coordinates = dict(self._coordinates)
        try:
            yield
            self._file.flush()
            self._overlay.commit(undoable=undoable)
            self.seal()
        except BaseException as error:
            refusal = self._overlay.error
            self._overlay.deafen(LabctlError(str(error)))
            self._file.close()
            self._overlay.discard()
            self._dims, self._coordinates = dims, coordinates
            if self._overlay.disk.size:
                self._file = h5py.File(self._overlay, "r+")
            if refusal is not None and refusal is not error:
                raise refusal from error
            if isinstance(error, OSError | RuntimeError):
                raise failure(self.disk.path, error) from error
            raise

    def seal(self) -> None:
        """Seal the file but for the places where rows arrive; see :mod:`data._seal`."""
        try:
            put_seal(self.disk, self._overlay.committed, self._moving())
        except LabctlError as error:
            log.info("%s goes on without a seal: %s", self.disk.path, error)

    def seal_all(self) -> None:
        """Seal all of a file that is finished."""
        self._over = True
        self.seal()

    def _moving(self) -> list[tuple[int, int]]:
        if self._over or ROWS_DONE not in self._file or ACKNOWLEDGED not in self._file:
            return []
        streams = [name for name in self._file if name != GROUP and STREAM in self._file[name].attrs]
        places = [self.place(name) for name in (ROWS_DONE, ACKNOWLEDGED, *streams)]
        return [(address, place.rows * place.row_bytes) for place in places for address in place.addresses]

    def set_ending(self, ending: Mapping[str, str]) -> None:
        """Overwrite how the run ended, in place; all of it."""
        given = dict(ending)
        if ENDING_CHECKSUM in self._file.attrs:
            given[ENDING_CHECKSUM] = of_ending(_as_stored(ending))
        for name, text in given.items():
            self._file.attrs.modify(name, _fixed(text, _FIXED_TEXT[name]))

    def add(self, name: str, variable: Variable) -> None:
        """Write a whole array; larger ones are compressed."""
        values = variable.values
        if is_text(values):
            stored, dtype = values.astype(object), h5py.string_dtype()
        else:
            dtype = stored_dtype(name, values.dtype)
            stored = values.astype(dtype)
        self._overlay.reserve(stored.nbytes + _BOOKKEEPING_BYTES)
        pack = stored.nbytes > _COMPRESS_ABOVE and stored.ndim > 0
        options = {"compression": "gzip", "compression_opts": 1, "shuffle": True} if pack else {}
        dataset = self._create(name, variable, values.shape, dtype, data=stored, **options)
        dataset.attrs[CHECKSUM] = of_variable(name, variable)

    def declare(self, name: str, variable: Variable, sizes: tuple[int | None, ...], index: int) -> None:
        """Make room for a variable that is filled later; ``variable.values`` gives the type and the shape of a row."""
        dtype = stored_dtype(name, variable.values.dtype)
        options: dict[str, Any] = {"dcpl": _allocated_at_once()}
        row_bytes = max(1, math.prod(size for size in sizes[1:] if size is not None) * dtype.itemsize)
        if sizes[0] is None:
            options["chunks"] = (max(1, _CHUNK_BYTES // row_bytes), *sizes[1:])
        self._overlay.reserve((self._length(variable.dims[0], sizes[0])) * row_bytes + _BOOKKEEPING_BYTES)
        dataset = self._create(name, variable, sizes, dtype, **options)
        dataset.attrs[CHECKSUM] = of_stream(name, variable)
        dataset.attrs[STREAM] = np.int32(index)

    def count_rows(self, slots: NDArray[np.int64]) -> None:
        """Make the record of checkpoints, and the scalar that says how many rows have been saved."""
        counter = Variable((), np.array(0, np.int64), "1", "rows of the streamed variables saved so far")
        self._create(ROWS_DONE, counter, (), np.dtype(np.int64), data=counter.values)
        record = Variable(DIMENSIONS, slots, "1", LONG_NAME)
        self._create(ACKNOWLEDGED, record, slots.shape, np.dtype("<i8"), data=slots, dcpl=_allocated_at_once())

    def set_rows(self, rows: int, slots: NDArray[np.int64]) -> None:
        """Overwrite the count of rows and the record of checkpoints."""
        self._file[ROWS_DONE][()] = rows
        self._file[ACKNOWLEDGED][...] = slots

    def place(self, name: str) -> Placement:
        """Where the values of a variable that is not compressed lie; valid until its length changes."""
        dataset = self._file[name]
        row_bytes = math.prod(dataset.shape[1:]) * dataset.dtype.itemsize
        if dataset.chunks is None:
            return Placement(row_bytes, max(1, math.prod(dataset.shape[:1])), (int(dataset.id.get_offset()),))
        count = range(0, dataset.shape[0], dataset.chunks[0])
        rest = (0,) * (dataset.ndim - 1)
        found = tuple(int(dataset.id.get_chunk_info_by_coord((row, *rest)).byte_offset) for row in count)
        return Placement(row_bytes, dataset.chunks[0], found)

    def length(self, name: str) -> int:
        """How many rows a variable has room for."""
        return int(self._file[name].shape[0])

    def resize(self, dim: str, size: int) -> None:
        """Make an unlimited dimension, and all along it, exactly ``size`` long."""
        along = [self._file[name] for name in self._dims[dim]]
        stored = [data for data in along if not _only_dimension(data)]
        more = sum(
            max(0, size + data.chunks[0] - data.shape[0]) * math.prod(data.shape[1:]) * data.dtype.itemsize
            for data in stored
        )
        self._overlay.reserve(more + _BOOKKEEPING_BYTES if more else 0)
        for data in along:
            data.resize(size, axis=0)

    def open_dimensions(self) -> tuple[str, ...]:
        """Names of the dimensions without a fixed length, as a file that has been opened has them."""
        datasets = {name: data for name, data in self._file.items() if isinstance(data, h5py.Dataset)}
        found = [name for name, data in datasets.items() if data.is_scale and data.maxshape == (None,)]
        for dim in found:
            along = [name for name, data in datasets.items() if data.ndim and _is_along(data, datasets[dim])]
            self._dims[dim] = [dim, *along]
        return tuple(found)

    def has(self, name: str) -> bool:
        """Whether there is a variable of this name."""
        return name in self._file and not _only_dimension(self._file[name])

    def close(self) -> None:
        """Close the file; more than once does no harm."""
        self._overlay.deafen(LabctlError(f"{self.disk.path} has been closed"))
        self._file.close()
        self.disk.close()

    def _write_attributes(self, attributes: Mapping[str, str | int], ending: Mapping[str, str]) -> None:
        properties = f"version=2,h5py={h5py.version.version},hdf5={h5py.version.hdf5_version}"
        self._file.attrs["_NCProperties"] = np.bytes_(properties)
        for name, value in attributes.items():
            self._file.attrs[name] = value if isinstance(value, str) else np.int64(value)
        self._file.attrs[METADATA_CHECKSUM] = of_attributes(attributes)
        texts = dict(ending) | {ENDING_CHECKSUM: of_ending(_as_stored(ending))}
        for name, length in _FIXED_TEXT.items():
            text = _fixed(texts.get(name, ""), length)
            self._file.attrs.create(name, text, dtype=_fixed_type(length))

    def _create(
        self, name: str, variable: Variable, sizes: tuple[int | None, ...], dtype: Any, **options: Any
    ) -> h5py.Dataset:
        self._check_dimensions(name, variable.dims, sizes)
        open_ended = None in sizes
        if open_ended:
            options["maxshape"] = sizes
        if variable.fill is not None:
            options["fillvalue"] = dtype.type(variable.fill)
        shape = tuple(self._length(dim, size) for dim, size in zip(variable.dims, sizes, strict=True))
        dataset = self._file.create_dataset(name, shape, dtype, **options)
        if variable.dims == (name,):
            self._make_scale(dataset, name)
        for axis, (dim, size) in enumerate(zip(variable.dims, sizes, strict=True)):
            if dim == name:
                continue
            if dim not in self._dims:
                self._make_dimension(dim, size)
            dataset.dims[axis].attach_scale(self._file[dim])
            self._dims[dim].append(name)
        self._describe(dataset, name, variable)
        return dataset

    def _check_dimensions(self, name: str, dims: tuple[str, ...], sizes: tuple[int | None, ...]) -> None:
        for dim, size in zip(dims, sizes, strict=True):
            if dim in self._dims:
                known = self._file[dim]
                length = None if known.maxshape[0] is None else known.shape[0]
                if length != size:
                    now = "no fixed length" if length is None else f"length {length}"
                    raise BadInput(f"variable {name}: dimension {dim} has {now} here, not {size or 'an open one'}")
            elif dim != name and self.has(dim):
                raise BadInput(f"variable {name}: there is a variable {dim} already, so no dimension can be")
        if name in self._dims:
            raise BadInput(
                f"variable {name} has the name of a dimension; only the coordinate of that dimension may have it, and "
                "has to come before the variables along it"
            )

    def _length(self, dim: str, size: int | None) -> int:
        if size is not None:
            return size
        return int(self._file[dim].shape[0]) if dim in self._dims else 0

    def _make_dimension(self, dim: str, size: int | None) -> None:
        """A dimension without coordinate: a scale that holds nothing, under the name NetCDF-4 wants for it."""
        length = 0 if size is None else size
        options = {"maxshape": (None,), "chunks": (1024,)} if size is None else {}
        self._make_scale(self._file.create_dataset(dim, (length,), ">f4", **options), f"{NO_VARIABLE}{length:10d}")

    def _make_scale(self, dataset: h5py.Dataset, label: str) -> None:
        name = dataset.name.lstrip("/")
        dataset.make_scale(label)
        dataset.attrs["_Netcdf4Dimid"] = np.int32(len(self._dims))
        self._dims[name] = [name]

    def _describe(self, dataset: h5py.Dataset, name: str, variable: Variable) -> None:
        attributes: dict[str, Any] = {}
        if variable.fill is not None:
            attributes["_FillValue"] = np.array([variable.fill], dataset.dtype)
        if not is_text(variable.values):
            attributes["units"] = variable.unit
        if variable.long_name:
            attributes["long_name"] = variable.long_name
        if variable.values.dtype.kind == "b":
            attributes["dtype"] = "bool"  # as xarray marks it
        if variable.coordinate:
            attributes["role"] = "coordinate"
            self._coordinates[name] = variable.dims
        else:
            used = [c for c, dims in self._coordinates.items() if dims != (c,) and set(dims) <= set(variable.dims)]
            if used:
                attributes["coordinates"] = " ".join(used)
        for key, value in attributes.items():
            dataset.attrs[key] = value


def _only_dimension(dataset: h5py.Dataset) -> bool:
    label = dataset.attrs.get("NAME", b"")
    return bytes(label).startswith(NO_VARIABLE.encode())


def _is_along(dataset: h5py.Dataset, scale: h5py.Dataset) -> bool:
    first = dataset.dims[0] if not dataset.is_scale else ()
    return any(item == scale for item in (first.values() if first else ()))


def _allocated_at_once() -> Any:
    layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    layout.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    layout.set_fill_time(h5py.h5d.FILL_TIME_ALLOC)
    return layout


def _give_name(part: Path, path: Path) -> None:
    """Let a whole file appear under its name, unless there is one already."""
    try:
        os.link(part, path)
    except FileExistsError as error:
        raise _cannot_create(path, error) from error
    except OSError:  # a file system without hard links
        if path.exists():
            raise BadInput(f"{path} exists already; it has not been touched") from None
        part.rename(path)
    part.unlink(missing_ok=True)


def _cannot_create(path: Path, error: OSError) -> BadInput:
    if path.exists():
        return BadInput(f"{path} exists already; it has not been touched")
    return BadInput(f"cannot create {path.name} in {path.parent} ({reason(error)}); choose another folder")


def _fixed_type(length: int) -> Any:
    return h5py.string_dtype("utf-8", length)


def _fixed(text: str, length: int) -> NDArray[Any]:
    cut = text.replace("\0", " ").encode("utf-8", "replace")[:length]
    return np.array(cut.decode("utf-8", "ignore").encode("utf-8"), dtype=_fixed_type(length))


def _as_stored(ending: Mapping[str, str]) -> dict[str, str]:
    return {name: _fixed(text, _FIXED_TEXT[name]).item().decode("utf-8") for name, text in ending.items()}
