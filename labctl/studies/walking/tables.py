"""The tables of the report: header and rows as text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from labctl.studies.walking import comparisons
from labctl.studies.walking.names import ADDITIVE, EVERYWHERE, ON_OFF, SIGNAL, SIGNS, WEIGHTS, WEIGHTS_BEHIND, Trained
from labctl.studies.walking.published import EVERYWHERE_LEVELS, LAYER_LEVELS
from labctl.studies.walking.results import Results, Setup
from models.robustness import Estimate, Midpoint, midpoint_ratio

TRAINED: tuple[Trained, ...] = ("noisy", "clean")
Table = tuple[list[str], list[list[str]]]


def everywhere(results: Results) -> Table:
    """Accuracy without noise, and midpoints of noise everywhere."""
    header = ["network, noise", "accuracy / %", "midpoint", "trained with noise", "with / without"]
    rows = []
    for setup in results.setups:
        ratio = comparisons.noisy_over_clean(results, setup).get(EVERYWHERE)
        rows.append(
            [
                str(setup),
                _clean(results, setup),
                _level(results.midpoint(setup, "clean", EVERYWHERE)),
                _level(results.midpoint(setup, "noisy", EVERYWHERE)),
                ratio_text(ratio),
            ]
        )
    return header, rows


def batch_norm(results: Results) -> Table:
    """Midpoints everywhere with batch norm over those without."""
    clean = comparisons.normed_over_plain(results, "clean")
    noisy = comparisons.normed_over_plain(results, "noisy")
    names = list(dict.fromkeys((*clean, *noisy)))
    rows = [[name, ratio_text(clean.get(name)), ratio_text(noisy.get(name))] for name in names]
    return ["network, noise", "trained without noise", "trained with it"], rows


def walk(results: Results, setup: Setup) -> Table:
    """Midpoints along a network; without columns for training with noise where there was none at single points."""
    ratios = comparisons.noisy_over_clean(results, setup)
    noisy = results.injections(setup, "noisy")
    rows = []
    for name in results.injections(setup, "clean") or noisy:
        row = [name, _level(results.midpoint(setup, "clean", name))]
        if noisy:
            row += [_level(results.midpoint(setup, "noisy", name)), ratio_text(ratios.get(name))]
        rows.append(row)
    return ["point", "midpoint", *(["trained with noise", "with / without"] if noisy else [])], rows


def late_over_early(results: Results) -> Table:
    """How much more noise late points bear than early ones."""
    found = {str(setup): comparisons.late_over_early(results, setup) for setup in results.setups}
    rows = [[name, ratio_text(ratio)] for name, ratio in found.items() if ratio is not None]
    return ["network, noise", "late / early"], rows


def growth(results: Results, setups: Sequence[Setup]) -> Table:
    """Growth of weights and signal by point, at the strongest noise that is borne."""
    rows = []
    for setup in setups:
        of = [comparisons.growths(results, setup, quantity) for quantity in (WEIGHTS, WEIGHTS_BEHIND, SIGNAL)]
        for name in dict.fromkeys(name for found in of for name in found):
            strength = results.strongest_bearable(setup, name)
            rows.append([f"{setup.network}: {name}", f"{strength:.3g}", *(ratio_text(found.get(name)) for found in of)])
    return ["network: noise at", "strength", "weights in front", "weights behind", "signal"], rows


def levels(results: Results, setups: Sequence[Setup]) -> Table:
    """Closeness to two levels, and what two levels alone cost."""
    rows = []
    for setup in setups:
        explained = comparisons.binarised(results, setup)
        costs = [comparisons.coded(results, setup, trained, code) for code in (SIGNS, ON_OFF) for trained in TRAINED]
        for name, more in explained.items():
            strength = results.strongest_bearable(setup, name)
            cells = [difference_text(more), *(points_text(cost.get(name)) for cost in costs)]
            rows.append([f"{setup.network}: {name}", f"{strength:.3g}", *cells])
    header = [
        "network: noise at",
        "strength",
        "explained, with less without",
        "signs / points",
        "signs, trained without / points",
        "on, off / points",
        "on, off, trained without / points",
    ]
    return header, rows


def survivals(results: Results) -> Table:
    """What is left at extreme strength."""
    rows = []
    for setup in results.setups:
        for name, found in comparisons.survivals(results, setup).items():
            word = {True: "survives", False: "does not", None: "cannot be told"}[found.survives]
            rows.append([f"{setup}: {name}", difference_text(found.left, "{:.2f}"), word])
    return ["network, noise: at", "share left", ""], rows


def execution(results: Results, setups: Sequence[Setup]) -> Table:
    """Accuracy of tailored less uniform repeats."""
    counts = sorted({count for setup in setups for count, _ in results.executed(setup)})
    rows = []
    for setup in setups:
        less = comparisons.tailored_less_uniform(results, setup)
        cells = [points_text(less.get(count)) for count in counts]
        rows.append([setup.network, f"{results.executed_strength(setup):.3g}", *cells])
    return ["network", "strength", *(f"{count} executions" for count in counts)], rows


def published(results: Results) -> Table:
    """Midpoints here and those that are published for the same network and data."""
    rows = []
    for setup in results.setups:
        network = (setup.data, setup.net, setup.batch_norm)
        if setup.noise != ADDITIVE or network not in EVERYWHERE_LEVELS:
            continue
        rows.append(_beside(results, setup, EVERYWHERE, EVERYWHERE_LEVELS[network]))
        names = results.injections(setup, "clean")
        if len(names) == len(LAYER_LEVELS[network]):
            rows += [
                _beside(results, setup, name, level) for name, level in zip(names, LAYER_LEVELS[network], strict=True)
            ]
    return ["network: noise at", "here", "published", "here / published"], rows


def _beside(results: Results, setup: Setup, name: str, level: float) -> list[str]:
    here = results.midpoint(setup, "clean", name)
    ratio = None
    if here is not None and here.status != "no signal":
        fixed = Midpoint("identified", Estimate(level, level, level, 0), ((level, level),) * len(here.by_seed))
        ratio = midpoint_ratio([here], [fixed])
    return [f"{setup.network}: {name}", _level(here), f"{level:.3g}", ratio_text(ratio)]


def _clean(results: Results, setup: Setup) -> str:
    found = results.clean(setup, "clean") or results.clean(setup, "noisy")
    return "" if found is None else f"{100 * float(np.mean(found.values)):.1f}"


def _level(level: Midpoint | None) -> str:
    return "" if level is None else str(level)


def ratio_text(ratio: Estimate | None) -> str:
    """A ratio with its interval, or the bound that is known."""
    if ratio is None:
        return ""
    if ratio.known:
        return f"{ratio.value:.3g} [{ratio.low:.3g}, {ratio.high:.3g}]"
    if ratio.low > 0 and np.isfinite(ratio.high):
        return f"{ratio.low:.3g} to {ratio.high:.3g}"
    if ratio.low > 0:
        return f"more than {ratio.low:.3g}"
    return f"less than {ratio.high:.3g}" if np.isfinite(ratio.high) else "open"


def difference_text(found: Estimate | None, form: str = "{:+.3f}") -> str:
    """A difference with its interval."""
    if found is None or not found.known:
        return ""
    return f"{form.format(found.value)} [{form.format(found.low)}, {form.format(found.high)}]"


def points_text(found: Estimate | None) -> str:
    """A difference of accuracies in points."""
    if found is None or not found.known:
        return ""
    return f"{100 * found.value:+.1f} [{100 * found.low:+.1f}, {100 * found.high:+.1f}]"
