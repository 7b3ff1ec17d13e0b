"""Which calibration of the board is in use, and which ones were before."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from data.errors import BadInput, LabctlError
from labctl.calibrations.values import Probed
from labctl.service.messages import Message
from labctl.service.messages_calibration import CalibrationInUse
from labctl.service.remembered import RememberedCalibrations

if TYPE_CHECKING:
    from labctl.bench import Bench

LATEST: Final = "latest"

log = logging.getLogger(__name__)


class Applied:
    """The calibrations that were applied, the one in use last; may be used from any thread.

    The one in use is remembered beside the runs, for the next service.

    Args:
        tell: takes messages to the client.
    """

    def __init__(self, tell: Callable[[Message], None]) -> None:
        self._tell = tell
        self._applied: list[Probed] = []
        self._lock = threading.Lock()

    @property
    def calibration(self) -> str:
        """Id of the one in use; ``latest`` while none was applied."""
        with self._lock:
            return self._applied[-1].entry.calibration_id if self._applied else LATEST

    def apply(self, probed: Probed) -> None:
        """Use a calibration from now on."""
        with self._lock:
            self._applied.append(probed)
        self.tell()
        self._remember(probed, probed.entry.calibration_id)

    def revert(self) -> None:
        """Go back to the one before.

        Raises:
            BadInput: none was applied.
        """
        with self._lock:
            if not self._applied:
                raise BadInput("no calibration has been applied; the latest one is in use already")
            gone = self._applied.pop()
            now = self._applied[-1].entry.calibration_id if self._applied else ""
        self.tell()
        self._remember(gone, now)

    def recall(self, bench: Bench) -> None:
        """Use the calibration that was in use on this board when the last service ended, if it still holds.

        A few dozen vectors tell; what came of it is said in the log. One that cannot be probed now, because the link
        fails or the run is aborted, is asked about again at the next connection.

        Args:
            bench: with its board connected.
        """
        board = bench.board.identity.serial_number
        memory = RememberedCalibrations(bench.runs)
        try:
            wanted = "" if self._of(board) else memory.of(board)
            if wanted:
                self._try(bench, wanted, memory)
        except LabctlError as error:
            log.warning("the calibration that was in use on %s is not in use again: %s", board, error)

    def forget_others(self, board: str) -> None:
        """Keep only what belongs to a board, by its serial number."""
        with self._lock:
            kept = [item for item in self._applied if item.entry.board == board]
            changed = len(kept) != len(self._applied)
            self._applied = kept
        if changed:
            self.tell()

    def tell(self) -> None:
        """Tell which one is in use."""
        with self._lock:
            now = self._applied[-1] if self._applied else None
            before = self._applied[-2].entry.calibration_id if len(self._applied) > 1 else ""
        if now is None:
            self._tell(CalibrationInUse())
        else:
            self._tell(CalibrationInUse(now.entry.calibration_id, now.words, before, True))

    def _of(self, board: str) -> bool:
        """Whether one of this board is in use."""
        with self._lock:
            return any(item.entry.board == board for item in self._applied)

    def _try(self, bench: Bench, wanted: str, memory: RememberedCalibrations) -> None:
        from calibration.record import WrongBoard, load_record
        from labctl.calibrations.probing import probe_calibration
        from labctl.library import find

        board = bench.board.identity.serial_number
        try:
            record = load_record(find(wanted, folder=bench.runs, kind="calibration"))
        except BadInput:  # its file is gone or damaged
            memory.keep(board, "")
            raise
        try:
            found = probe_calibration(bench, record)
        except WrongBoard:  # it has another firmware now
            memory.keep(board, "")
            raise
        if found.verdict == "stale":
            memory.keep(board, "")
            log.warning("calibration %s was in use on %s and is %s; calibrate again", wanted, board, found.words)
            return
        with self._lock:
            self._applied.append(found)
        self.tell()
        log.info("calibration %s is in use on %s again: the board is %s", wanted, board, found.words)

    def _remember(self, probed: Probed, calibration: str) -> None:
        try:
            RememberedCalibrations(Path(probed.entry.file).parent).keep(probed.entry.board, calibration)
        except LabctlError as error:
            log.warning("which calibration is in use will be forgotten when this ends: %s", error)
