"""Times and sizes in words, always of about the same width."""

from __future__ import annotations


def span(seconds: float | None) -> str:
    """A time for people: ``0:07``, ``12:30``, ``3 h 05``; a dash for none."""
    if seconds is None or not seconds < 1e7:
        return "–"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d}"
    return f"{whole // 3600} h {whole % 3600 // 60:02d}"


def size(count: float) -> str:
    """Bytes for people."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def ago(seconds: float) -> str:
    """How long ago, in the coarsest unit that says enough."""
    if seconds < 1.5:
        return "now"
    for name, length in (("s", 60.0), ("min", 60.0), ("h", 24.0)):
        if seconds < length:
            return f"{seconds:.0f} {name} ago"
        seconds /= length
    return f"{seconds:.0f} d ago"
