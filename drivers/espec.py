"""Temperature chambers with an ESPEC controller (P300, SCP-220): commands are answered, there is no error queue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from data.instrument import Value
from data.values import Identity
from drivers.address import LinkSettings
from drivers.conversation import Dialect
from drivers.declared import Declaration
from drivers.instrument import Parameter, number


def part(index: int) -> Callable[[str], float]:
    """One of the four numbers of ``TEMP?``: temperature, setting, upper and lower alarm."""
    return lambda answer: number(answer.split(",")[index]) if answer.count(",") == 3 else number(answer)


def tenth(value: Value) -> str:
    """The controller knows tenths of a degree."""
    return f"{float(value):.1f}"


def chamber(answer: str) -> Identity:
    """``TYPE?`` gives sensors, controller and highest temperature, but no serial number."""
    parts = [item.strip() for item in answer.split(",")]
    if len(parts) < 3:
        raise ValueError("TYPE? gives at least three fields")
    return Identity("ESPEC", f"chamber {parts[-2]}", "", "")


CHAMBER: Final = Declaration(
    model="ESPEC temperature chamber",
    parameters=(
        Parameter("temperature", "chamber temperature", "degC", "TEMP?", part(0)),
        Parameter("setting", "temperature setting", "degC", "TEMP?", part(1), "TEMP,S{}", tenth, -75.0, 180.0),
        Parameter("upper_alarm", "upper alarm", "degC", "TEMP?", part(2)),
        Parameter("lower_alarm", "lower alarm", "degC", "TEMP?", part(3)),
        Parameter("mode", "mode", "", "MODE?", str, "MODE,{}", choices=("STANDBY", "CONSTANT")),
    ),
    safe=("MODE,STANDBY",),
    dialect=Dialect("\r\n", "\r\n", "TYPE?", errors="", accepted=r"OK:.*", refused=r"NA:.*", register=()),
    identify=chamber,
    simulator=("chamber.yaml", "ASRL8::INSTR"),
    serial_line=LinkSettings(baud=9600),
)
