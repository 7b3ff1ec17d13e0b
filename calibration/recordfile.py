"""The calibration record as a file: HDF5 and NetCDF-4 at once, readable without labctl."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np

from calibration.misfit import Misfit
from calibration.record import COVARIANCE_NAMES, METHOD_VERSION, CalibrationRecord
from calibration.score import ResidualParts, Score
from calibration.selection import Candidate
from calibration.trend import Trend
from data.errors import BadInput
from data.metadata import RunMetadata, software_versions
from data.runfile import Run, RunWriter, read_run
from data.values import Geometry, Schedule, digest
from data.variables import Variable
from models.parameters import PER_COLUMN, TERMS, ChipParameters, Term

KIND: Final = "calibration"

_UNITS: Final[Mapping[str, tuple[str, str]]] = {
    "activation_curve": ("1", "charge of each activation code, relative to a unit weight"),
    "row_gain": ("1", "gain of each row, mean 1"),
    "weight_curve": ("1", "charge of each weight code"),
    "asymmetry": ("1", "relative half-difference between positive and negative weights"),
    "gain": ("1", "output codes per unit charge and send"),
    "offset": ("1", "output offset in codes"),
    "noise": ("1", "trial noise before rounding in codes, one standard deviation"),
    "tau_membrane_ns": ("ns", "membrane time constant, infinite when it does not leak"),
    "rail_low": ("1", "lower membrane rail in codes"),
    "rail_high": ("1", "upper membrane rail in codes"),
    "tau_line_ns": ("ns", "time constant of the input line, 0 when not in use"),
    "line_limit": ("1", "charge at which the input line saturates, infinite when it does not"),
}
_DIMENSIONS: Final = {"activation_curve": "activation", "row_gain": "row", "weight_curve": "weight"}
_MODELS: Final = ("ordered", "unordered")
_SCORES: Final = {
    "residual_over_noise": "held-out residual over trial noise, working schedule",
    "all_schedules": "held-out residual over trial noise, all schedules",
}
_PARTS: Final = {
    "trial_noise": "residual in codes: trial noise, rounding included",
    "misfit": "residual in codes: what stays and no model explains",
    "order": "residual in codes: what only the ordered model explains",
}
_TABLE: Final = {
    "residual_over_noise": "validation residual over trial noise, median over passing columns",
    "loss": "mean squared validation residual in noise variances",
    "behind": "loss behind the best model",
    "error": "standard error of the loss behind the best model",
}


_TREND: Final = {
    "offset_rate": ("1/s", "change of the offset while it was calibrated, output codes per second of board time"),
    "offset_error": ("1/s", "standard error of the change of the offset"),
}


def save_record(record: CalibrationRecord, path: Path) -> Path:
    """Write a record to a new file; a folder gets one named after the calibration.

    Raises:
        BadInput: the file exists or cannot be written.
    """
    metadata = RunMetadata(
        run_id=record.calibration_id,
        kind=KIND,
        started=record.created,
        simulated=record.identity.simulated,
        title=f"calibration of {record.identity.serial_number}",
        identity=record.identity,
        geometry=record.geometry,
        versions=software_versions(),
        calibration_id=record.calibration_id,
        calibration_hash=record.content_hash,
        plan=json.dumps(_settings(record), sort_keys=True),
    )
    folder, filename = (path, None) if path.is_dir() else (path.parent, path.name)
    with RunWriter.create(folder, metadata, filename=filename) as writer:
        for name, variable in _variables(record):
            writer.add(name, variable)
        return writer.path


def read_record(path: Path) -> CalibrationRecord:
    """Read a record.

    Raises:
        BadInput: no such file, damaged, not a calibration, or changed since it was written.
    """
    run = read_run(path)
    if run.metadata.kind != KIND:
        raise BadInput(f"{path} is a run of kind {run.metadata.kind}, not a calibration; give a calibration file")
    if json.loads(run.metadata.plan or "{}").get("method_version", 0) < METHOD_VERSION:
        raise BadInput(f"{path} was calibrated by an earlier method, without today's errors; calibrate again")
    try:
        record = _record(run)
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{path} is not a complete calibration ({error}); calibrate again") from error
    if record.content_hash != run.metadata.calibration_hash:
        raise BadInput(f"{path} does not hold what its hash says; it was changed after it was written, calibrate again")
    return record


def content_hash(record: CalibrationRecord) -> str:
    """CRC-32 over all numbers and settings of a record."""
    parts = [json.dumps(_settings(record) | {"identity": asdict(record.identity)}, sort_keys=True).encode()]
    for name, variable in _variables(record):
        values = variable.values
        raw = (
            "\n".join(values.tolist()).encode() if values.dtype.kind == "U" else np.ascontiguousarray(values).tobytes()
        )
        parts += [name.encode(), raw]
    return digest(*parts)


def _settings(record: CalibrationRecord) -> dict[str, Any]:
    """What is not an array."""
    return {
        "schedule": asdict(record.schedule),
        "terms": {name: _terms(getattr(record, name)) for name in _MODELS},
        "is_ordered": {name: getattr(record, name).ordered for name in _MODELS},
        "medians": {
            name: [score.median, score.median_all_schedules]
            for name, score in (("ordered", record.ordered_score), ("unordered", record.unordered_score))
        },
        "candidates": [[term for term in TERMS if term in row.terms] for row in record.selection],
        "runs": list(record.runs),
        "measuring_s": record.trend.end_s,
        "misfit": asdict(record.misfit),
        "reference_gain": record.reference_gain,
        "temperature_c": record.temperature_c,
        "method": record.method,
        "method_version": record.method_version,
    }


def _terms(parameters: ChipParameters) -> list[str]:
    return [term for term in TERMS if term in parameters.terms]


def _variables(record: CalibrationRecord) -> Iterator[tuple[str, Variable]]:
    geometry = record.geometry
    axes = {
        "activation": (np.arange(geometry.activation_max + 1), "activation code"),
        "weight": (np.arange(-geometry.weight_max, geometry.weight_max + 1), "weight code"),
        "column": (np.arange(geometry.columns), "column"),
        "row": (np.arange(geometry.rows), "row"),
    }
    for name, (values, long_name) in axes.items():
        yield name, Variable((name,), values.astype(np.int32), "1", long_name, coordinate=True)
    for model in _MODELS:
        for field in _UNITS:
            unit, long_name = _UNITS[field]
            dims = (_DIMENSIONS.get(field, "column"),)
            values = np.asarray(getattr(getattr(record, model), field), np.float64)
            yield f"{model}_{field}", Variable(dims, values, unit, f"{long_name} ({model} model)")
    names = np.array(COVARIANCE_NAMES)
    yield "parameter", Variable(("parameter",), names, "1", "fitted parameter", coordinate=True)
    long_name = "covariance of the ordered model's parameters, in the products of their units"
    yield "covariance", Variable(("column", "parameter", "other_parameter"), record.covariance, "1", long_name)
    yield "passes", Variable(("column",), record.passes.astype(np.int8), "1", "1 where the column can be used")
    yield "reason", Variable(("column",), np.array(record.reasons, dtype=np.str_), "1", "why a column does not pass")
    for model, score in (("ordered", record.ordered_score), ("unordered", record.unordered_score)):
        for field, long_name in _SCORES.items():
            yield f"{model}_{field}", Variable(("column",), getattr(score, field), "1", f"{long_name} ({model} model)")
    for field, long_name in _PARTS.items():
        yield f"part_{field}", Variable(("column",), getattr(record.parts, field), "1", long_name)
    for field, (unit, long_name) in _TREND.items():
        yield f"trend_{field}", Variable(("column",), getattr(record.trend, field), unit, long_name)
    yield (
        "candidate",
        Variable(
            ("candidate",), np.array([row.name for row in record.selection]), "1", "candidate model", coordinate=True
        ),
    )
    for field, long_name in _TABLE.items():
        values = np.array([getattr(row, field) for row in record.selection], np.float64)
        yield f"candidate_{field}", Variable(("candidate",), values, "1", long_name)
    chosen = np.array([row.chosen for row in record.selection], np.int8)
    yield "candidate_chosen", Variable(("candidate",), chosen, "1", "1 for the model in use")


def _record(run: Run) -> CalibrationRecord:
    metadata, settings = run.metadata, json.loads(run.metadata.plan)
    if metadata.identity is None or metadata.geometry is None:
        raise ValueError("board identity or geometry is missing")
    medians, order = settings["medians"], settings["schedule"].pop("order")
    schedule = Schedule(order=None if order is None else tuple(order), **settings["schedule"])

    def score(model: str) -> Score:
        ratio, everywhere = (run.values(f"{model}_{field}") for field in _SCORES)
        return Score(ratio, everywhere, *medians[model])

    table = {field: run.values(f"candidate_{field}") for field in _TABLE}
    chosen = run.values("candidate_chosen")
    selection = tuple(
        Candidate(frozenset(terms), **{field: float(table[field][i]) for field in _TABLE}, chosen=bool(chosen[i]))
        for i, terms in enumerate(settings["candidates"])
    )
    return CalibrationRecord(
        calibration_id=metadata.calibration_id,
        created=metadata.started,
        identity=metadata.identity,
        geometry=metadata.geometry,
        schedule=schedule,
        ordered=_parameters(run, metadata.geometry, "ordered", settings),
        unordered=_parameters(run, metadata.geometry, "unordered", settings),
        covariance=run.values("covariance"),
        passes=run.values("passes").astype(np.bool_),
        reasons=tuple(str(reason) for reason in run.values("reason")),
        selection=selection,
        ordered_score=score("ordered"),
        unordered_score=score("unordered"),
        parts=ResidualParts(*(run.values(f"part_{field}") for field in _PARTS)),
        misfit=Misfit(**settings["misfit"]),
        runs=tuple(settings["runs"]),
        trend=Trend(**{field: run.values(f"trend_{field}") for field in _TREND}, end_s=settings["measuring_s"]),
        reference_gain=settings["reference_gain"],
        temperature_c=settings["temperature_c"],
        method=settings["method"],
        method_version=settings["method_version"],
    )


def _parameters(run: Run, geometry: Geometry, model: str, settings: dict[str, Any]) -> ChipParameters:
    arrays: dict[str, Any] = {field: run.values(f"{model}_{field}") for field in _UNITS}
    for field in PER_COLUMN:
        if arrays[field].shape != (geometry.columns,):
            raise ValueError(f"{model}_{field} does not have one value a column")
    terms: frozenset[Term] = frozenset(settings["terms"][model])
    return ChipParameters(geometry=geometry, ordered=settings["is_ordered"][model], terms=terms, **arrays)
