"""Plain text instruments: a late answer never answers the next question; refusals and failures are told apart."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.conversation import Conversation, Dialect
from drivers.errors import Disconnected, LinkError, LinkTimeout, ProtocolError, Refused
from drivers.link import Deadline, StreamLink, open_link

from .links import ScriptedLink
from .servers import Peer, tcp_server

SCPI = Dialect()
PLAIN = Dialect("\r\n", "\r\n", "WHO?", errors="", accepted="OK.*", refused="NA.*", register=())
IDENTITY = "tests,device,1,0"


class Device:
    """A text instrument that answers ``Q17?`` with 17 and takes ``SET x``; bytes in, answers out, one by one."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.register = 0
        self.errors: list[str] = []
        self.taken: list[str] = []
        self._buffer = b""

    def answers(self, data: bytes) -> Iterator[bytes | None]:
        """The answer to every message in ``data``, None for one that is not answered."""
        end = self.dialect.ending.encode()
        *messages, self._buffer = (self._buffer + data).split(end)
        for message in messages:
            answer = self._answer(message.decode())
            yield None if answer is None else answer.encode() + self.dialect.answer_ending.encode()

    def _answer(self, message: str) -> str | None:
        head, _, argument = message.partition(" ")
        if message == self.dialect.identity:
            return IDENTITY
        if message.startswith("Q") and message.endswith("?"):
            return message[1:-1]
        if self.dialect.accepted:
            self.taken.append(message)
            return "OK" if head == "SET" else "NA: no such command"
        if message == "*ESE?":
            return str(self.register)
        if message == "SYSTem:ERRor?":
            return self.errors.pop(0) if self.errors else '+0,"No error"'
        if head == "*ESE":
            self.register = int(argument)
        elif head == "SET":
            self.taken.append(message)
        else:
            self.errors.append('-113,"Undefined header; ' + head + '"')
        return None


class FaultyLink:
    """Leads to a device in this process whose answers may be lost, come twice, or come with the next message."""

    address = "faulty"
    slowest_rate = 1e9

    def __init__(self, device: Device, fault: Callable[[], str]) -> None:
        self._device, self._fault = device, fault
        self._incoming = self._held = b""

    def write(self, data: bytes, deadline: Deadline) -> None:
        for answer in self._device.answers(data):
            self._incoming += self._held
            self._held = b""
            fault = self._fault() if answer is not None else ""
            if answer is None or fault == "lost":
                continue
            if fault == "late":
                self._held = answer
            else:
                self._incoming += answer * (2 if fault == "twice" else 1)

    def read_some(self, deadline: Deadline, need: int = 1) -> bytes:
        if not self._incoming:
            raise LinkTimeout("no answer in time", self.address)
        line, end, self._incoming = self._incoming.partition(b"\n")  # as slow as a serial line can be
        return line + end

    def discard(self, silence_s: float, deadline: Deadline) -> int:
        count, self._incoming = len(self._incoming), b""
        return count

    def close(self) -> None:
        pass


FAULTS = st.lists(st.sampled_from(["", "", "late", "lost", "twice"]), max_size=30)
QUESTIONS = st.lists(st.integers(1, 6), min_size=5, max_size=12)


@pytest.mark.parametrize("dialect", [SCPI, PLAIN], ids=["register", "identity"])
@given(faults=FAULTS, questions=QUESTIONS, seed=st.integers(0, 10**6))
@settings(max_examples=300, deadline=None)
def test_no_answer_is_ever_taken_for_another(
    dialect: Dialect, faults: list[str], questions: list[int], seed: int
) -> None:
    """Numbers of resynchronisation and answers are drawn from the same few, so that they are often mistaken."""
    device = Device(dialect)
    queue = list(faults)
    active = False
    link = FaultyLink(device, lambda: queue.pop(0) if active and queue else "")
    numbers = random.Random(seed)
    talk = Conversation(link, dialect, timeout_s=0.01, name="device", draw=lambda: numbers.randint(1, 6))
    assert talk.begin() == IDENTITY
    active = True
    for number in questions:
        try:
            assert talk.ask(f"Q{number}?") == str(number)
        except (LinkTimeout, ProtocolError):
            continue
    queue.clear()
    try:
        assert talk.ask("Q99?") == "99"
    except LinkTimeout:
        # With a register the next question is always answered once the faults are over.
        assert dialect is PLAIN


def serve(dialect: Dialect, delay: Callable[[bytes], float]) -> Callable[[Peer], None]:
    def handle(peer: Peer) -> None:
        device = Device(dialect)
        while data := peer.receive():
            for answer in device.answers(data):
                if answer is not None:
                    time.sleep(delay(answer))
                    peer.send(answer)

    return handle


@pytest.mark.parametrize("dialect", [SCPI, PLAIN], ids=["register", "identity"])
def test_a_late_answer_over_a_real_connection(dialect: Dialect) -> None:
    slow = [0.35]
    with (
        tcp_server(serve(dialect, lambda answer: slow.pop() if answer.startswith(b"1234") else 0.0)) as address,
        open_link(address) as link,
    ):
        talk = Conversation(link, dialect, timeout_s=0.2, name="device")
        talk.begin()
        with pytest.raises(LinkTimeout, match=r"device: no answer in time \(command Q1234\?\)"):
            talk.ask("Q1234?")
        assert [talk.ask(f"Q{number}?") for number in (3, 4, 5)] == ["3", "4", "5"]


def opened(dialect: Dialect = SCPI) -> tuple[Device, Conversation]:
    device = Device(dialect)
    talk = Conversation(FaultyLink(device, lambda: ""), dialect, timeout_s=0.05, name="device")
    talk.begin()
    return device, talk


def test_commands_are_confirmed_by_the_error_queue() -> None:
    device, talk = opened()
    talk.tell("SET 5")
    with pytest.raises(Refused, match=r"device: it refused JUMP 3: Undefined header; JUMP \(-113\)"):
        talk.tell("JUMP 3")
    talk.tell("SET 6")
    assert device.taken == ["SET 5", "SET 6"]
    assert device.register == 0


def test_an_entry_of_the_error_queue_that_comes_twice_is_not_two_entries() -> None:
    faults: list[str] = []
    device = Device(SCPI)
    talk = Conversation(FaultyLink(device, lambda: faults.pop() if faults else ""), SCPI, timeout_s=0.05, name="device")
    talk.begin()
    faults.append("twice")
    with pytest.raises(ProtocolError, match="without being asked"):
        talk.tell("JUMP")
    assert talk.ask("Q7?") == "7"


def test_commands_are_confirmed_by_their_answers() -> None:
    device, talk = opened(PLAIN)
    talk.tell("SET 5")
    with pytest.raises(Refused, match="it refused JUMP: NA: no such command"):
        talk.tell("JUMP")
    assert device.taken == ["SET 5", "JUMP"]


def test_errors_of_the_past_are_logged_and_not_blamed(caplog: pytest.LogCaptureFixture) -> None:
    device = Device(SCPI)
    device.errors.append('-222,"Data out of range"')
    talk = Conversation(FaultyLink(device, lambda: ""), SCPI, timeout_s=0.05, name="device")
    with caplog.at_level(logging.WARNING):
        talk.begin()
    assert "device reported before it was opened: Data out of range (-222)" in caplog.text
    talk.tell("SET 1")


def begun(*pairs: tuple[bytes, bytes], dialect: Dialect = PLAIN) -> Conversation:
    link = ScriptedLink((b"WHO?\r\n", IDENTITY.encode() + b"\r\n"), *pairs)
    talk = Conversation(link, dialect, timeout_s=0.05, name="device", streams=False)
    talk.begin()
    return talk


@pytest.mark.parametrize(
    ("answer", "kind", "problem"),
    [
        (b"1.\xff5\r\n", ProtocolError, "no plain text"),
        (b"\0\0\r\n", ProtocolError, "no plain text"),
        (b"x" * 70_000, ProtocolError, "more than 65536 bytes"),
        (b"1.5", LinkTimeout, 'only part of an answer came in time: "1.5"'),
        (b"", LinkTimeout, "no answer in time"),
    ],
)
def test_what_is_no_answer(answer: bytes, kind: type[LinkError], problem: str) -> None:
    talk = begun((b"Q1?\r\n", answer))
    with pytest.raises(kind, match=problem) as caught:
        talk.ask("Q1?")
    assert (caught.value.instrument, caught.value.command) == ("device", "Q1?")


@pytest.mark.parametrize("entry", ["what?", "", "0.5.1"])
def test_an_error_queue_must_make_sense(entry: str) -> None:
    dialect = Dialect(identity="WHO?", ending="\r\n", answer_ending="\r\n", errors="ERR?", register=())
    link = ScriptedLink((b"WHO?\r\n", b"me\r\n"), (b"ERR?\r\n", entry.encode() + b"\r\n"))
    with pytest.raises(ProtocolError, match="which is no entry"):
        Conversation(link, dialect, timeout_s=0.05, name="device", streams=False).begin()


def test_an_error_queue_that_does_not_end() -> None:
    dialect = Dialect(errors="ERR?", register=())
    talk = Conversation(FaultyLink(Endless(dialect), lambda: ""), dialect, timeout_s=0.05, name="device")
    with pytest.raises(ProtocolError, match="does not end after 32 entries"):
        talk.begin()


class Endless(Device):
    def _answer(self, message: str) -> str | None:
        return "-1,again" if message == "ERR?" else super()._answer(message)


def test_an_instrument_that_hangs_up() -> None:
    def hang_up(peer: Peer) -> None:
        device = Device(SCPI)
        while data := peer.receive():
            if b"Q1?" in data:
                return
            for answer in device.answers(data):
                peer.send(answer or b"")

    with tcp_server(hang_up) as address:
        link: StreamLink
        with open_link(address) as link:
            talk = Conversation(link, SCPI, timeout_s=2.0, name="device")
            talk.begin()
            with pytest.raises(Disconnected, match=r"\(command Q1\?\)"):
                talk.ask("Q1?")
