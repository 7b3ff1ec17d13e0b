"""A run whose chunks are asked for from outside: the engine's side of a lent board."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from data.errors import LabctlError
from data.metadata import Status as Ending
from data.processor import AnalogProcessor
from data.values import Activations, Outputs, Schedule, Weights
from drivers.board import BATCH
from labctl.engine.sweeping import VECTOR_S, hardware
from labctl.engine.work import CALL_S, About, Action, Call, HasSafeState, Saved, Wait

UNUSED_S: Final = 86_400.0
"""For how long a lent board may be left alone before its run fails."""
PIECE_S: Final = 0.5
"""What one piece of a multiplication is to take: a pause or an abort is heard after it."""
FASTER: Final = 4
"""How much larger than the one before a piece may be."""


@dataclass(eq=False)
class Request:
    """A multiplication that the borrower asks for.

    Attributes:
        vectors: activations, shape (vectors, rows).
        schedule: how they are sent.
        outputs: of the vectors that are done, shape (vectors, columns).
        done: how many vectors are.
    """

    vectors: Activations
    schedule: Schedule
    outputs: Outputs
    done: int = 0

    @property
    def answered(self) -> bool:
        """Whether all of it is done."""
        return self.done == len(self.vectors)


class LentWork:
    """What is asked of a lent board, as work for the engine; what it asks back is on :class:`LentBoard`.

    Args:
        title: what it is lent for.
        about: kind and file of the run.
        board: what is lent.
        total: the borrower's steps in all.
        path: the borrower's file, None where it keeps none.
        borrower: the thread that has it; when it is gone the run fails.
    """

    def __init__(
        self,
        title: str,
        about: About,
        board: AnalogProcessor,
        total: int,
        path: Path | None,
        borrower: threading.Thread,
    ) -> None:
        self.title = title
        self.about = about
        self.total = total
        self.path = path
        self.changed = threading.Condition()
        self.over = False
        self._board = board
        self._borrower = borrower
        self._request: Request | None = None
        self._weights: Weights | None = None
        self._programmed = False
        self._given_back = False
        self._progress = self._told = (0, title)
        self._vectors_per_s = 0.0
        self._last_piece = 0

    @property
    def devices(self) -> Mapping[str, HasSafeState]:
        """The board."""
        return hardware(self._board)

    def problems(self) -> tuple[str, ...]:
        """None of its own."""
        return ()

    def begin(self) -> None:
        """The file is the borrower's."""

    # What the borrower's thread calls

    def load(self, weights: Weights) -> None:
        """Have the next request multiply by these weights; they are sent together with it, which saves a turn."""
        self._weights, self._programmed = weights, False

    def ask(self, request: Request) -> None:
        """Have a request carried out by the next chunks."""
        with self.changed:
            self._request = request

    def progress(self, done: int, message: str) -> None:
        """Say how far the borrower is; told at the next checkpoint, which comes at once."""
        self._progress = (done, message)

    def give_back(self) -> None:
        """Nothing more will be asked."""
        self._given_back = True

    # What the engine's thread calls

    def chunk(self) -> Iterator[Action] | None:
        """Wait for a request and carry out one piece of it."""
        if self._given_back:
            return None
        if not self._borrower.is_alive():
            raise LabctlError(f"whoever had borrowed the board for {self.title} is gone without giving it back")
        return self._serve()

    def save(self) -> Saved:
        """Answer the request if all of it is done."""
        with self.changed:
            request = self._request
            if request is not None and request.answered:
                self._request = None
                self.changed.notify_all()
        self._told = self._progress
        return Saved(*self._told)

    def forget(self) -> None:
        """Load the weights again before the next piece."""
        self._programmed = False

    def end(self, status: Ending, message: str) -> None:
        """Wake the borrower."""
        with self.changed:
            self.over = True
            self.changed.notify_all()

    def abandon(self, error: Exception) -> None:
        """Nothing to let go of."""

    def _wanted(self) -> bool:
        """Whether there is a reason to end the wait for a request."""
        waits = self._request is None and not self._given_back and self._progress is self._told
        return not waits or not self._borrower.is_alive()

    def _serve(self) -> Iterator[Action]:
        yield Wait("what is asked of the lent board next", UNUSED_S, self._wanted)
        request = self._request
        if request is None:
            if not self._wanted():
                raise LabctlError(f"nothing was asked of the board lent for {self.title} in {UNUSED_S / 3600:g} hours")
        else:
            yield self._multiplying(request)

    def _multiplying(self, request: Request) -> Call:
        first = request.done
        last = min(first + self._piece(request.schedule), len(request.vectors))

        def multiply() -> None:
            if self._weights is not None and not self._programmed:
                self._board.program(self._weights)
                self._programmed = True
            began = time.monotonic()
            request.outputs[first:last] = self._board.multiply(request.vectors[first:last], request.schedule)
            request.done, self._last_piece = last, last - first
            self._vectors_per_s = (last - first) / max(time.monotonic() - began, 1e-6)

        name = f"multiplying vectors {first}..{last - 1} for {self.title}"
        return Call(name, multiply, self._board, CALL_S + VECTOR_S * (last - first))

    def _piece(self, schedule: Schedule) -> int:
        """Vectors of the next piece, by how long the last one took.

        Whole blocks as the board's driver sends them: a cut elsewhere would put a short one on the wire.
        """
        block = max(1, BATCH // schedule.sends)
        if not self._last_piece:
            return block
        wanted = min(int(self._vectors_per_s * PIECE_S), FASTER * max(self._last_piece, block))
        return wanted // block * block if wanted >= block else max(1, wanted)
