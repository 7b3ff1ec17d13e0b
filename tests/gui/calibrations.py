"""A calibration to show, made up: eight columns, the sixth of them broken, the third far from all others."""

from __future__ import annotations

import numpy as np

from labctl.calibrations.values import (
    CalibrationDifference,
    CalibrationEntry,
    CalibrationHistory,
    CalibrationView,
    ColumnParameter,
    HeldOut,
    HistoryPoint,
    ModelRow,
    OrderCurves,
    OrderSpread,
    ParameterDifference,
    PositionCurve,
    ScheduleResiduals,
)

COLUMNS = 8
NEW = CalibrationEntry("20301108-120000-bbbb", "runs/new.h5", "2030-11-08T12:00:00Z", "B-1", True)
OLD = CalibrationEntry("20301101-120000-aaaa", "runs/old.h5", "2030-11-01T12:00:00Z", "B-1", True)
BROKEN = CalibrationEntry("20301102-120000-cccc", "runs/broken.h5", "2030-11-02T12:00:00Z", "", False, "it is cut off")


def view(entry: CalibrationEntry = NEW) -> CalibrationView:
    passes = np.ones(COLUMNS, np.bool_)
    passes[5] = False
    values = np.array([1.0, 1.1, 9.0, 0.9, 1.05, 0.0, 0.95, 1.0])
    outliers = np.zeros(COLUMNS, np.bool_)
    outliers[2] = True
    gain = ColumnParameter("gain", "gain", "codes/charge", values, np.full(COLUMNS, 0.01), outliers, 1.0, 0.07)
    offset = ColumnParameter(
        "offset", "offset", "codes", np.arange(8.0), np.full(COLUMNS, np.nan), ~passes & passes, 3.5, 3.0
    )
    return CalibrationView(
        entry=entry,
        content_hash="0badcafe",
        facts=(("calibration", entry.calibration_id), ("hash", "0badcafe"), ("board", "B-1"), ("origin", "SIMULATED")),
        order_effect_seen=True,
        passes=passes,
        reasons=("", "", "", "", "", "stuck: outputs vary by 0.0 codes", "", ""),
        parameters=(gain, offset),
        curves={},
        models=(ModelRow("unordered", 5.0, 7.0, 0.3, False), ModelRow("leak + rails", 1.05, 0.0, 0.0, True)),
        held_out=HeldOut(
            np.full(COLUMNS, 1.02),
            np.full(COLUMNS, 1.6),
            (1.02, 1.6, 1.03, 2.5),
            {"trial_noise": np.full(COLUMNS, 1.2), "order": np.full(COLUMNS, 1.5)},
        ),
        array=np.ones((4, COLUMNS), np.float32),
        runs=("r1", "r2"),
    )


def curves() -> OrderCurves:
    later = np.arange(4.0)
    signal = np.outer(4 - later, np.ones(COLUMNS))
    flat = np.full((4, COLUMNS), 2.0)
    means = np.stack([signal[:, 0], signal[:, 0], flat[:, 0]])
    ones = np.arange(1.0, COLUMNS + 1)
    residuals = ScheduleResiduals(("40 ns, 2 sends (working)", "96 ns, 1 send"), np.ones((2, 8)), 2 * np.ones((2, 8)))
    return OrderCurves(
        (PositionCurve(1, 40, later, signal, signal, flat, means, 0.1),),
        OrderSpread(ones, ones, 0 * ones, 0.1 * ones, 16),
        residuals,
        (),
    )


def difference() -> CalibrationDifference:
    moved = np.full(COLUMNS, 0.1)
    moved[5] = np.nan
    gain = ParameterDifference("gain", "gain", "codes/charge", moved, 10 * moved, 0.1, 2.5, 0)
    offset = ParameterDifference("offset", "offset", "codes", moved, 40 * moved, 0.1, 0.4, 7)
    return CalibrationDifference(NEW, OLD, (gain, offset), (), (4,), (("temperature", "33.0 °C", "31.5 °C"),))


def history() -> CalibrationHistory:
    figures = {"gain": (1.0, 0.9, 1.1), "temperature": (31.0, 31.0, 31.0)}
    later = {"gain": (1.02, 0.92, 1.12), "temperature": (33.0, 33.0, 33.0)}
    points = (HistoryPoint(OLD, 1.92e9, figures), HistoryPoint(NEW, 1.92e9 + 7 * 86400, later))
    return CalibrationHistory("B-1", points, {"gain": "gain / codes/charge", "temperature": "board temperature / °C"})
