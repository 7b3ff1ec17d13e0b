"""Which calibration of the board is in use, and which ones were before."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from data.errors import BadInput
from labctl.calibrations.values import Probed
from labctl.service.messages import Message
from labctl.service.messages_calibration import CalibrationInUse

LATEST: Final = "latest"


class Applied:
    """The calibrations that were applied, the one in use last; may be used from any thread.

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

    def revert(self) -> None:
        """Go back to the one before.

        Raises:
            BadInput: none was applied.
        """
        with self._lock:
            if not self._applied:
                raise BadInput("no calibration has been applied; the latest one is in use already")
            self._applied.pop()
        self.tell()

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
