"""What the ordering study found, in sentences made from its figures: whichever way they went."""

from __future__ import annotations

import numpy as np

from labctl.studies.ordering import comparisons
from labctl.studies.ordering.names import MODELS, SEARCHED_ARMS
from labctl.studies.ordering.results import Results
from labctl.studies.ordering.wording import tally

_ROW_GAINS = "row gains of the {model} model, last over first"


def conclusions(results: Results) -> list[str]:
    """A sentence for each question; one that says so while there is nothing to compare."""
    if not results.conditions():
        return ["No cell of the study is finished yet."]
    return [*_arms(results), *_moved(results), *_orders(results), *_models(results)]


def _arms(results: Results) -> list[str]:
    aware = comparisons.arm_less_blind(results, "ordered")
    on_board = comparisons.arm_less_ordered(results, "board")
    more = comparisons.arm_less_ordered(results, "ordered+board")
    return [
        "Networks trained on the ordered model, against those trained on the order-blind one, in points on the board "
        f"with 95 % intervals: {tally(aware, 'better', 'worse')}.",
        "Networks trained on the board from the beginning with order-blind gradients, against those of the ordered "
        f"model: {tally(on_board, 'better', 'worse')}.",
        f"A few epochs on the board after the ordered model: {tally(more, 'better', 'worse')}.",
    ]


def _moved(results: Results) -> list[str]:
    sentences = []
    for arm in SEARCHED_ARMS:
        family = comparisons.changed_order(results, arm)
        sentences.append(
            f"Networks trained on the {arm} model, run in the other order than the one they were trained for: "
            f"{tally(family, 'gain', 'loss')}."
        )
    return sentences


def _orders(results: Results) -> list[str]:
    return [
        f"Networks of the {arm} model in the event orders that a search on the ordered model found: "
        f"{tally(comparisons.found_order(results, arm), 'better', 'worse')}."
        for arm in SEARCHED_ARMS
    ]


def _models(results: Results) -> list[str]:
    said = []
    for condition in results.conditions():
        errors = [100 * comparisons.prediction_error(results, condition, model) for model in MODELS]
        said.append(f"{condition} {errors[0]:.1f} and {errors[1]:.1f}")
    sentences = [
        "Accuracies over all orders as the ordered and the order-blind model have them are from those on the board, in "
        f"points (root mean square): {'; '.join(said)}."
    ]
    gains = [
        f"{condition} {np.mean(ordered):.2f} and {np.mean(blind):.2f}"
        for condition in results.conditions()
        if (ordered := results.of_boards(_ROW_GAINS.format(model="ordered"), condition))
        and (blind := results.of_boards(_ROW_GAINS.format(model="unordered"), condition))
    ]
    if gains:
        sentences.append(
            "The gain of the last row over that of the first in the ordered and in the order-blind model: "
            f"{'; '.join(gains)}. What the latter has more is the place in the order, taken for a property of the row."
        )
    return sentences
