"""The application on the bench of a group that computes on analog processor boards.

This is the face for scripts and notebooks::

    import labctl

    with labctl.open_bench() as bench:          # an emulated board, or the one your bench.toml names
        record = labctl.calibrate(bench)        # sweeps, then fits
    print(record.summary())

Names load when they are first used, so that ``import labctl`` is quick and pulls in neither torch nor Qt.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

from labctl.shadow import check_packages

check_packages()

# OpenMP threads that wait by spinning take the cores from those that compute: on a busy machine by a factor of ten and
# more. It is read when the library is loaded, so it is said here, before torch and numba; a value of the user's stays.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

if TYPE_CHECKING:
    from calibration.record import CalibrationRecord
    from data.errors import BadInput, Cancelled, LabctlError
    from data.export import export
    from data.scan import ScanPlan
    from data.values import Geometry, Identity, Schedule
    from labctl.bench import Bench, BenchConfig, open_bench
    from labctl.calibrations.differences import compare_calibrations
    from labctl.calibrations.history import calibration_history
    from labctl.calibrations.orders import order_curves
    from labctl.calibrations.probing import probe_calibration
    from labctl.curves import save_curves
    from labctl.evaluating import compare, load
    from labctl.learning import prepare_speech
    from labctl.learning import train_arms as train
    from labctl.live import Microphone, TestWords, TypedWords, WavFiles, spot
    from labctl.measuring import calibrate, plans, sweep
    from labctl.report import write_report
    from labctl.scanning import scan
    from labctl.studies.asking import resume_study, run_study

_HOMES = {
    "Bench": "labctl.bench:Bench",
    "BenchConfig": "labctl.bench:BenchConfig",
    "open_bench": "labctl.bench:open_bench",
    "calibrate": "labctl.measuring:calibrate",
    "plans": "labctl.measuring:plans",
    "sweep": "labctl.measuring:sweep",
    "scan": "labctl.scanning:scan",
    "run_study": "labctl.studies.asking:run_study",
    "resume_study": "labctl.studies.asking:resume_study",
    "save_curves": "labctl.curves:save_curves",
    "compare_calibrations": "labctl.calibrations.differences:compare_calibrations",
    "calibration_history": "labctl.calibrations.history:calibration_history",
    "order_curves": "labctl.calibrations.orders:order_curves",
    "probe_calibration": "labctl.calibrations.probing:probe_calibration",
    "compare": "labctl.evaluating:compare",
    "load": "labctl.evaluating:load",
    "prepare_speech": "labctl.learning:prepare_speech",
    "train": "labctl.learning:train_arms",
    "spot": "labctl.live:spot",
    "Microphone": "labctl.live:Microphone",
    "TestWords": "labctl.live:TestWords",
    "TypedWords": "labctl.live:TypedWords",
    "WavFiles": "labctl.live:WavFiles",
    "write_report": "labctl.report:write_report",
    "export": "data.export:export",
    "CalibrationRecord": "calibration.record:CalibrationRecord",
    "BadInput": "data.errors:BadInput",
    "Cancelled": "data.errors:Cancelled",
    "LabctlError": "data.errors:LabctlError",
    "Geometry": "data.values:Geometry",
    "Identity": "data.values:Identity",
    "ScanPlan": "data.scan:ScanPlan",
    "Schedule": "data.values:Schedule",
}

__version__ = "0.1.0"
__all__ = [
    "BadInput",
    "Bench",
    "BenchConfig",
    "CalibrationRecord",
    "Cancelled",
    "Geometry",
    "Identity",
    "LabctlError",
    "Microphone",
    "ScanPlan",
    "Schedule",
    "TestWords",
    "TypedWords",
    "WavFiles",
    "calibrate",
    "calibration_history",
    "compare",
    "compare_calibrations",
    "export",
    "load",
    "open_bench",
    "order_curves",
    "plans",
    "prepare_speech",
    "probe_calibration",
    "resume_study",
    "run_study",
    "save_curves",
    "scan",
    "spot",
    "sweep",
    "train",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'labctl' has no attribute {name!r}")
    module, _, attribute = _HOMES[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return list(__all__)
