from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.instrument import Quantity
from gui.models.figures import figure, limits_text, parse_figure, step_of, steps_of, value_text


@settings(deadline=None)
@given(st.floats(min_value=-1e15, max_value=1e15, allow_nan=False), st.sampled_from(["V", "ns", "degC", "1", "A", ""]))
def test_what_is_written_is_read_back(value: float, unit: str) -> None:
    found = parse_figure(figure(value, unit, 17), unit)
    assert found is not None
    assert math.isclose(found, value, rel_tol=1e-12, abs_tol=1e-33)


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("20m", "V", 0.02),
        ("1.5 kV", "V", 1500.0),
        ("3e-3", "A", 0.003),
        ("0,5", "V", 0.5),
        ("-2 µA", "A", -2e-6),
        ("2 uA", "A", 2e-6),
        ("40 ns", "ns", 40.0),
        ("23 °C", "degC", 23.0),
        ("7", "1", 7.0),
        ("40 kns", "ns", None),
        ("1 W", "V", None),
        ("volt", "V", None),
        ("", "V", None),
    ],
)
def test_what_people_type(text: str, unit: str, value: float | None) -> None:
    assert parse_figure(text, unit) == (value if value is None else pytest.approx(value, rel=1e-14))


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.00125, "V", "1.25 mV"),
        (0.0, "V", "0 V"),
        (999.9999, "V", "1 kV"),
        (1e6, "Hz", "1 MHz"),
        (40, "ns", "40 ns"),
        (1500, "ns", "1500 ns"),
        (True, "", "on"),
        ("STANDBY", "", "STANDBY"),
        (None, "V", "–"),
    ],
)
def test_values_for_people(value: float | bool | str | None, unit: str, text: str) -> None:
    assert value_text(value, unit) == text


def test_limits_and_steps_come_from_what_may_be_set() -> None:
    voltage = Quantity("voltage", "voltage", "V", settable=True, low=0, high=5)
    assert limits_text(voltage) == "0 … 5 V"
    assert step_of(voltage) == 0.05
    assert step_of(voltage) >= (voltage.high - voltage.low) / 100
    assert all(voltage.low < step < voltage.high for step in steps_of(voltage))
    assert limits_text(Quantity("x", "x", "V")) == ""
    assert limits_text(Quantity("x", "x", "V", settable=True, low=1)) == "≥ 1 V"
    assert limits_text(Quantity("x", "x", "", settable=True, choices=(False, True))) == "off / on"
    assert step_of(Quantity("x", "x", "V", settable=True)) == 1.0
