"""What comes of a run in the foreground: its file, or why it has ended without what was wanted."""

from __future__ import annotations

from pathlib import Path

from data.errors import Cancelled, LabctlError
from labctl.engine.states import Outcome, UnsafeState


def why_it_ended(title: str, outcome: Outcome) -> BaseException:
    """What to raise for a run that has not come to its end.

    Args:
        title: the run, for messages.
        outcome: how it ended.

    Returns:
        What made it fail; ``Cancelled`` where somebody stopped or aborted it; ``LabctlError`` where an interlock
        aborted it, or nobody resumed it in time.
    """
    if outcome.error is not None:
        return outcome.error
    kept = f"; what was saved is in {outcome.path}" if outcome.path else ""
    if outcome.gave_up:
        return LabctlError(f"{title} was given up: {outcome.message}{kept}")
    kind = LabctlError if outcome.tripped else Cancelled
    return kind(f"{title} was {outcome.status}: {outcome.message}{kept}")


def confirm_safe(outcome: Outcome) -> None:
    """Raise :class:`UnsafeState` where the safe state of some hardware could not be confirmed."""
    if outcome.unsafe:
        where = f"; the data are in {outcome.path}" if outcome.path else ""
        raise UnsafeState(f"{'; '.join(outcome.unsafe)}; check the hardware by hand{where}")


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
    if outcome.gave_up or outcome.status == "aborted":
        raise why_it_ended(title, outcome)
    return outcome.path
