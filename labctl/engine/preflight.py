"""What is checked before a run starts, so that it does not fail in the middle of the night: each returns sentences."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from data.instrument import Instrument
from data.values import Identity

if TYPE_CHECKING:
    from calibration.record import CalibrationRecord

SPARE_BYTES: Final = 32 << 20
"""What a run leaves free on the disk at least."""
OVERHEAD: Final = 1.05
"""A run file over the bytes of its arrays."""


def room_on_disk(folder: Path, run_bytes: int) -> Iterator[str]:
    """Why a run of so many bytes does not fit into a folder, which need not exist yet."""
    there = next((place for place in (folder, *folder.absolute().parents) if place.is_dir()), None)
    if there is None:
        yield f"there is no disk for the folder {folder}; choose another one"
        return
    needed = int(run_bytes * OVERHEAD) + SPARE_BYTES
    free = shutil.disk_usage(there).free
    if free < needed:
        yield (
            f"the run needs about {_size(needed)} on the disk of {folder} and {_size(free)} are free; "
            "make room or choose another folder"
        )


def the_board(identity: Identity | None, serial_number: str) -> Iterator[str]:
    """Why the board at hand is not the one that is wanted; an empty serial number wants any."""
    if not serial_number:
        return
    if identity is None:
        yield f"it must run on board {serial_number}, but there is no board"
    elif identity.serial_number != serial_number:
        yield f"it must run on board {serial_number}, but this is {identity.serial_number}; check cable and bench file"


def calibration_age(record: CalibrationRecord, hours: float | None) -> Iterator[str]:
    """Why a calibration is too old; None allows any age."""
    if hours is None:
        return
    made = datetime.fromisoformat(record.created)
    age = (datetime.now(UTC) - made.astimezone(UTC)).total_seconds() / 3600
    if age > hours:
        yield f"calibration {record.calibration_id} is {age:.1f} hours old, at most {hours:g} are wanted; calibrate"


def instrument_answers(name: str, instrument: Instrument) -> Iterator[str]:
    """Why an instrument cannot be used now: it has quantities, and not one of them can be read."""
    readings = instrument.snapshot()
    if readings and all(reading.error for reading in readings):
        yield f"instrument {name} does not answer: {readings[0].error}"


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"
