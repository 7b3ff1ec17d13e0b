"""A process that behaves like a board at the wire; its physics shares nothing with the models fitted to it.

Importing this compiles and starts nothing; the physics is loaded where it is used, in :func:`serve`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from drivers.emulator.options import Options
from drivers.emulator.process import EmulatedBoard, start

NICE: Final = 5
"""Priority, as of ``nice``, of a board that another program has started: a real one takes none of its time."""

__all__ = ["EmulatedBoard", "Options", "serve", "start"]


def serve(options: Options, announce: Callable[[str], None]) -> None:
    """Serve an emulated board in this process until a signal, Ctrl-C or the end of standard input stops it.

    Args:
        options: the board and where it is reached.
        announce: called once, when the board answers, with one line of JSON: ``serial``, ``tcp``, ``serial_number``,
            ``identity`` and ``pid``.

    Raises:
        BadInput: an option that cannot be used, in one sentence.
    """
    from drivers.emulator import server

    if options.until_stdin_closes and hasattr(os, "nice"):
        _give_way()
    server.serve(options, announce)


def _give_way() -> None:
    """Take the priority of :data:`NICE`."""
    os.nice(NICE)
    # Linux shares processors between sessions first, whatever the priorities within them; this process leads its own.
    group = Path("/proc/self/autogroup")
    if os.getsid(0) == os.getpid() and group.exists():
        with suppress(OSError):
            group.write_text(str(NICE), encoding="ascii")
