"""The serial line: a pseudo-terminal. The only file here that needs POSIX; it is imported where there is one."""

from __future__ import annotations

import errno
import os
import select
import termios
import tty
from contextlib import suppress

CHUNK = 1 << 16


class Terminal:
    """The board's end of a pseudo-terminal, which one client after another may open.

    A client that closes the line shows as a hang-up of this end. The board holds no descriptor of the client's end,
    so that exclusive opens work and a hang-up is seen.
    """

    def __init__(self) -> None:
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self.name = os.ttyname(slave)
        os.close(slave)
        os.set_blocking(self._master, False)
        self._poll = select.poll()
        self._poll.register(self._master, select.POLLIN)

    def opened(self) -> bool:
        """Whether a client has the line open now."""
        return not any(events & select.POLLHUP for _, events in self._poll.poll(0))

    def fileno(self) -> int:
        """For a selector."""
        return self._master

    def read(self) -> bytes | None:
        """See :class:`drivers.emulator.channel.Channel`; ``b""`` when the client has closed the line."""
        try:
            return os.read(self._master, CHUNK)
        except BlockingIOError:
            return None
        except OSError as problem:
            if problem.errno != errno.EIO:
                raise
            return b""

    def write(self, data: memoryview) -> int | None:
        """See :class:`drivers.emulator.channel.Channel`."""
        if not self.opened():
            return None  # The system would keep the bytes for the next client.
        try:
            return os.write(self._master, data)
        except BlockingIOError:
            return 0
        except OSError as problem:
            if problem.errno != errno.EIO:
                raise
            return None

    def close(self) -> None:
        """The connection ends: forget what is on its way in both directions; the line stays for the next client."""
        with suppress(termios.error):
            termios.tcflush(self._master, termios.TCIOFLUSH)
            tty.setraw(self._master)

    def dispose(self) -> None:
        """Give the line back to the system."""
        os.close(self._master)
