"""Compute a point of the hardening study."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from data.errors import BadInput
from data.speech import load_speech
from labctl.studies.hardening.lessons import save_keywords
from labctl.studies.hardening.plan import KEYWORDS
from labctl.studies.points import Point, Row

Needs = Mapping[str, Path]
Work = Callable[[Mapping[str, Any], Path, Needs], Iterable[Row]]


def compute(point: Point, place: Path, needs: Needs) -> Iterable[Row]:
    """Rows of one point; see :class:`labctl.studies.points.Compute`.

    Raises:
        BadInput: a kind of point that this study does not have, or what the point's work raises.
        LinkError: the link to the emulated board failed.
    """
    from labctl.studies.hardening import boards, simulated

    known: dict[str, Work] = {
        KEYWORDS: _keywords,
        "float": simulated.train_float_arms,
        "quantised": simulated.train_quantised_arms,
        "speech": boards.prepare,
        "start": boards.train_start,
        "calibration": boards.calibrate_board,
        "board": boards.harden,
    }
    kind = point.settings["kind"]
    if kind not in known:
        raise BadInput(f"the hardening study has no points of kind {kind}")
    return known[kind](point.settings, place, needs)


def _keywords(settings: Mapping[str, Any], place: Path, _: Needs) -> Iterable[Row]:
    made = save_keywords(load_speech(size=settings["size"]), place)
    return [{"quantity": "keyword pictures to train on", "value": float(len(made.train))}]
