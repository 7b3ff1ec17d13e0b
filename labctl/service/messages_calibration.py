"""What a bench service tells of calibrations; the values of :mod:`labctl.calibrations.values` travel as answers."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from labctl.service.messages import Message


@dataclass(frozen=True, slots=True)
class CalibrationInUse(Message):
    """The calibration that live runs and comparisons use from now on.

    Attributes:
        calibration_id: its id; empty for the latest of the folder.
        words: what the probe found, empty where none was made.
        before: id of the one that a revert goes back to, empty for the latest of the folder.
        can_revert: whether there is one to go back to.
    """

    calibration_id: str = ""
    words: str = ""
    before: str = ""
    can_revert: bool = False

    def replaces(self) -> Hashable | None:
        """Only the newest counts."""
        return "calibration in use"
