"""What a run in the foreground gives back: its file, or why it has ended without what was wanted."""

from __future__ import annotations

from pathlib import Path

from data.errors import Cancelled, LabctlError
from labctl.engine.states import Outcome


def kept_file(title: str, outcome: Outcome) -> Path:
    """The file of a run that was completed or stopped.

    Args:
        title: the run, for messages.
        outcome: how it ended.

    Raises:
        Cancelled: somebody aborted it.
        LabctlError: an interlock aborted it, nobody resumed it in time, or it has no file.
    """
    if outcome.path is None:
        raise LabctlError(f"{title} has ended without a file: {outcome.message}")
    kept = f"{outcome.message}; what was saved is in {outcome.path}"
    if outcome.gave_up:
        raise LabctlError(f"{title} was given up: {kept}")
    if outcome.status == "aborted":
        kind = LabctlError if outcome.tripped else Cancelled
        raise kind(f"{title} was aborted: {kept}")
    return outcome.path
