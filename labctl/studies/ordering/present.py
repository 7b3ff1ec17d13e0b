"""The report of the ordering study: what was found, with its spread, whichever way it went."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from labctl.report.page import Page
from labctl.studies.document import Document
from labctl.studies.ordering import comparisons, figures
from labctl.studies.ordering.analysis import spread
from labctl.studies.ordering.findings import conclusions
from labctl.studies.ordering.names import ARMS, BLIND, MODELS, SEARCHED_ARMS
from labctl.studies.ordering.results import Results
from labctl.studies.ordering.wording import judged, mean_and_spread, points
from labctl.studies.points import Presented

if TYPE_CHECKING:
    import pandas as pd

_INTERVALS = (
    "Differences are in points of accuracy, pair by pair of board and seed, with the 95 % interval for other boards "
    "and other seeds; ↑ and ↓ mark what is told apart from nothing at 95 % for the table's {family} as a whole (Holm)."
)
CALIBRATION = (
    "ordered residual over noise",
    "unordered residual over noise",
    "row gains of the ordered model, last over first",
    "row gains of the unordered model, last over first",
    "order terms",
    "columns that pass",
)
MARKED = _INTERVALS.format(family="column")


def present(table: pd.DataFrame, pictures: Path) -> Presented:
    """Page, sentences and figures of a table, complete or not."""
    results = Results(table)
    page = Page(
        "What the order of events costs, and what it is worth",
        "Networks trained on the integer product, on an order-blind and on an ordered model of a board, and on the "
        "board itself; every accuracy is of unseen voices on the board.",
        simulated=True,
    )
    document = Document(page, pictures)
    findings = conclusions(results)
    document.text(*findings)
    if results.conditions():
        arms = [arm for arm in ARMS if arm in results.names("arm")]
        _accuracy(document, results, arms)
        _moved(document, results, arms)
        _orders(document, results)
        _predictions(document, results)
        _layers(document, results, arms)
        _boards(document, results)
    _method(document, results)
    return Presented(page, findings, _values(results), document.markdown())


def _accuracy(document: Document, results: Results, arms: list[str]) -> None:
    document.heading("Accuracy on the board")
    document.text(
        "Mean in percent, in brackets the standard deviation over training seeds of one board and that over boards."
    )
    conditions = results.conditions()
    rows = [[c, *(mean_and_spread(spread(results.accuracy(c, arm))) for arm in arms)] for c in conditions]
    document.table(["condition", *(f"trained on {arm}" for arm in arms)], rows)
    known = results.float_accuracy()
    if known:
        document.text(f"The float networks, which no board computes: {100 * float(np.mean(known)):.1f} %.")
    document.figure(figures.accuracy_figure(results, arms), "accuracy", "Each point is one board and seed.")
    document.text(f"Less the {BLIND} arm. {MARKED}")
    others = [arm for arm in arms if arm != BLIND]
    columns = [judged(comparisons.arm_less_blind(results, arm)) for arm in others]
    document.table(["condition", *others], [[c, *(column[c] for column in columns)] for c in conditions])
    near = [arm for arm in others if arm != "ideal"]
    caption = f"Accuracy less that of the {BLIND} arm; 'ideal', far below, is left out."
    document.figure(figures.advantage_figure(results, near), "advantage", caption)
    document.text(
        "What training ended with: accuracy of the validation voices on what the arm was trained on, mean in percent. "
        "An arm that is low here has learnt less, whatever its model is worth."
    )
    rows = [[c, *(mean_and_spread(spread(results.believed(c, arm))) for arm in arms)] for c in conditions]
    document.table(["condition", *arms], rows)


def _moved(document: Document, results: Results, arms: list[str]) -> None:
    document.heading("The other order than the one trained for")
    document.text(
        "The same networks on the same boards, rows sent in descending instead of ascending order; in conditions "
        f"called 'reversed', which train for descending order, the other way round. {MARKED}"
    )
    columns = [judged(comparisons.changed_order(results, arm)) for arm in arms]
    rows = [[c, *(column[c] for column in columns)] for c in results.conditions()]
    document.table(["condition", *(f"trained on {arm}" for arm in arms)], rows)
    figure = figures.moved_figure(results, arms)
    document.figure(figure, "other-order", "Accuracy in the other order less that in the order trained for.")


def _orders(document: Document, results: Results) -> None:
    document.heading("Order as a resource")
    document.text(
        "The same networks, sent in other event orders, one order for each block. 'By weight' sends rows from the most "
        "negative to the most positive sum of weights, 'by strength' from weak to strong rows, 'interleaved' brings "
        "signs by turns, 'optimised' was searched for on the ordered model with training utterances alone. Accuracy "
        f"less that in the order trained for. {_INTERVALS.format(family='row')}"
    )
    orders, networks = results.names("order"), _networks(results)
    rows = []
    for condition, arm in networks:
        own = results.trained_order(condition)
        others = [order for order in orders if order != own]
        cells = judged({o: comparisons.in_order_less_own(results, condition, arm, o) for o in others})
        base = f"{100 * spread(results.accuracy(condition, arm)).mean:.1f}"
        rows.append([f"{condition}, {arm}", base, *(cells.get(order, "own") for order in orders)])
    document.table(["condition, trained on", "own order / %", *orders], rows)
    caption = "Accuracy on the board in each event order, less that in the order trained for."
    document.figure(figures.orders_figure(results, SEARCHED_ARMS, orders), "orders", caption)
    document.text("Mean cross-entropy on the ordered model of the training utterances that the search used:")
    rows = [
        [f"{c}, {arm}", *(f"{spread(results.loss(c, arm, order)).mean:.3f}" for order in orders)] for c, arm in networks
    ]
    document.table(["condition, trained on", *orders], rows)


def _predictions(document: Document, results: Results) -> None:
    document.heading("What the models say of another order")
    document.text(
        "Accuracy less that in the order trained for, in points, as the ordered model has it, to be held against the "
        "measured differences above. The order-blind model has none."
    )
    orders = results.names("order")
    rows = [
        [
            f"{c}, {arm}",
            *(points(comparisons.predicted_less_own(results, c, arm, order, MODELS[0])) for order in orders),
        ]
        for c, arm in _networks(results)
    ]
    document.table(["condition, trained on", *orders], rows)
    document.text(
        "How far each model's accuracies are from those on the board, root mean square over networks, orders, boards "
        "and seeds, in points."
    )
    rows = [
        [c, *(f"{100 * comparisons.prediction_error(results, c, model):.1f}" for model in MODELS)]
        for c in results.conditions()
    ]
    document.table(["condition", *(f"{model} model" for model in MODELS)], rows)
    caption = "Accuracy as the models have it, over that on the board; each point one network in one order."
    document.figure(figures.prediction_figure(results, SEARCHED_ARMS, MODELS), "prediction", caption)


def _layers(document: Document, results: Results, arms: list[str]) -> None:
    document.heading("Non-associativity, layer by layer")
    document.text(
        "Spread of a block output's mean over random event orders divided by its spread over repeats, both measured on "
        "the board; 0 where order changes nothing beyond trial noise. Mean over boards, seeds and outputs."
    )
    layers = results.layers()
    rows = [
        [condition, arm, *(f"{results.non_associativity(condition, arm, layer).mean:.2f}" for layer in layers)]
        for condition in results.conditions()
        for arm in arms
    ]
    document.table(["condition", "trained on", *(f"layer {layer}" for layer in layers)], rows)
    figure = figures.layers_figure(results, arms)
    document.figure(figure, "non-associativity", "Non-associativity of every layer.")


def _boards(document: Document, results: Results) -> None:
    document.heading("The boards' models")
    document.text(
        "Held-out residual over trial noise at the calibration, mean over boards; 1 would be perfect. Then the gain of "
        "the last row over that of the first, on a line through all rows: where the order-blind model's rises and the "
        "ordered model's does not, row gains stand for what a row's place in the order does."
    )
    own = [c for c in results.conditions() if results.of_boards(CALIBRATION[0], c)]
    rows = [[c, *(f"{float(np.mean(results.of_boards(name, c))):.2f}" for name in CALIBRATION)] for c in own]
    document.table(["condition", *CALIBRATION], rows)


def _method(document: Document, results: Results) -> None:
    document.heading("How")
    tested = results.one("test utterances")
    document.text(
        "Boards are emulated, each in a process of its own at the end of a TCP connection; their strengths are "
        "plausible, not measured on a chip. Boards are calibrated with rows in ascending order. All arms of a board "
        "and seed start from one float network and see the same utterances in the same sequence, with the same number "
        "of steps; 'board' is trained on the board with gradients of the order-blind model; 'ordered+board' goes on "
        "from 'ordered' and so has had more steps than the others.",
        "Networks and orders are judged by turns, a part of the utterances at a time, with trial noise drawn afresh "
        "for every training seed. How training goes was chosen by validation voices, orders by training voices; the "
        f"{tested:.0f} test utterances of other voices decided nothing. Intervals are for other boards and other "
        "training seeds (crossed, Satterthwaite's degrees of freedom), not for other voices. In condition 'none' no "
        "order term is seen, so that ordered and order-blind model are the same: what is shown there is chance.",
    )


def _values(results: Results) -> dict[str, object]:
    conditions, arms = results.conditions(), [name for name in results.names("arm") if name != "float"]
    orders = results.names("order")
    less_blind = {arm: comparisons.arm_less_blind(results, arm) for arm in arms if arm != BLIND}
    moved = {arm: comparisons.changed_order(results, arm) for arm in arms}
    return {
        "simulated": True,
        "float_accuracy": results.float_accuracy(),
        "accuracy": {c: {arm: spread(results.accuracy(c, arm)) for arm in arms} for c in conditions},
        "less_unordered": {c: {arm: family[c] for arm, family in less_blind.items()} for c in conditions},
        "other_order_less_own": {c: {arm: family[c] for arm, family in moved.items()} for c in conditions},
        "validation_accuracy_in_training": {
            c: {arm: spread(results.believed(c, arm)) for arm in arms} for c in conditions
        },
        "orders": {
            c: {arm: {order: spread(results.in_order(c, arm, order)) for order in orders} for arm in SEARCHED_ARMS}
            for c in conditions
        },
        "prediction_error": {
            c: {model: comparisons.prediction_error(results, c, model) for model in MODELS} for c in conditions
        },
        "non_associativity": {
            c: {arm: [results.non_associativity(c, arm, layer).mean for layer in results.layers()] for arm in arms}
            for c in conditions
        },
    }


def _networks(results: Results) -> list[tuple[str, str]]:
    return [(condition, arm) for condition in results.conditions() for arm in SEARCHED_ARMS]
