"""Instruments of PyMeasure and QCoDeS: what the bench file must say, and what becomes of their failures."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import pyvisa
from pymeasure.instruments import Instrument, SCPIMixin

from data.errors import BadInput, LabctlError, Problems
from drivers.backend import InstrumentSettings, QuantitySettings
from drivers.errors import Disconnected, LinkTimeout, ProtocolError, Refused
from drivers.foreign import native, one_line, resource_of, scalar, translated
from drivers.link import open_link
from drivers.lock import InUse
from drivers.opened import OpenInstrument
from drivers.registry import connect, find_driver

from .benches import CASES, KEITHLEY, KEYSIGHT, MAKERS, Q
from .servers import Peer, tcp_server


@pytest.fixture
def meter() -> Iterator[OpenInstrument]:
    with connect(KEITHLEY) as there:
        yield there


@pytest.fixture
def supply() -> Iterator[OpenInstrument]:
    with connect(KEYSIGHT) as there:
        yield there


def test_validators_of_pymeasure_still_have_their_say(supply: OpenInstrument) -> None:
    before = supply.get("setting")
    with pytest.raises(BadInput, match=r"PyMeasure does not set ch_1.voltage_setpoint to 7.*not in range \[0,6\]"):
        supply.set("setting", 7)
    assert supply.get("setting") == before


def test_what_the_instrument_refuses_is_said(supply: OpenInstrument) -> None:
    with pytest.raises(Refused, match=r"psu: it refused ch_1.voltage_setpoint = 5: -222 .*Data out of range"):
        supply.set("setting", 5)


def test_what_pymeasure_clips_without_a_word_is_noticed(meter: OpenInstrument) -> None:
    with pytest.raises(Refused, match=r"digits = 9: it reads back as 7"):
        meter.set("digits", 9)


def test_reading_back_can_be_left_out() -> None:
    with connect(replace(KEITHLEY, options={"read_back": False})) as meter:
        meter.set("digits", 9)
        assert meter.get("digits") == 7


def test_after_a_timeout_the_link_is_made_sure_of() -> None:
    settings = replace(KEITHLEY, quantities=(*KEITHLEY.quantities, Q("ohms", "resistance_nplc")))
    with connect(settings) as meter:
        with pytest.raises(LinkTimeout, match=r"multimeter: no answer in time \(command ohms\)"):
            meter.get("ohms")
        # The question that was not understood is in the error queue; it is not blamed on what comes next.
        meter.set("integration", 3)
        assert meter.get("integration") == 3


def refusal(settings: InstrumentSettings) -> str:
    with pytest.raises(BadInput) as caught, connect(settings):
        pass
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (replace(KEITHLEY, driver="pymeasure:keithley.Keithley9"), "PyMeasure has no class keithley.Keithley9"),
        (replace(KEITHLEY, driver="pymeasure:"), "PyMeasure has no class"),
        (replace(KEITHLEY, driver="pymeasure:collections.OrderedDict"), "is no instrument of PyMeasure's"),
        (replace(KEITHLEY, quantities=()), "it has no quantities"),
        (replace(KEITHLEY, safe=()), "it needs `safe`"),
        (replace(KEITHLEY, safe=("shut_down",)), "has no shut_down; did you mean shutdown?"),
        (replace(KEITHLEY, quantities=(Q("voltag"),)), "has no voltag; did you mean voltage?"),
        (replace(KEYSIGHT, quantities=(Q("v", "ch_4.voltage"),)), "has no ch_4"),
        (replace(KEYSIGHT, quantities=(Q("v", "ch_1.volts"),)), "has no volts"),
        (
            replace(KEITHLEY, quantities=(Q("a", "voltage_nplc", settable=True),)),
            "a may be set, so it needs low and high",
        ),
        (replace(KEITHLEY, quantities=(Q("voltage", query="READ?"),)), "query and command are for driver = custom"),
        (replace(KEITHLEY, options={"check_errors": 1}), "check_errors is true or false"),
        (replace(KEITHLEY, address="simulated"), "brings no simulator"),
        (replace(KEITHLEY, address="socket://bench:1"), "write tcp://"),
        (replace(KEITHLEY, address=f"{MAKERS}:GPIB0::17::INSTR"), "has no instrument GPIB0::17::INSTR; it has GPIB"),
        (replace(KEITHLEY, address="visa@nowhere.yaml@sim:GPIB0::16::INSTR"), "there is no file nowhere.yaml"),
        (replace(KEITHLEY, serial_number="7"), "is MODEL 2000 1234567, firmware A20 (SIMULATED), not 7"),
    ],
)
def test_what_the_bench_file_must_say(settings: InstrumentSettings, problem: str) -> None:
    assert problem in refusal(settings)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(Problems) as caught:
        find_driver("pymeasure:keithley.Keithley2000").backend(
            replace(KEITHLEY, quantities=(Q("a", settable=True), Q("b", settable=True, low=2, high=1)), safe=())
        )
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize("name", ["pymeasure", "qcodes"])
def test_a_package_that_is_not_installed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [key for key in sys.modules if key.partition(".")[0] == name]:
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, f"{name}.instruments", None)
    monkeypatch.setitem(sys.modules, f"{name}.instrument_drivers", None)
    with pytest.raises(BadInput, match=rf"is not installed; type `pip install \"labctl\[{name}\]\"`"):
        find_driver(f"{name}:a.B").backend(InstrumentSettings("x", f"{name}:a.B"))


class LateMeter(SCPIMixin, Instrument):  # type: ignore[misc]
    """A class of somebody's own, by its full path."""

    one = Instrument.measurement("ONE?", """Get 1.""")
    two = Instrument.measurement("TWO?", """Get 2.""")

    def __init__(self, adapter: str, name: str = "late meter", **kwargs: object) -> None:
        super().__init__(adapter, name, read_termination="\n", write_termination="\n", **kwargs)


class OddMeter(SCPIMixin, Instrument):  # type: ignore[misc]
    """Sets its own timeout, has no error queue, and reads its identity wrongly: PyMeasure has classes like that."""

    two = Instrument.measurement("TWO?", """Get 2.""")

    def __init__(self, adapter: str, name: str = "odd meter", **kwargs: object) -> None:
        ends = {"read_termination": "\n", "write_termination": "\n"}
        super().__init__(adapter, name, timeout=1234, **ends, **kwargs)

    @property
    def id(self) -> str:
        raise TypeError("nothing that can be read")

    def check_errors(self) -> list[str]:
        raise NotImplementedError


def test_classes_that_inherit_what_their_instruments_cannot_do() -> None:
    with tcp_server(late([])) as address:
        path = f"pymeasure:{OddMeter.__module__}.OddMeter"
        settings = InstrumentSettings("odd", path, f"tcp://{address}", quantities=(Q("two"),))
        with connect(settings) as meter:
            assert meter.identity.model == "OddMeter"
            assert meter.get("two") == 2
            assert meter._backend._instrument.adapter.connection.timeout == 1234  # type: ignore[attr-defined]


def late(delays: list[float]) -> Callable[[Peer], None]:
    """A SCPI instrument that takes its time over ``ONE?``."""

    def handle(peer: Peer) -> None:
        register, buffer = 0, b""
        while data := peer.receive():
            *lines, buffer = (buffer + data).split(b"\n")
            for line in lines:
                if line.startswith(b"*ESE "):
                    register = int(line.split()[1])
                answers = {
                    b"*IDN?": b"tests,late,1,0",
                    b"*ESE?": b"%d" % register,
                    b"SYST:ERR?": b'0,"No error"',
                    b"ONE?": b"1",
                    b"TWO?": b"2",
                }
                if line == b"ONE?" and delays:
                    time.sleep(delays.pop(0))
                if line in answers:
                    peer.send(answers[line] + b"\n")

    return handle


def test_a_late_answer_to_pymeasure_never_answers_the_next_question() -> None:
    with tcp_server(late([0.45])) as address:
        settings = InstrumentSettings(
            "late",
            f"pymeasure:{LateMeter.__module__}.LateMeter",
            f"tcp://{address}",
            timeout_s=0.3,
            quantities=(Q("one"), Q("two")),
        )
        with connect(settings) as meter:
            assert str(meter.identity) == "late 1, firmware 0"
            with pytest.raises(LinkTimeout):
                meter.get("one")
            assert [meter.get(name) for name in ("two", "one", "two")] == [2, 1, 2]


HOLD = """
import sys
from drivers.backend import InstrumentSettings, QuantitySettings
from drivers.registry import connect
driver, address = sys.argv[1:]
with connect(InstrumentSettings("other", driver, address, timeout_s=2, quantities=(QuantitySettings("two"),))):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def other_process(driver: str, address: str) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that has the instrument."""
    path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    command, environment = [sys.executable, "-c", HOLD, driver, address], {**os.environ, "PYTHONPATH": path}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("package", ["pymeasure", "qcodes"])
def test_the_second_process_is_told_who_has_the_instrument(package: str) -> None:
    pytest.importorskip(package)
    home = {"pymeasure": LateMeter.__module__, "qcodes": f"{__package__}.qcodes_classes"}[package]
    driver = f"{package}:{home}.LateMeter"
    with tcp_server(late([])) as place:
        address = f"tcp://{place}"
        settings = InstrumentSettings("mine", driver, address, timeout_s=2, quantities=(Q("two"),))
        with other_process(driver, address) as other:
            with pytest.raises(InUse) as caught, connect(settings):
                pass
            assert f"(pid {other.pid}, since 20" in str(caught.value)
        with connect(settings) as mine:
            assert mine.get("two") == 2
            with pytest.raises(InUse, match="this program itself"):
                open_link(address)
        open_link(address).close()


def test_an_instrument_that_could_not_be_made_is_nobodys() -> None:
    with tcp_server(late([])) as place:
        driver = f"pymeasure:{LateMeter.__module__}.{LateMeter.__qualname__}"
        wrong = InstrumentSettings("mine", driver, f"tcp://{place}", quantities=(Q("three"),))
        with pytest.raises(BadInput, match="has no three"):
            connect(wrong)
        open_link(place).close()


TIMEOUT = pyvisa.VisaIOError(pyvisa.constants.StatusCode.error_timeout)
LOST = pyvisa.VisaIOError(pyvisa.constants.StatusCode.error_connection_lost)


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (TIMEOUT, LinkTimeout),
        (TimeoutError(), LinkTimeout),
        (LOST, Disconnected),
        (ConnectionResetError("reset"), Disconnected),
        (pyvisa.InvalidSession(), Disconnected),
        (ValueError("could not convert\nstring"), ProtocolError),
        (IndexError("list index"), ProtocolError),
        (UnicodeDecodeError("ascii", b"\xff", 0, 1, "no"), ProtocolError),
        (BadInput("ours"), BadInput),
    ],
)
def test_every_failure_becomes_one_of_ours(raised: Exception, kind: type[LabctlError]) -> None:
    with pytest.raises(kind) as caught, translated("meter", "READ?", "PyMeasure"):
        raise raised
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)


def test_values_of_foreign_drivers() -> None:
    import numpy as np

    assert [scalar(value) for value in (1, 2.5, True, "on", np.float32(0.5), np.array([3])[0])] == [
        1,
        2.5,
        True,
        "on",
        0.5,
        3,
    ]
    for several in ([1, 2], np.arange(3), None, {}):
        with pytest.raises(ValueError, match="is not one number"):
            scalar(several)
    assert [type(native(value)) for value in (2.0, 2.5, True, "2")] == [int, float, bool, str]


def test_long_messages_keep_both_ends() -> None:
    text = one_line(ValueError("begin " + "x" * 1000 + "\nend"))
    assert text.startswith("begin")
    assert text.endswith("end")
    assert len(text) < 220


@pytest.mark.parametrize(
    ("address", "name", "library"),
    [
        ("visa:GPIB0::1::INSTR", "GPIB0::1::INSTR", ""),
        ("visa@py:ASRL/dev/ttyUSB0::INSTR", "ASRL/dev/ttyUSB0::INSTR", "@py"),
        ("visa@bench.yaml@sim:GPIB::1::INSTR", "GPIB::1::INSTR", "bench.yaml@sim"),
        ("tcp://meter:5025", "TCPIP0::meter::5025::SOCKET", "@py"),
        ("/dev/ttyUSB0", "ASRL/dev/ttyUSB0::INSTR", "@py"),
    ],
)
def test_addresses_as_visa_has_them(address: str, name: str, library: str) -> None:
    found = resource_of(InstrumentSettings("x", "d", address))
    assert (found.name, found.library) == (name, library)
    assert found.simulated == address.startswith("visa@bench.yaml@sim")


def qcodes_dummy() -> AbstractContextManager[OpenInstrument]:
    pytest.importorskip("qcodes")
    return connect(InstrumentSettings("dac", "qcodes:mock_instruments.DummyInstrument", options={"gates": ["dac1"]}))


def test_qcodes_knows_units_and_limits_but_nothing_may_be_set_unasked(capsys: pytest.CaptureFixture[str]) -> None:
    with qcodes_dummy() as dac:
        quantity = dac.quantities["dac1"]
        assert (quantity.unit, quantity.low, quantity.high, quantity.settable) == ("V", -800.0, 400.0, False)
        assert "IDN" not in dac.quantities
        with pytest.raises(BadInput, match="can only be read"):
            dac.set("dac1", 0)
    assert capsys.readouterr().out == ""


def test_validators_of_qcodes_still_have_their_say() -> None:
    pytest.importorskip("qcodes")
    settings = InstrumentSettings(
        "dac",
        "qcodes:mock_instruments.DummyInstrument",
        quantities=(QuantitySettings("gate", "dac1", settable=True, low=-1000, high=1000),),
        safe=(("dac1", 0),),
        options={"gates": ["dac1"]},
    )
    with connect(settings) as dac:
        dac.set("gate", 100)
        with pytest.raises(BadInput, match="QCoDeS does not set gate to 900"):
            dac.set("gate", 900)
        assert dac.get("gate") == 100


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"quantities": (Q("dac9"),)}, "has no parameter dac9; it has dac1"),
        ({"quantities": (Q("a.b"),)}, "has no submodule a"),
        ({"quantities": (Q("dac1", settable=True),)}, "it needs `safe`"),
        ({"safe": (("dac7", 0),)}, "has no parameter dac7"),
        ({"options": {"gates": ["dac1"], "colour": 1}}, "cannot be made"),
        ({"driver": "qcodes:mock_instruments.Nothing"}, "QCoDeS has no class"),
    ],
)
def test_what_the_bench_file_may_say_of_qcodes(changes: dict[str, object], problem: str) -> None:
    pytest.importorskip("qcodes")
    base = InstrumentSettings("dac", "qcodes:mock_instruments.DummyInstrument", options={"gates": ["dac1"]})
    assert problem in refusal(replace(base, **changes))  # type: ignore[arg-type]


def test_the_cases_use_both_packages() -> None:
    assert {case.package for case in CASES.values()} == {"", "pymeasure", "qcodes"}
