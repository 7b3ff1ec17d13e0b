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
from typing import TYPE_CHECKING, Any

from labctl.shadow import check_packages

check_packages()

if TYPE_CHECKING:
    from calibration.plans import standard_plans
    from calibration.record import CalibrationRecord, load_record
    from data.errors import BadInput, Cancelled, LabctlError
    from data.export import export
    from data.values import Geometry, Identity, Schedule
    from labctl.bench import Bench, BenchConfig, open_bench
    from labctl.workflow import calibrate, compare, load, sweep, train

_HOMES = {
    "Bench": "labctl.bench",
    "BenchConfig": "labctl.bench",
    "open_bench": "labctl.bench",
    "calibrate": "labctl.workflow",
    "compare": "labctl.workflow",
    "load": "labctl.workflow",
    "sweep": "labctl.workflow",
    "train": "labctl.workflow",
    "export": "data.export",
    "CalibrationRecord": "calibration.record",
    "load_record": "calibration.record",
    "standard_plans": "calibration.plans",
    "BadInput": "data.errors",
    "Cancelled": "data.errors",
    "LabctlError": "data.errors",
    "Geometry": "data.values",
    "Identity": "data.values",
    "Schedule": "data.values",
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
    "Schedule",
    "calibrate",
    "compare",
    "export",
    "load",
    "load_record",
    "open_bench",
    "standard_plans",
    "sweep",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'labctl' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
