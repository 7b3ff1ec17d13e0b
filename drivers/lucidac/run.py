"""A run of a LUCIDAC: initial values are set, the circuit is let go, probes are sampled. All samples, or an error."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from data.errors import BadInput
from drivers.errors import LinkTimeout, ProtocolError, Refused
from drivers.link import Deadline
from drivers.lucidac.session import Message, Session

SPARE_S: Final = 0.5
"""How long samples may still come after the run was said to be done, in seconds."""
FASTEST: Final = 1_000_000
MOST: Final = 10_000_000
"""Values that one run may give: what fits in memory with ease."""


@dataclass(frozen=True, slots=True)
class Run:
    """A task: how long, and how often to look.

    Attributes:
        seconds: how long the circuit runs.
        sample_rate: samples a second of every probe; a divisor of 1,000,000, as the firmware takes no other.
        initial_seconds: how long initial values are given to settle.
        halt_on_overload: end the run when an element leaves its range.
    """

    seconds: float
    sample_rate: int = 500_000
    initial_seconds: float = 1e-4
    halt_on_overload: bool = True

    @property
    def samples(self) -> int:
        """How many samples of every probe there must be."""
        return round(self.seconds * 1e9) * self.sample_rate // 1_000_000_000

    def check(self, channels: int) -> None:
        """Raise :class:`BadInput` if this cannot be run with so many probes."""
        if not (0 < self.seconds < math.inf and 0 <= self.initial_seconds < math.inf):
            raise BadInput(f"a run of {self.seconds} s after {self.initial_seconds} s cannot be made")
        if not 1 <= self.sample_rate <= FASTEST or FASTEST % self.sample_rate:
            raise BadInput(f"the sample rate {self.sample_rate}/s is no divisor of {FASTEST}/s, e.g. 500000 or 62500")
        if not channels:
            raise BadInput("the circuit has no probes, so there is nothing to sample")
        if not 1 <= self.samples * channels <= MOST:
            raise BadInput(
                f"the run gives {self.samples} samples of {channels} probes; 1 to {MOST} values are possible"
            )

    def message(self, identifier: str, channels: int) -> dict[str, object]:
        """The request ``start_run``."""
        return {
            "id": identifier,
            "session": None,
            "config": {
                "ic_time": round(self.initial_seconds * 1e9),
                "op_time": round(self.seconds * 1e9),
                "halt_on_overload": self.halt_on_overload,
                "halt_on_external_trigger": False,
            },
            "daq_config": {
                "num_channels": channels,
                "sample_op": True,
                "sample_op_end": False,
                "sample_rate": self.sample_rate,
            },
        }


@dataclass(frozen=True, slots=True)
class Samples:
    """The answer to a run.

    Attributes:
        seconds: when, from the start of the run, shape (samples,).
        values: in machine units, shape (samples, probes).
    """

    seconds: NDArray[np.float64]
    values: NDArray[np.float64]


def compute(session: Session, run: Run, channels: int, identifier: Callable[[], str] | None = None) -> Samples:
    """Run the circuit that is loaded.

    Raises:
        BadInput: the run cannot be made; nothing has been sent.
        Refused: the computer refused, or ended the run before its time.
        LinkError: no answer in time, or one that cannot be believed: samples missing, too many or of the wrong width.
    """
    run.check(channels)
    name = (identifier or (lambda: str(uuid.uuid4())))()
    with session.owned():
        session.forget()
        session.request("start_run", run.message(name, channels))
        collector = Collector(session.name, name, run.samples, channels)
        deadline = Deadline(session.timeout_s + run.seconds + run.initial_seconds)
        while not collector.complete:
            try:
                collector.take(session.unsolicited(deadline))
            except LinkTimeout as error:
                raise collector.incomplete() from error
            if collector.ended and not collector.complete:
                deadline = deadline.at_most(SPARE_S)
    return Samples(np.arange(run.samples) / run.sample_rate, collector.values)


class Collector:
    """Puts the messages of one run together.

    Args:
        computer: the computer's name, for errors.
        run: the identifier of the run.
        samples: how many there must be.
        channels: values in each.
    """

    def __init__(self, computer: str, run: str, samples: int, channels: int) -> None:
        self._computer = computer
        self._run = run
        self._count = 0
        self.values = np.empty((samples, channels), np.float64)
        self.ended = False

    @property
    def complete(self) -> bool:
        """Whether every sample has come and the run was said to be done."""
        return self.ended and self._count == len(self.values)

    def take(self, message: Message) -> None:
        """One message. One of another run is an error: only one run is under way at a time.

        Raises:
            Refused: the run ended with an error.
            ProtocolError: a message that cannot belong here.
        """
        kind, body = message.get("type"), message.get("msg")
        if kind == "log":
            return
        if not isinstance(body, dict) or body.get("id") != self._run:
            raise ProtocolError(f"{kind} of another run", self._computer, "start_run")
        if kind == "run_data":
            self._append(body.get("data"))
        elif kind == "run_state_change":
            self._change(body)

    def incomplete(self) -> ProtocolError:
        """The error for a run of which part is missing."""
        missing = f"{self._count} of {len(self.values)} samples came"
        end = "the run is done" if self.ended else "the run did not say that it is done"
        return ProtocolError(f"{missing}, and {end}", self._computer, "start_run")

    def _append(self, data: Any) -> None:
        try:
            chunk = np.asarray(data, np.float64)
        except (TypeError, ValueError) as error:
            raise ProtocolError(f"samples that are no numbers: {error}", self._computer, "start_run") from error
        if chunk.ndim != 2 or chunk.shape[1] != self.values.shape[1] or not np.all(np.isfinite(chunk)):
            shape = " x ".join(map(str, chunk.shape))
            raise ProtocolError(
                f"samples of shape {shape} with {self.values.shape[1]} probes, or not finite",
                self._computer,
                "start_run",
            )
        if self._count + len(chunk) > len(self.values):
            more = self._count + len(chunk)
            raise ProtocolError(f"{more} samples where {len(self.values)} belong", self._computer, "start_run")
        self.values[self._count : self._count + len(chunk)] = chunk
        self._count += len(chunk)

    def _change(self, body: Message) -> None:
        state = body.get("new")
        if state == "ERROR":
            raise Refused(
                "the run ended with an error; are sample rate and run time possible?", self._computer, "start_run"
            )
        if state == "DONE":
            if self.ended:
                raise ProtocolError("the run is said to be done twice", self._computer, "start_run")
            self.ended = True
