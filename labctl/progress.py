"""Progress of long work, as plain calls: whoever listens can neither slow nor stop it."""

from __future__ import annotations

from collections.abc import Callable

Listener = Callable[[float, str], None]
"""Called with the fraction done (0 to 1) and what is being done."""

Stop = Callable[[], bool]
"""Asked between steps; true ends the work early and keeps what was finished."""


def silent(fraction: float, message: str) -> None:
    """Hear of progress and do nothing."""


def never() -> bool:
    """Let the work run to its end."""
    return False


def part(listener: Listener, start: float, end: float, prefix: str = "") -> Listener:
    """A listener for one part of a longer piece of work, from fraction ``start`` to ``end`` of it."""

    def inner(fraction: float, message: str) -> None:
        listener(start + (end - start) * min(max(fraction, 0.0), 1.0), prefix + message)

    return inner
