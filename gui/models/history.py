"""Undo and redo over frozen values."""

from __future__ import annotations

from typing import Final, Generic, TypeVar

V = TypeVar("V")

MERGE_S: Final = 1.0
"""Changes of one thing that follow one another faster than this are one change."""
MOST: Final = 500


class History(Generic[V]):
    """A value and those it had before.

    Args:
        value: the first.
    """

    def __init__(self, value: V) -> None:
        self._past: list[tuple[V, str]] = []
        self._future: list[tuple[V, str]] = []
        self._value = value
        self._last = ("", float("-inf"))

    @property
    def value(self) -> V:
        """As it is now."""
        return self._value

    @property
    def undoable(self) -> str:
        """What :meth:`undo` would take back, empty when nothing."""
        return self._past[-1][1] if self._past else ""

    @property
    def redoable(self) -> str:
        """What :meth:`redo` would do again, empty when nothing."""
        return self._future[-1][1] if self._future else ""

    def change(self, value: V, what: str, now: float) -> bool:
        """Take a new value; false when it is the same.

        Args:
            value: the new one.
            what: what was changed, in words; quick changes of the same thing are taken back together.
            now: seconds on any clock.
        """
        if value == self._value:
            return False
        merged = bool(self._past) and self._last[0] == what and now - self._last[1] < MERGE_S
        if not merged:
            self._past.append((self._value, what))
            del self._past[:-MOST]
        self._value = value
        self._future.clear()
        self._last = (what, now)
        return True

    def undo(self) -> bool:
        """Go back; false when there is nothing to go back to."""
        return self._step(self._past, self._future)

    def redo(self) -> bool:
        """Go forward again; false when nothing was taken back."""
        return self._step(self._future, self._past)

    def _step(self, source: list[tuple[V, str]], target: list[tuple[V, str]]) -> bool:
        if not source:
            return False
        value, what = source.pop()
        target.append((self._value, what))
        self._value = value
        self._last = ("", float("-inf"))
        return True
