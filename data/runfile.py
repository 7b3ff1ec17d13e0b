"""Run files: written as a run goes on (:class:`RunWriter`), read back whole.

A file is called ``<run_id>-<kind>.h5``. It is HDF5 and NetCDF-4: ``xarray.open_dataset(path, engine="h5netcdf")`` opens
it, also while it is being written. A process killed at any moment leaves every row in it that a checkpoint
acknowledged, and whatever is read is compared with the checksums that were written with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data._checkpoints import ACKNOWLEDGED, SLOTS, Checkpoint, newest_first
from data._checksums import (
    ENDING,
    ENDING_CHECKSUM,
    METADATA_CHECKSUM,
    checksum_of_rows,
    of_attributes,
    of_ending,
    of_stream,
    of_variable,
)
from data._netcdf import ROWS_DONE, NetcdfFile
from data._reading import Stored, read_attributes, read_variables, reading, steadily
from data._seal import check_seal
from data._writers import WriterMark
from data.errors import BadInput
from data.layouts import Contents, upgraded
from data.metadata import SCHEMA, RunMetadata
from data.runwriter import RunWriter
from data.variables import Variable, check_variable

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


def read_metadata(path: Path | str) -> RunMetadata:
    """What is known about a run, without reading its arrays.

    A file that still says ``running`` reads as ``interrupted`` when the process that wrote it is gone.

    Raises:
        BadInput: no such file, damaged, not a run file, or written by a newer labctl.
    """
    path = Path(path)

    def read() -> RunMetadata:
        with reading(path):
            check_seal(path, everything=False)
        return _metadata(path, _attributes(path))

    return steadily(path, read)


def read_run(path: Path | str, *, check: bool = True) -> Run:
    """A run, whole: opened read-only, read into memory, closed, and compared with its checksums.

    Args:
        path: the file.
        check: False takes what can be read of a damaged file.

    Raises:
        BadInput: as :func:`read_metadata`, or what was read is not what was written.
    """
    path = Path(path)
    return steadily(path, lambda: _read(path, check))


def _read(path: Path, check: bool) -> Run:
    with reading(path):
        if check:
            check_seal(path, everything=True)
    attributes = _attributes(path)
    metadata = _metadata(path, attributes)
    stored = read_variables(path)
    with reading(path):
        rows = _acknowledged(path, stored, metadata.status, check)
        if check:
            wrong = damaged_variables(stored)
            if wrong:
                raise BadInput(f"{path} is damaged: {', '.join(wrong)} is not what was written; restore it from a copy")
        variables = {name: item.variable for name, item in stored.items() if name not in (ROWS_DONE, ACKNOWLEDGED)}
        contents = upgraded(Contents(attributes, variables))
    return Run(metadata, contents.variables, path, rows)


def write_run(run: Run, path: Path) -> None:
    """Write a run that is in memory to a new file, compressed and sealed, with the ending it has.

    Raises:
        BadInput: the file exists, the folder cannot be written, or a variable cannot be stored.
        LabctlError: the disk failed; there is no file then.
    """
    metadata = run.metadata
    ending = {"status": metadata.status, "ended": metadata.ended, "message": metadata.message}
    attributes = metadata.attributes() | {"writer": WriterMark.of_this_process().as_json()}
    # The ending comes last: a file that is killed before it is whole says that it is not over.
    file = NetcdfFile.create(path, attributes, {"status": "running", "ended": "", "message": ""})
    try:
        with file.change():
            for name, variable in sorted(run.variables.items(), key=lambda item: not item[1].coordinate):
                check_variable(name, variable)
                file.add(name, variable)
            if run.rows_done is not None:
                counter = Variable((), np.array(run.rows_done), "1", "rows of the streamed variables that were saved")
                file.add(ROWS_DONE, counter)
            file.set_ending(ending)
        file.seal_all()
        file.disk.sync()
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        file.close()


def damaged_variables(stored: Mapping[str, Stored]) -> list[str]:
    """Names of the variables that are not what their own checksum says."""
    return [
        name
        for name, item in stored.items()
        if item.checksum is not None
        and item.checksum != (of_variable if item.stream is None else of_stream)(name, item.variable)
    ]


def sound_checkpoint(checkpoints: list[Checkpoint], stored: Mapping[str, Stored]) -> Checkpoint | None:
    """The first of these whose rows are all there as they were acknowledged."""
    return next((item for item in checkpoints if not unsound_streams(item, stored)), None)


def unsound_streams(checkpoint: Checkpoint, stored: Mapping[str, Stored]) -> list[str]:
    """Names of the streamed variables whose rows are not those that a checkpoint acknowledged."""
    by_number = {item.stream: name for name, item in stored.items() if item.stream is not None}
    wrong = []
    for number, (rows, checksum) in enumerate(checkpoint.streams):
        name = by_number.get(number)
        if name is None:
            wrong.append(f"stream {number}")
        elif checksum_of_rows(stored[name].variable, rows) != checksum:
            wrong.append(name)
    return wrong


def _attributes(path: Path) -> dict[str, Any]:
    attributes = read_attributes(path)
    schema = attributes.get("labctl_schema")
    if not isinstance(schema, int) or schema < 1:
        raise BadInput(f"{path} is an HDF5 file but not a run of labctl; give a file that labctl wrote")
    if schema > SCHEMA:
        raise BadInput(
            f"{path} was written by a newer labctl (layout {schema}, this one reads up to {SCHEMA}); update labctl"
        )
    return attributes


def _metadata(path: Path, attributes: dict[str, Any]) -> RunMetadata:
    with reading(path):
        metadata = RunMetadata.from_attributes(upgraded(Contents(attributes, {})).attributes)
        unfinished = metadata.status == "running" and WriterMark.from_json(attributes["writer"]).gone(path)
        ending = {name: attributes[name] for name in ENDING}
        for name, found in ((METADATA_CHECKSUM, of_attributes(attributes)), (ENDING_CHECKSUM, of_ending(ending))):
            if attributes.get(name, found) != found:
                raise BadInput(f"{path} is damaged: its attributes are not what was written; restore it from a copy")
    if unfinished:
        return replace(metadata, status="interrupted", message="the process that wrote this run is gone")
    return metadata


def _acknowledged(path: Path, stored: Mapping[str, Stored], status: str, check: bool) -> int | None:
    """How many rows were acknowledged, None for a file without streams."""
    gone = status == "interrupted"
    unfinished = gone or status == "running"
    if ACKNOWLEDGED not in stored:
        return int(stored[ROWS_DONE].variable.values) if ROWS_DONE in stored else None
    found = newest_first(np.asarray(stored[ACKNOWLEDGED].variable.values))
    if not check:
        return found[0].rows if found else int(stored[ROWS_DONE].variable.values)
    if not unfinished and len(found) < SLOTS:
        found = []  # nothing but damage can have torn the record of a run that ended
    sound = sound_checkpoint(found if unfinished else found[:1], stored)
    if sound is None:
        wrong = ", ".join(unsound_streams(found[0], stored)) if found else "the record of checkpoints"
        raise BadInput(f"{path} is damaged: {wrong} is not what was acknowledged; restore it from a copy")
    counted = int(stored[ROWS_DONE].variable.values)
    if gone and counted > sound.rows:  # the count is written after the record
        raise BadInput(
            f"{path} counts {counted} rows and only {sound.rows} are what was acknowledged; "
            "`labctl runs --repair` keeps those"
        )
    return sound.rows
