"""Which calibration was in use on which board, kept beside the runs for the next service."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from data.smallfile import SmallFile

APPLIED_NAME: Final = "applied.json"

_LAYOUT: Final = 1


class RememberedCalibrations:
    """The calibration in use by the serial number of its board; any process may change it.

    Args:
        folder: where the run files are.
    """

    def __init__(self, folder: Path) -> None:
        self._file = SmallFile(folder / APPLIED_NAME, "applied", "boards", _LAYOUT, _text, _text)

    def of(self, board: str) -> str:
        """Id of the calibration that was in use on a board last; empty for none.

        Raises:
            BadInput: the file holds something else.
        """
        return self._file.read().get(board, "")

    def keep(self, board: str, calibration: str) -> None:
        """Remember the calibration that is in use on a board; empty for none.

        Raises:
            BadInput: the file holds something else, or cannot be written.
            LabctlError: another process keeps it busy.
        """
        if self.of(board) == calibration:
            return
        with self._file.change() as boards:
            if calibration:
                boards[board] = calibration
            else:
                boards.pop(board, None)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value
