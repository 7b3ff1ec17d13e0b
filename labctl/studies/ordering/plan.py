"""The points of the ordering study: speech, float networks, calibrated boards, and cells of board and seed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from labctl.studies.folder import Plan
from labctl.studies.ordering.names import ARMS, ASCENDING, DESCENDING
from labctl.studies.points import Point

NAME = "ordering"


@dataclass(frozen=True)
class Condition:
    """How strong order effects are: a kind of board, how vectors are sent to it, and in which order.

    Attributes:
        name: in tables and figures.
        physics: settings of the emulated board's physics.
        spacing_ns: between two events.
        sends: repeats of each vector.
        order: event order that networks are trained for and run in, a key of
            :data:`labctl.studies.ordering.orders.FIXED`; boards are always calibrated in ascending order.
        calibrated: the condition whose calibrations are used, for one that differs from it in ``order`` alone; empty
            for its own.
    """

    name: str
    physics: tuple[str, ...] = ()
    spacing_ns: int = 40
    sends: int = 2
    order: str = ASCENDING
    calibrated: str = ""


NONE = Condition("none", ("order=off",))
DEFAULT = Condition("default")
STRONG = Condition("strong", ("leak_us=3", "rail=70", "line_limit=30000"))


def reversed_order(condition: Condition) -> Condition:
    """The same boards and calibrations, but networks trained for descending order and run in it."""
    return replace(condition, name=f"{condition.name}-reversed", order=DESCENDING, calibrated=condition.name)


CONDITIONS = (
    NONE,
    DEFAULT,
    reversed_order(DEFAULT),
    Condition("sends-4", sends=4),
    Condition("spacing-96ns", spacing_ns=96),
    Condition("leak-3us", ("leak_us=3",)),
    STRONG,
    reversed_order(STRONG),
)
"""Those of the full study: sends, spacing and leak are each one change away from the default."""


@dataclass(frozen=True)
class Scale:
    """How much is computed.

    Attributes:
        name: ``quick``, ``full``, or another for a plan of one's own.
        conditions: strengths of order effects.
        boards: emulated boards of each condition; the same seeds, hence the same chips, in all of them.
        seeds: trainings on each board.
        geometry: rows and columns of the array.
        size: of the corpus.
        float_epochs: of the float networks, over all training utterances.
        epochs: of every arm; the arm ``ordered+board`` goes on from there.
        utterances: training utterances of an epoch, drawn anew for each epoch; 0 for all.
        board_epochs: that ``ordered+board`` goes on for.
        board_utterances: training utterances of each of those.
        searched: training utterances by which event orders are searched.
        tries: event orders that the search tries at random.
        probed: test utterances by which non-associativity is measured.
    """

    name: str
    conditions: tuple[Condition, ...]
    boards: int
    seeds: int
    geometry: str
    size: str
    float_epochs: int
    epochs: int
    utterances: int
    board_epochs: int
    board_utterances: int
    searched: int
    tries: int
    probed: int


QUICK = Scale(
    name="quick",
    conditions=(NONE, STRONG, reversed_order(STRONG)),
    boards=2,
    seeds=3,
    geometry="128x144",
    size="small",
    float_epochs=15,
    epochs=6,
    utterances=4096,
    board_epochs=2,
    board_utterances=2048,
    searched=256,
    tries=100,
    probed=24,
)

FULL = Scale(
    name="full",
    conditions=CONDITIONS,
    boards=3,
    seeds=3,
    geometry="128x144",
    size="full",
    float_epochs=15,
    epochs=10,
    utterances=6144,
    board_epochs=2,
    board_utterances=6144,
    searched=1024,
    tries=500,
    probed=24,
)

_SEEDS = 1_000_000
"""Seeds are smaller than this."""


def plan_of_scope(scope: str, seed: int, geometry: str | None = None) -> Plan:
    """The plan of a scope, ``quick`` or ``full``; ``geometry`` is ROWSxCOLUMNS of the boards."""
    scale = QUICK if scope == "quick" else FULL
    return ordering_plan(replace(scale, geometry=geometry) if geometry else scale, seed)


def ordering_plan(scale: Scale, seed: int) -> Plan:
    """The plan of the study: calibrations of the boards first, then a cell for each board and training seed.

    The seeds of boards and trainings are counted up from ones that ``seed`` gives; two studies with neighbouring
    seeds have no board in common.
    """
    boards = [(1000 * seed + 1 + index) % _SEEDS for index in range(scale.boards)]
    seeds = [(1000 * seed + 501 + index) % _SEEDS for index in range(scale.seeds)]
    points = [Point("speech", {"kind": "speech", "size": scale.size})]
    points += [_float(scale, number) for number in seeds]
    own = [condition for condition in scale.conditions if not condition.calibrated]
    calibrations = [_calibration(scale, condition, number) for condition in own for number in boards]
    # The last condition is the strongest and takes longest: it is begun first, so that no worker is left alone with
    # it at the end.
    cells = [
        point
        for condition in reversed(scale.conditions)
        for board in boards
        for number in seeds
        for point in _cell(scale, condition, board, number)
    ]
    return Plan(NAME, scale.name, seed, (*points, *reversed(calibrations), *cells))


def _float(scale: Scale, seed: int) -> Point:
    settings = {"kind": "float", "speech": "speech", "seed": seed, "epochs": scale.float_epochs}
    return Point(f"float-{seed}", settings, ("speech",))


def _board(scale: Scale, condition: Condition, board: int) -> dict[str, object]:
    return {"condition": asdict(condition), "geometry": scale.geometry, "board": board}


def _calibration_key(condition: Condition, board: int) -> str:
    return f"{condition.calibrated or condition.name}-board-{board}"


def _calibration(scale: Scale, condition: Condition, board: int) -> Point:
    return Point(
        _calibration_key(condition, board), {"kind": "calibration", **_board(scale, condition, board), "seed": board}
    )


def _cell(scale: Scale, condition: Condition, board: int, seed: int) -> list[Point]:
    """Training of all arms, and what the board says of them: a board each, fresh from its start."""
    calibration = _calibration_key(condition, board)
    key = f"{condition.name}-board-{board}-seed-{seed}"
    where = {**_board(scale, condition, board), "seed": seed, "arms": ARMS}
    before = {"speech": "speech", "float": f"float-{seed}", "calibration": calibration}
    training = {
        "kind": "training",
        **before,
        **where,
        "epochs": scale.epochs,
        "utterances": scale.utterances,
        "board_epochs": scale.board_epochs,
        "board_utterances": scale.board_utterances,
    }
    needed = {"speech": "speech", "calibration": calibration, "training": key}
    judging = {
        "kind": "judging",
        **needed,
        **where,
        "searched": scale.searched,
        "tries": scale.tries,
        "probed": scale.probed,
    }
    return [
        Point(key, training, tuple(before.values())),
        Point(f"{key}-judged", judging, tuple(needed.values())),
    ]
