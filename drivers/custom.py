"""Instruments that a bench file declares by itself: questions and commands as it spells them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, Final

from data.errors import Problems
from data.instrument import Value
from drivers.backend import SIMULATED, InstrumentSettings, QuantitySettings
from drivers.conversation import Dialect
from drivers.declared import Declaration, DeclaredBackend, quantity_of, unlimited
from drivers.instrument import Parameter, number

_ON: Final = {"1": True, "ON": True, "0": False, "OFF": False}


def _switch(answer: str) -> bool:
    try:
        return _ON[answer.upper()]
    except KeyError:
        raise ValueError(f"{answer!r} is none of 0, 1, OFF, ON") from None


READ: Final[dict[str, Callable[[str], Value]]] = {"number": number, "switch": _switch, "text": str}
"""How an answer becomes a value, by the kind of quantity."""


class CustomDriver:
    """The driver ``custom``; options are those of :class:`drivers.conversation.Dialect`."""

    def backend(self, settings: InstrumentSettings) -> DeclaredBackend:
        """The instrument that the bench file declares.

        Raises:
            Problems: what is missing or does not fit, all at once.
        """
        problems: list[str] = []
        dialect = _dialect(settings, problems)
        parameters = tuple(_parameter(item, problems) for item in settings.quantities)
        if not parameters:
            problems.append("it has no quantities; add [instruments.NAME.quantities.QUANTITY] with a query")
        if settings.address == SIMULATED:
            problems.append("it needs an address")
        steps = tuple(_step(step, parameters, problems) for step in settings.safe)
        if not steps and any(parameter.command for parameter in parameters):
            problems.append("it can be set, so it needs `safe`: the commands that bring it to its safe state")
        if problems:
            raise Problems(f"instrument {settings.name}", problems)
        bare = replace(settings, quantities=(), safe=(), options={})
        return Declaration("instrument", parameters, steps, dialect).backend(bare)


def _dialect(settings: InstrumentSettings, problems: list[str]) -> Dialect:
    known = {item.name for item in fields(Dialect)}
    chosen: dict[str, Any] = {}
    for name, value in settings.options.items():
        if name not in known:
            problems.append(f"{name} is no option of custom; options are {', '.join(sorted(known))}")
        elif name == "register":
            if not (isinstance(value, list) and len(value) in (0, 2) and all(isinstance(item, str) for item in value)):
                problems.append('register is a command with {} and a question, e.g. ["*ESE {}", "*ESE?"], or []')
            elif value and value[0].count("{}") != 1:
                problems.append("the command of register needs one {} for the number")
            else:
                chosen[name] = tuple(value)
        elif not isinstance(value, str):
            problems.append(f"{name} is a text, not {value!r}")
        else:
            chosen[name] = value
    for name in ("accepted", "refused"):
        try:
            re.compile(chosen.get(name, ""))
        except re.error as error:
            problems.append(f"{name} is no regular expression: {error}")
    if chosen.get("answer_ending") == "" or chosen.get("identity") == "":
        problems.append("answer_ending and identity must not be empty")
    return Dialect(**chosen)


def _parameter(settings: QuantitySettings, problems: list[str]) -> Parameter:
    name = settings.name
    if not settings.query:
        problems.append(f"{name} needs a query")
    if settings.command and settings.command.count("{}") != 1:
        problems.append(f"the command of {name} needs one {{}} for the value")
    if settings.settable and not settings.command:
        problems.append(f"{name} is to be settable, so it needs a command")
    if settings.attribute:
        problems.append(f"{name} is asked for by its query; leave attribute out")
    quantity = quantity_of(replace(settings, settable=bool(settings.command) and settings.settable is not False))
    if problem := unlimited(quantity):
        problems.append(problem)
    return Parameter(
        name,
        quantity.label,
        quantity.unit,
        settings.query,
        READ[settings.kind or "number"],
        settings.command if quantity.settable else "",
        _text,
        quantity.low,
        quantity.high,
        quantity.choices,
    )


def _step(step: object, parameters: tuple[Parameter, ...], problems: list[str]) -> str:
    if isinstance(step, str):
        return step
    assert isinstance(step, tuple)
    name, value = step
    for parameter in parameters:
        if parameter.name == name and parameter.command:
            return parameter.command.format(_text(value))
    problems.append(f"safe names {name}, which cannot be set")
    return ""


def _text(value: Value) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)
