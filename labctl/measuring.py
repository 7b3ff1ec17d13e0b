"""Measure a board and fit its models: sweeps to run files, run files to a calibration."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from calibration.calibrate import calibrate as fit
from calibration.plans import Budget, standard_plans
from calibration.vectors import HELD_OUT, RANDOM
from data.errors import BadInput, Cancelled
from data.instrument import Reading, in_words
from data.metadata import RunMetadata, new_run_id
from data.runfile import read_metadata
from data.sweep import SweepPlan
from data.sweepfile import read_sweep
from data.values import Geometry, Schedule
from labctl.engine import SweepWork, kept_file
from labctl.progress import Listener, Stop, never, part, silent
from labctl.rig import watch_of

if TYPE_CHECKING:
    from calibration.record import CalibrationRecord
    from labctl.bench import Bench

ACQUISITION = 0.5
"""Share of a calibration's time that goes into measuring, for the progress bar."""


def plans(
    bench: Bench, kinds: Iterable[str] | None = None, *, budget: Budget = "quick", seed: int = 0
) -> tuple[SweepPlan, ...]:
    """The standard sweeps for the board of a bench at its working schedule.

    Args:
        bench: the open bench.
        kinds: only these kinds; None for all that a calibration needs.
        budget: ``quick`` or ``full``.
        seed: of the vectors and weights that are drawn at random.

    Raises:
        BadInput: an unknown kind or budget; the sentence names the known ones.
    """
    return plans_for(bench.board.geometry, bench.schedule, kinds, budget=budget, seed=seed)


def plans_for(
    geometry: Geometry,
    schedule: Schedule,
    kinds: Iterable[str] | None = None,
    *,
    budget: Budget = "quick",
    seed: int = 0,
) -> tuple[SweepPlan, ...]:
    """The standard sweeps for an array and a working schedule; as :func:`plans`, without a board."""
    found = standard_plans(geometry, schedule, seed=seed, budget=budget)
    known = tuple(dict.fromkeys(plan.kind for plan in found))
    wanted = tuple(kinds or known)
    unknown = [kind for kind in wanted if kind not in known]
    if unknown:
        raise BadInput(f"there is no sweep {', '.join(unknown)}; the sweeps are {', '.join(known)}")
    return tuple(plan for plan in found if plan.kind in wanted)


def sweep(
    bench: Bench,
    sweeps: Sequence[SweepPlan | str] | None = None,
    *,
    seed: int = 0,
    listener: Listener = silent,
    stop: Stop = never,
) -> tuple[Path, ...]:
    """Measure sweeps on the board of a bench; returns their run files.

    They run on :attr:`Bench.engine`, one after another; one that is stopped there is the last.

    Args:
        bench: the open bench.
        sweeps: plans, or kinds of the standard ones; None for all that a calibration needs.
        seed: noted in the files; of the plans when none are given.
        listener: hears of progress.
        stop: asked between batches; true keeps what was measured and ends.

    Raises:
        BadInput: a plan does not fit the board.
        Cancelled: somebody aborted one; what was saved is kept.
        LinkError: the link failed; what was measured is kept.
    """
    return _sweep(bench, sweeps, seed, listener, stop)[0]


def _sweep(
    bench: Bench, sweeps: Sequence[SweepPlan | str] | None, seed: int, listener: Listener, stop: Stop
) -> tuple[tuple[Path, ...], bool]:
    """As :func:`sweep`, and whether all of them are complete."""
    wanted = sweeps if sweeps is not None else plans(bench, seed=seed)
    chosen = [plan for item in wanted for plan in ((item,) if isinstance(item, SweepPlan) else plans(bench, [item]))]
    total = sum(plan.vectors for plan in chosen) or 1
    done, files = 0, list[Path]()
    for plan in chosen:
        if stop():
            return tuple(files), False
        heard = part(listener, done / total, (done + plan.vectors) / total)
        metadata = bench_metadata(bench, plan.kind, seed=seed, plan=json.dumps(_outline(plan)))
        work = SweepWork(plan, bench.board, bench.runs, metadata)
        outcome = bench.engine.run(work, watch=watch_of(bench), listener=heard, stop=stop)
        files.append(kept_file(work.title, outcome))
        done += plan.vectors
        if outcome.status != "complete":
            return tuple(files), False
    return tuple(files), True


def sweep_all(
    bench: Bench, sweeps: Sequence[SweepPlan], *, seed: int = 0, listener: Listener = silent, stop: Stop = never
) -> tuple[Path, ...]:
    """As :func:`sweep`, for what makes sense only when all of it is there.

    Raises:
        Cancelled: it was stopped.
    """
    files, complete = _sweep(bench, sweeps, seed, listener, stop)
    if not complete:
        raise Cancelled("stopped before the fit; the sweeps are kept")
    return files


def sweep_by_design(
    bench: Bench, *, seed: int = 0, listener: Listener = silent, stop: Stop = never
) -> tuple[Path, ...]:
    """Measure a first look, then what a calibration gains most from, in the time that the quick sweeps take.

    Args:
        bench: the open bench.
        seed: of the vectors and weights that are drawn at random.
        listener: hears of progress.
        stop: asked between batches; true keeps what was measured and ends.

    Raises:
        BadInput: none of the columns works.
        Cancelled: it was stopped or aborted; what was measured is kept.
        LinkError: the link failed; what was measured is kept.
    """
    from calibration import design

    geometry, schedule, cost = bench.board.geometry, bench.schedule, design.Cost()
    usual = plans(bench, budget="quick", seed=seed)
    first = design.first_look(geometry, schedule, seed=seed)
    files = list(sweep_all(bench, first, seed=seed, listener=part(listener, 0.0, 0.3), stop=stop))
    listener(0.3, "choosing what to measure")
    chip, passing, excess = design.rough_model([read_sweep(path) for path in files], geometry)
    time_ns = sum(cost.of(plan) for plan in usual if plan.kind != HELD_OUT) - sum(cost.of(plan) for plan in first)
    possible = design.possible_sweeps(geometry, schedule, seed=seed)
    chosen = design.choose_sweeps(chip, passing, excess, first, possible, time_ns, cost)
    last = [*chosen, *(plan for plan in usual if plan.kind == HELD_OUT)]
    return (*files, *sweep_all(bench, last, seed=seed, listener=part(listener, 0.6, 1.0), stop=stop))


def calibrate(
    bench: Bench | None = None,
    *,
    runs: Sequence[Path | str] | None = None,
    folder: Path | None = None,
    budget: Budget | Literal["optimal"] | None = None,
    seed: int | None = None,
    listener: Listener = silent,
    stop: Stop = never,
) -> CalibrationRecord:
    """Fit the ordered and the unordered model; the record is saved as ``<calibration_id>-calibration.h5``.

    Args:
        bench: the open bench; its board is measured unless ``runs`` are given.
        runs: files of sweeps that were measured before, all of one board, in any sequence.
        folder: where the record goes; None for the runs of the bench, or the folder of the first run.
        budget: how much to measure; None is ``quick``. ``optimal`` takes as long as ``quick``, but after a first look
            chooses the sweeps that tell most about this board (:mod:`calibration.design`).
        seed: of the vectors and weights that are drawn at random; None is 0.
        listener: hears of progress.
        stop: asked between steps; true ends it, what was measured is kept.

    Raises:
        BadInput: neither bench nor runs, runs together with a budget or a seed, runs of different boards, or a sweep
            that is needed is missing.
        Cancelled: it was stopped or aborted before it could fit; what was measured is kept.
    """
    temperature = None
    if runs is not None and (budget is not None or seed is not None):
        raise BadInput("budget and seed choose what is measured, but the runs to fit have been measured already")
    if runs is None:
        if bench is None:
            raise BadInput("give an open bench to measure, or the runs to fit")
        temperature = bench.board.temperature()
        heard = part(listener, 0.0, ACQUISITION)
        if budget == "optimal":
            runs = sweep_by_design(bench, seed=seed or 0, listener=heard, stop=stop)
        else:
            chosen = plans(bench, budget=budget or "quick", seed=seed or 0)
            runs = sweep_all(bench, chosen, seed=seed or 0, listener=heard, stop=stop)
    # A fit takes sweeps in the sequence of their measurement, since offsets drift.
    files = sorted((Path(run) for run in runs), key=lambda path: read_metadata(path).started)
    if not files:
        raise BadInput("there are no runs to fit")
    metadata = _one_board(files)
    sweeps = [read_sweep(path) for path in files]
    if metadata.identity is None or metadata.geometry is None:
        raise BadInput(f"{files[0]} does not say which board it was measured on")
    record = fit(
        sweeps,
        metadata.identity,
        metadata.geometry,
        bench.schedule if bench is not None else _working_schedule([item.plan for item in sweeps]),
        temperature_c=temperature,
        progress=_stoppable(part(listener, ACQUISITION if temperature is not None else 0.0, 1.0, "fit: "), stop),
    )
    target = folder or (bench.runs if bench is not None else files[0].parent)
    record = replace(record, calibration_id=new_run_id(folder=target))
    record.save(target / f"{record.calibration_id}-calibration.h5")
    return record


def _stoppable(listener: Listener, stop: Stop) -> Listener:
    """Hears of the fit, and ends it: a fit has no half that would be worth keeping."""

    def heard(fraction: float, message: str) -> None:
        if stop():
            raise Cancelled("stopped during the fit; the sweeps are kept, and can be fitted later")
        listener(fraction, message)

    return heard


def calibration_summary(record: CalibrationRecord) -> dict[str, object]:
    """The figures of a calibration as plain values."""
    return {
        "calibration": record.calibration_id,
        "hash": record.content_hash,
        "board": record.identity,
        "order_effect_seen": record.order_effect_seen,
        "terms": sorted(record.ordered.terms),
        "residual_over_noise": {"ordered": record.ordered_score.median, "unordered": record.unordered_score.median},
        "residual_over_noise_all_schedules": {
            "ordered": record.ordered_score.median_all_schedules,
            "unordered": record.unordered_score.median_all_schedules,
        },
        "selection": [{"model": row.name, **asdict(row)} for row in record.selection],
        "columns_that_pass": int(record.passes.sum()),
        "columns_that_fail": {str(column): reason for column, reason in enumerate(record.reasons) if reason},
        "runs": record.runs,
    }


def bench_metadata(bench: Bench, kind: str, **known: object) -> RunMetadata:
    """Metadata of a run on the board of a bench: who it is, how it is set, whether it is simulated."""
    board = bench.board
    # First, because asking every instrument connects it.
    snapshot = bench_snapshot(bench)
    return RunMetadata.new(
        kind,
        folder=bench.runs,
        simulated=board.identity.simulated or bench.instruments.simulated,
        identity=board.identity,
        geometry=board.geometry,
        snapshot=json.dumps(snapshot),
        **known,
    )


def bench_snapshot(bench: Bench) -> dict[str, object]:
    """The board and every instrument, as plain values; what cannot be read says why."""
    return {
        "bench": bench.config.name,
        "board": [_told(item) for item in bench.board.snapshot()],
        "instruments": [
            {**asdict(item), "readings": [_told(reading) for reading in item.readings]}
            for item in bench.instruments.snapshot()
        ],
    }


def _told(reading: Reading) -> dict[str, object]:
    """A reading as JSON has it, which knows no infinite numbers."""
    return {**asdict(reading), "value": in_words(reading.value)}


def _outline(plan: SweepPlan) -> dict[str, object]:
    """A plan in a few words; the file holds all of it as arrays."""
    return {
        "kind": plan.kind,
        "points": plan.points,
        "repeats": plan.repeats,
        "programmes": len(plan.weights),
        "schedules": len(plan.schedules),
        "coordinates": list(plan.coordinates),
    }


def _one_board(files: Sequence[Path]) -> RunMetadata:
    first = read_metadata(files[0])
    for path in files[1:]:
        other = read_metadata(path)
        if other.identity != first.identity:
            raise BadInput(
                f"{files[0].name} was measured on {first.identity} and {path.name} on {other.identity}; "
                "fit the runs of one board"
            )
    return first


def _working_schedule(sweeps: Sequence[SweepPlan]) -> Schedule:
    """The schedule that the random vectors were sent by most often."""
    counts: dict[Schedule, int] = {}
    for plan in sweeps:
        if plan.kind == RANDOM:
            for index in plan.schedule:
                schedule = plan.schedules[index]
                counts[schedule] = counts.get(schedule, 0) + 1
    if not counts:
        raise BadInput("the sweep of random vectors is missing; measure all standard sweeps before calibrating")
    return max(counts, key=counts.__getitem__)
