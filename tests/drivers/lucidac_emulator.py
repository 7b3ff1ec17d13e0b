"""The vendor's own emulator of a LUCIDAC, in a process of its own."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator

SCRIPT = "from lucipy.simulator import Emulation; Emulation(bind_port=0).serve_blocking()"


@contextlib.contextmanager
def lucidac_emulator() -> Iterator[str]:
    """Serve one client after the other, as the hardware does; gives the address."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert "tcp://" in line, line
        yield "tcp://" + line.partition("tcp://")[2].split()[0]
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()
