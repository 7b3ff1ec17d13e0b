"""Scan plans written down: JSON for programs, TOML for people, Python for scripts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, asdict, fields
from typing import Any, Final

from data.axes import CentreSpanAxis, Leg, LinearAxis, ListAxis, LogAxis, RangeAxis, ZipAxes
from data.scan import Adaptive, BoardSweep, Needs, ScanPlan

AXES: Final[Mapping[str, type[Leg]]] = {
    "linear": LinearAxis,
    "log": LogAxis,
    "list": ListAxis,
    "centre-span": CentreSpanAxis,
    "range": RangeAxis,
    "zip": ZipAxes,
}
"""The sorts of axes by the name that files give them."""
SECTIONS: Final[Mapping[str, type]] = {"sweep": BoardSweep, "adaptive": Adaptive, "needs": Needs}
"""The tables of a plan."""

_WIDTH: Final = 96
_INDENT: Final = "    "


def scan_plan_as_json(plan: ScanPlan) -> str:
    """A plan as JSON text, every setting of it."""
    return json.dumps(_without_none(asdict(plan)))


def scan_plan_as_toml(plan: ScanPlan) -> str:
    """A plan as TOML text without what is as usual; :func:`data.scanfile.read_scan_plan` reads it."""
    import tomli_w

    return tomli_w.dumps(_unusual_plan(asdict(plan)))


def scan_plan_as_python(plan: ScanPlan | str) -> str:
    """Lines of Python that make a plan and call it ``plan``, without what is as usual.

    Args:
        plan: the plan, or its JSON text as :func:`scan_plan_as_json` gives it.
    """
    content = _unusual_plan(json.loads(plan) if isinstance(plan, str) else asdict(plan))
    legs = content.pop("axes", [])
    used = sorted({name for leg in legs for name in _classes(leg)})
    arguments: dict[str, str] = {n: _literal(content.pop(n)) for n in ("title", "kind") if n in content}
    arguments |= {"axes": _sequence([_call_of_axis(leg) for leg in legs])}
    sections = [(name, cls.__name__, content.pop(name)) for name, cls in SECTIONS.items() if name in content]
    arguments |= {name: _literal(value) for name, value in content.items()}
    arguments |= {name: _call(cls, {key: _literal(item) for key, item in told.items()}) for name, cls, told in sections}
    imports = [f"from data.axes import {', '.join(used)}"] if used else []
    imports += [f"from data.scan import {', '.join(sorted([*(cls for _, cls, _ in sections), 'ScanPlan']))}"]
    return "\n".join([*imports, "", f"plan = {_call('ScanPlan', arguments)}"])


def _classes(leg: Mapping[str, Any]) -> Iterator[str]:
    yield AXES[leg["kind"]].__name__
    for inner in leg.get("axes", ()):
        yield from _classes(inner)


def _call_of_axis(leg: Mapping[str, Any]) -> str:
    given = {name: _literal(value) for name, value in leg.items() if name not in ("kind", "axes")}
    if "axes" in leg:
        given["axes"] = _sequence([_call_of_axis(inner) for inner in leg["axes"]])
    return _call(AXES[leg["kind"]].__name__, given)


def _call(name: str, arguments: Mapping[str, str]) -> str:
    written = [f"{key}={value}" for key, value in arguments.items()]
    return _enclosed(f"{name}(", written, ")")


def _sequence(items: list[str]) -> str:
    if len(items) == 1:
        items = [f"{items[0]},"] if "\n" not in items[0] else items
        return _enclosed("(", items, ")", single=True)
    return _enclosed("(", items, ")")


def _enclosed(head: str, items: list[str], tail: str, *, single: bool = False) -> str:
    """In one line where that is short enough, else a line for each item."""
    line = head + ", ".join(items) + tail
    if "\n" not in line and len(line) <= _WIDTH:
        return line
    ends = "" if single and items[0].endswith(",") else ","
    body = "".join(f"{_INDENT}{item.replace(chr(10), chr(10) + _INDENT)}{ends}\n" for item in items)
    return f"{head}\n{body}{tail}"


def _literal(value: object) -> str:
    if isinstance(value, list | tuple):
        return _sequence([_literal(item) for item in value])
    text = repr(value)
    return f'"{text[1:-1]}"' if isinstance(value, str) and '"' not in text else text


def _unusual_plan(content: Mapping[str, Any]) -> dict[str, Any]:
    """A plan as plain values, without those that are as they are when nothing is said."""
    found = _unusual(ScanPlan, {name: value for name, value in content.items() if name not in SECTIONS})
    found["axes"] = [_unusual_axis(leg) for leg in content.get("axes", ())]
    for name, section in SECTIONS.items():
        given = content.get(name)
        if given is not None and (told := _unusual(section, given)):
            found[name] = told
    return {name: found[name] for name in ("title", "kind", "read", "snake", "axes", *SECTIONS) if name in found}


def _unusual_axis(leg: Mapping[str, Any]) -> dict[str, Any]:
    found = {**_unusual(AXES[leg["kind"]], leg), "kind": leg["kind"]}
    if "axes" in leg:
        found["axes"] = [_unusual_axis(inner) for inner in leg["axes"]]
    return found


def _unusual(section: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    usual = {item.name: item.default for item in fields(section) if item.default is not MISSING}
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}
    return {
        name: value
        for name, value in plain.items()
        if value is not None
        and not (name in usual and value == (list(u) if isinstance(u := usual[name], tuple) else u))
    }


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return [_without_none(item) for item in value] if isinstance(value, list | tuple) else value
