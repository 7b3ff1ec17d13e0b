"""The interpreter of the board protocol: one request in, the bytes of its answer out.

It knows nothing of sockets and lines; one session belongs to one connection, all sessions share one board.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from data.values import Schedule
from drivers.emulator import scpi
from drivers.emulator.board import FIRMWARE, MAKER, MODEL, Board, Refused
from drivers.emulator.receiver import BlockLine, Damage, Receiver, Request
from drivers.wire import (
    MAX_BLOCK,
    OVERHEAD,
    Block,
    Line,
    WireError,
    decode_line,
    decode_payload,
    encode_block,
    encode_line,
    schedule_text,
)

MAX_ERRORS: Final = 32
POWER_ON, COMMAND_ERROR, EXECUTION_ERROR, DEVICE_ERROR = 128, 32, 16, 8
ERROR_WAITING = 4

Naming = Callable[[], str]
"""The serial number that the board gives now."""


def serial_number(seed: int) -> str:
    """The serial number of a seed's board."""
    return f"EMU-{seed:06d}"


def identity(serial: str) -> str:
    """The answer to ``*IDN?``."""
    return f"{MAKER},{MODEL},{serial},{FIRMWARE}"


class Session:
    """What one connection has said and not yet been told."""

    def __init__(self, board: Board, serial: Naming | None = None) -> None:
        self._board = board
        self._serial = serial or (lambda: serial_number(board.seed))
        self._errors: deque[tuple[int, str]] = deque()
        self._events = POWER_ON
        self._speaks_checked = False

    def execute(self, request: Request) -> bytes:
        """Carry out a request; the answer's bytes, empty where there is none."""
        if isinstance(request, Damage):
            self._note(request.code, request.text)
            return _plain_error(request.code, request.text) if request.answered else b""
        if isinstance(request, BlockLine):
            return self._execute_block(request)
        return self._execute_text(request.raw)

    def end(self) -> None:
        """The connection has ended."""
        self._board.part(self)

    def _execute_text(self, raw: bytes) -> bytes:
        try:
            line = decode_line(raw)
            if line.sequence is None and " *" in line.text:
                raise WireError("a line's check is damaged")
            if line.sequence is None and self._speaks_checked and _has_command(line.text):
                # A flipped bit can turn the mark of the check into a line end, a cut can take it away.
                raise WireError("a command without a check on a connection that uses checked lines")
        except WireError as problem:
            self._note(-101, str(problem))
            # A driver waits for the answer to its line; a person at a terminal reads the error queue.
            answered = b" *" in raw or self._speaks_checked
            return _plain_error(-101, str(problem)) if answered else b""
        if line.sequence is not None:
            self._speaks_checked = True
            return encode_line(self._checked_answer(line), line.sequence)
        answers, _ = self._units(line.text)
        return (";".join(answers) + "\n").encode("ascii") if answers else b""

    def _checked_answer(self, line: Line) -> str:
        answers, refusal = self._units(line.text)
        if refusal is not None:
            return _error_text(refusal.code, refusal.text)
        return ";".join(answers) if answers else "OK"

    def _units(self, text: str) -> tuple[list[str], Refused | None]:
        """Carry out a line's commands up to the first that is refused: the answers of its queries, and the refusal."""
        answers: list[str] = []
        if not text.strip():
            return answers, None
        try:
            for header, argument in scpi.split_units(text):
                answer = self._command(header, argument, None)
                if answer is not None:
                    answers.append(answer)
        except Refused as refusal:
            self._note(refusal.code, refusal.text)
            return answers, refusal
        return answers, None

    def _execute_block(self, request: BlockLine) -> bytes:
        try:
            block = decode_payload(request.payload)
        except WireError as problem:
            self._note(-101, str(problem))
            return _plain_error(-101, str(problem))
        header = request.header.decode("latin-1").strip().upper().removeprefix(":")
        try:
            if header in _MULTIPLY:
                return self._multiply(block)
            self._command(header, "", block)
        except Refused as refusal:
            self._note(refusal.code, refusal.text)
            return encode_line(_error_text(refusal.code, refusal.text), block.sequence)
        return encode_line("OK", block.sequence)

    def _multiply(self, block: Block) -> bytes:
        self._board.take_control(self)
        _want(block, np.dtype("<u1"), "activations")
        columns = self._board.geometry.columns
        if block.array.shape[0] * columns * 2 + OVERHEAD > MAX_BLOCK:
            raise Refused(-223, f"the answer to {block.array.shape[0]} vectors does not fit a block")
        outputs = self._board.multiply(block.array, block.state)
        answer, _ = encode_block(outputs, block.sequence, self._board.digest, block.crc)
        return answer + b"\n"

    def _command(self, header: str, argument: str, block: Block | None) -> str | None:
        command = _TREE.get(header)
        if header in _MULTIPLY:
            raise Refused(-100, "MULTiply? needs a block")
        if command is None:
            raise Refused(-113, f"unknown command {header[:40]}")
        if (command.argument == "block") != (block is not None):
            raise Refused(-100, f"{header} {'takes no' if block is not None else 'needs a'} block")
        if (command.argument == "text") != bool(argument):
            raise Refused(-100, f"{header} {'needs' if command.argument == 'text' else 'takes no'} argument")
        if not header.endswith("?"):
            self._board.take_control(self)
        return command.run(self, block if block is not None else argument)

    def _note(self, code: int, text: str) -> None:
        kind = COMMAND_ERROR if code > -200 else EXECUTION_ERROR if code > -300 else DEVICE_ERROR
        self._events |= kind
        if len(self._errors) < MAX_ERRORS:
            self._errors.append((code, text))
        else:
            self._errors[-1] = (-350, "Queue overflow")

    # What each command does; the table below says how it is called.

    def clear(self, _: object) -> None:
        """``*CLS``."""
        self._errors.clear()
        self._events = 0

    def reset(self, _: object) -> None:
        """``*RST``."""
        self._board.reset()

    def event_register(self, _: object) -> str:
        """``*ESR?`` reads and clears."""
        events, self._events = self._events, 0
        return str(events)

    def status(self, _: object) -> str:
        """``*STB?``."""
        return str(ERROR_WAITING if self._errors else 0)

    def next_error(self, _: object) -> str:
        """``SYSTem:ERRor?``."""
        code, text = self._errors.popleft() if self._errors else (0, "No error")
        return f'{code},"{text}"'

    def lock(self, _: object) -> None:
        """``SYSTem:LOCK``: every command takes control, this one does nothing else."""

    def unlock(self, _: object) -> None:
        """``SYSTem:UNLock``."""
        self._board.give_up_control(self)

    def schedule(self, argument: object) -> None:
        """``SCHedule``."""
        values = scpi.numbers(str(argument), 5)
        if values is None:
            raise Refused(-100, "SCHedule takes SPACING,SENDS,SKIP,SETTLE,RESET as whole numbers")
        spacing, sends, skip, settle, reset = values
        if skip > 1:
            raise Refused(-222, f"SKIP is {skip}, it must be 0 or 1")
        self._board.arrange(Schedule(None, spacing, sends, bool(skip), settle, reset))

    def order(self, block: object) -> None:
        """``SCHedule:ORDer``."""
        array = _want(block, np.dtype("<u2"), "an event order")
        if array.shape[0] != 1:
            raise Refused(-222, f"an event order has one line, not {array.shape[0]}")
        self._board.arrange_order(array[0])

    def weights(self, block: object) -> None:
        """``WEIGht``."""
        self._board.program(_want(block, np.dtype("<i1"), "weights"))

    def supply(self, argument: object) -> None:
        """``SUPPly:STATe``."""
        states = {"ON": True, "1": True, "OFF": False, "0": False}
        wanted = states.get(str(argument).upper())
        if wanted is None:
            raise Refused(-222, "the supply is ON or OFF")
        self._board.switch_supply(wanted)

    @property
    def board(self) -> Board:
        """The board behind this connection."""
        return self._board

    @property
    def identity(self) -> str:
        """The answer to ``*IDN?``."""
        return identity(self._serial())


@dataclass(frozen=True, slots=True)
class Command:
    """One entry of the command tree: what it takes after its header (nothing, text, a block), and what it does."""

    argument: str
    run: Callable[[Session, object], str | None]


def _geometry(session: Session, _: object) -> str:
    size = session.board.geometry
    codes = (size.activation_max, size.weight_max, size.output_min, size.output_max, size.clock_ns)
    return ",".join(map(str, (size.rows, size.columns, *codes)))


def _tree() -> dict[str, Command]:
    table: dict[str, tuple[str, Callable[[Session, object], str | None]]] = {
        "*IDN?": ("", lambda session, _: session.identity),
        "*RST": ("", Session.reset),
        "*CLS": ("", Session.clear),
        "*OPC?": ("", lambda session, _: "1"),
        "*ESR?": ("", Session.event_register),
        "*STB?": ("", Session.status),
        "*TST?": ("", lambda session, _: "0"),
        "SYSTem:ERRor?": ("", Session.next_error),
        "SYSTem:VERSion?": ("", lambda session, _: "1999.0"),
        "SYSTem:PROTocol?": ("", lambda session, _: "LABCTL,1"),
        "SYSTem:SIMulated?": ("", lambda session, _: "1"),
        "SYSTem:SYNC?": ("text", lambda session, word: str(word)),
        "SYSTem:LOCK": ("", Session.lock),
        "SYSTem:LOCK?": ("", lambda session, _: str(session.board.control(session))),
        "SYSTem:UNLock": ("", Session.unlock),
        "SYSTem:SAFE": ("", lambda session, _: session.board.make_safe()),
        "SYSTem:STATe?": ("", lambda session, _: f"{session.board.digest:08X}"),
        "GEOMetry?": ("", _geometry),
        "SUPPly:STATe": ("text", Session.supply),
        "SUPPly:STATe?": ("", lambda session, _: str(int(session.board.supply))),
        "SUPPly:VOLTage?": ("", lambda session, _: f"{session.board.volt():.4f}"),
        "TEMPerature?": ("", lambda session, _: f"{session.board.celsius():.3f}"),
        "SCHedule": ("text", Session.schedule),
        "SCHedule?": ("", lambda session, _: schedule_text(session.board.schedule)),
        "SCHedule:ORDer": ("block", Session.order),
        "WEIGht": ("block", Session.weights),
    }
    return {header: Command(*entry) for pattern, entry in table.items() for header in scpi.spellings(pattern)}


_TREE: Final = _tree()
_MULTIPLY: Final = frozenset(scpi.spellings("MULTiply?"))


class Interpreter:
    """Bytes in, bytes out, at once: a receiver and a session joined, for use without any connection."""

    def __init__(self, board: Board) -> None:
        self._receiver, self._session = Receiver(), Session(board)

    def talk(self, data: bytes) -> bytes:
        """The answers to the requests that ``data`` completes."""
        return b"".join(self._session.execute(request) for request in self._receiver.feed(data))

    def wait(self) -> bytes:
        """What happens when no byte has come for longer than the board waits."""
        damage = self._receiver.expire()
        return b"" if damage is None else self._session.execute(damage)

    def hang_up(self) -> None:
        """The connection ends."""
        self._session.end()


def _want(block: object, dtype: np.dtype[np.integer], what: str) -> np.ndarray[tuple[int, ...], np.dtype[np.integer]]:
    if not isinstance(block, Block) or block.array.dtype != dtype:
        raise Refused(-101, f"{what} travel as {dtype.name}")
    return block.array


def _has_command(text: str) -> bool:
    """Whether a line asks for more than answers."""
    return bool(text.strip()) and not all(header.endswith("?") for header, _ in scpi.split_units(text))


def _error_text(code: int, text: str) -> str:
    plain = "".join(letter if " " <= letter <= "~" else "?" for letter in text.replace('"', "'"))
    return f'ERR {code},"{plain[:400]}"'


def _plain_error(code: int, text: str) -> bytes:
    return (_error_text(code, text) + "\n").encode("ascii")
