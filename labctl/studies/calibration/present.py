"""The report of the calibration study: what was found, whichever way it went."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from labctl.report.page import Page
from labctl.studies.calibration import figures
from labctl.studies.calibration.analysis import PROMISED, Over, Results, over
from labctl.studies.calibration.plan import REFERENCE
from labctl.studies.document import Document
from labctl.studies.points import Presented

if TYPE_CHECKING:
    import pandas as pd

GOAL = 1.15
"""Held-out residual over trial noise that an ordered model is to stay below."""

COMPARED = {
    "error of predicted means": ("root mean square error", "prediction", "all"),
    "the same, working schedule": ("root mean square error", "prediction", "working schedule"),
    "the same, other schedules": ("root mean square error", "prediction", "other schedules"),
    "half-width of their intervals": ("half-width", "prediction", "all"),
    "error that parameters are unsure of": ("parameter error", "prediction", "all"),
    "half-width of the gain": ("half-width", "effective", "gain"),
    "half-width of the offset": ("half-width", "effective", "offset"),
    "half-width of the membrane's time": ("half-width", "effective", "tau_membrane_ns"),
    "board seconds": ("board seconds", "", ""),
}
"""What budgets are compared by: quantity, judgement and parameter."""

JUDGEMENTS = {
    "prediction": "Predicted mean outputs, against means of many repeats of vectors that no fit has seen.",
    "recovery": "Parameters of the fitted model, found again in what that model answers with its noise: the truth is "
    "known exactly, and nothing is left out of the model.",
    "repeat": "Parameters of two calibrations of one board by other vectors: their difference against both errors.",
    "counterpart": "Parameters of boards without lines, voltage dependence and bent converters, read where no fit may "
    "look: there each means the same on the board and in the model. Synapses, drift and noise are as ever.",
    "effective": "The same for the boards as they are. Only the noise means quite the same here: gain, asymmetry, and "
    "in part leak and offset also stand for what the model's line lacks against the two of the board. Such an interval "
    "is that of the effective value, with which the model predicts best, and need not hold the hidden one.",
}


def present(table: pd.DataFrame, pictures: Path) -> Presented:
    """Page, sentences and figures of a table, complete or not."""
    results = Results(table)
    page = Page(
        "How well calibrations predict, and how sure they are",
        "Emulated boards of different seeds, measured over TCP and fitted; judged by what the boards answer to vectors "
        "that no fit has seen, and by what the boards are.",
        simulated=True,
    )
    document = Document(page, pictures)
    findings = _findings(results)
    document.text(*findings)
    if results.budgets():
        _residuals(document, results)
        _coverage(document, results)
        _budgets(document, results)
        _comparison(document, results)
    return Presented(page, findings, _values(results), document.markdown())


def _findings(results: Results) -> list[str]:
    lines = []
    for budget in results.budgets():
        ordered = over(list(results.of_boards("ordered residual over noise", budget).values()))
        blind = over(list(results.of_boards("unordered residual over noise", budget).values()))
        within = sum(v <= GOAL for v in results.of_boards("ordered residual over noise", budget).values())
        if ordered.boards:
            lines.append(
                f"Budget {budget}: held-out residual of the ordered model {_range(ordered)} times the trial noise, of "
                f"the unordered one {_range(blind)}; at most {GOAL} on {within} of {ordered.boards} boards."
            )
        share = results.coverage(budget, "prediction", "all")
        if np.isfinite(share):
            verdict = "as promised" if PROMISED[0] <= share <= PROMISED[1] else "not as promised"
            lines.append(f"Budget {budget}: 90 % intervals of predicted means hold {share:.1%} of them, {verdict}.")
        if sentence := _verdict(results, budget):
            lines.append(sentence)
    return lines or ["No board of the study is finished yet."]


def _residuals(document: Document, results: Results) -> None:
    document.heading("Held-out residual over trial noise")
    document.text("Median over the columns of each board; median over the boards, in brackets lowest and highest.")
    names = {
        "ordered": "ordered residual over noise",
        "unordered": "unordered residual over noise",
        "ordered, all schedules": "ordered residual over noise, all schedules",
        "unordered, all schedules": "unordered residual over noise, all schedules",
        "columns within 1.15": "share of columns within 1.15",
    }
    rows = [
        [budget, str(len(results.boards(budget))), *(_range(_over(results, name, budget)) for name in names.values())]
        for budget in results.budgets()
    ]
    document.table(["budget", "boards", *names], rows)
    document.figure(figures.residual_figure(results), "residual", "Each point is one board.")


def _coverage(document: Document, results: Results) -> None:
    document.heading("What 90 % intervals hold")
    document.text("Share of all cases; in brackets the lowest and highest of the boards, and the usual half-width.")
    for judgement, sentence in JUDGEMENTS.items():
        document.text(sentence)
        budgets = [name for name in results.budgets() if _judged(results, name, judgement)]
        rows = [
            [name, *(_cell(results, budget, judgement, name) for budget in budgets)]
            for name in results.parameters(judgement)
        ]
        document.table([judgement, *(f"budget {name}" for name in budgets)], rows)
    shown = [judgement for judgement in JUDGEMENTS if results.parameters(judgement)]
    if shown and REFERENCE in results.budgets():
        figure = figures.coverage_figure(results, REFERENCE, shown)
        caption = f"Share of 90 % intervals that hold the truth, budget {REFERENCE}; points are boards, bars all cases."
        document.figure(figure, "coverage", caption)


def _budgets(document: Document, results: Results) -> None:
    document.heading("What was measured")
    document.text(
        "Without the held-out sweep, which only scores. Board seconds are what the board spent on its own work, "
        "link and programming not counted."
    )
    names = ("vectors", "programmes", "board seconds")
    rows = [[budget, *(f"{_over(results, name, budget).median:.4g}" for name in names)] for budget in results.budgets()]
    document.table(["budget", *names], rows)


def _comparison(document: Document, results: Results) -> None:
    budgets = [name for name in results.budgets() if name != REFERENCE and _compared(results, name).boards]
    if not budgets:
        return
    document.heading(f"Budgets against budget {REFERENCE}")
    document.text(
        "The same boards, judged by the same vectors; median of the ratios, in brackets lowest and highest. Only the "
        "part of the errors that parameters are unsure of can be lowered by what is measured; the rest is misfit."
    )
    rows = [
        [name, *(_range(over(results.against(REFERENCE, what[0], budget, *what[1:]))) for budget in budgets)]
        for name, what in COMPARED.items()
    ]
    document.table(["", *(f"budget {name}" for name in budgets)], rows)


def _compared(results: Results, budget: str) -> Over:
    return over(results.against(REFERENCE, "root mean square error", budget, "prediction", "all"))


def _verdict(results: Results, budget: str) -> str:
    """What a budget is worth against the usual one, in a sentence; nothing where no board was measured within both."""
    error = _compared(results, budget)
    unsure = over(results.against(REFERENCE, "parameter error", budget, "prediction", "all"))
    if budget == REFERENCE or not error.boards or not unsure.boards:
        return ""
    worth = "predicts better" if error.highest < 1 else "predicts no better on every board"
    return (
        f"Budget {budget} against {REFERENCE}, the same {error.boards} boards: the part of the errors that parameters "
        f"are unsure of is {_range(unsure)} times as large, the error of predicted means {_range(error)} times; it "
        f"{worth}."
    )


def _values(results: Results) -> dict[str, object]:
    quantities = ("ordered residual over noise", "unordered residual over noise")
    return {
        "simulated": True,
        "residual_over_noise": {b: {q: _over(results, q, b) for q in quantities} for b in results.budgets()},
        "coverage": {
            budget: {
                judgement: {name: results.coverage(budget, judgement, name) for name in results.parameters(judgement)}
                for judgement in JUDGEMENTS
                if _judged(results, budget, judgement)
            }
            for budget in results.budgets()
        },
    }


def _judged(results: Results, budget: str, judgement: str) -> bool:
    return any(results.judged("coverage", budget, judgement, name) for name in results.parameters(judgement))


def _over(results: Results, quantity: str, budget: str) -> Over:
    return over(list(results.of_boards(quantity, budget).values()))


def _cell(results: Results, budget: str, judgement: str, name: str) -> str:
    boards = over(list(results.judged("coverage", budget, judgement, name).values()))
    if not boards.boards:
        return ""
    width = over(list(results.judged("half-width", budget, judgement, name).values())).median
    share = results.coverage(budget, judgement, name)
    return f"{share:.3f} ({boards.lowest:.2f} to {boards.highest:.2f}; ±{width:.3g})"


def _range(found: Over) -> str:
    return f"{found.median:.3f} ({found.lowest:.3f} to {found.highest:.3f})" if found.boards else ""
