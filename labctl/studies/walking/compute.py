"""Compute a point of the study of walking noise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from data.errors import BadInput
from labctl.studies.points import Point, Row
from labctl.studies.walking.clean import clean_rows
from labctl.studies.walking.datasets import keep_keywords, load_data
from labctl.studies.walking.names import CHANCE
from labctl.studies.walking.noisy import noisy_rows

Needs = Mapping[str, Path]
Settings = Mapping[str, Any]


def compute(point: Point, place: Path, needs: Needs) -> Iterable[Row]:
    """Rows of one point; see :class:`labctl.studies.points.Compute`.

    Raises:
        BadInput: a kind of point that this study does not have, or data that cannot be used.
    """
    known: dict[str, Callable[[Settings, Path, Needs], Iterable[Row]]] = {
        "data": _data,
        "clean": _walk,
        "noisy": _walk,
    }
    kind = point.settings["kind"]
    if kind not in known:
        raise BadInput(f"the study walking-noise has no points of kind {kind}")
    return known[kind](point.settings, place, needs)


def _data(settings: Settings, place: Path, _: Needs) -> Iterable[Row]:
    found = keep_keywords(settings, place)
    parts = {"training": found.train, "validation": found.validation, "test": found.test}
    sizes = {name: len(part) for name, part in parts.items() if part is not None}
    return [{"data": found.name, "quantity": f"{name} samples", "value": float(size)} for name, size in sizes.items()]


def _walk(settings: Settings, _place: Path, needs: Needs) -> Iterable[Row]:
    data = load_data(settings, needs)
    names = {
        "data": settings["data"],
        "net": settings["net"],
        "batch_norm": settings["batch_norm"],
        "noise": settings["noise"],
        "trained": settings["kind"],
    }
    rows = clean_rows(data, settings) if settings["kind"] == "clean" else noisy_rows(data, settings)
    yield {**names, "quantity": CHANCE, "value": data.chance}
    for row in rows:
        yield {**names, **row}
