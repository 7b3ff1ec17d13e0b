"""What a run file says of its run besides the arrays, as labels and values that can be compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from data.runfile import read_metadata
from labctl.service.messages_runs import RunFacts
from labctl.service.rundata import facts

MOST: Final = 400
LONGEST: Final = 300
"""Characters of one value."""


def facts_of(path: Path) -> RunFacts:
    """The facts of a run: metadata, then what was planned, then what the bench was like at the start.

    Raises:
        BadInput: the file cannot be read or is damaged.
    """
    metadata = read_metadata(path)
    content = metadata.as_dict()
    planned, snapshot = content["plan"], content["snapshot"]
    found = [*facts(metadata), *_flat(planned, "plan"), *_readings(snapshot)]
    is_scan = isinstance(planned, Mapping) and "axes" in planned
    return RunFacts(str(path), tuple(_short(found[:MOST])), metadata.plan if is_scan else "")


def _flat(value: Any, name: str) -> Iterator[tuple[str, str]]:
    """Every leaf of plain values by its path; a list of numbers is one value."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(item, f"{name}.{key}")
    elif isinstance(value, list) and any(isinstance(item, Mapping | list) for item in value):
        for index, item in enumerate(value, 1):
            yield from _flat(item, f"{name}.{index}")
    elif isinstance(value, list):
        yield name, ", ".join(map(_number, value))
    elif value not in (None, ""):
        yield name, _number(value)


def _readings(snapshot: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(snapshot, Mapping):
        return
    readings = [("board", item) for item in _listed(snapshot.get("board"))]
    for instrument in _listed(snapshot.get("instruments")):
        name = str(instrument.get("instrument", "instrument"))
        yield from ((name, str(said)) for said in (instrument.get("identity"), instrument.get("error")) if said)
        readings += [(name, item) for item in _listed(instrument.get("readings"))]
    for name, item in readings:
        said = item.get("error") or f"{_number(item.get('value'))} {_unit(item.get('unit'))}".strip()
        yield f"{name}.{item.get('name', '')}", said


def _listed(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _unit(unit: Any) -> str:
    return "" if unit in (None, "1") else str(unit)


def _short(found: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for label, value in found:
        yield label, value if len(value) <= LONGEST else value[:LONGEST] + " …"
