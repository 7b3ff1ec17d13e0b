"""One owner for every instrument of this computer, whichever process and whichever kind of link it uses.

A lock is a file in the user's runtime folder, locked by the operating system: it is free again when its process has
ended, however that was. Beside it stands who holds it, for the one who comes too late. Locks of several users do not
see each other; a serial port is besides opened exclusively, which holds for everybody.
"""

from __future__ import annotations

import json
import logging
import os
import re
import socket
import sys
import threading
import time
import warnings
import zlib
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from drivers.address import Address
from drivers.errors import CannotOpen

if TYPE_CHECKING:
    from filelock import BaseFileLock

_log = logging.getLogger(__name__)

_SOCKET: Final = re.compile(r"TCPIP\d*::([^:]+|\[[^]]+\])::(\d+)::SOCKET", re.IGNORECASE)
_SERIAL: Final = re.compile(r"ASRL(/.+?)(?:::INSTR)?", re.IGNORECASE)
ROUNDING_S: Final = 1.0
"""Start times of a process may differ by so much between two ways of reading them."""


_warnings_changed: Final = threading.Lock()
"""What the program does about warnings is not each thread's own."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock.

    Attributes:
        pid: of the process.
        program: what it is, as typed.
        since: when it took the lock, UTC.
        started: when the process began, seconds since 1970: tells it from a later one with the same pid.
        address: the address that it opened.
    """

    pid: int
    program: str
    since: str
    started: float
    address: str

    def __str__(self) -> str:
        if self.pid == os.getpid():
            return f"this program itself (since {self.since})"
        return f"{self.program} (pid {self.pid}, since {self.since})"


class InUse(CannotOpen):
    """Another process of labctl, or this one, holds the instrument.

    Attributes:
        holder: who; None where it is not known (yet).
    """

    def __init__(self, address: str, holder: Holder | None) -> None:
        self.holder = holder
        super().__init__(f"{address} is in use by {holder or 'another program'}; close it there first")


class InstrumentLock:
    """A lock that is held; made by :func:`hold`."""

    def __init__(self, lock: BaseFileLock, note: Path) -> None:
        self._lock = lock
        self._note = note

    def release(self) -> None:
        """Let go; again does nothing."""
        if self._lock.is_locked:
            self._note.unlink(missing_ok=True)
            # While it is held: whoever has opened the file meanwhile and locks it after us finds that it has no name
            # any more, and begins anew. Windows removes it by itself.
            with suppress(OSError):
                Path(self._lock.lock_file).unlink()
            self._lock.release(force=True)


def instrument_key(target: Address) -> str:
    """What is the same for every address that leads to the same port of this computer or to the same host and port.

    Every process simulates instruments of its own.
    """
    if target.library.endswith("@sim"):
        return f"simulated:{os.getpid()}:{target.library}:{target.target.upper()}"
    if target.host:
        return _network_key(target.host, target.port)
    if target.kind == "serial":
        return _port_key(target.target)
    network, port = _SOCKET.fullmatch(target.target), _SERIAL.fullmatch(target.target)
    if network:
        return _network_key(network[1].strip("[]"), int(network[2]))
    return _port_key(port[1]) if port else f"visa:{target.target.upper()}"


def hold(target: Address) -> InstrumentLock:
    """Take the lock of the instrument at an address.

    Raises:
        InUse: somebody has it already.
        CannotOpen: the folder of the locks cannot be written.
    """
    from filelock import FileLock, Timeout  # a program that opens nothing need not load it

    try:
        path = _folder() / _file_name(instrument_key(target))
        lock = FileLock(path, timeout=0, thread_local=False)
        lock.acquire()
    except Timeout as error:
        raise InUse(target.text, _read(_note(path))) from error
    except OSError as error:
        raise CannotOpen(
            f"the lock of {target.text} cannot be written ({error}); set XDG_RUNTIME_DIR to a folder of yours"
        ) from error
    held = InstrumentLock(lock, _note(path))
    try:
        _note(path).write_text(json.dumps(asdict(_myself(target.text))), encoding="utf-8")
    except OSError as error:
        _log.warning("who holds %s could not be written down: %s", target.text, error)
    return held


class Claim:
    """The lock of an instrument that is opened by somebody else's code, which knows nothing of locks.

    Args:
        target: its address; None for what is nowhere, such as a simulation inside this process.
    """

    def __init__(self, target: Address | None) -> None:
        self._target = target
        self._held: InstrumentLock | None = None

    def take(self) -> None:
        """Take the lock, unless it is held already; raises as :func:`hold`."""
        if self._target is not None and self._held is None:
            self._held = hold(self._target)

    def let_go(self) -> None:
        """Let go; again does nothing."""
        held, self._held = self._held, None
        if held is not None:
            held.release()


def holder(target: Address) -> Holder | None:
    """Which living process holds the instrument at an address, as far as it has written that down."""
    return _read(_note(_folder() / _file_name(instrument_key(target))))


def _folder() -> Path:
    import platformdirs

    with _warnings_changed, warnings.catch_warnings():
        # Without a runtime folder of the session, as on many servers, the one in the temporary folder does as well.
        warnings.simplefilter("ignore", platformdirs.RuntimeDirWarning)
        folder = platformdirs.user_runtime_path("labctl") / "instruments"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _file_name(key: str) -> str:
    readable = re.sub(r"[^A-Za-z0-9.-]+", "_", key)[-60:].strip("_")
    return f"{readable}-{zlib.crc32(key.encode()):08x}.lock"


def _note(path: Path) -> Path:
    return path.with_suffix(".json")


def _network_key(host: str, port: int) -> str:
    with suppress(OSError):
        host = socket.gethostbyname(host)
    return f"network:{host.lower()}:{port}"


def _port_key(name: str) -> str:
    return f"port:{os.path.realpath(name)}" if name.startswith("/") else f"port:{name.upper()}"


def _myself(address: str) -> Holder:
    import psutil

    since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    return Holder(os.getpid(), _program(), since, psutil.Process().create_time(), address)


def _program() -> str:
    first = Path(sys.argv[0] if sys.argv and sys.argv[0] else sys.executable)
    name = first.parent.name if first.name == "__main__.py" else first.name
    word = sys.argv[1] if len(sys.argv) > 1 and sys.argv[1].isidentifier() else ""
    return f"{name} {word}".strip()


def _read(note: Path) -> Holder | None:
    import psutil

    try:
        fields = json.loads(note.read_text(encoding="utf-8"))
        found = Holder(
            int(fields["pid"]),
            str(fields["program"]),
            str(fields["since"]),
            float(fields["started"]),
            str(fields["address"]),
        )
        alive = abs(psutil.Process(found.pid).create_time() - found.started) < ROUNDING_S
    except (OSError, ValueError, ArithmeticError, LookupError, TypeError, RecursionError, psutil.Error):
        return None  # nobody, or somebody who is just writing it
    return found if alive else None
