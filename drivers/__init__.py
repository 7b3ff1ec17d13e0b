"""Links, instruments, the analog board and its emulator.

The backends (pyserial, pyvisa) are loaded when a link of their kind is opened, not on import.
"""

from data.instrument import Reading
from drivers.address import LinkSettings
from drivers.board import AnalogBoard, Progress, board_on, open_board
from drivers.discovery import Candidate, discover
from drivers.errors import (
    BoardError,
    CannotOpen,
    Disconnected,
    LinkError,
    LinkTimeout,
    NotABoard,
    ProtocolError,
    WrongBoard,
)
from drivers.exchange import Statistics
from drivers.link import Link, open_link
from drivers.lock import Holder, InUse

__all__ = [
    "AnalogBoard",
    "BoardError",
    "Candidate",
    "CannotOpen",
    "Disconnected",
    "Holder",
    "InUse",
    "Link",
    "LinkError",
    "LinkSettings",
    "LinkTimeout",
    "NotABoard",
    "Progress",
    "ProtocolError",
    "Reading",
    "Statistics",
    "WrongBoard",
    "board_on",
    "discover",
    "open_board",
    "open_link",
]
