"""Commands for the instruments around the board: ``instruments list``, ``discover``, ``read``, ``set`` and others."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from data.errors import BadInput, LabctlError, Problems
from labctl.cli.console import emit, note, say, table
from labctl.cli.options import AsJson, BenchFile
from labctl.plain import plain

if TYPE_CHECKING:
    from pathlib import Path

    from data.instrument import Quantity, Reading, Value
    from drivers.opened import OpenInstrument
    from labctl.instruments import Instruments

instruments = typer.Typer(help="Supplies, meters, chambers: the instruments around the board.", rich_markup_mode=None)

FAMILIES = {
    "pymeasure": ("PyMeasure's", "keithley.Keithley2000"),
    "qcodes": ("QCoDeS'", "stanford_research.SR830"),
}
"""Packages of drivers that `driver = "PACKAGE:MODULE.CLASS"` names: title and an example."""

Places = Annotated[
    list[str] | None, typer.Argument(help="NAME or NAME.QUANTITY; without any, every instrument of the bench file.")
]


@instruments.command("list")
def list_instruments(bench: BenchFile = None, as_json: AsJson = False) -> None:
    """Connect every instrument of the bench file; say who it is, what it has, and why one is not there."""
    with _opened(bench) as opened:
        found = [_described(opened, name) for name in opened]
    if as_json:
        emit({"instruments": found})
        return
    if not found:
        say("The bench file has no [instruments.NAME]; `labctl instruments drivers` lists the drivers.")
        return
    rows = [
        [str(item["name"]), str(item["driver"]), str(item["address"]), str(item["identity"] or item["error"])]
        for item in found
    ]
    table("Instruments", ["name", "driver", "address", "identity"], rows)


@instruments.command("drivers")
def list_drivers(as_json: AsJson = False) -> None:
    """The drivers that `driver = ...` of a bench file can name."""
    from importlib.util import find_spec

    from drivers.registry import driver_names

    found = [{"driver": name, "installed": True, "note": ""} for name in driver_names()]
    for package, (title, example) in FAMILIES.items():
        there = find_spec(package) is not None
        absent = "" if there else f'; not installed, type `pip install "labctl[{package}]"`'
        note = f'any class of {title}, e.g. driver = "{package}:{example}"{absent}'
        found.append({"driver": f"{package}:MODULE.CLASS", "installed": there, "note": note})
    if as_json:
        emit({"drivers": found})
        return
    table("Drivers", ["driver", "note"], [[str(item["driver"]), str(item["note"])] for item in found])


@instruments.command("discover")
def discover(
    addresses: Annotated[list[str] | None, typer.Argument(help="Addresses to ask besides the VISA resources.")] = None,
    visa: Annotated[
        list[str] | None,
        typer.Option("--visa", help="VISA library: py, FILE@sim, or `vendor` for the installed one; may be repeated."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask VISA resources and addresses who they are.

    Sends *IDN? and nothing else. `labctl discover` looks for boards, on serial ports too.
    """
    from drivers.finding import find_instruments, list_resources

    wanted = list(addresses or ())
    for library in visa or ["py"]:
        wanted += list_resources("" if library == "vendor" else library)
    found = find_instruments(wanted)
    if as_json:
        emit({"instruments": found})
        return
    if not found:
        say("VISA lists nothing; give the address of an instrument, e.g. tcp://10.0.0.9:5025.")
        return
    table("Instruments", ["address", "identity"], [[item.address, item.identity or item.reason] for item in found])


@instruments.command("read")
def read(places: Places = None, bench: BenchFile = None, as_json: AsJson = False) -> None:
    """Read quantities; an instrument is left as it is set.

    Exit code 1 if any could not be read.
    """
    with _opened(bench) as opened:
        found = list(_readings(opened, places or list(opened)))
    if as_json:
        emit({"readings": [{"instrument": name, **_fields(reading)} for name, reading in found]})
    else:
        table("Readings", ["quantity", "value", ""], [_row(name, reading) for name, reading in found])
    failed = [_place(name, reading) for name, reading in found if reading.error]
    if failed:
        raise LabctlError(f"{len(failed)} of {len(found)} quantities could not be read: {', '.join(failed)}")


@instruments.command("set")
def set_quantities(
    assignments: Annotated[list[str], typer.Argument(help="NAME.QUANTITY=VALUE, in the order in which to set them.")],
    bench: BenchFile = None,
    as_json: AsJson = False,
) -> None:
    """Set quantities within their limits, and leave them so.

    All limits are checked before anything is sent. `labctl instruments safe` ends it.
    """
    with _opened(bench) as opened:
        wanted = _assignments(opened, assignments)
        try:
            for name, quantity, value in wanted:
                opened[name].set(quantity, value)
        except BaseException:
            opened.close()  # half of what was asked for is no state to leave things in
            raise
        found = [(name, opened[name].get(quantity)) for name, quantity, _ in wanted]
    rows = [
        {"instrument": name, "quantity": quantity, "set": value, "reads": reads}
        for (name, quantity, value), (_, reads) in zip(wanted, found, strict=True)
    ]
    if as_json:
        emit({"set": rows})
        return
    for row in rows:
        say(f"{row['instrument']}.{row['quantity']} set to {_shown(row['set'])}, reads {_shown(row['reads'])}")


@instruments.command("safe")
def safe(
    names: Annotated[list[str] | None, typer.Argument(help="Which; without any, all of the bench file.")] = None,
    bench: BenchFile = None,
) -> None:
    """Bring instruments to their safe states; one that fails does not stop the others."""
    failures: list[str] = []
    with _opened(bench) as opened:
        for name in names or list(opened):
            try:
                opened.find(name).safe()
            except BadInput:
                if names:
                    raise
                failures.append(name)
                note(f"labctl: {name} cannot be connected")
            except LabctlError as error:
                failures.append(name)
                note(f"labctl: {error}")
            else:
                say(f"{name} is in its safe state.")
    if failures:
        raise LabctlError(f"not in the safe state: {', '.join(failures)}; look at them yourself")


@instruments.command("watch")
def watch(
    places: Places = None,
    every: Annotated[float, typer.Option("--every", min=0.05, max=3600, help="Seconds between readings.")] = 1.0,
    count: Annotated[int | None, typer.Option("--count", min=1, help="Stop after so many; else with Ctrl-C.")] = None,
    bench: BenchFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Read quantities again and again, a line each time."""
    with _opened(bench) as opened:
        start = time.monotonic()
        done = 0
        while count is None or done < count:
            time.sleep(max(0.0, start + done * every - time.monotonic()))
            at_s = time.monotonic() - start
            found = list(_readings(opened, places or list(opened)))
            if as_json:
                rows = [{"instrument": name, **_fields(reading)} for name, reading in found]
                say(json.dumps(plain({"at_s": round(at_s, 3), "readings": rows}), allow_nan=False))
            else:
                say(f"{at_s:8.1f} s  " + "  ".join(f"{row[0]} {row[1]} {row[2]}".rstrip() for row in _rows(found)))
            done += 1


@contextmanager
def _opened(bench: Path | None) -> Iterator[Instruments]:
    """The instruments of a bench file, without its board; they are left as they are set."""
    from labctl.bench import read_config
    from labctl.instruments import Instruments

    opened = Instruments(read_config(bench).instruments)
    try:
        yield opened
    finally:
        opened.release()


def _described(opened: Instruments, name: str) -> dict[str, object]:
    config = opened.configuration(name)
    known: dict[str, object] = {"name": name, "driver": config.driver, "address": config.address}
    try:
        instrument = opened[name]
    except LabctlError as error:
        return {**known, "identity": "", "error": str(error), "quantities": []}
    quantities = [_quantity(quantity) for quantity in instrument.quantities.values()]
    return {**known, "identity": str(instrument.identity), "error": "", "quantities": quantities}


def _quantity(quantity: Quantity) -> dict[str, object]:
    """A quantity as plain values; a limit that is infinite is none."""
    low, high = (None if abs(limit) == float("inf") else limit for limit in (quantity.low, quantity.high))
    return {
        "name": quantity.name,
        "label": quantity.label,
        "unit": quantity.unit,
        "settable": quantity.settable,
        "low": low,
        "high": high,
        "choices": quantity.choices,
    }


def _readings(opened: Instruments, places: list[str]) -> Iterator[tuple[str, Reading]]:
    """What can be read of these places, and why the rest cannot; wrong names are said before anything is read."""
    from data.instrument import Reading

    unreached: dict[str, str] = {}
    problems = [problem for place in places if (problem := _misnamed(opened, place, unreached))]
    if problems:
        raise Problems("the command", list(dict.fromkeys(problems)))
    for place in places:
        name, _, quantity = place.partition(".")
        if name in unreached:
            yield name, Reading(quantity, None, "", 0.0, unreached[name])
        elif not quantity:
            for reading in opened[name].snapshot():
                yield name, reading
        else:
            yield name, _reading(opened[name], quantity)


def _misnamed(opened: Instruments, place: str, unreached: dict[str, str]) -> str:
    """Why there is no such place; an instrument that cannot be connected goes to ``unreached`` with the reason."""
    name, _, quantity = place.partition(".")
    if name in unreached:
        return ""
    if name in opened:
        try:
            instrument = opened[name]
        except LabctlError as error:
            unreached[name] = str(error)
            return ""
    try:
        instrument = opened.find(name)
        if quantity:
            instrument.quantity(quantity)
    except BadInput as error:
        return str(error)
    return ""


def _reading(instrument: OpenInstrument, quantity: str) -> Reading:
    from data.instrument import Reading

    unit = instrument.quantity(quantity).unit
    try:
        return Reading(quantity, instrument.get(quantity), unit, 0.0)
    except LabctlError as error:
        return Reading(quantity, None, unit, 0.0, str(error))


def _assignments(opened: Instruments, texts: list[str]) -> list[tuple[str, str, Value]]:
    found: list[tuple[str, str, Value]] = []
    problems: list[str] = []
    for text in texts:
        try:
            found.append(_assignment(opened, text))
        except BadInput as error:
            problems.append(str(error))
    if problems:
        raise Problems("the command", list(dict.fromkeys(problems)))
    return found


def _assignment(opened: Instruments, text: str) -> tuple[str, str, Value]:
    place, separator, value = text.partition("=")
    name, dot, key = place.strip().partition(".")
    if not separator or not dot:
        raise BadInput(f"{text!r} is no assignment; write NAME.QUANTITY=VALUE, e.g. supply.voltage=1.8")
    instrument = opened.find(name)
    quantity = instrument.quantity(key)
    try:
        found = _value(quantity, value.strip())
        quantity.check(found)
    except ValueError as error:
        raise BadInput(f"{place.strip()}: {error}") from error
    return name, key, found


def _value(quantity: Quantity, text: str) -> Value:
    """What is typed, as a value of the quantity."""
    if quantity.unit:
        return float(text)
    if quantity.choices and all(isinstance(choice, bool) for choice in quantity.choices):
        words = {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}
        if text.lower() not in words:
            raise ValueError(f"{text!r} is neither on nor off")
        return words[text.lower()]
    return text


def _fields(reading: Reading) -> dict[str, object]:
    from data.instrument import in_words

    return {"quantity": reading.name, "value": in_words(reading.value), "unit": reading.unit, "error": reading.error}


def _rows(found: list[tuple[str, Reading]]) -> list[list[str]]:
    return [_row(name, reading) for name, reading in found]


def _row(name: str, reading: Reading) -> list[str]:
    shown = "?" if reading.error else _shown(reading.value)
    return [_place(name, reading), shown, reading.error or reading.unit]


def _place(name: str, reading: Reading) -> str:
    return f"{name}.{reading.name}" if reading.name else name


def _shown(value: Value | None) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    from data.instrument import in_words

    told = in_words(value)
    return f"{told:g}" if isinstance(told, float) else str(told)
