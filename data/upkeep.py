"""Look after run files: verify their checksums, finish what killed processes left, bring old layouts up to date."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import numpy as np
import psutil

from data._checkpoints import ACKNOWLEDGED, SLOTS, Checkpoint, newest_first
from data._netcdf import ROWS_DONE, NetcdfFile
from data._overlay import Undo
from data._reading import Stored, read_attributes, read_variables, reading
from data._seal import Seal
from data._writers import WriterMark
from data.errors import BadInput
from data.metadata import SCHEMA, RunMetadata, iso_time
from data.runfile import read_metadata, read_run, sound_checkpoint, write_run

Verdict = Literal["sound", "unchecked", "running", "unfinished", "damaged"]
"""``unchecked`` files can be read and are too old to have checksums; ``unfinished`` ones were left by a process that is
gone, everything acknowledged is in them."""

_PART = re.compile(r"\..+\.h5\.(\d+)\.part")
INTERRUPTED = "the process that wrote this run is gone"


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found out about one file.

    Attributes:
        path: the file.
        run_id: of its run, empty when it cannot be told.
        verdict: see :data:`Verdict`.
        status: how the run ended.
        layout: of the file, None when it cannot be told.
        rows: acknowledged rows, None without streams.
        note: what is wrong and what to do, empty when nothing is.
    """

    path: Path
    run_id: str
    verdict: Verdict
    status: str = ""
    layout: int | None = None
    rows: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Repair:
    """What was done to one file.

    Attributes:
        path: the file.
        run_id: of its run.
        repaired: whether it was changed.
        failed: whether it needs a repair that could not be made.
        rows: acknowledged rows, None without streams.
        note: what was done, or why nothing was.
    """

    path: Path
    run_id: str
    repaired: bool
    failed: bool = False
    rows: int | None = None
    note: str = ""


def verify(path: Path) -> Verification:
    """Read a whole file and compare it with every checksum it has; nothing is changed.

    Raises:
        BadInput: there is no such file, or it may not be read.
    """
    try:
        run = read_run(path)
        layout = int(read_attributes(path)["labctl_schema"])
        counted = _rows_counted(path)
        sealed = Seal.find(path) is not None
    except BadInput as error:
        if not path.is_file() or not os.access(path, os.R_OK):
            raise
        return Verification(path, "", "damaged", note=str(error))
    status, rows, run_id = run.metadata.status, run.rows_done, run.metadata.run_id
    if status == "running":
        return Verification(path, run_id, "running", status, layout, rows)
    if _left_by_a_dead_process(path):
        note = f"{INTERRUPTED}; `labctl runs --repair` finishes the file"
        return Verification(path, run_id, "unfinished", status, layout, rows, note)
    if layout < SCHEMA and not sealed:
        note = f"layout {layout} has no checksums; `labctl runs --migrate` makes a file that has"
        return Verification(path, run_id, "unchecked", status, layout, rows, note)
    if counted != rows:
        note = f"{path} counts {counted} rows and acknowledged {rows}; restore it from a copy"
        return Verification(path, run_id, "damaged", status, layout, rows, note)
    return Verification(path, run_id, "sound", status, layout, rows)


def repair(path: Path) -> Repair:
    """Finish the file of a run whose process was killed: everything acknowledged stays, the status says interrupted.

    A change that was cut short is undone, dimensions without a fixed length end with the last acknowledged row, the
    count of rows and the ending are written, and the file is sealed. Rows that were written and not acknowledged are
    not counted. A file whose writer lives, or whose run ended by itself, is not touched.

    Raises:
        BadInput: the file cannot be read.
        DiskFull, LabctlError: the disk refused; the file is as it was.
    """
    metadata = read_metadata(path)
    if not _left_by_a_dead_process(path):
        note = "its writer is still at work" if metadata.status == "running" else f"it ended as {metadata.status}"
        return Repair(path, metadata.run_id, False, note=note)
    host = WriterMark.from_json(read_attributes(path)["writer"]).host
    if host != socket.gethostname():
        # Only there can anybody know whether the writer is alive: it may have been silent in a long pause.
        return Repair(path, metadata.run_id, False, note=f"its process ran on {host}; repair it there")
    try:
        rows = _finish(path, metadata)
    except BadInput as error:
        return Repair(path, metadata.run_id, False, True, note=str(error))
    note = "finished as interrupted" + ("" if rows is None else f" with {rows} rows")
    return Repair(path, metadata.run_id, True, rows=rows, note=note)


def remove_leftovers(folder: Path) -> tuple[Path, ...]:
    """Remove the beginnings of files whose process was killed before they had a name; they hold nothing."""
    found = []
    for path in sorted(folder.glob(".*.part")):
        match = _PART.fullmatch(path.name)
        if match and not psutil.pid_exists(int(match[1])):
            path.unlink(missing_ok=True)
            found.append(path)
    return tuple(found)


def migrate(path: Path, folder: Path) -> Path | None:
    """Write a run in the layout of today to a new file of the same name in ``folder``; the old one stays as it is.

    Returns:
        The new file, None when the old one has the layout of today already.

    Raises:
        BadInput: the file cannot be read, its run is not over, or there is such a file in ``folder``.
        LabctlError: the disk failed.
    """
    run = read_run(path)
    if int(read_attributes(path)["labctl_schema"]) == SCHEMA:
        return None
    if run.metadata.status in ("running", "interrupted") and not _says(path, "interrupted"):
        raise BadInput(f"the run in {path} is not over; `labctl runs --repair` finishes one whose process was killed")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"cannot make the folder {folder} ({error.strerror}); choose another one") from error
    target = folder / path.name
    write_run(run, target)
    return target


def _finish(path: Path, metadata: RunMetadata) -> int | None:
    stored = read_variables(path)
    with reading(path):
        checkpoint = _last_sound(path, stored)
        ended = iso_time(datetime.fromtimestamp(path.stat().st_mtime, UTC))
        file = NetcdfFile.open(path)
    with closing(file):
        with file.change():
            for dim in file.open_dimensions():
                file.resize(dim, _length(dim, checkpoint, stored))
            if checkpoint is not None:
                file.set_rows(checkpoint.rows, np.stack([checkpoint.slot()] * SLOTS))
            if _unfinished(metadata):
                file.set_ending({"status": "interrupted", "ended": ended, "message": INTERRUPTED})
        file.seal_all()
        file.disk.sync()
    return read_run(path).rows_done


def _last_sound(path: Path, stored: Mapping[str, Stored]) -> Checkpoint | None:
    if ACKNOWLEDGED not in stored:
        return None
    sound = sound_checkpoint(newest_first(stored[ACKNOWLEDGED].variable.values), stored)
    if sound is None:
        raise BadInput(f"{path} does not hold the rows that were acknowledged; restore it from a copy")
    return sound


def _length(dim: str, checkpoint: Checkpoint | None, stored: Mapping[str, Stored]) -> int:
    """How many rows are acknowledged along a dimension; as many as there are where nothing says so."""
    along = [item for item in stored.values() if item.variable.dims[:1] == (dim,)]
    streams = [item.stream for item in along if item.stream is not None]
    if checkpoint is None or not streams:
        rows = ROWS_DONE in stored and int(stored[ROWS_DONE].variable.values)
        return rows or max((len(item.variable.values) for item in along), default=0)
    return max((checkpoint.streams[number][0] for number in streams if number < len(checkpoint.streams)), default=0)


def _rows_counted(path: Path) -> int | None:
    stored = read_variables(path)
    return int(stored[ROWS_DONE].variable.values) if ROWS_DONE in stored else None


def _left_by_a_dead_process(path: Path) -> bool:
    attributes = read_attributes(path)
    with reading(path):
        unfinished = attributes["status"] == "running" or Undo.path_for(path).exists()
        return unfinished and WriterMark.from_json(attributes["writer"]).gone(path)


def _unfinished(metadata: RunMetadata) -> bool:
    return metadata.status in ("running", "interrupted")


def _says(path: Path, status: str) -> bool:
    return bool(read_attributes(path)["status"] == status)
