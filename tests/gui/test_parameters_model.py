from __future__ import annotations

import pytest

from data.instrument import Quantity, Reading, Value
from gui.models.parameters import STALE_S, Parameter, Parameters
from labctl.service.messages import BenchStatus, Device, Quantities, Readings

PSU = Device("psu", "scpi-supply", "simulated", "ok", "connected", "labctl supply", "1", True)
VOLTAGE = Quantity("voltage", "voltage setting", "V", settable=True, low=0, high=5)
CURRENT = Quantity("current", "current", "A")


def bench(*devices: Device, in_use: frozenset[str] = frozenset()) -> BenchStatus:
    return BenchStatus("bench", "", "runs", devices, in_use)


def read(value: Value | None, age_s: float = 0.0, error: str = "") -> Readings:
    return Readings("psu", (Reading("voltage", value, "V", age_s, error), Reading("unknown", 1.0, "V", 0.0)))


@pytest.fixture
def parameters() -> Parameters:
    made = Parameters()
    made.hear_quantities(Quantities("psu", {"voltage": VOLTAGE, "current": CURRENT}))
    made.hear_bench(bench(PSU), "")
    return made


def voltage(parameters: Parameters) -> Parameter:
    found = parameters.find("psu.voltage")
    assert found is not None
    return found


def test_values_grow_old(parameters: Parameters) -> None:
    assert voltage(parameters).age_words(0.0) == "never"
    assert voltage(parameters).stale(0.0)
    assert parameters.hear_readings(read(1.25, age_s=1.0), now=100.0) == ("psu.voltage",)
    assert voltage(parameters).value_words() == "1.25 V"
    assert not voltage(parameters).stale(100.0)
    assert voltage(parameters).stale(100.0 + STALE_S)
    assert voltage(parameters).age_words(130.0) == "31 s"


def test_what_reads_otherwise_than_it_was_set_shows_both(parameters: Parameters) -> None:
    parameters.hear_readings(read(1.2501), 0.0)
    parameters.was_set("psu.voltage", 1.25)
    assert not voltage(parameters).differs
    parameters.hear_readings(read(0.9), 0.0)
    assert voltage(parameters).light == "warning"
    assert voltage(parameters).value_words() == "900 mV, set 1.25 V"


def test_what_a_run_has_is_locked_and_says_why(parameters: Parameters) -> None:
    parameters.was_set("psu.voltage", 1.25)
    parameters.hear_bench(bench(PSU, in_use=frozenset({"psu"})), "bias scan")
    assert not voltage(parameters).may_set
    assert "used by bias scan" in voltage(parameters).explanation(0.0)
    assert parameters.due({"psu": True}) == ()
    parameters.hear_bench(bench(PSU), "bias scan")
    assert voltage(parameters).may_set
    assert voltage(parameters).was_set is None, "the run may have set it since"


def test_a_refusal_stays_in_its_row_until_the_next_try(parameters: Parameters) -> None:
    parameters.setting("psu.voltage", 9.0)
    assert voltage(parameters).light == "busy"
    assert not voltage(parameters).may_set
    parameters.refused("psu.voltage", "outside 0..5 V")
    assert voltage(parameters).light == "fault"
    assert "outside 0..5 V" in voltage(parameters).explanation(0.0)
    parameters.setting("psu.voltage", 3.0)
    parameters.was_set("psu.voltage", 3.0)
    assert voltage(parameters).light is None


def test_a_device_is_asked_once_at_a_time_and_only_in_sight(parameters: Parameters) -> None:
    assert parameters.due({"psu": True}) == ("psu",)
    assert parameters.due({"psu": False}) == ()
    assert parameters.due({}) == ()
    assert parameters.asked("psu")
    assert not parameters.asked("psu")
    assert parameters.due({"psu": True}) == ()
    parameters.answered("psu")
    assert parameters.due({"psu": True}) == ("psu",)


def test_a_device_that_goes_takes_its_readings_along(parameters: Parameters) -> None:
    parameters.hear_readings(read(1.25), 0.0)
    off = Device("psu", "scpi-supply", "simulated")
    assert parameters.hear_bench(bench(off), "")
    assert parameters.devices == ()
    assert parameters.hear_bench(bench(PSU), "")
    assert voltage(parameters).value is None


def test_why_a_quantity_cannot_be_read(parameters: Parameters) -> None:
    parameters.hear_readings(read(None, error="psu: no answer to VOLT?"), 0.0)
    assert voltage(parameters).light == "fault"
    assert voltage(parameters).value_words() == "no answer"
    assert "no answer to VOLT?" in voltage(parameters).explanation(0.0)
