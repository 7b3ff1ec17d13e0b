"""The points of the hardening study: data, networks, ways to train, and boards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType

from labctl.studies.folder import Plan
from labctl.studies.hardening.names import CONSTANT, CONVERTED, NOISY, PLAIN, VANT
from labctl.studies.ordering.plan import Condition
from labctl.studies.points import Point

NAME = "hardening"
KEYWORDS = "keywords"
"""The data set that comes from the point of the same name."""

QUIET = Condition("quiet")
LOUD = Condition("loud", ("noise=8",))
"""The board as it usually is, and with nearly six times its trial noise."""


@dataclass(frozen=True)
class Lesson:
    """A network, what it learns, and how long.

    Attributes:
        data: ``digits``, ``digits-16`` or ``keywords``.
        net: a name of :mod:`models.nets`.
        epochs: passes over the training inputs.
        batch: inputs in a step.
        learning_rate: at the beginning of the cosine schedule.
    """

    data: str
    net: str
    epochs: int
    batch: int
    learning_rate: float

    @property
    def key(self) -> str:
        """Names its points."""
        return f"{self.data}-{self.net}".replace("_", "-")


@dataclass(frozen=True)
class Boards:
    """What is computed on boards; a perceptron for keywords in every arm of :data:`BOARD_ARMS`.

    Attributes:
        conditions: kinds of board.
        boards: emulated boards of each condition; the same seeds, hence the same chips, in all of them.
        seeds: trainings on each board.
        geometry: rows and columns of the array.
        hidden: widths of the hidden layers.
        float_epochs: of the float networks, over all training utterances.
        epochs: of every arm.
        utterances: training utterances of an epoch, drawn anew for each epoch; 0 for all.
        coarser: by how many powers of 2 the arm ``constant`` makes the step of the activations larger; of several the
            best on validation voices on the chip model counts.
        noises: trial noise, in output codes, that the same chips are given afterwards, as if it had changed since the
            calibration; the networks stay as they are.
    """

    conditions: tuple[Condition, ...]
    boards: int
    seeds: int
    geometry: str
    hidden: tuple[int, ...]
    float_epochs: int
    epochs: int
    utterances: int
    coarser: tuple[int, ...]
    noises: tuple[float, ...]


BOARD_ARMS = (CONVERTED, PLAIN, NOISY, VANT, CONSTANT)


@dataclass(frozen=True)
class Scale:
    """How much is computed.

    Attributes:
        name: ``quick``, ``medium``, ``full``, or another for a plan of one's own.
        lessons: networks and data.
        seeds: trainings of each network in each way.
        strengths: noise that networks are trained under and judged at.
        bits: of quantised networks.
        scales: constant scales by bits.
        draws: how often every input is judged at a strength, each time with other noise.
        speech: size of the corpus.
        boards: what is computed on boards.
    """

    name: str
    lessons: tuple[Lesson, ...]
    seeds: int
    strengths: tuple[float, ...]
    bits: tuple[int, ...]
    scales: Mapping[int, tuple[float, ...]]
    draws: int
    speech: str
    boards: Boards


def _decades(low: float, high: float, each: int) -> tuple[float, ...]:
    """Strengths from 10^low to 10^high, ``each`` to a decade, to four digits."""
    count = round((high - low) * each)
    return tuple(float(f"{10 ** (low + index / each):.4g}") for index in range(count + 1))


QUICK = Scale(
    name="quick",
    lessons=(
        Lesson("digits", "mlp", 40, 64, 2e-3),
        Lesson("digits-16", "lenet5", 24, 64, 2e-3),
        Lesson(KEYWORDS, "mlp", 20, 128, 1e-3),
    ),
    seeds=3,
    strengths=_decades(-1.5, 1, 4),
    bits=(4, 8),
    scales=MappingProxyType({4: (0.25, 0.5, 1.0, 2.0), 8: (0.25, 1.0, 4.0)}),
    draws=2,
    speech="small",
    boards=Boards(
        conditions=(QUIET, LOUD),
        boards=1,
        seeds=3,
        geometry="128x80",
        hidden=(64, 64, 64),
        float_epochs=15,
        epochs=5,
        utterances=4096,
        coarser=(1,),
        noises=(1.4, 4.0, 8.0),
    ),
)

_WIDE = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)

MEDIUM = replace(
    QUICK,
    name="medium",
    lessons=(
        Lesson("digits", "mlp", 60, 64, 2e-3),
        Lesson("digits-16", "lenet5", 60, 64, 2e-3),
        Lesson(KEYWORDS, "mlp", 24, 128, 1e-3),
    ),
    seeds=5,
    scales=MappingProxyType({4: _WIDE, 8: _WIDE}),
    boards=replace(QUICK.boards, boards=3, epochs=6, noises=(0.7, 1.4, 2.8, 5.6, 8.0, 11.0)),
)

FULL = replace(
    MEDIUM,
    name="full",
    lessons=(
        Lesson("digits", "mlp", 200, 64, 1e-3),
        Lesson("digits-16", "lenet5", 200, 64, 1e-3),
        Lesson(KEYWORDS, "mlp", 150, 512, 5e-4),
        Lesson(KEYWORDS, "cnn_s", 150, 512, 5e-4),
    ),
    strengths=_decades(-2, 2, 4),
    scales=MappingProxyType({4: (0.125, *_WIDE, 32.0, 64.0), 8: (0.125, *_WIDE, 32.0, 64.0)}),
    draws=4,
    speech="full",
    boards=replace(MEDIUM.boards, seeds=5, epochs=10, utterances=0),
)

SCALES = {scale.name: scale for scale in (QUICK, MEDIUM, FULL)}

_SEEDS = 1_000_000
"""Seeds are smaller than this."""


def plan_of_scope(scope: str, seed: int, geometry: str | None = None) -> Plan:
    """The plan of a scope, one of :data:`SCALES`; ``geometry`` is ROWSxCOLUMNS of the boards."""
    scale = SCALES[scope]
    if geometry:
        scale = replace(scale, boards=replace(scale.boards, geometry=geometry))
    return hardening_plan(scale, seed)


def hardening_plan(scale: Scale, seed: int) -> Plan:
    """The plan of the study; what takes longest is begun first.

    The seeds of boards and trainings are counted up from ones that ``seed`` gives; two studies with neighbouring seeds
    have none in common.
    """
    seeds = [(1000 * seed + 501 + index) % _SEEDS for index in range(scale.seeds)]
    points = [Point("speech", {"kind": "speech", "size": scale.speech})]
    if any(lesson.data == KEYWORDS for lesson in scale.lessons):
        points.append(Point(KEYWORDS, {"kind": KEYWORDS, "size": scale.speech}))
    return Plan(NAME, scale.name, seed, (*points, *_boards(scale.boards, seed), *_simulated(scale, seeds)))


def _simulated(scale: Scale, seeds: list[int]) -> list[Point]:
    points = []
    for lesson in scale.lessons:
        needs = (KEYWORDS,) if lesson.data == KEYWORDS else ()
        common = {"lesson": asdict(lesson), "strengths": scale.strengths, "draws": scale.draws}
        for seed in seeds:
            for bits in scale.bits:
                quantised = {"bits": bits, "scales": scale.scales[bits], "seed": seed}
                key = f"{lesson.key}-{bits}-bits-seed-{seed}"
                points.append(Point(key, {"kind": "quantised", **common, **quantised}, needs))
        for arm in (NOISY, VANT):
            settings = {"kind": "float", **common, "arm": arm, "seeds": seeds}
            points.append(Point(f"{lesson.key}-{arm}", settings, needs))
    return points


def _boards(scale: Boards, seed: int) -> list[Point]:
    """Float networks and calibrations first, then a cell for each board and training seed."""
    numbers = [(1000 * seed + 1 + index) % _SEEDS for index in range(scale.boards)]
    seeds = [(1000 * seed + 501 + index) % _SEEDS for index in range(scale.seeds)]
    points, cells = [], []
    for condition in scale.conditions:
        for number in numbers:
            where = {"condition": asdict(condition), "geometry": scale.geometry, "board": number}
            key = f"{condition.name}-board-{number}"
            points.append(Point(key, {"kind": "calibration", **where, "seed": number}))
            for own in seeds:
                needed = {"speech": "speech", "float": f"float-{own}", "calibration": key}
                how = {
                    "epochs": scale.epochs,
                    "utterances": scale.utterances,
                    "coarser": scale.coarser,
                    "noises": scale.noises,
                }
                settings = {"kind": "board", **needed, **where, **how, "seed": own}
                cells.append(Point(f"{key}-seed-{own}", settings, tuple(needed.values())))
    for own in seeds:
        settings = {"kind": "start", "speech": "speech", "seed": own}
        more = {"epochs": scale.float_epochs, "hidden": scale.hidden}
        points.append(Point(f"float-{own}", {**settings, **more}, ("speech",)))
    return [*points, *cells]
