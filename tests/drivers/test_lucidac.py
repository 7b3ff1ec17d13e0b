"""LUCIDAC against the vendor's emulator: known equations, and the checks that the vendor's client lacks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from data.computer import AnalogComputer
from data.errors import BadInput, LabctlError, Problems
from drivers.errors import LinkTimeout, ProtocolError, Refused
from drivers.link import Deadline, Link, open_link
from drivers.lucidac import Circuit, Integrator, Lucidac, Route, Run, linear_system, open_lucidac
from drivers.lucidac.run import compute
from drivers.lucidac.session import Session
from tests.drivers.links import ScriptedLink
from tests.drivers.lucidac_emulator import lucidac_emulator

RUN = Run(5e-4, sample_rate=200_000)
EMULATOR = 0.01
"""What the emulator's ordinary solver tolerance (1e-3) leaves, with a margin."""


def grid(run: Run) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The emulator spreads its samples over the whole run, end point included."""
    return np.linspace(0, run.seconds, run.samples)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with lucidac_emulator() as there:
        yield there


@pytest.fixture
def computer(address: str) -> Iterator[Lucidac]:
    with open_lucidac(address, timeout_s=20) as there:
        yield there


def test_it_says_who_it_is(computer: Lucidac) -> None:
    assert isinstance(computer, AnalogComputer)
    assert computer.identity.model == "LUCIDAC"
    assert computer.identity.serial_number == "70-79-74-68-6f-6e"
    assert computer.identity.simulated


def test_harmonic_oscillator(computer: Lucidac) -> None:
    computer.load(linear_system([[0, 1], [-1, 0]], [1, 0]))
    samples = computer.compute(RUN)
    assert samples.values.shape == (RUN.samples, 2)
    angle = 10_000 * grid(RUN)
    assert np.abs(samples.values - np.c_[np.cos(angle), -np.sin(angle)]).max() < EMULATOR
    assert samples.seconds[1] == pytest.approx(1 / RUN.sample_rate)


def test_decay_with_a_coefficient_that_is_scaled_up_and_runs_that_are_repeated(computer: Lucidac) -> None:
    computer.load(linear_system([[-2.5]], [0.9]))
    expected = 0.9 * np.exp(-25_000 * grid(RUN))
    for _ in range(3):  # the emulator spoils scaled coefficients with every run; they must be noticed and set again
        assert np.abs(computer.compute(RUN).values[:, 0] - expected).max() < EMULATOR


def test_coefficients_and_initial_values_are_quantities(computer: Lucidac) -> None:
    computer.load(linear_system([[-0.5]], [0.9]))
    instrument = computer.instrument
    assert (instrument.get("coefficient_0"), instrument.get("initial_0")) == (0.5, -0.9)
    instrument.set("coefficient_0", 1.0)
    instrument.set("initial_0", -0.4)
    expected = 0.4 * np.exp(-10_000 * grid(RUN))
    assert np.abs(computer.compute(RUN).values[:, 0] - expected).max() < EMULATOR
    instrument.reconnect(10)
    assert (instrument.get("coefficient_0"), instrument.get("initial_0")) == (1.0, -0.4)
    computer.safe()
    assert instrument.get("coefficient_0") == 0.0
    with pytest.raises(BadInput, match="no circuit; load one first"):
        computer.compute(RUN)


@pytest.mark.parametrize(
    ("circuit", "problem"),
    [
        (Circuit((Route(16, 0, 1, 0),)), "nowhere"),
        (Circuit((Route(0, 0, 1, 0), Route(1, 0, 1, 0))), "lane 0 carries several"),
        (Circuit((Route(0, 0, 11, 0),)), "coefficient 11 of lane 0"),
        (Circuit(integrators=(Integrator(1.5),)), "initial value 1.5 of integrator 0"),
        (Circuit(probes=(1, 1)), "names an output twice|name an output twice"),
    ],
)
def test_what_cannot_be_patched_is_not_sent(circuit: Circuit, problem: str) -> None:
    with pytest.raises(Problems, match=problem):
        circuit.check()


@pytest.mark.parametrize(
    ("run", "channels", "problem"),
    [
        (Run(0.0), 1, "cannot be made"),
        (Run(1e-3, sample_rate=300_000), 1, "no divisor"),
        (Run(1e-3), 0, "no probes"),
        (Run(1e-6, sample_rate=1000), 1, "0 samples"),
        (Run(1e5), 8, "values are possible"),
    ],
)
def test_what_cannot_be_run_is_not_sent(run: Run, channels: int, problem: str) -> None:
    with pytest.raises(BadInput, match=problem):
        run.check(channels)


def test_the_emulator_refuses_what_it_does_not_know(address: str) -> None:
    link = open_link(address)
    session = Session(link, "lucidac", timeout_s=10)
    with link, pytest.raises(Refused, match=r"Don't know this message type \(-2\)"):
        session.request("self_destruct")


class SpoiledLink:
    """Passes lines on as ``spoil`` changes them: a list of lines for every line that comes."""

    slowest_rate = 1e9

    def __init__(self, link: Link, spoil: Callable[[dict[str, Any]], list[bytes]]) -> None:
        self.address = link.address
        self._link = link
        self._spoil = spoil
        self._buffer = b""

    def write(self, data: bytes, deadline: Deadline) -> None:
        self._link.write(data, deadline)

    def read_some(self, deadline: Deadline, need: int = 1) -> bytes:
        self._buffer += self._link.read_some(deadline, need)
        *lines, self._buffer = self._buffer.split(b"\n")
        return b"".join(part + b"\n" for line in lines if line for part in self._spoil(json.loads(line)))

    def discard(self, silence_s: float, deadline: Deadline) -> int:
        return self._link.discard(silence_s, deadline)

    def close(self) -> None:
        self._link.close()


def as_lines(*messages: dict[str, Any]) -> list[bytes]:
    return [json.dumps(message).encode() for message in messages]


class Spoiler:
    """Spoils the n-th message of a type."""

    def __init__(self, kind: str, change: Callable[[dict[str, Any]], list[bytes]], nth: int = 2) -> None:
        self.kind, self.change, self.left = kind, change, nth

    def __call__(self, message: dict[str, Any]) -> list[bytes]:
        if message.get("type") == self.kind:
            self.left -= 1
            if self.left == 0:
                return self.change(message)
        return as_lines(message)


def changed(message: dict[str, Any], **fields: object) -> dict[str, Any]:
    return {**message, "msg": {**message["msg"], **fields}}


LONG = Run(1.5e-3, sample_rate=200_000)
"""Three messages of samples."""


@pytest.mark.parametrize(
    ("spoiler", "problem"),
    [
        (Spoiler("run_data", lambda m: []), "200 of 300 samples came, and the run is done"),
        (Spoiler("run_data", lambda m: as_lines(m, m)), "400 samples where 300 belong"),
        (Spoiler("run_data", lambda m: as_lines(changed(m, id="other"))), "run_data of another run"),
        (Spoiler("run_data", lambda m: as_lines(changed(m, data=[[1.0]]))), "samples of shape 1 x 1 with 2 probes"),
        (Spoiler("run_data", lambda m: as_lines(changed(m, data=[["a", 1]]))), "samples that are no numbers"),
        (Spoiler("run_data", lambda m: as_lines(changed(m, data=[[None, 1]]))), "not finite|no numbers"),
        (Spoiler("run_data", lambda m: [b'{"type": "run_d']), "a line that is no JSON"),
        (Spoiler("run_data", lambda m: [b"7"]), "a line that is no message"),
        (Spoiler("run_state_change", lambda m: [], 1), "300 of 300 samples came, and the run did not say"),
        (Spoiler("run_state_change", lambda m: as_lines(changed(m, new="ERROR")), 1), "ended with an error"),
        (Spoiler("start_run", lambda m: as_lines({**m, "id": "other"}), 1), "not asked for"),
        (Spoiler("start_run", lambda m: as_lines({**m, "code": -5, "error": "busy"}), 1), r"busy \(-5\)"),
        (Spoiler("start_run", lambda m: as_lines({"type": "help", "msg": {}}), 1), "without an identifier"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.kind,
)
def test_a_run_is_complete_or_an_error(address: str, spoiler: Spoiler, problem: str) -> None:
    with open_link(address) as plain:
        session = Session(SpoiledLink(plain, spoiler), "lucidac", timeout_s=1.5)
        mac = next(iter(session.request("get_entities")["entities"]))
        circuit = linear_system([[0, 1], [-1, 0]], [1, 0])
        session.request("set_circuit", {"entity": [mac], "config": circuit.document()})
        with pytest.raises(LabctlError, match=problem) as caught:
            compute(session, LONG, 2)
        assert isinstance(caught.value, ProtocolError | Refused)
        assert session.name in str(caught.value)


def numbered() -> Callable[[], str]:
    count = iter(range(1, 100))
    return lambda: str(next(count))


def request(number: int, kind: str = "help") -> bytes:
    return json.dumps({"id": str(number), "type": kind, "msg": {}}).encode() + b"\n"


def reply(number: int, text: str, kind: str = "help") -> bytes:
    return json.dumps({"id": str(number), "type": kind, "msg": {"text": text}, "code": 0}).encode() + b"\n"


def test_a_late_reply_never_answers_the_next_request() -> None:
    link = ScriptedLink((request(1), b""), (request(2), reply(1, "late") + reply(2, "right")))
    session = Session(link, "lucidac", timeout_s=0.05, identifier=numbered())
    with pytest.raises(LinkTimeout, match=r"lucidac: no answer in time \(command help\)"):
        session.request("help")
    assert session.request("help") == {"text": "right"}
    link.finish()


def test_a_reply_that_comes_twice_is_noticed() -> None:
    link = ScriptedLink((request(1), reply(1, "a") + reply(1, "a")), (request(2), reply(2, "b")))
    session = Session(link, "lucidac", timeout_s=0.05, identifier=numbered())
    assert session.request("help") == {"text": "a"}
    with pytest.raises(ProtocolError, match="a second one"):
        session.request("help")


def test_padding_and_the_chatter_of_a_console_are_passed_over() -> None:
    noise = b"\0\0\r\n\nbooting...\n" + request(1)
    link = ScriptedLink((request(1), noise + reply(1, "a").replace(b"\n", b"\0\0\n")))
    session = Session(link, "lucidac", timeout_s=0.05, chatty=True, identifier=numbered())
    assert session.request("help") == {"text": "a"}
