"""The points of the calibration study: boards, budgets, and what judges their calibrations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from labctl.studies.folder import Plan
from labctl.studies.points import Point

NAME = "calibration"
REFERENCE = "quick"
"""The budget whose calibrations are repeated, and whose models make the data that are fitted again."""

PLAIN = ("line=off,voltage=off,adc=off",)
"""Physics in which every parameter of the chip models is a property of the board; mismatch, drift and noise stay."""


@dataclass(frozen=True)
class Scale:
    """How much is computed.

    Attributes:
        name: ``quick``, ``full``, or another for a plan of one's own.
        boards: how many boards each budget is measured on; the first ones of the same row of seeds.
        repeated: how many of the boards are calibrated again by other vectors, have their models fitted as if they
            were boards, and are calibrated with :data:`PLAIN` physics too.
        geometry: rows and columns of the array.
        programmes: sets of weights by which predictions are judged.
        vectors: vectors for each of them.
        repeats: how often each is measured, so that its mean is known far better than it is predicted.
        physics: settings of the emulated boards' physics.
    """

    name: str
    boards: Mapping[str, int]
    repeated: int
    geometry: str
    programmes: int = 12
    vectors: int = 6
    repeats: int = 400
    physics: tuple[str, ...] = ()


QUICK = Scale(name="quick", boards={"quick": 4, "optimal": 4}, repeated=2, geometry="128x64")
FULL = Scale(name="full", boards={"quick": 20, "optimal": 6, "full": 2}, repeated=8, geometry="128x256")

_SEEDS = 1_000_000
"""Seeds are smaller than this."""


def plan_of_scope(scope: str, seed: int, geometry: str | None = None) -> Plan:
    """The plan of a scope, ``quick`` or ``full``; ``geometry`` is ROWSxCOLUMNS of the boards."""
    scale = QUICK if scope == "quick" else FULL
    return calibration_plan(replace(scale, geometry=geometry) if geometry else scale, seed)


def calibration_plan(scale: Scale, seed: int) -> Plan:
    """The plan of the study; two studies with neighbouring seeds have no board in common."""
    points: list[Point] = []
    for budget, count in scale.boards.items():
        for index in range(count):
            board = (1000 * seed + 101 + index) % _SEEDS
            where = {"board": board, "budget": budget, "geometry": scale.geometry, "physics": scale.physics}
            judged = {"programmes": scale.programmes, "vectors": scale.vectors, "repeats": scale.repeats}
            key = f"board-{board}-{budget}"
            points.append(Point(key, {"kind": "board", **where, **judged, "seed": 1}))
            if budget == REFERENCE and index < scale.repeated:
                points.append(Point(f"{key}-again", {"kind": "again", **where, "seed": 2}, (key,)))
                points.append(Point(f"{key}-recovered", {"kind": "recovery", **where, "seed": 3}, (key,)))
                plain = {**where, "physics": (*scale.physics, *PLAIN)}
                points.append(Point(f"board-{board}-plain", {"kind": "plain", **plain, "seed": 1}))
    return Plan(NAME, scale.name, seed, tuple(points))
