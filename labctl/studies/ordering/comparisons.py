"""The questions of the ordering study, each a family of paired differences by condition."""

from __future__ import annotations

import numpy as np

from labctl.studies.ordering.analysis import Difference, difference
from labctl.studies.ordering.names import BLIND, OPTIMISED, SEARCHED_ARMS
from labctl.studies.ordering.results import Results

Family = dict[str, Difference]


def arm_less_blind(results: Results, arm: str) -> Family:
    """Accuracy on the board of an arm less that of the order-blind one, by condition."""
    return {
        condition: difference(results.accuracy(condition, arm), results.accuracy(condition, BLIND))
        for condition in results.conditions()
    }


def arm_less_ordered(results: Results, arm: str) -> Family:
    """Accuracy on the board of an arm less that of the ordered one, by condition."""
    return {
        condition: difference(results.accuracy(condition, arm), results.accuracy(condition, "ordered"))
        for condition in results.conditions()
    }


def changed_order(results: Results, arm: str) -> Family:
    """Accuracy of an arm in the order that it was not trained for less that in its own, by condition."""
    return {
        condition: in_order_less_own(results, condition, arm, results.other_order(condition))
        for condition in results.conditions()
    }


def found_order(results: Results, arm: str) -> Family:
    """Accuracy of an arm in the orders that the search found less that in its own, by condition."""
    return {condition: in_order_less_own(results, condition, arm, OPTIMISED) for condition in results.conditions()}


def in_order_less_own(results: Results, condition: str, arm: str, order: str) -> Difference:
    """Accuracy in an order less that in the order trained for."""
    own = results.in_order(condition, arm, results.trained_order(condition))
    return difference(results.in_order(condition, arm, order), own)


def predicted_less_own(results: Results, condition: str, arm: str, order: str, model: str) -> float:
    """The same as a chip model has it, mean over cells; NaN without any."""
    own = results.predicted(condition, arm, results.trained_order(condition), model)
    return difference(results.predicted(condition, arm, order, model), own).spread.mean


def prediction_error(results: Results, condition: str, model: str) -> float:
    """Root mean square of predicted less measured accuracy over cells, networks and orders; NaN without any."""
    squares = [
        (value - measured[cell]) ** 2
        for arm in SEARCHED_ARMS
        for order in results.names("order")
        for measured in [results.in_order(condition, arm, order)]
        for cell, value in results.predicted(condition, arm, order, model).items()
    ]
    return float(np.sqrt(np.mean(squares))) if squares else float("nan")
