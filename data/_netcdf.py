"""How run files lie on the disk: HDF5 that is also NetCDF-4, laid out so that a kill at any moment leaves it readable.

HDF5 writes its own bookkeeping lazily, and a process killed in the middle leaves it torn. So after its creation the
bookkeeping of a run file does not change while rows arrive: sized streams are allocated at once (a full disk shows
before the measurement), nothing that is written in pieces is compressed (a partly filled compressed chunk moves at
every write), and what changes at the end is text of fixed length, overwritten in place. The writer takes no file
lock, so that a viewer that holds the file open cannot stop a measurement.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5netcdf
import h5py
import numpy as np
from numpy.typing import NDArray

from data.errors import BadInput, LabctlError
from data.variables import Variable, is_text, stored_dtype

ROWS_DONE = "rows_done"
"""Scalar variable of files with streams: how many rows have been saved."""

_FIXED_TEXT = {"status": 16, "ended": 32, "message": 1024}
_COMPRESS_ABOVE = 4096
_CHUNK_BYTES = 1 << 18
_SPARE_BYTES = 1 << 22
_NO_VARIABLE = "This is a netCDF dimension but not a netCDF variable."
_READ_ERRORS = (OSError, RuntimeError, KeyError, TypeError, ValueError, IndexError, AttributeError)


class NetcdfFile:
    """A file under construction. Only :meth:`create` makes one; :meth:`close` must be called.

    The dimension scales follow the NetCDF-4 format specification (Unidata, "NetCDF-4 file format"). They are written
    with h5py alone: an :class:`h5netcdf.File` whose disk failed closes itself once more when it is collected, and HDF5
    then takes the process down.
    """

    def __init__(self, path: Path, file: h5py.File) -> None:
        self.path = path
        self._file = file
        self._dims: dict[str, list[str]] = {}  # the datasets along each dimension, its scale first
        self._coordinates: dict[str, tuple[str, ...]] = {}

    @classmethod
    def create(cls, path: Path, attributes: Mapping[str, str | int], ending: Mapping[str, str]) -> NetcdfFile:
        """A new file with these attributes; never an existing one.

        Raises:
            BadInput: the file exists, or the folder does not or cannot be written.
        """
        try:
            raw = h5py.File(path, "x", locking=False, track_order=True)
        except OSError as error:
            if path.exists():
                raise BadInput(f"{path} exists already; it has not been touched") from error
            why = _reason(error)
            raise BadInput(f"cannot create {path.name} in {path.parent} ({why}); choose another folder") from error
        file = cls(path, raw)
        try:
            with saving(path):
                properties = f"version=2,h5py={h5py.version.version},hdf5={h5py.version.hdf5_version}"
                raw.attrs["_NCProperties"] = np.bytes_(properties)
                for name, value in attributes.items():
                    raw.attrs[name] = value if isinstance(value, str) else np.int64(value)
                for name, length in _FIXED_TEXT.items():
                    raw.attrs.create(name, _fixed(ending.get(name, ""), length), dtype=_fixed_type(length))
                file.flush()
        except BaseException:
            file.close()
            raise
        return file

    def set_ending(self, ending: Mapping[str, str]) -> None:
        """Overwrite how the run ended, in place."""
        for name, text in ending.items():
            self._file.attrs.modify(name, _fixed(text, _FIXED_TEXT[name]))

    def reserve(self, size: int) -> None:
        """Raise :class:`LabctlError` unless the disk has room for ``size`` bytes more.

        A disk that is full in the middle of HDF5's own bookkeeping costs the whole file; one that is found full before
        costs nothing.
        """
        free = shutil.disk_usage(self.path.parent).free
        if free < size + _SPARE_BYTES:
            raise LabctlError(
                f"{self.path} needs {size / 2**20:.1f} MiB more and the disk has {free / 2**20:.1f} MiB left; "
                "free some, everything saved so far is in the file"
            )

    def add(self, name: str, variable: Variable) -> None:
        """Write a whole array; larger ones are compressed."""
        values = variable.values
        if is_text(values):
            stored, dtype = values.astype(object), h5py.string_dtype()
        else:
            dtype = stored_dtype(name, values.dtype)
            stored = values.astype(dtype)
        self.reserve(stored.nbytes)
        pack = stored.nbytes > _COMPRESS_ABOVE and stored.ndim > 0
        options = {"compression": "gzip", "compression_opts": 1, "shuffle": True} if pack else {}
        self._create(name, variable, values.shape, dtype, data=stored, **options)

    def declare(self, name: str, variable: Variable, sizes: tuple[int | None, ...]) -> h5py.Dataset:
        """Make room for a variable that is filled later; ``variable.values`` gives the type only."""
        dtype = stored_dtype(name, variable.values.dtype)
        if sizes[0] is None:
            rest = tuple(size for size in sizes[1:] if size is not None)
            row_bytes = max(1, math.prod(rest) * dtype.itemsize)
            options: dict[str, Any] = {"chunks": (max(1, _CHUNK_BYTES // row_bytes), *rest)}
        else:
            layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            layout.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
            layout.set_fill_time(h5py.h5d.FILL_TIME_ALLOC)
            self.reserve(math.prod(size for size in sizes if size is not None) * dtype.itemsize)
            options = {"dcpl": layout}
        return self._create(name, variable, sizes, dtype, **options)

    def count_rows(self) -> h5py.Dataset:
        """Make the scalar that says how many rows have been saved."""
        counter = Variable((), np.array(0, np.int64), "1", "rows of the streamed variables saved so far")
        self.add(ROWS_DONE, counter)
        return self._file[ROWS_DONE]

    def grow(self, dim: str, size: int) -> None:
        """Make an unlimited dimension at least ``size`` long."""
        shorter = [data for name in self._dims[dim] if (data := self._file[name]).shape[0] < size]
        stored = [data for data in shorter if not _only_dimension(data)]
        self.reserve(sum((size - data.shape[0]) * math.prod(data.shape[1:]) * data.dtype.itemsize for data in stored))
        for data in shorter:
            data.resize(size, axis=0)

    def has(self, name: str) -> bool:
        """Whether there is a variable of this name."""
        return name in self._file and not _only_dimension(self._file[name])

    def flush(self) -> None:
        """Hand everything written to the operating system."""
        self._file.flush()

    def close(self) -> None:
        """Close the file; more than once does no harm."""
        self._file.close()

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
        self._make_scale(self._file.create_dataset(dim, (length,), ">f4", **options), f"{_NO_VARIABLE}{length:10d}")

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


def read_attributes(path: Path) -> dict[str, Any]:
    """The attributes of a file, text as ``str``.

    Raises:
        BadInput: there is no such file, or it is no readable HDF5 file.
    """
    with reading(path), _opened(path) as file:
        return {name: _plain(value) for name, value in file.attrs.items() if not name.startswith("_")}


def read_variables(path: Path) -> dict[str, Variable]:
    """Every variable of a file, in memory, in the order of its creation where the file keeps it.

    Raises:
        BadInput: the file cannot be read.
    """
    with reading(path), _opened(path) as raw, h5netcdf.File(raw, "r", decode_vlen_strings=True) as file:
        names = sorted(file.variables, key=lambda name: name != ROWS_DONE)  # the count first, should rows still come
        return {name: _variable(file.variables[name]) for name in names}


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what h5py raises on missing, damaged or foreign files into one sentence."""
    try:
        yield
    except LabctlError:
        raise
    except _READ_ERRORS as error:
        if not path.exists():
            raise BadInput(f"there is no file {path}") from error
        if isinstance(error, PermissionError):
            raise BadInput(f"{path} may not be read (permission denied)") from error
        if path.is_dir():
            raise BadInput(f"{path} is a folder, not a run file") from error
        raise BadInput(
            f"{path} cannot be read as a run file, it is damaged, cut off or of another kind "
            f"({_reason(error)}); restore it from a copy"
        ) from error


@contextmanager
def saving(path: Path) -> Iterator[None]:
    """Turn what h5py raises when the disk is full or gone into one sentence."""
    try:
        yield
    except LabctlError:
        raise
    except (OSError, RuntimeError, ValueError) as error:  # h5py has all three for a full disk
        raise LabctlError(
            f"{path} could not be written ({_reason(error)}); check the free space and the connection of that disk"
        ) from error


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    try:
        file = h5py.File(path, "r", locking=False)
    except OSError as error:
        if "locking flag" not in str(error):
            raise
        file = h5py.File(path, "r")  # open elsewhere in this process, with locks; HDF5 wants both the same
    with file:
        yield file


def _variable(stored: Any) -> Variable:
    attributes = stored.attrs
    values = np.asarray(stored[...])
    if values.dtype.kind == "O":
        values = values.astype(str)
    if attributes.get("dtype") == "bool":
        values = values.astype(np.bool_)
    fill = attributes.get("_FillValue")
    return Variable(
        dims=tuple(stored.dimensions),
        values=values,
        unit=str(attributes.get("units", "1")),
        long_name=str(attributes.get("long_name", "")),
        coordinate=attributes.get("role") == "coordinate",
        fill=None if fill is None else np.asarray(fill).item(),
    )


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, np.ndarray | np.generic) and value.size == 1:  # h5netcdf writes numbers as arrays of one
        return value.item()
    return value


def _only_dimension(dataset: h5py.Dataset) -> bool:
    label = dataset.attrs.get("NAME", b"")
    return bytes(label).startswith(_NO_VARIABLE.encode())


def _fixed_type(length: int) -> Any:
    return h5py.string_dtype("utf-8", length)


def _fixed(text: str, length: int) -> NDArray[Any]:
    cut = text.replace("\0", " ").encode("utf-8", "replace")[:length]
    return np.array(cut.decode("utf-8", "ignore").encode("utf-8"), dtype=_fixed_type(length))


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = str(error).splitlines()
    return text[0] if text else type(error).__name__
