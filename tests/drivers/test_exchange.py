"""Byte for byte what the driver sends, and what it makes of every kind of answer."""

from __future__ import annotations

import logging
import time

import numpy as np
import pytest

from drivers.errors import BoardError, Disconnected, LinkTimeout, ProtocolError
from drivers.exchange import Exchange, Multiplication
from drivers.link import Deadline

from .links import ScriptedLink
from .small_board import block, checked

BATCH = np.array([[1, 2, 3, 4]], np.uint8)
OUTPUTS = np.array([[5, -6, 7]], "<i2")


def request(sequence: int, batch: np.ndarray = BATCH, state: int = 0xABCD) -> bytes:
    return b"MULTiply? " + block(batch, sequence, state)


def answer(sequence: int, outputs: np.ndarray = OUTPUTS, state: int = 0xABCD, batch: np.ndarray = BATCH) -> bytes:
    sent = request(sequence, batch, state)
    return block(outputs, sequence, state, int.from_bytes(sent[-5:-1], "little"))


def sync(sequence: int, word: str = "W1", reply: bytes | None = None) -> tuple[bytes, bytes]:
    question = b"\n" + checked(f"SYSTem:SYNC? {word}", sequence)
    return question, checked(word, sequence) if reply is None else reply


def exchange(link: ScriptedLink, tries: int = 2) -> Exchange:
    words = iter(["W1", "W2", "W3", "W4", "W5"])
    return Exchange(link, timeout_s=0.05, tries=tries, first_sequence=0, word=lambda: next(words))


def multiply(link: ScriptedLink, *batches: np.ndarray, tries: int = 2) -> list[np.ndarray]:
    got: list[np.ndarray] = []
    work = Multiplication(list(batches) or [BATCH], 0xABCD, 3, 0.0)
    try:
        exchange(link, tries).multiply(work, lambda index, outputs: got.append(outputs))
    finally:
        link.finish()
    return got


def test_a_query_and_a_command() -> None:
    link = ScriptedLink(
        (checked("TEMPerature?", 1), checked("25.5", 1)),
        (checked("SYSTem:LOCK", 2), checked("OK", 2)),
    )
    board = exchange(link)
    assert board.ask("TEMPerature?") == "25.5"
    board.tell("SYSTem:LOCK")
    link.finish()
    assert board.statistics.exchanges == 2


def test_a_refusal_names_code_text_and_command() -> None:
    link = ScriptedLink((checked("SCHedule 1,2", 1), checked('ERR -222,"value out of range"', 1)))
    with pytest.raises(BoardError, match=r"script: the board refused SCHedule: value out of range \(-222\)") as caught:
        exchange(link).tell("SCHedule 1,2")
    assert (caught.value.code, caught.value.command) == (-222, "SCHedule")
    link.finish()


def test_weights_travel_as_a_block() -> None:
    weights = np.arange(-6, 6, dtype=np.int8).reshape(4, 3)
    link = ScriptedLink((b"WEIGht " + block(weights, 1), checked("OK", 1)))
    exchange(link).send_block("WEIGht", weights)
    link.finish()


def test_a_multiplication() -> None:
    (outputs,) = multiply(ScriptedLink((request(1), answer(1))))
    np.testing.assert_array_equal(outputs, OUTPUTS)
    assert outputs.dtype == np.int16


def test_two_batches_are_on_their_way_at_once() -> None:
    other = np.array([[0, 0, 1, 1], [9, 9, 9, 9]], np.uint8)
    results = np.array([[1, 1, 1], [2, 2, 2]], "<i2")
    both = request(1) + request(2, other)
    link = ScriptedLink((both, answer(1) + answer(2, results, batch=other)), (request(3), answer(3)))
    first, second, third = multiply(link, BATCH, other, BATCH)
    np.testing.assert_array_equal(second, results)
    np.testing.assert_array_equal(first, third)


WRONG = {
    "flipped bit": answer(1)[:30] + bytes([answer(1)[30] ^ 4]) + answer(1)[31:],
    "cut block": answer(1)[:-9],
    "no answer": b"",
    "another number": answer(9),
    "another state": block(OUTPUTS, 1, 1, int.from_bytes(request(1)[-5:-1], "little")),
    "another request's echo": block(OUTPUTS, 1, 0xABCD, 1),
    "another width": answer(1, np.array([[5, -6]], "<i2")),
    "another type": answer(1, OUTPUTS.astype("<u2")),
    "a line": checked("OK", 1),
    "an absurd length": b"#9999999999" + answer(1)[4:],
    "no length": b"#0" + answer(1),
    "unread request": b'ERR -101,"bad check"\n',
    "unread block": checked('ERR -113,"unknown command"', 1),
    "no end": answer(1)[:-1] + b"X",
    "garbage": b"\x00\xff\x80 hello\n",
    "an empty line": b"\n",
    "twice the beginning": answer(1)[:20] + answer(1),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_believed_is_asked_again(wrong: bytes, caplog: pytest.LogCaptureFixture) -> None:
    link = ScriptedLink((request(1), wrong), sync(2), (request(3), answer(3)))
    with caplog.at_level(logging.WARNING):
        (outputs,) = multiply(link)
    np.testing.assert_array_equal(outputs, OUTPUTS)
    assert "asking again" in caplog.text


@pytest.mark.parametrize("wrong", [WRONG["flipped bit"], WRONG["no answer"]])
def test_repeats_end(wrong: bytes) -> None:
    link = ScriptedLink((request(1), wrong), sync(2), (request(3), wrong and answer(1)))
    with pytest.raises(LinkTimeout if not wrong else ProtocolError, match=r"script: .*\(command MULTiply\?\)"):
        multiply(link)


def test_an_impossible_length_is_not_waited_for() -> None:
    link = ScriptedLink((request(1), b"#6999999" + answer(1)[4:]))
    with pytest.raises(ProtocolError, match=r'a block says it has "999999" bytes; at most 34 can be'):
        multiply(link, tries=1)


def test_no_more_batches_are_on_their_way_than_asked_for() -> None:
    class Slow(ScriptedLink):
        """Hands out one answer at a time, and counts the requests that are ahead of it."""

        ahead = most = 0

        def write(self, data: bytes, deadline: Deadline) -> None:
            self.ahead += 1
            self.most = max(self.most, self.ahead)
            super().write(data, deadline)

        def read_some(self, deadline: Deadline, need: int = 1) -> bytes:
            time.sleep(0.005)
            size = len(answer(1))
            one, self.incoming = self.incoming[:size], self.incoming[size:]
            self.ahead -= bool(one)
            if not one:
                raise LinkTimeout("no answer in time", self.address)
            return one

    link = Slow(*((request(number), answer(number)) for number in range(1, 9)))
    exchange(link).multiply(Multiplication([BATCH] * 8, 0xABCD, 3, 0.0, depth=3), lambda index, outputs: None)
    link.finish()
    assert link.most == 3


@pytest.mark.parametrize("wrong", [checked("26.0", 0), b"25.5\n", checked("25.5", 1)[:-5] + b"0000\n", block(BATCH, 1)])
def test_a_line_that_cannot_be_believed_is_asked_again(wrong: bytes) -> None:
    link = ScriptedLink((checked("TEMPerature?", 1), wrong), sync(2), (checked("TEMPerature?", 3), checked("25.5", 3)))
    board = exchange(link)
    assert board.ask("TEMPerature?") == "25.5"
    link.finish()
    assert (board.statistics.protocol_errors, board.statistics.repeats, board.statistics.resynchronisations) == (
        1,
        1,
        1,
    )


def test_a_late_answer_never_answers_the_next_question() -> None:
    late = checked("25.5", 1)
    link = ScriptedLink(
        (checked("TEMPerature?", 1), b""),
        sync(2, reply=late + checked("W1", 2)),
        (checked("SUPPly:VOLTage?", 3), checked("1.2", 3)),
    )
    board = exchange(link, tries=1)
    with pytest.raises(LinkTimeout, match=r"no answer in time \(command TEMPerature\?\)"):
        board.ask("TEMPerature?")
    assert board.ask("SUPPly:VOLTage?") == "1.2"
    link.finish()


def test_a_late_block_ending_in_the_middle_is_skipped() -> None:
    link = ScriptedLink(
        (request(1), b""),
        sync(2, reply=answer(1)[:-7] + checked("W1", 2) + checked("stray", 1)),
        (request(3), answer(3)),
    )
    (outputs,) = multiply(link)
    np.testing.assert_array_equal(outputs, OUTPUTS)


def test_a_repeated_answer_is_not_believed_twice() -> None:
    link = ScriptedLink(
        (checked("TEMPerature?", 1), checked("25.5", 1) * 2), sync(2), (checked("TEMPerature?", 3), checked("26.5", 3))
    )
    board = exchange(link)
    assert board.ask("TEMPerature?") == "25.5"
    assert board.ask("TEMPerature?") == "26.5"
    link.finish()


def test_resynchronisation_gives_up_after_its_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    link = ScriptedLink(sync(1, "W1", b"nonsense\n"), sync(2, "W2", b""), sync(3, "W3", checked("W1", 3)))
    board = exchange(link)
    with pytest.raises(LinkTimeout, match="no answer to 3 attempts at resynchronising"):
        board.synchronise(tries=3)
    assert board.heard.startswith(b"nonsense")
    link.finish()


def test_a_question_that_may_not_be_repeated_is_asked_once() -> None:
    link = ScriptedLink((checked("SYSTem:ERRor?", 1), b""))
    with pytest.raises(LinkTimeout):
        exchange(link, tries=5).ask("SYSTem:ERRor?", repeatable=False)
    link.finish()


def test_another_state_is_passed_on_with_what_came_before() -> None:
    refused = checked('ERR -250,"state digest differs"', 2)
    link = ScriptedLink((request(1) + request(2), answer(1) + refused))
    got: list[int] = []
    with pytest.raises(BoardError, match="-250"):
        exchange(link).multiply(Multiplication([BATCH, BATCH], 0xABCD, 3, 0), lambda index, _: got.append(index))
    assert got == [0]
    link.finish()


def test_what_the_taker_raises_ends_the_work_and_the_rest_is_discarded() -> None:
    link = ScriptedLink(
        (request(1) + request(2), answer(1) + answer(2)), sync(3), (checked("SYSTem:SAFE", 4), checked("OK", 4))
    )
    board = exchange(link)

    def stop(index: int, outputs: np.ndarray) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        board.multiply(Multiplication([BATCH, BATCH], 0xABCD, 3, 0), stop)
    board.tell("SYSTem:SAFE")
    link.finish()


def test_a_write_that_is_stuck_does_not_hold_up_the_end_of_the_work() -> None:
    class Stuck(ScriptedLink):
        """Takes one request; the next one fills the wire."""

        def write(self, data: bytes, deadline: Deadline) -> None:
            if not self.pairs:
                while not deadline.passed:
                    time.sleep(0.002)
                raise LinkTimeout("stuck", self.address)
            super().write(data, deadline)

    def stop(index: int, outputs: np.ndarray) -> None:
        time.sleep(0.02)
        raise KeyboardInterrupt

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        Exchange(Stuck((request(1), answer(1))), timeout_s=30, first_sequence=0).multiply(
            Multiplication([BATCH, BATCH], 0xABCD, 3, 0), stop
        )
    assert time.monotonic() - start < 5


def test_a_closed_link_is_disconnected() -> None:
    link = ScriptedLink()
    link.close()
    with pytest.raises(Disconnected, match=r"script: closed \(command \*IDN\?\)"):
        exchange(link).ask("*IDN?")
    with pytest.raises(Disconnected, match=r"MULTiply"):
        multiply(link)
