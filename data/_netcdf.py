"""How run files lie on the disk: HDF5 that is also NetCDF-4, laid out so that a kill at any moment leaves it readable.

HDF5 writes its own bookkeeping lazily, and a process killed in the middle leaves it torn. So after its creation the
bookkeeping of a run file does not change while rows arrive: sized streams are allocated at once (a full disk shows
before the measurement), nothing that is written in pieces is compressed (a partly filled compressed chunk moves at
every write), and what changes at the end is text of fixed length, overwritten in place. The writer takes no file
lock, so that a viewer that holds the file open cannot stop a measurement.
"""

from __future__ import annotations

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
_READ_ERRORS = (OSError, RuntimeError, KeyError, TypeError, ValueError, IndexError, AttributeError)


class NetcdfFile:
    """A file under construction. Only :meth:`create` makes one; :meth:`close` must be called."""

    def __init__(self, path: Path, file: h5netcdf.File) -> None:
        self.path = path
        self._file = file
        self._raw: h5py.File = file._h5file
        self._coordinates: dict[str, tuple[str, ...]] = {}

    @classmethod
    def create(cls, path: Path, attributes: Mapping[str, str | int], ending: Mapping[str, str]) -> NetcdfFile:
        """A new file with these attributes; never an existing one.

        Raises:
            BadInput: the file exists, or the folder does not or cannot be written.
        """
        try:
            raw = h5netcdf.File(path, "x", locking=False)
        except FileExistsError as error:
            raise BadInput(f"{path} exists already; it has not been touched") from error
        except OSError as error:
            if path.exists():
                raise BadInput(f"{path} exists already; it has not been touched") from error
            why = _reason(error)
            raise BadInput(f"cannot create {path.name} in {path.parent} ({why}); choose another folder") from error
        file = cls(path, raw)
        try:
            with saving(path):
                for name, value in attributes.items():
                    raw.attrs[name] = value if isinstance(value, str) else np.int64(value)
                for name, length in _FIXED_TEXT.items():
                    file._raw.attrs.create(name, _fixed(ending.get(name, ""), length), dtype=_fixed_type(length))
                file.flush()
        except BaseException:
            file.close()
            raise
        return file

    def set_ending(self, ending: Mapping[str, str]) -> None:
        """Overwrite how the run ended, in place."""
        for name, text in ending.items():
            self._raw.attrs.modify(name, _fixed(text, _FIXED_TEXT[name]))

    def add(self, name: str, variable: Variable) -> None:
        """Write a whole array; larger ones are compressed."""
        values = variable.values
        self._dimensions(name, variable.dims, values.shape)
        if is_text(values):
            stored: NDArray[Any] = values.astype(object)
            self._create(name, variable, h5py.string_dtype(), data=stored)
            return
        stored = values.astype(stored_dtype(name, values.dtype))
        pack = stored.nbytes > _COMPRESS_ABOVE and stored.ndim > 0
        options = {"compression": "gzip", "compression_opts": 1, "shuffle": True} if pack else {}
        self._create(name, variable, stored.dtype, data=stored, **options)

    def declare(self, name: str, variable: Variable, sizes: tuple[int | None, ...]) -> h5py.Dataset:
        """Make room for a variable that is filled later; ``variable.values`` gives the type only."""
        self._dimensions(name, variable.dims, sizes)
        dtype = stored_dtype(name, variable.values.dtype)
        if sizes[0] is None:
            rest = tuple(size for size in sizes[1:] if size is not None)
            row_bytes = max(1, int(np.prod(rest)) * dtype.itemsize)
            self._create(name, variable, dtype, chunks=(max(1, _CHUNK_BYTES // row_bytes), *rest))
        else:
            layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            layout.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
            self._create(name, variable, dtype, dcpl=layout)
        return self._raw[name]

    def count_rows(self) -> h5py.Dataset:
        """Make the scalar that says how many rows have been saved."""
        counter = Variable((), np.array(0, np.int64), "1", "rows of the streamed variables saved so far")
        self.add(ROWS_DONE, counter)
        return self._raw[ROWS_DONE]

    def grow(self, dim: str, size: int) -> None:
        """Make an unlimited dimension at least ``size`` long."""
        if self._file.dimensions[dim].size < size:
            self._file.resize_dimension(dim, size)

    def has(self, name: str) -> bool:
        """Whether there is a variable of this name."""
        return name in self._file.variables

    def flush(self) -> None:
        """Hand everything written to the operating system."""
        self._file.flush()
        self._raw.flush()  # h5netcdf's own flush does not do this

    def close(self) -> None:
        """Close the file; more than once does no harm."""
        self._file.close()

    def _dimensions(self, name: str, dims: tuple[str, ...], sizes: tuple[int | None, ...]) -> None:
        for dim, size in zip(dims, sizes, strict=True):
            if dim not in self._file.dimensions:
                if dim != name and self.has(dim):
                    raise BadInput(f"variable {name}: there is a variable {dim} already, so no dimension can be")
                self._file.dimensions[dim] = size
                continue
            known = self._file.dimensions[dim]
            if not (known.isunlimited() if size is None else size == known.size):
                raise BadInput(f"variable {name}: dimension {dim} has length {known.size} here, not {size}")
        if name in self._file.dimensions and dims != (name,):
            raise BadInput(f"variable {name} has the name of a dimension; only the coordinate of that dimension may")

    def _create(self, name: str, variable: Variable, dtype: Any, **options: Any) -> None:
        fill = None if variable.fill is None else dtype.type(variable.fill)
        created = self._file.create_variable(name, variable.dims, dtype, fillvalue=fill, **options)
        if not is_text(variable.values):
            created.attrs["units"] = variable.unit
        if variable.long_name:
            created.attrs["long_name"] = variable.long_name
        if variable.values.dtype.kind == "b":
            created.attrs["dtype"] = "bool"
        if variable.coordinate:
            created.attrs["role"] = "coordinate"
            self._coordinates[name] = variable.dims
        else:
            used = [c for c, dims in self._coordinates.items() if dims != (c,) and set(dims) <= set(variable.dims)]
            if used:
                created.attrs["coordinates"] = " ".join(used)


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
        return {name: _variable(name, stored) for name, stored in file.variables.items()}


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
    except (OSError, RuntimeError) as error:
        raise LabctlError(
            f"{path} could not be written ({_reason(error)}); what was saved before is in it, "
            "check the free space and the connection of that disk"
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


def _variable(name: str, stored: Any) -> Variable:
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
