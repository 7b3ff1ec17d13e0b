"""The report of the ordering study: what was found, with its spread, whichever way it went."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from labctl.report.page import Page
from labctl.studies.ordering import figures
from labctl.studies.ordering.analysis import Difference, Results, Spread, difference, spread
from labctl.studies.ordering.plan import ARMS
from labctl.studies.points import Presented

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

BLIND = "unordered"
"""The arm that others are compared with."""


def present(table: pd.DataFrame, pictures: Path) -> Presented:
    """Page, sentences and figures of a table, complete or not."""
    results = Results(table)
    page = Page(
        "What the order of events costs, and what it is worth",
        "Networks trained on the integer product, on an order-blind and on an ordered model of a board, and on the "
        "board itself; every accuracy is of unseen voices on the board.",
        simulated=True,
    )
    findings = _findings(results)
    page.text(*findings)
    if results.conditions():
        arms = [arm for arm in ARMS if arm in results.names("arm")]
        _accuracy(page, results, arms, pictures)
        _orders(page, results, pictures)
        _layers(page, results, arms, pictures)
        _boards(page, results)
    _method(page, results)
    return Presented(page, findings, _document(results))


def _findings(results: Results) -> list[str]:
    lines = []
    for condition in results.conditions():
        aware = difference(results.accuracy(condition, "ordered"), results.accuracy(condition, BLIND))
        lines.append(f"{condition}: {_sentence(aware, 'trained on the ordered model', 'on the order-blind one')}")
    for condition in results.conditions():
        for arm in _searched(results):
            base = results.in_order(condition, arm, "ascending")
            gain = difference(results.in_order(condition, arm, "optimised"), base)
            lines.append(
                f"{condition}, event order: {_sentence(gain, f'of the {arm} arm in the order found', 'ascending')}"
            )
    return lines or ["No cell of the study is finished yet."]


def _sentence(found: Difference, these: str, those: str) -> str:
    if not found.spread.count:
        return "nothing to compare yet."
    return (
        f"networks {these} reach {_points(found.spread.mean)} against {those} (pairs of the same board and seed: "
        f"above in {found.above} of {found.spread.count}, standard error {_percent(found.error)} points; "
        f"{found.verdict})."
    )


def _accuracy(page: Page, results: Results, arms: Sequence[str], pictures: Path) -> None:
    page.heading("Accuracy on the board")
    rows = [
        [condition, *(_with_spread(spread(results.accuracy(condition, arm))) for arm in arms)]
        for condition in results.conditions()
    ]
    page.text(
        "Mean in percent, in brackets the standard deviation over training seeds of one board and that over boards."
    )
    page.table(["condition", *(f"trained on {arm}" for arm in arms)], rows)
    known = results.float_accuracy()
    if known:
        page.text(f"The float network, which no board computes: {100 * float(np.mean(known)):.1f} %.")
    _figure(
        page, figures.accuracy_figure(results, arms), pictures / "accuracy.png", "Each point is one board and seed."
    )
    others = [arm for arm in arms if arm != BLIND]
    page.text(f"Less the {BLIND} arm, pair by pair, in points; in brackets the standard error and in how many above.")
    rows = [
        [
            condition,
            *(
                _difference(difference(results.accuracy(condition, a), results.accuracy(condition, BLIND)))
                for a in others
            ),
        ]
        for condition in results.conditions()
    ]
    page.table(["condition", *others], rows)
    page.text(
        "What training ended with: accuracy of the validation voices on what the arm was trained on, mean in percent. "
        "An arm that is low here has learnt less, whatever its model is worth."
    )
    rows = [
        [condition, *(_with_spread(spread(results.believed(condition, arm))) for arm in arms)]
        for condition in results.conditions()
    ]
    page.table(["condition", *arms], rows)


def _orders(page: Page, results: Results, pictures: Path) -> None:
    page.heading("Order as a resource")
    page.text(
        "The same networks, sent in other event orders, one order for each block. 'By weight' sends rows from the most "
        "negative to the most positive sum of weights, 'by strength' from weak to strong rows, 'interleaved' brings "
        "signs by turns, 'optimised' was searched for on the ordered model with training utterances alone. Accuracy "
        "less that in ascending order, pair by pair, in points; in brackets the standard error and in how many above."
    )
    orders, arms = results.names("order"), _searched(results)
    others = [order for order in orders if order != "ascending"]
    rows = []
    for condition in results.conditions():
        for arm in arms:
            base = results.in_order(condition, arm, "ascending")
            found = [_difference(difference(results.in_order(condition, arm, order), base)) for order in others]
            rows.append([f"{condition}, {arm}", f"{100 * spread(base).mean:.1f}", *found])
    page.table(["condition, trained on", "ascending / %", *others], rows)
    caption = "Accuracy on the board in each event order, less that in ascending order; each point one board and seed."
    _figure(page, figures.orders_figure(results, arms, others), pictures / "orders.png", caption)
    page.text("Mean cross-entropy on the ordered model of the training utterances that the search used:")
    rows = [
        [f"{condition}, {arm}", *(f"{spread(results.loss(condition, arm, order)).mean:.3f}" for order in orders)]
        for condition in results.conditions()
        for arm in arms
    ]
    page.table(["condition, trained on", *orders], rows)


def _layers(page: Page, results: Results, arms: Sequence[str], pictures: Path) -> None:
    page.heading("Non-associativity, layer by layer")
    page.text(
        "Spread of a block output's mean over random event orders divided by its spread over repeats, both measured on "
        "the board; 0 where order changes nothing beyond trial noise. Mean over boards, seeds and outputs."
    )
    layers = results.layers()
    rows = [
        [condition, arm, *(f"{results.non_associativity(condition, arm, layer).mean:.2f}" for layer in layers)]
        for condition in results.conditions()
        for arm in arms
    ]
    page.table(["condition", "trained on", *(f"layer {layer}" for layer in layers)], rows)
    caption = "Non-associativity of every layer."
    _figure(page, figures.layers_figure(results, arms), pictures / "non-associativity.png", caption)


def _boards(page: Page, results: Results) -> None:
    page.heading("The boards' models")
    page.text("Held-out residual over trial noise at the calibration, mean over boards; 1 would be perfect.")
    names = ("ordered residual over noise", "unordered residual over noise", "order terms", "columns that pass")
    rows = [
        [condition, *(f"{float(np.mean(results.of_boards(name, condition) or [np.nan])):.2f}" for name in names)]
        for condition in results.conditions()
    ]
    page.table(["condition", *names], rows)


def _method(page: Page, results: Results) -> None:
    page.heading("How")
    tested = results.one("test utterances")
    page.text(
        "Boards are emulated, each in a process of its own at the end of a TCP connection; their strengths are "
        "plausible, not measured on a chip. All arms of a board and seed start from one float network and see the same "
        "utterances in the same sequence. 'board' is trained on the board with gradients of the order-blind model; "
        "'ordered+board' goes on from 'ordered' and so has had more epochs than the others. Nothing was chosen by the "
        f"test utterances ({tested:.0f} of unseen voices, so one accuracy has a standard error of about "
        f"{100 * (0.25 * 0.75 / tested) ** 0.5:.1f} points near 75 %). A difference counts as seen at "
        "the 99 % level of Student's t over pairs. Pairs of one board share its trial noise and are not quite "
        "independent: what condition 'none' shows between its 'ordered' and 'unordered' arm, which are the same "
        "network where no order term was seen, is what chance alone does here."
    )


def _document(results: Results) -> dict[str, object]:
    conditions, arms = results.conditions(), [name for name in results.names("arm") if name != "float"]
    searched, orders = _searched(results), results.names("order")
    return {
        "simulated": True,
        "float_accuracy": results.float_accuracy(),
        "accuracy": {c: {arm: spread(results.accuracy(c, arm)) for arm in arms} for c in conditions},
        "ordered_less_unordered": {
            c: difference(results.accuracy(c, "ordered"), results.accuracy(c, BLIND)) for c in conditions
        },
        "validation_accuracy_in_training": {
            c: {arm: spread(results.believed(c, arm)) for arm in arms} for c in conditions
        },
        "orders": {
            c: {arm: {order: spread(results.in_order(c, arm, order)) for order in orders} for arm in searched}
            for c in conditions
        },
        "non_associativity": {
            c: {arm: [results.non_associativity(c, arm, layer).mean for layer in results.layers()] for arm in arms}
            for c in conditions
        },
    }


def _searched(results: Results) -> list[str]:
    return [
        arm for arm in results.names("arm") if any(results.in_order(c, arm, "ascending") for c in results.conditions())
    ]


def _figure(page: Page, figure: Figure, path: Path, caption: str) -> None:
    figure.savefig(path, dpi=110)
    page.figure(figure, caption)


def _with_spread(found: Spread) -> str:
    return f"{100 * found.mean:.1f} ({_percent(found.seeds)}, {_percent(found.boards)})" if found.count else ""


def _difference(found: Difference) -> str:
    count = found.spread.count
    return f"{100 * found.spread.mean:+.1f} ({_percent(found.error)}; {found.above}/{count})" if count else ""


def _points(value: float) -> str:
    return f"{100 * value:+.1f} points"


def _percent(value: float) -> str:
    return f"{100 * value:.1f}" if np.isfinite(value) else "-"
