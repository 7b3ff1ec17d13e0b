"""The points of the ordering study: speech, float networks, calibrated boards, and cells of board and seed."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from labctl.studies.folder import Plan
from labctl.studies.points import Point

NAME = "ordering"

ARMS = ("ideal", "unordered", "ordered", "ordered+board", "board")
"""What networks are trained on, see :mod:`labctl.studies.ordering.training`."""


@dataclass(frozen=True)
class Condition:
    """How strong order effects are: a kind of board, and how vectors are sent to it.

    Attributes:
        name: in tables and figures.
        physics: settings of the emulated board's physics.
        spacing_ns: between two events.
        sends: repeats of each vector.
    """

    name: str
    physics: tuple[str, ...] = ()
    spacing_ns: int = 40
    sends: int = 2


NONE = Condition("none", ("order=off",))
DEFAULT = Condition("default")
STRONG = Condition("strong", ("leak_us=3", "rail=70", "line_limit=30000"))

CONDITIONS = (
    NONE,
    Condition("leak-32us", ("leak_us=32",)),
    DEFAULT,
    Condition("leak-4us", ("leak_us=4",)),
    Condition("leak-2us", ("leak_us=2",)),
    Condition("line-20000", ("line_limit=20000",)),
    Condition("rail-60", ("rail=60",)),
    Condition("spacing-16ns", spacing_ns=16),
    Condition("spacing-96ns", spacing_ns=96),
    Condition("sends-1", sends=1),
    Condition("sends-4", sends=4),
    STRONG,
)
"""Those of the full study, each but the last one change away from the default."""


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
        utterances: training utterances that are used; 0 for all.
        float_epochs: of the float networks.
        epochs: of every arm; the arm ``ordered+board`` goes on from there.
        board_epochs: that it goes on for.
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
    utterances: int
    float_epochs: int
    epochs: int
    board_epochs: int
    board_utterances: int
    searched: int
    tries: int
    probed: int


QUICK = Scale(
    name="quick",
    conditions=(NONE, DEFAULT, STRONG),
    boards=2,
    seeds=3,
    geometry="128x144",
    size="small",
    utterances=4096,
    float_epochs=15,
    epochs=4,
    board_epochs=2,
    board_utterances=2048,
    searched=192,
    tries=150,
    probed=24,
)

FULL = Scale(
    name="full",
    conditions=CONDITIONS,
    boards=3,
    seeds=5,
    geometry="128x256",
    size="full",
    utterances=0,
    float_epochs=30,
    epochs=12,
    board_epochs=4,
    board_utterances=8192,
    searched=512,
    tries=1000,
    probed=40,
)

_SEEDS = 1_000_000
"""Seeds are smaller than this."""


def ordering_plan(scale: Scale, seed: int) -> Plan:
    """The plan of the study: calibrations of the boards first, then a cell for each board and training seed.

    The seeds of boards and trainings are counted up from ones that ``seed`` gives; two studies with neighbouring
    seeds have no board in common.
    """
    boards = [(1000 * seed + 1 + index) % _SEEDS for index in range(scale.boards)]
    seeds = [(1000 * seed + 501 + index) % _SEEDS for index in range(scale.seeds)]
    points = [Point("speech", {"kind": "speech", "size": scale.size, "utterances": scale.utterances})]
    points += [_float(scale, number) for number in seeds]
    calibrations = [_calibration(scale, condition, number) for condition in scale.conditions for number in boards]
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
    return f"{condition.name}-board-{board}"


def _calibration(scale: Scale, condition: Condition, board: int) -> Point:
    return Point(
        _calibration_key(condition, board), {"kind": "calibration", **_board(scale, condition, board), "seed": board}
    )


def _cell(scale: Scale, condition: Condition, board: int, seed: int) -> list[Point]:
    """Training of all arms, and what the board says of them: a board each, fresh from its start."""
    calibration = _calibration_key(condition, board)
    key = f"{calibration}-seed-{seed}"
    where = {**_board(scale, condition, board), "seed": seed, "arms": ARMS}
    before = {"speech": "speech", "float": f"float-{seed}", "calibration": calibration}
    training = {
        "kind": "training",
        **before,
        **where,
        "epochs": scale.epochs,
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
