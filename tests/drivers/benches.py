"""One connected instrument of every driver, simulated, for the tests that all of them must pass."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import pyvisa

import drivers.simulated
from data.instrument import Value
from drivers.backend import InstrumentSettings, QuantitySettings
from drivers.lucidac import linear_system
from drivers.lucidac.computer import LucidacBackend
from drivers.opened import OpenInstrument
from drivers.registry import connect

from .lucidac_emulator import lucidac_emulator

HERE = Path(__file__).parent
MAKERS = f"visa@{HERE / 'instruments.yaml'}@sim"
HOW_TO = HERE.parents[1] / "docs" / "how-to"
Q = QuantitySettings


@dataclass(frozen=True)
class Case:
    """A driver and how to try it.

    Attributes:
        open: connects one; call it again for the same instrument once more.
        good: values that may be set, in this order.
        safe: what quantities are in the safe state.
        unreadable: quantities that its simulation cannot give.
        package: what must be installed.
        lasting: whether its simulation keeps its state when nobody is connected.
    """

    open: Callable[[], AbstractContextManager[Callable[[], OpenInstrument]]]
    good: dict[str, Value] = field(default_factory=dict)
    safe: dict[str, Value] = field(default_factory=dict)
    unreadable: tuple[str, ...] = ()
    package: str = ""
    lasting: bool = True

    @property
    def missing(self) -> bool:
        return bool(self.package) and importlib.util.find_spec(self.package) is None


def simulations() -> list[object]:
    """The libraries behind simulated instruments; these keep their state for as long as somebody holds them."""
    ours = Path(drivers.simulated.__path__[0])
    files = [*ours.glob("*.yaml"), HERE / "instruments.yaml", HOW_TO / "attenuator.yaml"]
    return [pyvisa.ResourceManager(f"{file}@sim").visalib for file in files]


def plain(settings: InstrumentSettings) -> Callable[[], AbstractContextManager[Callable[[], OpenInstrument]]]:
    @contextlib.contextmanager
    def opener() -> Iterator[Callable[[], OpenInstrument]]:
        yield lambda: connect(settings)

    return opener


@contextlib.contextmanager
def lucidac() -> Iterator[Callable[[], OpenInstrument]]:
    """With a circuit of two coefficients, so that there is something to set."""
    with lucidac_emulator() as address:

        def open_it() -> OpenInstrument:
            instrument = connect(InstrumentSettings("lucidac", "lucidac", address, timeout_s=10))
            backend = instrument._backend
            assert isinstance(backend, LucidacBackend)
            instrument.change(lambda: backend.load(linear_system([[0, 0.5], [-0.5, 0]], [1, 0])))
            return instrument

        yield open_it


SUPPLY = InstrumentSettings(
    "supply", "scpi-supply", timeout_s=1, quantities=(Q("voltage", high=2.0), Q("current_limit", high=0.2))
)
KEITHLEY = InstrumentSettings(
    "multimeter",
    "pymeasure:keithley.Keithley2000",
    f"{MAKERS}:GPIB0::16::INSTR",
    timeout_s=0.3,
    quantities=(
        Q("voltage", unit="V"),
        Q("integration", "voltage_nplc", settable=True, low=0.01, high=20),
        Q("digits", "voltage_digits", settable=True, low=1, high=9),
        Q("beep", "beep_state", kind="text", settable=True, choices=("enabled", "disabled")),
    ),
    safe=(("voltage_nplc", 1), ("beep_state", "disabled")),
)
KEYSIGHT = InstrumentSettings(
    "psu",
    "pymeasure:keysight.KeysightE36312A",
    f"{MAKERS}:TCPIP0::192.0.2.7::inst0::INSTR",
    timeout_s=0.3,
    quantities=(
        Q("voltage", "ch_1.voltage", unit="V"),
        Q("current", "ch_1.current", unit="A"),
        Q("setting", "ch_1.voltage_setpoint", unit="V", settable=True, low=0, high=20),
        Q("output", "ch_1.output_enabled", kind="switch", settable=True),
    ),
    safe=(("ch_1.output_enabled", False), "shutdown"),
)
WEINSCHEL = InstrumentSettings(
    "attenuator",
    "qcodes:weinschel.Weinschel8320",
    f"{MAKERS}:GPIB0::1::INSTR",
    timeout_s=0.3,
    quantities=(Q("attenuation", settable=True),),
    safe=(("attenuation", 50),),
)
DUMMY = InstrumentSettings(
    "dac",
    "qcodes:mock_instruments.DummyInstrument",
    quantities=(Q("gate", "dac1", settable=True, low=-1, high=1),),
    safe=(("dac1", 0),),
    options={"gates": ["dac1", "dac2"]},
)
CUSTOM = InstrumentSettings(
    "custom",
    "custom",
    f"visa@{HOW_TO / 'attenuator.yaml'}@sim:ASRL9::INSTR",
    timeout_s=1,
    quantities=(Q("attenuation", query="ATTenuation?", command="ATTenuation {}", unit="dB", low=0, high=60),),
    safe=(("attenuation", 60),),
)
CHAMBER = InstrumentSettings("chamber", "espec-chamber", timeout_s=1, quantities=(Q("setting", low=-20, high=60),))

CASES: dict[str, Case] = {
    "scpi-supply": Case(
        plain(SUPPLY), {"voltage": 1.8, "current_limit": 0.15, "output": True}, {"output": False, "voltage": 0.0}
    ),
    "scpi-meter": Case(plain(InstrumentSettings("meter", "scpi-meter", timeout_s=1))),
    "espec-chamber": Case(plain(CHAMBER), {"setting": 55.0, "mode": "CONSTANT"}, {"mode": "STANDBY"}),
    "custom": Case(plain(CUSTOM), {"attenuation": 20.0}, {"attenuation": 60.0}),
    "lucidac": Case(
        lucidac, {"coefficient_0": 0.25, "coefficient_1": -3.0, "initial_1": 0.5}, {"coefficient_0": 0.0}, lasting=False
    ),
    "pymeasure meter": Case(
        plain(KEITHLEY),
        {"integration": 2.0, "beep": "enabled"},
        {"integration": 1.0, "beep": "disabled"},
        (),
        "pymeasure",
    ),
    "pymeasure supply": Case(
        plain(KEYSIGHT), {"setting": 2.0, "output": True}, {"output": False}, ("current",), "pymeasure"
    ),
    "qcodes visa": Case(plain(WEINSCHEL), {"attenuation": 10.0}, {"attenuation": 50.0}, (), "qcodes", lasting=False),
    "qcodes dummy": Case(plain(DUMMY), {"gate": 0.5}, {"gate": 0.0}, (), "qcodes", lasting=False),
}
