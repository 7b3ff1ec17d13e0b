"""Whether a calibration still describes the board that is connected."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from calibration.probe import probe
from calibration.record import CalibrationRecord, WrongBoard, load_record
from labctl.calibrations.looking import entry_of
from labctl.calibrations.values import Probed
from labctl.library import find

if TYPE_CHECKING:
    from labctl.bench import Bench


def probe_calibration(bench: Bench, calibration: CalibrationRecord | Path | str = "latest") -> Probed:
    """Ask the board of a bench, with a few dozen vectors, whether a calibration still holds.

    Args:
        bench: the open bench.
        calibration: a record, its file, its run id, the start of one, or ``latest``.

    Raises:
        WrongBoard: it is another board's, that of another firmware, or of another array.
        BadInput: there is no such calibration, or it is damaged.
        LinkError: the link failed.
    """
    if isinstance(calibration, CalibrationRecord):
        record, path = calibration, bench.runs / f"{calibration.calibration_id}-calibration.h5"
    else:
        path = find(calibration, folder=bench.runs, kind="calibration")
        record = load_record(path)
    mine, its = record.geometry, bench.board.geometry
    if mine != its:
        raise WrongBoard(
            f"calibration {record.calibration_id} is of an array of {mine.rows} x {mine.columns}, but this board has "
            f"{its.rows} x {its.columns}; calibrate this board"
        )
    with bench.lend(f"probe calibration {record.calibration_id}", kind="probe") as board:
        found = probe(record, board)
    return Probed(entry_of(record, path), found.verdict, str(found))
