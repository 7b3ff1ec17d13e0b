"""Links to instruments that mark the end of a message themselves: GPIB, USB, VXI-11 and HiSLIP, through VISA.

There an answer is read in one piece, with all the time it may take: an instrument may take amiss a read that is given
up early, or one byte at a time. What is left over is thrown away by a device clear, which such instruments have.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from typing import Any, Final

import pyvisa
from pyvisa import constants

from drivers.address import Address
from drivers.errors import Disconnected, LinkTimeout
from drivers.link import Deadline
from drivers.lock import InstrumentLock, hold
from drivers.socket_link import SLOWEST_RATE
from drivers.visa_link import VISA_FAILURES, open_session

_log = logging.getLogger(__name__)

CHUNK: Final = 65536
_TIMEOUT: Final = constants.StatusCode.error_timeout


def marks_messages(target: Address) -> bool:
    """Whether an address leads to an instrument that marks the end of a message."""
    name = target.target.upper()
    return target.kind == "visa" and not name.startswith("ASRL") and not name.endswith("::SOCKET")


class MessageLink:
    """A :class:`drivers.link.Link` over an open pyvisa resource; made by :func:`open_message_link`.

    Args:
        address: as the user wrote it.
        resource: the open resource.
        ending: what ends an answer in the instrument's dialect; added where the mark on the bus stands for it.
        lock: released when the link is closed.
    """

    slowest_rate = SLOWEST_RATE

    def __init__(self, address: str, resource: Any, ending: bytes, lock: InstrumentLock) -> None:
        self._held = lock
        self._address = address
        self._ending = ending
        self._resource = resource
        self._lock = threading.RLock()
        self._closed = False

    @property
    def address(self) -> str:
        """As the user wrote it."""
        return self._address

    def write(self, data: bytes, deadline: Deadline) -> None:
        """Write all of ``data`` as one message.

        Raises:
            LinkTimeout: nobody took it in time.
            Disconnected: the instrument is gone, or the link is closed.
        """
        self._do("write", deadline, lambda: self._resource.write_raw(data))

    def read_some(self, deadline: Deadline, need: int = 1) -> bytes:
        """An answer, or the next 64 KiB of it.

        Raises:
            LinkTimeout: none came before the deadline.
            Disconnected: the instrument is gone, or the link is closed.
        """
        chunk, status = self._do("read", deadline, lambda: self._resource.visalib.read(self._resource.session, CHUNK))
        if not chunk:
            raise LinkTimeout("an empty answer", self._address)
        whole = status != constants.StatusCode.success_max_count_read
        return bytes(chunk) + (self._ending if whole and not chunk.endswith(self._ending) else b"")

    def discard(self, silence_s: float, deadline: Deadline) -> int:
        """Clear the instrument's input and output; how much that was is not known.

        Raises:
            Disconnected: the instrument is gone, or the link is closed.
        """
        with suppress(LinkTimeout):
            self._do("clear", deadline, self._clear)
        return 0

    def close(self) -> None:
        """Let go of the resource; the resource manager is shared by every instrument and stays."""
        with self._lock:
            if not self._closed:
                self._closed = True
                with suppress(*VISA_FAILURES):
                    self._resource.close()
                self._held.release()

    def _clear(self) -> None:
        try:
            self._resource.clear()
        except NotImplementedError:
            _log.debug("%s has no device clear", self._address)
        except pyvisa.VisaIOError as error:
            if error.error_code != constants.StatusCode.error_nonsupported_operation:
                raise

    def _do(self, doing: str, deadline: Deadline, work: Any) -> Any:
        with self._lock:
            if self._closed:
                raise Disconnected("the link is closed", self._address)
            try:
                self._resource.timeout = max(1, int(deadline.left_s * 1000))
                return work()
            except pyvisa.VisaIOError as error:
                if error.error_code == _TIMEOUT:
                    raise LinkTimeout("no answer in time", self._address) from error
                raise Disconnected(f"the connection is lost: {doing} failed: {error}", self._address) from error
            except VISA_FAILURES as error:
                raise Disconnected(f"the connection is lost: {doing} failed: {error}", self._address) from error


def open_message_link(target: Address, ending: bytes) -> MessageLink:
    """Open the resource of an address for this program alone, until it is closed.

    Raises:
        CannotOpen: no VISA library, a malformed or absent resource, or one that is busy or in use.
    """
    lock = hold(target)
    try:
        return MessageLink(target.text, open_session(target), ending, lock)
    except BaseException:
        lock.release()
        raise
