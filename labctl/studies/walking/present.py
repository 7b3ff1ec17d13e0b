"""The report of the study: what was found, with its intervals, whichever way it went."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.report.page import Page
from labctl.studies.document import Document
from labctl.studies.points import Presented
from labctl.studies.walking import figures, tables
from labctl.studies.walking.findings import conclusions, find
from labctl.studies.walking.names import ADDITIVE, EVERYWHERE, MULTIPLICATIVE
from labctl.studies.walking.results import Results, Setup
from models.robustness import Estimate
from models.robustness.spread import LEVEL

if TYPE_CHECKING:
    import pandas as pd

WHAT = (
    "The midpoint is the strength of noise at which accuracy is halfway between that without noise and chance. "
    f"Brackets are {LEVEL:.0%} intervals over training seeds; 'more than' and 'less than' stand for midpoints beyond "
    "the strengths that were tried, 'a to b' for what the strengths leave open between."
)


def present(table: pd.DataFrame, pictures: Path) -> Presented:
    """Page, sentences and figures of a table, complete or not."""
    results = Results(table)
    page = Page(
        "Walking noise: how much noise networks bear, and where",
        "Noise on the activations of one operation at a time, and of all at once, in networks trained without it and "
        "with it. Everything is simulated; no board takes part.",
        simulated=True,
    )
    document = Document(page, pictures)
    findings = conclusions(results)
    document.text(*findings)
    if results.setups:
        _everywhere(document, results)
        _walks(document, results)
        _growth(document, results)
        _levels(document, results)
        _survival(document, results)
        _execution(document, results)
    _published(document, results)
    _method(document, results)
    return Presented(page, findings, _values(results), document.markdown())


def _everywhere(document: Document, results: Results) -> None:
    document.heading("Noise everywhere")
    document.text(WHAT)
    header, rows = tables.everywhere(results)
    document.table(header, rows)
    header, rows = tables.batch_norm(results)
    if rows:
        document.text("Midpoint with batch norm over that without:")
        document.table(header, rows)
    for noise, setups in _by_noise(results).items():
        caption = f"Accuracy under {noise} noise at all points at once; dots are seeds, the dashed line is chance."
        document.figure(figures.curve_figure(results, setups), f"everywhere-{noise}", caption)


def _walks(document: Document, results: Results) -> None:
    document.heading("Noise at one point")
    document.text(
        "Injection points from the input to the output, one noisy at a time: the same point in training and judging."
    )
    for noise, setups in _by_noise(results).items():
        caption = (
            f"Midpoints of {noise} noise at each point; left of the line noise everywhere. Open triangles are bounds."
        )
        document.figure(figures.midpoint_figure(results, setups), f"midpoints-{noise}", caption)
        for network in setups:
            header, rows = tables.walk(results, network)
            document.text(f"{network}:")
            document.table(header, rows)
    header, rows = tables.late_over_early(results)
    if rows:
        document.text("Midpoints of the last third of the points over those of the first third:")
        document.table(header, rows)


def _growth(document: Document, results: Results) -> None:
    setups = [setup for setup in results.setups if setup.noise == ADDITIVE]
    header, rows = tables.growth(results, setups)
    if not rows:
        return
    document.heading("Growth under additive noise")
    document.text(
        "Weights: geometric mean over the layers in front of the point, and over those behind it, of their root mean "
        "square, with over without noise in training; all layers are in front of noise everywhere. "
        "Signal: likewise the standard deviation over samples of the activations at the point; noise is absolute, so "
        "this is also what training gains in signal over noise. Each at the strongest noise in training under which "
        "more than half of the accuracy above chance is left; nothing learnt lies before the input. Weights do not "
        "hold the scales of batch norm, which makes up for any size of the weights in front of it: these need not grow."
    )
    document.table(header, rows)
    if any(row[-1] for row in rows):
        caption = "Growth of the signal at each point where noise was in training."
        document.figure(figures.growth_figure(results, setups), "growth", caption)


def _levels(document: Document, results: Results) -> None:
    setups = [setup for setup in results.setups if setup.noise == MULTIPLICATIVE]
    header, rows = tables.levels(results, setups)
    if not rows:
        return
    document.heading("Two levels under multiplicative noise")
    document.text(
        "Explained: share of the variance of the sizes of a point's activations, without their sign, that two levels "
        "explain (two values: 1, absolute values of a normal distribution 0.67), each unit in units of its own mean "
        "size. Signs: accuracy when only the signs of the activations are kept, with one size a unit from training "
        "samples, less accuracy with the activations as they are. On, off: likewise, each activation one size or "
        "nothing, as it is large or small, whatever its sign; noise much stronger than 1 leaves no sign to decide by. "
        "Networks trained with noise are judged under it, at the strongest that is borne, as many know nothing without "
        "it; those trained without, without."
    )
    document.table(header, rows)
    caption = "Each point is an injection point of a network; to the right and up is decision by on and off."
    document.figure(figures.level_figure(results, setups), "levels", caption)


def _survival(document: Document, results: Results) -> None:
    header, rows = tables.survivals(results)
    if not rows:
        return
    document.heading("Extreme noise")
    document.text(
        "Share of the accuracy above chance that is left of networks trained and judged under noise of strength 1e10 "
        "at one point."
    )
    document.table(header, rows)


def _execution(document: Document, results: Results) -> None:
    clean = [setup for setup in results.setups if setup.noise == ADDITIVE and results.clean(setup, "clean")]
    setups = [setup for setup in clean if results.executed(setup)]
    if not clean:
        return
    document.heading("Repeated execution")
    missing = [setup.network for setup in clean if setup not in setups]
    if missing:
        document.text(f"Not for {'; '.join(missing)}: the midpoint of noise everywhere is not identified there.")
    if not setups:
        return
    document.text(
        "Networks trained without noise, under additive noise everywhere at its midpoint; every operation is executed "
        "several times and averaged. Tailored budgets are in proportion to 1 / midpoint of each point and have the "
        "same total as the uniform ones. The level and the budgets come from samples that are not those of the test. "
        "Differences are in points."
    )
    header, rows = tables.execution(results, setups)
    document.table(header, rows)
    caption = "Accuracy by the mean number of executions of an operation, mean over seeds."
    document.figure(figures.execution_figure(results, setups), "execution", caption)


def _published(document: Document, results: Results) -> None:
    document.heading("Published midpoints")
    header, rows = tables.published(results)
    if not rows:
        document.text(
            "None of the networks here was trained on data for which midpoints are published (MNIST and CIFAR-10, "
            "arXiv 2212.10430), so nothing is compared. With files of these sets in the folder of image sets a full "
            "study takes them in."
        )
        return
    document.text(
        "Additive noise, trained without noise. The published levels everywhere are those of the repeated executions "
        "of arXiv 2212.10430; those of points were worked back from its whole numbers of repeats, to some 10 %."
    )
    document.table(header, rows)


def _method(document: Document, results: Results) -> None:
    document.heading("How")
    seeds = max((len(results.seeds(setup, "clean")) for setup in results.setups), default=0)
    document.text(
        "Every network is trained with Adam on cross-entropy, learning rate falling to 0 along a cosine, no weight "
        f"decay; {seeds} seeds, which fix initial weights, order of samples and noise. Noise is fresh for every sample "
        "and pass. A network trained with noise is judged under noise of the same strength at the same place, so each "
        "strength is a training of its own. Accuracy is that after the last epoch, on test samples; no network and no "
        "budget was chosen by them, but which strength is the strongest that is borne was read from them. Intervals "
        "are over seeds with these test samples; other samples would move all seeds together."
    )


def _by_noise(results: Results) -> dict[str, list[Setup]]:
    found: dict[str, list[Setup]] = {}
    for setup in results.setups:
        found.setdefault(setup.noise, []).append(setup)
    return found


def _values(results: Results) -> dict[str, object]:
    return {
        "simulated": True,
        "findings": [
            {
                "claim": item.claim,
                "answer": item.answer,
                "clearly": item.clearly,
                "opposite": item.opposite,
                "comparisons": item.total,
            }
            for item in (find(results) if results.setups else [])
        ],
        "midpoints": {
            str(setup): {
                trained: {
                    name: {
                        "status": level.status,
                        "value": _finite(level.estimate.value),
                        "interval": _interval(level.estimate),
                    }
                    for name in (EVERYWHERE, *results.injections(setup, trained))
                    if (level := results.midpoint(setup, trained, name)) is not None
                }
                for trained in figures.TRAINED
            }
            for setup in results.setups
        },
    }


def _interval(estimate: Estimate) -> list[float | None]:
    return [_finite(estimate.low), _finite(estimate.high)]


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None
