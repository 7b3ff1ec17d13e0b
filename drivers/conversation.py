"""Questions and commands to an instrument that speaks lines of text, as SCPI instruments and many others do.

Plain text carries no sequence numbers: after a timeout nothing tells a late answer from the next one. So the link is
*suspect* then, and is made sure of before it is used again: a number drawn at random is written into a register and
asked for, twice, and everything that comes before it is thrown away. IEEE 488.2 (10.10, 10.11) gives every instrument
such a register, the event status enable (``*ESE``). An instrument without one is asked who it is, until as many answers
have come as questions were asked, the last of them the last thing before the line is silent for a whole timeout; where
one of those answers was lost, only a new connection helps.

What this rests on is that an instrument answers in the order in which it was asked. An answer that comes twice, the
second time after the next question was sent, cannot be told from that question's own.
"""

from __future__ import annotations

import logging
import random
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeVar

from drivers.errors import LinkError, LinkTimeout, ProtocolError, Refused, shown
from drivers.link import Deadline, Link

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

SILENCE_S: Final = 0.03
"""A line on which nothing came for so long counts as silent."""
SYNC_TRIES: Final = 2
LONGEST: Final = 65536
"""Bytes of the longest answer that is believed."""
HOPELESS: Final = 1 << 30
"""Identity answers owed by an instrument of which it is no longer known how many it owes."""
MOST_ERRORS: Final = 32
"""Entries of an error queue that are read before the queue is taken for broken."""

_ERROR: Final = re.compile(r'\s*([+-]?\d+)\s*(?:,\s*"?(.*?)"?\s*)?')


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the messages of one kind of instrument look; by default those of SCPI.

    Attributes:
        ending: what ends a message to the instrument.
        answer_ending: what ends an answer; white space around an answer does not count.
        identity: the question who it is.
        errors: the question that takes the oldest entry off the error queue, ``0`` when there is none; empty where
            there is no such queue.
        accepted: regular expression of the answer to a command that was carried out; empty where commands are not
            answered.
        refused: regular expression of an answer by which a question or a command is refused; empty where a refused
            question is not answered.
        register: command, with one ``{}``, and question of a register that holds any number from 0 to 255; empty
            where there is none.
    """

    ending: str = "\n"
    answer_ending: str = "\n"
    identity: str = "*IDN?"
    errors: str = "SYSTem:ERRor?"
    accepted: str = ""
    refused: str = ""
    register: tuple[str, str] | tuple[()] = ("*ESE {}", "*ESE?")


class Conversation:
    """The conversation with one instrument over one link, by one thread at a time.

    Args:
        link: the link; the conversation does not close it.
        dialect: how messages look.
        timeout_s: how long the instrument may take to carry out a command or to answer, in seconds.
        name: the instrument's name, for errors.
        streams: whether bytes come by themselves, as on a serial line or a socket, so that what was not asked for can
            be seen; a bus on which the instrument must be addressed to talk is not read without a question.
        draw: where the numbers of resynchronisation come from, each 1..255.
    """

    def __init__(
        self,
        link: Link,
        dialect: Dialect,
        *,
        timeout_s: float,
        name: str,
        streams: bool = True,
        draw: Callable[[], int] | None = None,
    ) -> None:
        self.name = name
        self._link = link
        self._dialect = dialect
        self._timeout_s = timeout_s
        self._streams = streams
        self._draw = draw or (lambda: random.SystemRandom().randint(1, 255))
        self._buffer = b""
        self._identity = ""
        self._suspect = False
        self._who_owed = 0

    @property
    def link(self) -> Link:
        """The link underneath."""
        return self._link

    def begin(self) -> str:
        """Make sure of the link and ask who is there; what the error queue still holds is logged and gone.

        Returns:
            The answer to the identity question.

        Raises:
            LinkError: nobody answers, or not as this dialect has it.
        """
        self._suspect = bool(self._dialect.register)
        if not self._suspect:
            self._link.discard(SILENCE_S, Deadline(self._timeout_s))
        self._identity = self.ask(self._dialect.identity)
        self._empty_errors("before it was opened")
        return self._identity

    def ask(self, query: str) -> str:
        """The answer to a query, without white space around it.

        Raises:
            LinkError: no answer, or none that can be believed; the link is resynchronised before its next use.
        """
        return self._guarded(query, lambda: self._asked(query))

    def tell(self, command: str) -> None:
        """Have a command carried out.

        Raises:
            Refused: the instrument refused it.
            LinkError: the link failed; whether the command was carried out is not known.
        """
        self._guarded(command, lambda: self._told(command))

    def _guarded(self, message: str, work: Callable[[], _T]) -> _T:
        try:
            self._recover()
            return work()
        except Refused:
            raise
        except (LinkTimeout, ProtocolError) as error:
            self._suspect = True
            raise error.during(message, self.name) from error
        except LinkError as error:
            raise error.during(message, self.name) from error
        except BaseException:
            self._suspect = True
            raise

    def _asked(self, query: str) -> str:
        self._poll()
        if self._buffer:
            raise ProtocolError(f"it sent {shown(self._buffer)} without being asked", self.name)
        self._write(query)
        if query == self._dialect.identity:
            self._who_owed += 1
        answer = self._line(Deadline(self._timeout_s))
        if query == self._dialect.identity:
            self._who_owed -= 1
        if self._dialect.refused and re.fullmatch(self._dialect.refused, answer):
            raise Refused(answer, self.name, query)
        return answer

    def _told(self, command: str) -> None:
        if self._dialect.accepted:
            answer = self._asked(command)
            if not re.fullmatch(self._dialect.accepted, answer):
                raise Refused(answer or "an empty answer", self.name, command)
            return
        self._write(command)
        if self._dialect.errors and (found := self._errors()):
            raise Refused("; ".join(found), self.name, command)

    def _errors(self) -> list[str]:
        """Everything in the error queue, oldest first; it is empty afterwards."""
        found: list[str] = []
        while len(found) < MOST_ERRORS:
            answer = self._asked(self._dialect.errors)
            match = _ERROR.fullmatch(answer)
            if match is None:
                raise ProtocolError(f"the error queue gives {shown(answer.encode())}, which is no entry", self.name)
            if int(match[1]) == 0:
                return found
            found.append(f"{match[2] or 'error'} ({int(match[1])})")
        raise ProtocolError(f"the error queue does not end after {MOST_ERRORS} entries", self.name)

    def _empty_errors(self, when: str) -> None:
        if self._dialect.errors:
            for text in self._guarded(self._dialect.errors, self._errors):
                _log.warning("%s reported %s: %s", self.name, when, text)

    def _recover(self) -> None:
        if not self._suspect:
            self._poll()
            if not self._buffer:
                return
            _log.warning("%s sent %s without being asked; resynchronising", self.name, shown(self._buffer))
        self._suspect = True
        known = bool(self._identity)
        for _ in range(SYNC_TRIES):
            if self._dialect.register:
                self._buffer = b""
                self._link.discard(SILENCE_S, Deadline(self._timeout_s))
            if self._synchronised():
                self._buffer = b""
                self._poll()
                if self._buffer:  # one of the answers came twice, and perhaps not for the last time
                    continue
                self._suspect = False
                if known:
                    self._empty_errors("while the link was out of step")
                return
        asked = self._dialect.register[1] if self._dialect.register else self._dialect.identity
        raise LinkTimeout(f"no believable answer to {asked}, by which the link is made sure of", self.name)

    def _poll(self) -> None:
        """Notice what came without being asked for."""
        if self._streams:
            with suppress(LinkTimeout):
                self._buffer += self._link.read_some(Deadline(0.0))

    def _synchronised(self) -> bool:
        try:
            return self._by_register() if self._dialect.register else self._by_identity()
        except (LinkTimeout, ProtocolError) as error:
            _log.info("%s: %s", self.name, error)
            return False

    def _by_register(self) -> bool:
        command, query = self._dialect.register  # type: ignore[misc]  # (not empty, says the caller)
        first = self._draw()
        second = self._draw()
        while second == first:
            second = self._draw()
        deadline = Deadline(self._timeout_s)
        self._write(command.format(first))
        self._write(query)
        while _whole(self._line(deadline)) != first:
            pass
        # Had a late answer happened to be the first number, the register's own answer would come now.
        self._write(command.format(second))
        self._write(query)
        if _whole(self._line(Deadline(self._timeout_s))) != second:
            return False
        self._write(command.format(0))
        return True

    def _by_identity(self) -> bool:
        self._write(self._dialect.identity)
        self._who_owed += 1
        last = ""
        while True:
            try:
                last = self._line(Deadline(self._timeout_s))
            except LinkTimeout:
                self._buffer = b""
                return bool(last) and last == self._identity and self._who_owed == 0
            self._who_owed -= last == self._identity
            if self._who_owed < 0:
                self._who_owed = HOPELESS  # an answer came twice: counting them tells nothing any more

    def _write(self, message: str) -> None:
        data = (message + self._dialect.ending).encode("latin-1", "replace")
        self._link.write(data, Deadline(self._timeout_s + len(data) / self._link.slowest_rate))

    def _line(self, deadline: Deadline) -> str:
        end = self._dialect.answer_ending.encode("latin-1")
        while end not in self._buffer:
            if len(self._buffer) > LONGEST:
                raise ProtocolError(f"an answer of more than {LONGEST} bytes: {shown(self._buffer)}", self.name)
            try:
                self._buffer += self._link.read_some(deadline)
            except LinkTimeout as error:
                if self._buffer:
                    raise LinkTimeout(f"only part of an answer came in time: {shown(self._buffer)}", self.name) from (
                        error
                    )
                raise
        line, _, self._buffer = self._buffer.partition(end)
        if any(byte >= 127 or (byte < 32 and byte not in b"\t\r\n") for byte in line):
            raise ProtocolError(f"an answer is no plain text: {shown(line)}", self.name)
        return line.decode("ascii").strip()


def _whole(text: str) -> int | None:
    try:
        return int(float(text))
    except (ValueError, OverflowError):
        return None
