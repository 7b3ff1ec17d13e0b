"""The errors every room shares: what the user gave was wrong, or the work failed.

The command line turns :class:`BadInput` into exit code 2 and every other :class:`LabctlError` into exit code 1.
A message is one sentence: what was wrong, where, and what to do about it.
"""

from __future__ import annotations

from collections.abc import Sequence


class LabctlError(Exception):
    """Something labctl was asked to do could not be done; the message says what and why."""


class BadInput(LabctlError, ValueError):
    """What the user gave (a file, an option, an array, an address) cannot be used."""


class Problems(BadInput):
    """Several problems of one input, all listed at once.

    Args:
        where: the input that has the problems, e.g. a file name.
        problems: one sentence each, at least one.
    """

    def __init__(self, where: str, problems: Sequence[str]) -> None:
        self.where = where
        self.problems = tuple(problems)
        count = len(self.problems)
        head = where if count == 1 else f"{where} has {count} problems"
        super().__init__(head + ": " + "; ".join(self.problems))


class DiskFull(LabctlError):
    """The disk has no room left; what was acknowledged is safe; repeat the same call once there is room."""


class Cancelled(LabctlError):
    """The user stopped the work; what was finished has been kept."""
