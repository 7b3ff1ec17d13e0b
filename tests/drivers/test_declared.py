"""Our own declarations: what a bench file may say of them, where drivers come from, and the way back to a lost one."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pyvisa_sim.highlevel import SimVisaLibrary

from data.computer import AnalogComputer
from data.errors import BadInput, Problems
from data.instrument import Quantity, Value, in_words
from data.values import Identity, Schedule
from drivers.backend import Connected, InstrumentSettings, QuantitySettings
from drivers.board import board_on
from drivers.computing import BoardComputer, VectorTask
from drivers.declared import DeclaredBackend, scpi_identity
from drivers.errors import CannotOpen, Disconnected, LinkTimeout, Refused, WrongInstrument
from drivers.instrument import exact, number, zero_one
from drivers.opened import OpenInstrument, open_instrument
from drivers.registry import connect, driver_names, find_driver

from .benches import CHAMBER, CUSTOM, HOW_TO, MAKERS, SUPPLY, Q
from .links import BoardLink
from .small_board import SmallBoard


def problems(settings: InstrumentSettings) -> str:
    with pytest.raises(Problems) as caught:
        find_driver(settings.driver).backend(settings)
    return str(caught.value)


def test_a_supply_needs_limits() -> None:
    said = problems(replace(SUPPLY, quantities=()))
    assert "instrument supply has 2 problems" in said
    assert "voltage may be set, so it needs low and high" in said
    assert "current_limit may be set" in said


@pytest.mark.parametrize(
    ("quantity", "problem"),
    [
        (Q("setting", high=400), "the limits -75..400 of setting are not within -75..180"),
        (Q("setting", low=50, high=20), "the limits 50..20 of setting"),
        (Q("humidity"), "it has no quantity humidity; it has temperature, setting"),
        (Q("setting", unit="K"), "setting is in degC, not in K"),
        (Q("temperature", settable=True), "temperature can only be read"),
        (Q("setting", query="TEMP?"), "setting is known to its driver"),
    ],
)
def test_a_bench_file_can_only_narrow(quantity: QuantitySettings, problem: str) -> None:
    assert problem in problems(replace(CHAMBER, quantities=(quantity,)))


def test_what_a_driver_knows_is_not_said_again() -> None:
    said = problems(replace(CHAMBER, safe=("MODE,OFF",), options={"colour": "red"}))
    assert "espec-chamber knows its safe state" in said
    assert "colour is no option" in said


def test_a_setting_can_be_forbidden_and_renamed() -> None:
    quantities = (Q("setting", settable=False, label="oven"), Q("mode", settable=False))
    with connect(replace(CHAMBER, quantities=quantities)) as chamber:
        assert chamber.quantities["setting"].label == "oven"
        with pytest.raises(BadInput, match="chamber: the oven can only be read"):
            chamber.set("setting", 20)


def test_what_a_simulated_instrument_refuses() -> None:
    with connect(replace(SUPPLY, quantities=(Q("voltage", high=50), Q("current_limit", high=1)))) as supply:
        with pytest.raises(Refused, match=r"supply: it refused VOLTage 20.0: Undefined header \(-113\)"):
            supply.set("voltage", 20)
        supply.set("voltage", 1.25)
        assert supply.get("voltage") == 1.25


def on_a_bus(timeout_s: float = 0.3) -> InstrumentSettings:
    """The simulated Keithley on GPIB, as the bench file declares it."""
    return InstrumentSettings(
        "meter",
        "custom",
        f"{MAKERS}:GPIB0::16::INSTR",
        timeout_s=timeout_s,
        quantities=(
            Q("voltage", query=":READ?", unit="V"),
            Q("integration", query=":SENS:VOLT:NPLC?", command=":SENS:VOLT:NPLC {}", unit="1", low=0, high=20),
            Q("list", query=":TEST:LIST?", kind="text"),
            Q("nothing", query=":NOTHING?"),
        ),
        safe=(":SENS:VOLT:NPLC 1",),
        options={"ending": "\r\n", "errors": "SYST:ERR?"},
    )


def test_an_instrument_on_a_bus_is_read_in_whole_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[int] = []
    real = SimVisaLibrary.read

    def counted(library: SimVisaLibrary, session: int, count: int) -> tuple[bytes, int]:
        reads.append(count)
        return real(library, session, count)

    with connect(on_a_bus()) as meter:
        monkeypatch.setattr(SimVisaLibrary, "read", counted)
        assert (meter.get("voltage"), meter.get("list")) == (1.2345, "1,2,3")
        assert len(reads) == 2
        meter.set("integration", 5.0)
        assert meter.get("integration") == 5
        with pytest.raises(Refused, match=r"it refused :SENS:VOLT:NPLC 15.0: Undefined header \(-113\)"):
            meter.set("integration", 15.0)
        with pytest.raises(LinkTimeout, match=r"meter: no answer in time \(command :NOTHING\?\)"):
            meter.get("nothing")
        assert meter.get("voltage") == 1.2345


def test_the_mark_on_the_bus_ends_an_answer() -> None:
    options = {"errors": "", "register": []}
    quantities = (Q("voltage", query="V?", unit="V"),)
    settings = replace(on_a_bus(), address=f"{MAKERS}:GPIB0::5::INSTR", quantities=quantities, safe=(), options=options)
    with connect(settings) as terse:
        assert terse.get("voltage") == 2.5


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"safe": ()}, "it can be set, so it needs `safe`"),
        ({"safe": (("colour", 1),)}, "safe names colour, which cannot be set"),
        ({"quantities": ()}, "it has no quantities"),
        ({"quantities": (Q("a"),)}, "a needs a query"),
        ({"quantities": (Q("a", query="A?", command="A"),)}, "the command of a needs one {} for the value"),
        ({"quantities": (Q("a", query="A?", command="A {}"),)}, "a may be set, so it needs low and high"),
        ({"quantities": (Q("a", query="A?", settable=True),)}, "a is to be settable, so it needs a command"),
        ({"quantities": (Q("a", "b", query="A?"),)}, "leave attribute out"),
        ({"options": {"speed": "fast"}}, "speed is no option of custom"),
        ({"options": {"register": ["*ESE"]}}, "register is a command"),
        ({"options": {"register": ["*ESE", "*ESE?"]}}, "the command of register needs one {}"),
        ({"options": {"ending": 10}}, "ending is a text, not 10"),
        ({"options": {"accepted": "("}}, "accepted is no regular expression"),
        ({"options": {"identity": ""}}, "must not be empty"),
        ({"address": "simulated"}, "it needs an address"),
    ],
)
def test_what_a_bench_file_must_say_that_is_the_driver(changes: dict[str, object], problem: str) -> None:
    assert problem in problems(replace(CUSTOM, **changes))  # type: ignore[arg-type]


def test_files_of_simulated_instruments(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text('spec: "1.1"\ndevices: {a: {eom: 7}}\nresources: {"ASRL1::INSTR": {device: a}}\n')
    for file, problem in (
        (tmp_path / "absent.yaml", "there is no file"),
        (broken, "is no file of simulated instruments: "),
        (HOW_TO / "attenuator.yaml", "has no instrument ASRL1::INSTR; it has ASRL9::INSTR"),
    ):
        with pytest.raises(CannotOpen, match=problem) as caught:
            connect(replace(CUSTOM, address=f"visa@{file}@sim:ASRL1::INSTR"))
        assert "\n" not in str(caught.value)


def test_names_of_drivers() -> None:
    with pytest.raises(BadInput, match=r"there is no driver 'scpi-suply'; there are scpi-supply, "):
        find_driver("scpi-suply")
    assert {"scpi-supply", "lucidac", "custom"} <= set(driver_names())


THEIRS = """
from drivers.declared import Declaration
from drivers.instrument import Parameter
DRIVER = Declaration("chamber", (Parameter("temperature", "temperature", "degC", "TEMP?"),), ())
ODD = 7
"""
ENTRY_POINTS = """
[labctl.instruments]
theirs = theirs_of_another_package:DRIVER
broken = theirs_of_another_package:NOTHING
odd = theirs_of_another_package:ODD
"""


def test_drivers_of_other_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package as pip would have installed it."""
    (tmp_path / "theirs_of_another_package.py").write_text(THEIRS)
    information = tmp_path / "theirs_of_another_package-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs-of-another-package\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(tmp_path)
    assert {"theirs", "broken", "odd"} <= set(driver_names())
    backend = find_driver("theirs").backend(InstrumentSettings("x", "theirs", "tcp://nowhere:1"))
    assert isinstance(backend, DeclaredBackend)
    with pytest.raises(BadInput, match="the driver broken of theirs_of_another_package:NOTHING cannot be loaded"):
        find_driver("broken")
    with pytest.raises(BadInput, match="the driver odd is no driver"):
        find_driver("odd")


def test_identities() -> None:
    assert scpi_identity("a, b, c, d") == Identity("a", "b", "c", "d")
    assert scpi_identity("a,b,c,d,e").firmware == "d,e"
    assert scpi_identity("thing") == Identity("", "thing", "", "")
    with pytest.raises(ValueError, match="empty"):
        scpi_identity(" , ")


def test_numbers_as_text() -> None:
    assert number("+1.5E-3") == 0.0015
    assert float(exact(0.1)) == 0.1
    assert (zero_one(True), zero_one(False)) == ("1", "0")
    for text in ("", "1 V"):
        with pytest.raises(ValueError, match="convert"):
            number(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("9.9E37", "overload"),
        ("+9.90000000E+37", "overload"),
        ("1e38", "overload"),
        ("-9.9e37", "negative overload"),
        ("9.91E+37", "no value"),
        ("nan", "no value"),
        ("9.8e37", 9.8e37),
    ],
)
def test_an_overload_is_a_reading_that_says_so(text: str, said: object) -> None:
    assert in_words(number(text)) == said


class Place:
    """A backend that is away for a while, or somebody else."""

    def __init__(self) -> None:
        self.log: list[object] = []
        self.away = 0
        self.serial_number = "1"
        self.value: Value = 0.0
        self.forgets = False

    def connect(self) -> Connected:
        self.log.append("connect")
        if self.away:
            self.away -= 1
            raise CannotOpen("nobody is there")
        if self.forgets:
            self.value = 0.0
        return Connected(Identity("m", "n", self.serial_number, "f"), (Quantity("v", "v", "V", True, 0, 10),))

    def read(self, name: str) -> Value:
        return self.value

    def write(self, name: str, value: Value) -> None:
        self.log.append(value)
        if value == 9:
            raise Refused("not today", "x", "v")
        if value == 8:
            raise LinkTimeout("no answer in time", "x", "v")
        self.value = value

    def make_safe(self) -> None:
        self.log.append("safe")

    def close(self) -> None:
        self.log.append("close")


@pytest.fixture
def place() -> Place:
    return Place()


@pytest.fixture
def instrument(place: Place) -> OpenInstrument:
    return open_instrument("x", place, "1")


def test_another_instrument_is_refused(place: Place) -> None:
    with pytest.raises(WrongInstrument, match="x is n 1, firmware f, not 2; check the cable"):
        open_instrument("x", place, "2")
    assert place.log == ["connect", "close"]


def test_it_is_tried_until_it_is_back_and_set_as_it_was(place: Place, instrument: OpenInstrument) -> None:
    instrument.set("v", 5)
    place.away, place.forgets = 2, True
    start = time.monotonic()
    instrument.reconnect(5)
    assert time.monotonic() - start >= 0.3  # pauses of 0.1 s and 0.2 s
    assert instrument.get("v") == 5


def test_it_does_not_come_back(place: Place, instrument: OpenInstrument) -> None:
    place.away = 100
    with pytest.raises(Disconnected, match=r"x: it did not come back within 0.3 s: nobody is there"):
        instrument.reconnect(0.3)
    with pytest.raises(Disconnected, match="closed"):
        instrument.get("v")
    place.away = 0
    instrument.reconnect(1)
    assert instrument.get("v") == 0.0


def test_another_one_in_its_place_is_not_set(place: Place, instrument: OpenInstrument) -> None:
    instrument.set("v", 5)
    place.serial_number = "2"
    place.log.clear()
    with pytest.raises(WrongInstrument, match="x was n 1, firmware f; now n 2, firmware f answers in its place"):
        instrument.reconnect(5)
    assert place.log == ["close", "connect", "close"]


def test_what_was_refused_is_not_set_again_but_what_may_have_arrived_is(
    place: Place, instrument: OpenInstrument
) -> None:
    instrument.set("v", 5)
    with pytest.raises(Refused):
        instrument.set("v", 9)
    place.log.clear()
    instrument.reconnect(1)
    assert place.log == ["close", "connect", 5]
    with pytest.raises(LinkTimeout):
        instrument.set("v", 8)
    place.log.clear()
    with pytest.raises(Disconnected):
        instrument.reconnect(0.01)
    assert 8 in place.log


def test_a_failed_safe_state_is_tried_again_on_the_way_back(place: Place, instrument: OpenInstrument) -> None:
    instrument.set("v", 5)
    instrument.safe()
    place.log.clear()
    instrument.reconnect(1)
    assert place.log == ["close", "connect", "safe"]


def test_the_board_is_an_analog_computer_too() -> None:
    small = SmallBoard()
    computer = BoardComputer(board_on(BoardLink(small.feed), timeout_s=0.05))
    assert isinstance(computer, AnalogComputer)
    weights = np.arange(-6, 6, dtype=np.int8).reshape(4, 3)
    vectors = np.random.default_rng(1).integers(0, 4, (20, 4), dtype=np.uint8)
    computer.load(weights)
    outputs = computer.compute(VectorTask(vectors, Schedule()))
    assert np.array_equal(outputs, np.clip(vectors.astype(int) @ weights.astype(int), -128, 127))
    assert computer.identity.serial_number == "SB-1"
    computer.safe()
    with pytest.raises(BadInput, match="no weights"):
        computer.compute(VectorTask(vectors, Schedule()))
    computer.close()
