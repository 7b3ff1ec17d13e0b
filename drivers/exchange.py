"""Questions and answers that can be believed (``PROTOCOL.md``): checks, numbers, repeats, resynchronisation."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from drivers.answers import Request, done_answer, outputs_answer, text_answer
from drivers.errors import BoardError, Disconnected, LinkError, LinkTimeout, ProtocolError
from drivers.link import Deadline, Link
from drivers.reader import AnswerReader, RawBlock, RawLine
from drivers.sender import Sender
from drivers.wire import OVERHEAD, encode_line, encode_message

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

SILENCE_S: Final = 0.03
"""A line on which nothing came for so long counts as silent."""
PATIENCE_S: Final = 0.6
"""Wait before another try to resynchronise: longer than a board waits for the rest of a message (0.5 s)."""
SYNC_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Statistics:
    """What an exchange has done so far.

    Attributes:
        exchanges: requests that were answered.
        repeats: requests that had to be sent again.
        resynchronisations: how often the link had to be resynchronised.
        timeouts: answers that did not come in time.
        protocol_errors: answers that could not be believed.
        bytes_sent: bytes written.
        bytes_received: bytes read.
    """

    exchanges: int = 0
    repeats: int = 0
    resynchronisations: int = 0
    timeouts: int = 0
    protocol_errors: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0


@dataclass(frozen=True, slots=True)
class Multiplication:
    """Batches of activations for ``MULTiply?``.

    Attributes:
        batches: each of shape (vectors, rows), uint8.
        state: the state digest that the driver believes in.
        columns: width of the answers.
        board_s: seconds that the board may take for the largest batch.
        depth: how many batches may be on their way.
    """

    batches: Sequence[NDArray[np.uint8]]
    state: int
    columns: int
    board_s: float
    depth: int = 2

    def answer_size(self, batch: NDArray[np.uint8]) -> int:
        """Payload of the answer to a batch, in bytes."""
        return OVERHEAD + len(batch) * self.columns * 2


class Exchange:
    """The conversation with one board over one link, by one caller at a time.

    A failed request (timeout, or an answer that cannot be believed) makes the link *suspect*; it is resynchronised
    before anything else is sent, and the request is repeated a bounded number of times. Every repeat is counted and
    logged.

    Args:
        link: the link; the exchange does not close it.
        timeout_s: how long a board may take to begin an answer, and how long it may be silent inside one, in seconds.
        tries: how often a request is sent before its failure is raised.
        first_sequence: sequence number of the first request.
        word: where the words of resynchronisation come from.
    """

    def __init__(
        self,
        link: Link,
        *,
        timeout_s: float = 2.0,
        tries: int = 6,
        first_sequence: int | None = None,
        word: Callable[[], str] | None = None,
    ) -> None:
        self.name = link.address
        self._link = link
        self._timeout_s = timeout_s
        self._tries = tries
        self._sequence = secrets.randbits(16) if first_sequence is None else first_sequence
        self._word = word or (lambda: "S" + secrets.token_hex(4).upper())
        self._reader = AnswerReader(link, timeout_s)
        self._lock = threading.RLock()
        self._suspect = False
        self._owed = 0
        self._heard = b""
        self._counts = Statistics()

    @property
    def link(self) -> Link:
        """The link underneath."""
        return self._link

    @property
    def timeout_s(self) -> float:
        """How long a board may take to begin an answer, in seconds."""
        return self._timeout_s

    @property
    def heard(self) -> bytes:
        """What came at the last failed resynchronisation, shortened."""
        return self._heard

    @property
    def statistics(self) -> Statistics:
        """What this exchange has done so far."""
        return replace(self._counts, bytes_received=self._reader.received)

    @contextmanager
    def owned(self, wait_s: float | None = None) -> Iterator[None]:
        """Keep other threads out for several requests that belong together.

        Raises:
            LinkTimeout: another thread kept this one out for longer than ``wait_s`` seconds.
        """
        if not self._lock.acquire(timeout=-1 if wait_s is None else max(0.0, wait_s)):
            raise LinkTimeout(f"another call has kept it busy for {wait_s:g} s", self.name)
        try:
            yield
        finally:
            self._lock.release()

    def use(self, link: Link) -> None:
        """Go on over another link to the same board; it is resynchronised before anything else is sent."""
        with self._lock:
            self._counts = self.statistics
            self._link = link
            self._reader = AnswerReader(link, self._timeout_s, self._counts.bytes_received)
            self._suspect, self._owed = True, 0

    def ask(self, query: str, *, repeatable: bool = True) -> str:
        """The answer to a query, as text.

        Raises:
            BoardError: the board refused.
            LinkError: no answer that can be believed, after ``tries`` tries (one, when not ``repeatable``).
        """
        return self._repeated(query, lambda: self._ask_once(query), self._tries if repeatable else 1)

    def tell(self, command: str) -> None:
        """Carry out a command that is safe to repeat; raises as :meth:`ask`, or when the answer is not ``OK``."""
        self._repeated(command, lambda: self._tell_once(command), self._tries)

    def send_block(self, command: str, array: NDArray[np.integer]) -> None:
        """Send an array of two dimensions with a command; raises as :meth:`ask`."""
        self._repeated(command, lambda: self._send_block_once(command, array), self._tries)

    def multiply(self, work: Multiplication, take: Callable[[int, NDArray[np.int16]], None]) -> None:
        """Send batches and hand over their outputs, in order, each once.

        Args:
            work: the batches.
            take: called with the index of a batch and its outputs, shape (vectors, columns); what it raises ends the
                work and is passed on.

        Raises:
            BoardError: the board refused a batch (-250: its state is another one); earlier batches have been taken.
            LinkError: one batch failed ``tries`` times.
        """
        done, tries_left = 0, self._tries

        def answered(index: int, outputs: NDArray[np.int16]) -> None:
            nonlocal done, tries_left
            take(index, outputs)
            done, tries_left = index + 1, self._tries

        with self._lock:
            while done < len(work.batches):
                self._recover("MULTiply?")
                try:
                    self._pipeline(work, done, answered)
                except (LinkTimeout, ProtocolError) as error:
                    tries_left -= 1
                    self._failed(error, "MULTiply?", again=tries_left > 0)
                except Disconnected as error:
                    raise error.during("MULTiply?", self.name) from error
                except BaseException:
                    # Other batches may be on their way; their answers are nobody's.
                    self._suspect = True
                    raise

    def synchronise(self, tries: int = SYNC_TRIES) -> None:
        """Make sure that the next answer belongs to the next question (``PROTOCOL.md``, section 5).

        Raises:
            LinkTimeout: no try succeeded; :attr:`heard` is what came instead.
            Disconnected: the other end is gone.
        """
        with self._lock:
            self._suspect = True
            self._heard = b""
            for attempt in range(tries):
                silence_s = PATIENCE_S if attempt else SILENCE_S
                self._reader.clear()
                late_s = self._timeout_s + self._owed / self._link.slowest_rate
                self._link.discard(silence_s, Deadline(silence_s + late_s))
                if self._synchronised():
                    self._suspect, self._owed = False, 0
                    return
                self._heard += self._reader.heard()
            self._reader.clear()
            raise LinkTimeout(f"no answer to {tries} attempts at resynchronising", self.name, "SYSTem:SYNC?")

    def ask_plain(self, query: str) -> bytes:
        """What comes back to a plain line, unchecked: to find out what else may be at the other end."""
        with self._lock:
            self._suspect = True
            self._link.discard(SILENCE_S, Deadline(self._timeout_s))
            self._reader.clear()
            try:
                self._write(query.encode("ascii") + b"\n")
                answer = self._reader.answer(Deadline(self._timeout_s))
            except (LinkTimeout, ProtocolError):
                return self._reader.heard()
            return answer.raw if isinstance(answer, RawLine) else bytes(answer.payload)

    def _synchronised(self) -> bool:
        word = self._word()
        sequence = self._next()
        wanted = encode_line(word, sequence).rstrip(b"\n")
        try:
            self._write(b"\n" + encode_line(f"SYSTem:SYNC? {word}", sequence))
            self._reader.seek(wanted, Deadline(self._timeout_s))
        except LinkTimeout:
            return False
        # The same answer once more, or what else came after it, answers nothing that will be asked.
        self._reader.clear()
        return True

    def _repeated(self, command: str, once: Callable[[], _T], tries: int) -> _T:
        head = command.partition(" ")[0]
        with self._lock:
            while True:
                self._recover(head)
                try:
                    result = once()
                except (LinkTimeout, ProtocolError) as error:
                    tries -= 1
                    self._failed(error, head, again=tries > 0)
                except Disconnected as error:
                    raise error.during(head, self.name) from error
                except BoardError:
                    raise
                except BaseException:
                    self._suspect = True
                    raise
                else:
                    self._count(exchanges=1)
                    return result

    def _recover(self, command: str) -> None:
        """Resynchronise before a command if need be; a board that does not even answer that is not asked again."""
        if self._suspect or self._reader.left_over:
            self._count(resynchronisations=1)
            try:
                self.synchronise()
            except LinkError as error:
                raise error.during(command, self.name) from error

    def _failed(self, error: LinkError, command: str, *, again: bool) -> None:
        self._suspect = True
        timeout = isinstance(error, LinkTimeout)
        self._count(timeouts=int(timeout), protocol_errors=int(not timeout), repeats=int(again))
        named = error.during(command, self.name)
        if not again:
            raise named from error
        _log.warning("%s; asking again", named)

    def _ask_once(self, text: str) -> str:
        return text_answer(*self._exchanged(text))

    def _tell_once(self, text: str) -> None:
        done_answer(*self._exchanged(text))

    def _exchanged(self, text: str) -> tuple[RawLine | RawBlock, Request]:
        sequence = self._next()
        self._write(encode_line(text, sequence))
        return self._reader.answer(Deadline(self._timeout_s)), Request(text.partition(" ")[0], sequence, self.name)

    def _send_block_once(self, command: str, array: NDArray[np.integer]) -> None:
        sequence = self._next()
        message, crc = encode_message(command, array, sequence)
        self._write(message)
        done_answer(self._reader.answer(Deadline(self._timeout_s)), Request(command, sequence, self.name, crc))

    def _pipeline(self, work: Multiplication, done: int, answered: Callable[[int, NDArray[np.int16]], None]) -> None:
        """Send the batches from ``done`` on, and read their answers."""
        batches = work.batches[done:]
        requests: list[Request] = []

        def messages() -> Iterator[bytes]:
            for batch in batches:
                sequence = self._next()
                message, crc = encode_message("MULTiply?", batch, sequence, work.state)
                requests.append(Request("MULTiply?", sequence, self.name, crc))
                yield message

        def read(index: int) -> None:
            size, shape = work.answer_size(batches[index]), (len(batches[index]), work.columns)
            raw = self._reader.answer(Deadline(self._timeout_s), size)
            if index >= len(requests):
                raise ProtocolError("an answer came before its request was sent", self.name)
            outputs = outputs_answer(raw, requests[index], work.state, shape)
            self._count(exchanges=1)
            answered(done + index, outputs)

        self._owed = work.depth * max(work.answer_size(batch) for batch in batches)
        if len(batches) == 1:
            # Nothing else is on its way, so that the two directions cannot block each other.
            self._write(next(messages()))
            self._reader.wait(Deadline(self._timeout_s + work.board_s))
            read(0)
        else:
            with Sender(self._link, messages(), work.depth, self._allowance) as sender:
                try:
                    for index in range(len(batches)):
                        self._await(sender, index, work.board_s)
                        read(index)
                        sender.answered()
                finally:
                    self._count(bytes_sent=sender.written)
        self._owed = 0

    def _await(self, sender: Sender, index: int, board_s: float) -> None:
        """Wait for the first byte of an answer; its time runs from when its request had been written."""
        allowed_s = self._timeout_s + board_s
        left_s = allowed_s
        while True:
            try:
                return self._reader.wait(Deadline(left_s))
            except LinkTimeout:
                sender.raise_failure()
                waited_s = sender.seconds_since(index)
                left_s = allowed_s if waited_s is None else allowed_s - waited_s
                if left_s <= 0:
                    raise

    def _write(self, message: bytes) -> None:
        self._link.write(message, self._allowance(len(message)))
        self._count(bytes_sent=len(message))

    def _allowance(self, size: int) -> Deadline:
        return Deadline(self._timeout_s + size / self._link.slowest_rate)

    def _next(self) -> int:
        self._sequence = (self._sequence + 1) & 0xFFFFFFFF
        return self._sequence

    def _count(self, **more: int) -> None:
        self._counts = replace(self._counts, **{name: getattr(self._counts, name) + n for name, n in more.items()})
