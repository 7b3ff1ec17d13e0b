"""Handing out everything that was told, however slow the machine is just now."""

from __future__ import annotations

from gui.desk import Desk


def look(desk: Desk) -> None:
    """Let a desk hand out all that waits; by itself it stops after some milliseconds."""
    desk.look()
    while desk._waiting:
        desk.look()
