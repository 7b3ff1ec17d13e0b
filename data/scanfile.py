"""Scan plans as text: TOML for people, JSON for programs; both have the fields of :class:`~data.scan.ScanPlan`."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final, get_type_hints

from pydantic import TypeAdapter, ValidationError

from data.errors import BadInput, Problems
from data.scan import ScanPlan
from data.scantext import AXES, SECTIONS, scan_plan_as_json, scan_plan_as_toml

__all__ = ["read_scan_plan", "scan_plan_as_json", "scan_plan_of", "scan_plan_of_json", "write_scan_plan"]

_LONGEST: Final = 40
_WORDS: Final[Mapping[type, str]] = {bool: "true or false", int: "a whole number", float: "a number"}


def read_scan_plan(path: Path) -> ScanPlan:
    """A plan from a ``.toml`` or ``.json`` file.

    Raises:
        BadInput: the file cannot be read or is neither.
        Problems: what makes no sense in it, all at once.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"cannot read the plan {path}: {getattr(error, 'strerror', None) or error}") from error
    return scan_plan_of_json(text, str(path)) if path.suffix.lower() == ".json" else _of_toml(text, str(path))


def write_scan_plan(plan: ScanPlan, path: Path) -> None:
    """Write a plan as ``.json``, or as TOML under any other ending; a file that is there is replaced.

    Raises:
        BadInput: the file cannot be written.
    """
    text = scan_plan_as_json(plan) + "\n" if path.suffix.lower() == ".json" else scan_plan_as_toml(plan)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"cannot write the plan {path}: {error.strerror or error}") from error


def scan_plan_of_json(text: str, where: str = "the plan") -> ScanPlan:
    """A plan from JSON text, as :func:`scan_plan_as_json` gives it.

    Args:
        text: the JSON.
        where: its name in errors.

    Raises:
        BadInput: it is not JSON.
        Problems: what makes no sense in it, all at once.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{where} is not valid JSON: {error}") from error
    return scan_plan_of(content, where)


def scan_plan_of(content: object, where: str = "the plan") -> ScanPlan:
    """A plan from plain values, as TOML and JSON have them.

    Raises:
        Problems: what makes no sense in it, all at once.
    """
    problems: list[str] = []
    if not isinstance(content, Mapping):
        raise Problems(where, ["it must be a table of settings"])
    legs = content.get("axes", [])
    known: dict[str, Any] = {**content, "axes": ()}
    if isinstance(legs, list | tuple):
        built = [_leg(item, f"axes.{number}", problems) for number, item in enumerate(legs)]
        known["axes"] = tuple(leg for leg in built if leg is not None)
    else:
        problems.append("axes: it should be a list of axes, [[axes]] in TOML")
    for name, section in SECTIONS.items():
        if name in content and (built := _build(section, content[name], name, problems)) is not None:
            known[name] = built
        else:
            known.pop(name, None)
    plan: ScanPlan = _build(ScanPlan, known, "", problems)
    if not problems:
        problems.extend(plan.problems())
    if problems:
        raise Problems(where, problems)
    return plan


def _of_toml(text: str, where: str) -> ScanPlan:
    try:
        content = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadInput(f"{where} is not valid TOML: {error}") from error
    return scan_plan_of(content, where)


def _leg(content: object, where: str, problems: list[str]) -> Any:
    if not isinstance(content, Mapping):
        problems.append(f"{where}: it should be a table with set and kind")
        return None
    kind = content.get("kind")
    if not isinstance(kind, str) or kind not in AXES:
        problems.append(f"{where}.kind: it should be one of {', '.join(AXES)} (it is {kind!r})")
        return None
    known = dict(content)
    inner = known.get("axes")
    if kind == "zip" and isinstance(inner, list | tuple):
        built = [_leg(item, f"{where}.axes.{number}", problems) for number, item in enumerate(inner)]
        if None in built:
            return None
        known["axes"] = tuple(built)
    return _build(AXES[kind], known, where, problems)


def _build(section: type[Any], content: object, where: str, problems: list[str]) -> Any:
    """The value that a table describes; what is wrong with it goes to ``problems``."""
    if not isinstance(content, Mapping):
        problems.append(f"{where}: it should be a table")
        return None
    prefix = f"{where}." if where else ""
    names = [item.name for item in fields(section)]
    problems.extend(f"{prefix}{name} is not a setting labctl knows" for name in content if name not in names)
    kinds = get_type_hints(section)
    for name in names:
        # "yes" and "3" are mistakes, and not what they may stand for.
        if name in content and kinds[name] in _WORDS and not _is(content[name], kinds[name]):
            problems.append(f"{prefix}{name}: it should be {_WORDS[kinds[name]]} (it is {_shown(content[name])})")
    try:
        return TypeAdapter(section).validate_python({name: content[name] for name in names if name in content})
    except ValidationError as error:
        for item in error.errors():
            place = prefix + ".".join(str(part) for part in item["loc"])
            if not any(problem.startswith(place) for problem in problems):
                problems.append(_sentence(place, item["type"], item["msg"], item["input"]))
        return None


def _is(value: object, kind: type) -> bool:
    return isinstance(value, bool) if kind is bool else not isinstance(value, bool | str)


def _sentence(place: str, sort: str, message: str, given: object) -> str:
    if sort in ("missing", "missing_keyword_only_argument"):
        return f"{place} is missing"
    return f"{place}: {message.replace('Input should', 'it should')} (it is {_shown(given)})"


def _shown(given: object) -> str:
    text = repr(given)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
