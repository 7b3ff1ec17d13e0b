"""Names that plan, points and report of the ordering study share."""

from __future__ import annotations

ARMS = ("ideal", "unordered", "ordered", "ordered+board", "board")
"""What networks are trained on, see :mod:`labctl.studies.ordering.training`."""

SEARCHED_ARMS = ("unordered", "ordered")
"""Arms whose networks are run in all event orders: one that knows nothing of order, one that was trained in one."""

BLIND = "unordered"
"""The arm that others are compared with."""

ASCENDING = "ascending"
DESCENDING = "descending"
OPTIMISED = "optimised"
"""Event orders: by row, and as the search of :mod:`labctl.studies.ordering.search` found them."""

MODELS = ("ordered", "unordered")
"""Chip models that predict the accuracy in every order."""
