"""Words and rows of calibrations, without Qt."""

from __future__ import annotations

import numpy as np

from gui.models.calibration import (
    choice,
    column_mark,
    column_order,
    difference_words,
    earlier,
    figure,
    headline,
    in_use_words,
    parameter_rows,
)
from gui.models.calibration_steps import Steps
from labctl.service.messages import RunBegan, RunEnded, TaskProgress
from labctl.service.messages_calibration import CalibrationInUse
from tests.gui.calibrations import BROKEN, NEW, OLD, difference, view


def test_a_value_has_as_many_figures_as_its_error_allows() -> None:
    assert figure(0.00199712, 0.0000141) == "0.001997 ± 0.000014"
    assert figure(-89.1386, 0.578) == "-89.14 ± 0.58"
    assert figure(8643.5, 678.2) == "8644 ± 678"
    assert figure(1.5, float("nan")) == "1.5"
    assert figure(float("nan"), 1.0) == "–"


def test_columns_are_sorted_and_marked() -> None:
    shown = view()
    gain = shown.parameters[0]
    order = column_order(gain, by_value=True)
    assert order[0] == 5 and order[-1] == 2  # noqa: PT018
    rows = parameter_rows(shown, gain, order)
    assert rows[0][2] == "fails: stuck: outputs vary by 0.0 codes"
    assert rows[-1][2].startswith("outlier: +114.3")
    assert column_mark(shown, gain, 0) == ""
    assert np.array_equal(column_order(gain, by_value=False), np.arange(8))


def test_the_list_says_which_calibration_is_in_use() -> None:
    latest = CalibrationInUse()
    assert "in use" in choice(NEW, latest, newest=True, now=0.0).text
    assert "in use" not in choice(OLD, latest, newest=False, now=0.0).text
    applied = CalibrationInUse(OLD.calibration_id, "fresh: gain +0.1 %", "", True)
    assert "in use" not in choice(NEW, applied, newest=True, now=0.0).text
    assert "in use" in choice(OLD, applied, newest=False, now=0.0).text
    assert "SIMULATED" in choice(OLD, applied, newest=False, now=0.0).text
    broken = choice(BROKEN, latest, newest=False, now=0.0)
    assert not broken.usable
    assert "it is cut off" in broken.tip
    assert in_use_words(applied, any_there=True)[0] == "ok"
    assert in_use_words(CalibrationInUse("x", "drifted: gain", "", True), any_there=True)[0] == "warning"
    assert "none" in in_use_words(latest, any_there=False)[1]


def test_the_calibration_to_compare_with_is_the_one_before() -> None:
    older = [NEW, BROKEN, OLD]
    assert earlier(older, NEW.file) == [OLD]
    assert earlier(older, OLD.file) == [NEW]
    assert earlier(older, "gone.h5") == []


def test_a_difference_in_a_sentence() -> None:
    words = difference_words(difference())
    assert "Moved by more than twice what either is unsure of: gain." in words
    assert "1 column now fail (4)." in words
    assert "temperature: 33.0 °C, before 31.5 °C." in words


def test_the_headline_speaks_of_both_models() -> None:
    assert "ordered 1.020, order-blind 1.600" in headline(view())


def test_the_steps_follow_the_runs_and_the_fit() -> None:
    steps = Steps()
    assert not steps.hear_run(RunBegan("r", "t", "baseline", "", 1, True)), "nothing was asked for"
    steps.begin(4, measures=True)
    assert not steps.hear_task(TaskProgress(3, "another", "running", 0.5))
    assert steps.hear_run(RunBegan("r1", "t", "baseline", "", 1, True))
    assert steps.hear_run(RunBegan("r2", "t", "position", "", 1, True))
    assert dict(steps.rows())["baseline"] == "ok"
    assert dict(steps.rows())["position"] == "busy"
    steps.hear_end(RunEnded("r2", "t", "aborted", "", ""))
    assert dict(steps.rows())["position"] == "fault"
    assert steps.hear_task(TaskProgress(4, "calibrate", "running", 0.6, "fit: fitting leak"))
    assert dict(steps.rows())["fit"] == "busy"
    assert steps.rows()[-1][0] == "fit"
    assert steps.fraction == 0.6
    steps.end()
    assert not steps.active
