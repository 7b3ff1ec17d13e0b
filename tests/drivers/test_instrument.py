"""Parameters of instruments: limits before anything is sent, values with their age."""

from __future__ import annotations

import time

import pytest

from data.errors import BadInput, LabctlError
from drivers.instrument import Parameter, Parameters, on_off, switch


class Meter:
    def __init__(self) -> None:
        self.answers = {"VOLT?": "1.5", "OUTP?": "0", "NAME?": "left"}
        self.log: list[str] = []

    def ask(self, query: str) -> str:
        self.log.append(query)
        return self.answers[query]

    def tell(self, command: str) -> None:
        self.log.append(command)


DECLARED = (
    Parameter("voltage", "output voltage", "V", "VOLT?", command="VOLT {}", low=0, high=5),
    Parameter("output", "output switch", "", "OUTP?", switch, "OUTP {}", on_off, 0, 1),
    Parameter("name", "channel name", "", "NAME?", str),
)


@pytest.fixture
def meter() -> Meter:
    return Meter()


@pytest.fixture
def parameters(meter: Meter) -> Parameters:
    return Parameters(meter, DECLARED)


def test_values_are_asked_for_unless_young_enough(parameters: Parameters, meter: Meter) -> None:
    assert (parameters.get("voltage"), parameters.get("output"), parameters.get("name")) == (1.5, False, "left")
    parameters.get("voltage", max_age_s=60)
    assert meter.log == ["VOLT?", "OUTP?", "NAME?"]
    time.sleep(0.02)
    parameters.get("voltage", max_age_s=0.01)
    parameters.forget()
    parameters.get("voltage", max_age_s=60)
    assert meter.log[3:] == ["VOLT?", "VOLT?"]


def test_values_are_set_and_remembered(parameters: Parameters, meter: Meter) -> None:
    parameters.set("voltage", 2.5)
    parameters.set("output", value=True)
    assert meter.log == ["VOLT 2.5", "OUTP ON"]
    assert parameters.get("voltage", max_age_s=60) == 2.5


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("voltage", 5.1, r"the output voltage 5.1 V is outside 0\.\.5 V"),
        ("voltage", float("nan"), "outside"),
        ("name", "right", "the channel name can only be read"),
    ],
)
def test_what_may_not_be_set_is_never_sent(
    parameters: Parameters, meter: Meter, name: str, value: float | str, message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        parameters.set(name, value)
    assert meter.log == []


def test_an_answer_without_a_value_says_so(parameters: Parameters, meter: Meter) -> None:
    meter.answers.update({"VOLT?": "high", "OUTP?": "2"})
    with pytest.raises(LabctlError, match=r"the answer to VOLT\? is no output voltage"):
        parameters.get("voltage")
    readings = {reading.name: reading for reading in parameters.snapshot()}
    assert "is no output switch: '2' is neither 0 nor 1" in readings["output"].error
    assert (readings["name"].value, readings["name"].error) == ("left", "")
