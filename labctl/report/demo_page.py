"""The report of a demo: accuracy of every arm on every target, and where the pages with the details are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from labctl.comparison import TARGETS
from labctl.report import plots
from labctl.report.page import Page

if TYPE_CHECKING:
    from labctl.demo import DemoResult


def demo_page(result: DemoResult, pages: Mapping[str, str]) -> Page:
    """Build the page of a demo; ``pages`` are the reports beside it, by name."""
    record = result.record
    lead = f"{record.identity}, seed {result.seed}. Four networks, each on the board and on its simulated counterparts."
    page = Page("A keyword network trained four ways", lead, record.identity.simulated)
    page.heading("Accuracy on unseen voices")
    rows, best = [], []
    for index, item in enumerate(result.comparisons):
        rows.append([item.arm, *(str(item.evaluations[target].accuracy) for target in TARGETS)])
        winner = max(range(len(TARGETS)), key=lambda k: item.evaluations[TARGETS[k]].accuracy.value)
        best.append((index, winner + 1))
    page.table(["trained on", *(f"evaluated on {target}" for target in TARGETS)], rows, best)
    bars = {
        item.arm: {
            target: (found.accuracy.value, found.accuracy.low, found.accuracy.high)
            for target, found in item.evaluations.items()
        }
        for item in result.comparisons
    }
    page.figure(plots.accuracy_bars(bars), "Accuracy with its 95 % interval: each arm on each target.")
    page.text(*result.findings())
    page.heading("The details")
    page.links(pages)
    return page
