"""What to sweep, how to fit, how good the fit is, and the calibration record.

:mod:`calibration.plans` says what to measure, :mod:`calibration.calibrate` fits what was measured,
:mod:`calibration.record` keeps the result and :mod:`calibration.probe` asks a board whether it still holds. The verbs
are called like their modules: ``from calibration.calibrate import calibrate``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from calibration.plans import standard_plans
    from calibration.probe import ProbeResult
    from calibration.record import CalibrationRecord, WrongBoard, load_record

__all__ = ["CalibrationRecord", "ProbeResult", "WrongBoard", "load_record", "standard_plans"]

_PLACES = {
    "CalibrationRecord": "record",
    "ProbeResult": "probe",
    "WrongBoard": "record",
    "load_record": "record",
    "standard_plans": "plans",
}


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(import_module(f"calibration.{_PLACES[name]}"), name)
    raise AttributeError(f"module 'calibration' has no attribute {name!r}")
