"""Instruments of the classes that SCPI-1999 describes in volume 4, of whatever maker."""

from __future__ import annotations

from typing import Final

from drivers.declared import Declaration
from drivers.instrument import Parameter, exact, number, switch, zero_one

SUPPLY: Final = Declaration(
    model="DC power supply (SCPI-1999, volume 4, chapter 7)",
    parameters=(
        Parameter("voltage", "voltage setting", "V", "VOLTage?", number, "VOLTage {}", exact, 0.0),
        Parameter("current_limit", "current limit", "A", "CURRent?", number, "CURRent {}", exact, 0.0),
        Parameter("output", "output switch", "", "OUTPut?", switch, "OUTPut {}", zero_one, choices=(False, True)),
        Parameter("measured_voltage", "measured voltage", "V", "MEASure:VOLTage?", number),
        Parameter("measured_current", "measured current", "A", "MEASure:CURRent?", number),
    ),
    safe=("OUTPut 0", "VOLTage 0"),
    simulator=("supply.yaml", "TCPIP0::supply.local::5025::SOCKET"),
)
"""A supply with one output. How far voltage and current may be set without harm is for the bench file to say."""

METER: Final = Declaration(
    model="digital meter (SCPI-1999, volume 4, chapter 9)",
    parameters=(
        Parameter("voltage", "DC voltage", "V", "MEASure:VOLTage:DC?", number),
        Parameter("current", "DC current", "A", "MEASure:CURRent:DC?", number),
        Parameter("resistance", "resistance", "ohm", "MEASure:RESistance?", number),
    ),
    safe=(),
    simulator=("meter.yaml", "ASRL7::INSTR"),
)
"""A multimeter that only measures. An overload is infinite."""
