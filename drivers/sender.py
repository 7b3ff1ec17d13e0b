"""Writes requests ahead of their answers, so that board and wire are both busy."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from drivers.errors import BoardError
from drivers.link import Deadline, Link


class Sender:
    """A thread that writes messages with at most ``depth`` of them unanswered; it lives as long as the ``with`` block.

    Writing in a thread of its own is what keeps both directions moving: a board that cannot get rid of an answer
    takes no further request, and the buffer of a terminal holds 4 KiB.

    Args:
        link: where to write.
        messages: what to write, encoded one by one as they are needed.
        depth: how many may be unanswered.
        allowance: the deadline of a message of so many bytes.
    """

    def __init__(self, link: Link, messages: Iterator[bytes], depth: int, allowance: Callable[[int], Deadline]) -> None:
        self._link = link
        self._messages = messages
        self._allowance = allowance
        self._window = threading.Semaphore(depth)
        self._stopped = threading.Event()
        self._deadline = Deadline(0)
        self._error: Exception | None = None
        self._sent_at: list[float] = []
        self._thread = threading.Thread(target=self._run, name=f"labctl sender {link.address}", daemon=True)
        self.written = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if kind is not None:
            self._stopped.set()
            # A refusal leaves both ends in step: the message under way is finished. Anything else cuts it.
            if not issubclass(kind, BoardError):
                self._deadline.expire()
        self._window.release()
        self._thread.join()

    def answered(self) -> None:
        """Let one more message out."""
        self._window.release()

    def raise_failure(self) -> None:
        """Raise what ended the writing early, if anything did."""
        if self._error is not None:
            raise self._error

    def seconds_since(self, index: int) -> float | None:
        """How long ago the message ``index`` had been written; None when it has not been."""
        return time.monotonic() - self._sent_at[index] if index < len(self._sent_at) else None

    def _run(self) -> None:
        try:
            for message in self._messages:
                self._window.acquire()
                self._deadline = self._allowance(len(message))
                if self._stopped.is_set():
                    return
                self._link.write(message, self._deadline)
                self.written += len(message)
                self._sent_at.append(time.monotonic())
        except Exception as error:  # noqa: BLE001 - raised by raise_failure in the thread that waits for the answer
            self._error = error
