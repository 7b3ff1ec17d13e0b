"""Compute a point of the calibration study."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from calibration.calibrate import calibrate as fit
from calibration.measure import measure
from calibration.plans import standard_plans
from calibration.record import COVARIANCE_NAMES, CalibrationRecord, load_record
from calibration.vectors import HELD_OUT, random_vectors
from data.errors import BadInput
from data.sweepfile import read_sweep
from labctl.bench import Bench, BenchConfig, BoardConfig, EmulatorConfig, open_bench
from labctl.measuring import calibrate
from labctl.studies.calibration.coverage import parameter_rows, prediction_rows, repeat_rows
from labctl.studies.calibration.truth import EFFECTIVE, EXACT, board_seconds, counterparts
from labctl.studies.points import Point, Row
from models.chip import ChipModel

JUDGING_SEED = 990_000
"""Of the vectors that judge; far from those of the sweeps."""
CLOSE = 1.15
"""Residual over noise up to which a column counts as described."""
ELSEWHERE = 20_000
"""Vectors that a board computes before it is calibrated again: more than a calibration sends, or draws would repeat."""

Needs = Mapping[str, Path]
Settings = Mapping[str, Any]


def compute(point: Point, place: Path, needs: Needs) -> Iterable[Row]:
    """Rows of one point; see :class:`labctl.studies.points.Compute`.

    Raises:
        BadInput: a kind of point that this study does not have, or what the point's work raises.
        LinkError: the link to the emulated board failed.
    """
    known: dict[str, Callable[[Settings, Path, Needs], Iterable[Row]]] = {
        "board": _board,
        "again": _again,
        "recovery": _recovery,
        "plain": _plain,
    }
    kind = point.settings["kind"]
    if kind not in known:
        raise BadInput(f"the calibration study has no points of kind {kind}")
    names = {"board": point.settings["board"], "budget": point.settings["budget"]}
    return [{**names, **row} for row in known[kind](point.settings, place, needs)]


def _board(settings: Settings, place: Path, _: Needs) -> Iterator[Row]:
    """Calibrate a board; judge its predictions, and the parameters that are its own."""
    sweeps = place / "sweeps"
    with _bench(settings, sweeps) as bench:
        record = calibrate(bench, folder=place, budget=settings["budget"], seed=settings["seed"])
        plan = random_vectors(
            bench.board.geometry,
            bench.schedule,
            seed=JUDGING_SEED,
            programmes=settings["programmes"],
            vectors=settings["vectors"],
            repeats=settings["repeats"],
            kind=HELD_OUT,
        )
        with bench.lend("judge a calibration", kind="judging") as board:
            judged = measure(plan, board)
    plans = [read_sweep(path).plan for path in sorted(sweeps.glob("*.h5"))]
    shutil.rmtree(sweeps)
    measured = [item for item in plans if item.kind != HELD_OUT]
    yield from _residuals(record)
    yield {"quantity": "vectors", "value": float(sum(item.vectors for item in measured))}
    yield {"quantity": "programmes", "value": float(sum(len(item.weights) for item in measured))}
    yield {"quantity": "board seconds", "value": board_seconds(measured)}
    yield from prediction_rows(record, judged)
    truth = counterparts(settings["board"], _physics(settings), plans, record.schedule)
    yield from parameter_rows("effective", record, {name: truth[name] for name in EFFECTIVE}, record.passes)


def _plain(settings: Settings, place: Path, _: Needs) -> Iterator[Row]:
    """Calibrate a board that the models can describe; judge its parameters, which are then properties of the board."""
    sweeps = place / "sweeps"
    with _bench(settings, sweeps) as bench:
        record = calibrate(bench, folder=place, budget=settings["budget"], seed=settings["seed"])
    plans = [read_sweep(path).plan for path in sorted(sweeps.glob("*.h5"))]
    shutil.rmtree(sweeps)
    truth = counterparts(settings["board"], _physics(settings), plans, record.schedule)
    yield from parameter_rows("counterpart", record, {name: truth[name] for name in EXACT}, record.passes)


def _residuals(record: CalibrationRecord) -> Iterator[Row]:
    ordered, unordered = record.ordered_score, record.unordered_score
    within = ordered.residual_over_noise[record.passes] <= CLOSE
    found = {
        "ordered residual over noise": ordered.median,
        "unordered residual over noise": unordered.median,
        "ordered residual over noise, all schedules": ordered.median_all_schedules,
        "unordered residual over noise, all schedules": unordered.median_all_schedules,
        "share of columns within 1.15": float(np.mean(within)),
        "columns that pass": float(record.passes.sum()),
        "order terms": float(len(record.ordered.terms)),
    }
    for quantity, value in found.items():
        yield {"quantity": quantity, "value": value}


def _again(settings: Settings, place: Path, needs: Needs) -> Iterator[Row]:
    """Calibrate the same board by other vectors."""
    (first,) = (_record(folder) for folder in needs.values())
    sweeps = place / "sweeps"
    with _bench(settings, sweeps) as bench:
        # An emulated board's noise is a function of how many vectors it has computed: it must not be the same again.
        geometry = bench.board.geometry
        with bench.lend("use the board", kind="warm-up") as board:
            board.program(np.zeros((geometry.rows, geometry.columns), np.int8))
            board.multiply(np.zeros((ELSEWHERE, geometry.rows), np.uint8), bench.schedule)
        second = calibrate(bench, folder=place, budget=settings["budget"], seed=settings["seed"])
    shutil.rmtree(sweeps)
    yield from repeat_rows(first, second)


def _recovery(settings: Settings, place: Path, needs: Needs) -> Iterator[Row]:
    """Measure the fitted model as if it were a board, and fit what it answers: here the truth is known exactly."""
    (known,) = (_record(folder) for folder in needs.values())
    model = ChipModel(known.ordered, seed=settings["seed"])
    plans = standard_plans(known.geometry, known.schedule, seed=settings["seed"], budget=settings["budget"])
    found = fit([measure(plan, model) for plan in plans], model.identity, known.geometry, known.schedule)
    found.save(place)
    same = found.ordered.terms == known.ordered.terms
    yield {"judgement": "recovery", "quantity": "same terms", "value": float(same)}
    truth = {name: getattr(known.ordered, name) for name in COVARIANCE_NAMES}
    yield from parameter_rows("recovery", found, truth, known.passes & found.passes)


def _record(folder: Path) -> CalibrationRecord:
    files = sorted(folder.glob("*-calibration.h5"))
    if not files:
        raise BadInput(f"there is no calibration in {folder}")
    return load_record(files[0])


def _physics(settings: Settings) -> tuple[str, ...]:
    return (f"geometry={settings['geometry']}", *settings["physics"])


@contextmanager
def _bench(settings: Settings, runs: Path) -> Iterator[Bench]:
    """A bench with an emulated board of its own, at the end of a TCP connection."""
    emulator = EmulatorConfig(seed=settings["board"], link="tcp", physics=_physics(settings))
    with open_bench(BenchConfig(name="calibration study", runs=runs, board=BoardConfig(emulator=emulator))) as bench:
        yield bench
