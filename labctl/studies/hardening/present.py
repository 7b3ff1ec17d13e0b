"""The report of the hardening study: what was found, whichever way it went."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from labctl.report.page import Page
from labctl.studies.document import Document
from labctl.studies.hardening import figures
from labctl.studies.hardening.analysis import (
    area,
    areas,
    bits_of,
    board_difference,
    chosen_coarser,
    chosen_scale,
    chosen_strength,
    constant_less_learned,
    midpoint,
    noisy_less_quantised,
    one_noisy_less_quantised,
    paired,
    scales_of,
    shown_ways,
    surfaces,
    title,
    verdict,
)
from labctl.studies.hardening.findings import (
    against_plain,
    against_rival,
    aware_at_same_mean,
    aware_elsewhere,
    conclusions,
    on_board,
    points,
    simulated_winner,
)
from labctl.studies.hardening.names import (
    ALPHA,
    BOARD_TITLES,
    LEARNED,
    MEAN_FACTOR,
    NOISY,
    PLAIN,
    TEST,
    THETA,
    TITLES,
    VANT,
)
from labctl.studies.hardening.plan import BOARD_ARMS
from labctl.studies.hardening.results import Judged, Results, Subject, Way
from labctl.studies.points import Presented
from models.robustness import Estimate, over_seeds

if TYPE_CHECKING:
    import pandas as pd


def present(table: pd.DataFrame, pictures: Path) -> Presented:
    """Page, sentences and figures of a table, complete or not."""
    results = Results(table)
    page = Page(
        "What makes networks bear noise, and whether it holds on a board",
        "Networks trained plainly, under noise and with quantised activations, judged under additive noise after every "
        "operation; and a keyword perceptron hardened for emulated boards with the noise that calibrations measured.",
        simulated=True,
    )
    document = Document(page, pictures)
    findings = conclusions(results)
    document.text(*findings)
    if results.subjects():
        _curves(document, results)
        _scales(document, results)
        _aware(document, results)
    if results.conditions():
        _boards(document, results)
    _limits(document)
    return Presented(page, findings, _values(results), document.markdown())


def _curves(document: Document, results: Results) -> None:
    document.heading("Accuracy against noise")
    document.text(
        "Additive Gaussian noise of one standard deviation on the input and after every operation. Noisy and "
        "variance-aware networks are trained at the strength that they are judged at, a network for each; all others "
        "are one network for all strengths. Constant scales, and the strength that 'one network' was trained at, are "
        "those with the largest area on validation inputs, mean over seeds. Where they are compared, the other seeds "
        "choose for each seed, so that no network helps to choose itself and intervals hold the choice."
    )
    caption = "Lines are means over seeds, bands their range. Noisy networks were trained at each strength."
    document.figure(figures.curve_figure(results), "curves", caption)
    document.text(
        "Area: mean accuracy over the logarithm of the noise, in percent. Midpoint: noise at which accuracy is halfway "
        "between that without noise and chance. Intervals of 90 % over seeds; differences are taken seed by seed."
    )
    rows = [row for subject in results.subjects() for row in _rows(results, subject)]
    document.table(["network and training", "without noise / %", "area", "less plain", "midpoint"], rows)


def _rows(results: Results, subject: Subject) -> list[list[str]]:
    """A row for each way, and one for the best single network of those that train under noise."""
    plain = results.judged(subject, Way(PLAIN), TEST)
    rows = []
    for way in shown_ways(results, subject):
        if (judged := results.matched(subject, way, TEST)) is not None:
            cells = _cells(judged, None if way.arm == PLAIN else plain)
            clean = ["as plain"] if way.arm in (NOISY, VANT) else cells[:1]
            rows.append([f"{title(subject)}: {way}", *clean, *cells[1:]])
    for arm in (NOISY, VANT):
        strength = chosen_strength(results, subject, arm)
        one = None if strength is None else results.judged(subject, Way(arm), TEST, strength)
        if one is not None:
            rows.append([f"{title(subject)}: one network, {TITLES[arm]} at {strength:.3g}", *_cells(one, plain)])
    return rows


def _cells(judged: Judged, plain: Judged | None) -> list[str]:
    less = paired(judged, plain)
    return [percent(over_seeds(judged.clean.tolist())), percent(areas(judged)), points(less), str(midpoint(judged))]


def _scales(document: Document, results: Results) -> None:
    if not any(bits_of(results, subject) for subject in results.subjects()):
        return
    document.heading("Scales")
    document.text(
        "The step between two activations of a quantised network: constant, or learned from where the activations of "
        "the first steps end. Weights have as many bits as activations. Cut: activations above the largest that a "
        "network with a learned scale can give, without noise, at the rectifier with most; many tell that the scale "
        "was left behind."
    )
    caption = "Area under the curve, mean over seeds with 90 % interval."
    document.figure(figures.scale_figure(results), "scales", caption)
    rows = []
    for subject in results.subjects():
        for bits in bits_of(results, subject):
            way, difference = chosen_scale(results, subject, bits), constant_less_learned(results)
            name = f"{title(subject)}, {bits} bit"
            edge = " (largest tried)" if way and way.scale == max(scales_of(results, subject, bits)) else ""
            cut = results.cut(subject, Way(LEARNED, bits), TEST)
            share = f"{100 * np.mean(cut):.1f}" if cut else ""
            rows.append([name, f"{way.scale:g}{edge}" if way else "", points(difference.get(name)), share])
    document.table(["network", "chosen scale", "constant less learned", "learned: cut / %"], rows)
    rows = []
    one, matched = one_noisy_less_quantised(results), noisy_less_quantised(results)
    for subject in results.subjects():
        strength = chosen_strength(results, subject, NOISY)
        at = "" if strength is None else f"{strength:.3g}"
        rows.append([title(subject), points(matched.get(title(subject))), at, points(one.get(title(subject)))])
    document.text("Areas of noisy training less those of the best quantised network, chosen on validation inputs:")
    document.table(["network", "trained at each strength", "one network: trained at", "one network"], rows)


def _aware(document: Document, results: Results) -> None:
    found = {subject: item for subject in results.subjects() if (item := surfaces(results, subject))}
    if not found:
        return
    document.heading("Variance-aware noisy training")
    document.text(
        f"Every sample of a training step meets noise of its own strength, {ALPHA:g} + {THETA:g} |z| times the "
        f"nominal one with a standard normal z: {MEAN_FACTOR:.2f} times it on average. So part of what it gains at "
        "weaker and loses at stronger noise is that it trains at weaker noise: the last column compares it with noisy "
        "training of the same mean strength, interpolated between neighbouring strengths."
    )
    caption = "Accuracy of variance-aware less that of noisy training by strengths, mean over seeds."
    document.figure(figures.surface_figure(results), "variance-aware", caption)
    spread = aware_at_same_mean(results)
    rows = [
        [
            title(subject),
            points(item.mean(0.09, 0.99)),
            points(item.mean(0.99, 1.01)),
            points(item.mean(1.01, 11.0)),
            points(item.away()),
            points(spread.get(title(subject))),
        ]
        for subject, item in found.items()
    ]
    document.table(
        ["network", "judged weaker", "as trained", "judged stronger", "all but as trained", "the same, same mean"], rows
    )


def _boards(document: Document, results: Results) -> None:
    document.heading("On the board")
    document.text(
        "A perceptron for keywords, from one float network a seed, trained in whole numbers on the ordered model of an "
        "emulated board and judged on that board, all arms by turns. They differ in the trial noise of the training "
        "alone; 'constant' has steps of the hidden activations twice as large or more instead, chosen on validation "
        "voices on the model. Noise is what the calibration measured, in output codes."
    )
    caption = "Each point is one board and training seed; lines are means."
    document.figure(figures.board_figure(results), "boards", caption)
    rows = []
    for condition in results.conditions():
        plain = on_board(results, condition, PLAIN)
        measured = results.of_boards("trial noise", condition)
        noise = f" (noise {np.median(measured):.1f})" if measured else ""
        for arm in BOARD_ARMS:
            cells = on_board(results, condition, arm)
            model = results.on_model(condition, arm, chosen_coarser(results, condition, arm))
            if not cells:
                continue
            less = "" if arm == PLAIN else points(board_difference(cells, plain))
            figure = [f"{100 * np.mean(list(item.values())):.1f}" for item in (model, cells)]
            rows.append([f"{condition}{noise}: {BOARD_TITLES[arm]}", *figure, less])
    header = ["board and training", "validation voices, model / %", "unseen voices, board / %", "board, less plain"]
    document.table(header, rows)
    _elsewhere(document, results)


def _elsewhere(document: Document, results: Results) -> None:
    noises = sorted({noise for condition in results.conditions() for noise in results.other_noises(condition)})
    if not noises:
        return
    document.text(
        "The same networks on the same chips, whose trial noise has changed since the calibration (as set, in output "
        "codes, reset noise included); accuracy of unseen voices in percent, empty where the noise is as it was:"
    )
    rows = []
    for condition in results.conditions():
        for arm in BOARD_ARMS:
            coarser = chosen_coarser(results, condition, arm)
            cells = [results.elsewhere(condition, noise, arm, coarser) for noise in noises]
            figures_of = [f"{100 * np.mean(list(item.values())):.1f}" if item else "" for item in cells]
            rows.append([f"{condition}: {BOARD_TITLES[arm]}", *figures_of])
    document.table(["calibrated and trained for", *(f"noise {noise:g}" for noise in noises)], rows)


def _limits(document: Document) -> None:
    document.heading("What this does not say")
    document.text(
        "The data are small and easy beside those of the publications (CIFAR-10, 500 epochs), and so are the networks. "
        "Inputs are noisy too, which no training can undo. Intervals are over training seeds, so other data may say "
        "something else; on one board they say nothing of other boards. Boards are emulated. On a board even 'plain' "
        "is trained with quantisation, as there is nothing but whole numbers; a learned scale has no counterpart there."
    )


def percent(found: Estimate) -> str:
    """``71.2 [70.1, 72.3]``."""
    if not abs(found.low) < float("inf"):
        return f"{100 * found.value:.1f}"
    return f"{100 * found.value:.1f} [{100 * found.low:.1f}, {100 * found.high:.1f}]"


def _values(results: Results) -> dict[str, object]:
    constant, noisy = constant_less_learned(results), noisy_less_quantised(results)
    one, board = one_noisy_less_quantised(results), against_plain(results, NOISY)
    aware = {title(s): item.away() for s in results.subjects() if (item := surfaces(results, s))}
    winner = simulated_winner(results)
    claims = {
        "constant above learned": constant,
        "noisy above quantised": noisy,
        "one noisy network above quantised": one,
        "variance-aware above noisy away from training": aware,
        "variance-aware above noisy of the same mean strength": aware_at_same_mean(results),
        "noisy above plain on the board": board,
        "variance-aware above noisy on boards with other noise": aware_elsewhere(results),
        "the winner of the simulation above plain on the board": against_plain(results, winner) if winner else {},
        "the winner of the simulation above all others on the board": against_rival(results, winner) if winner else {},
    }
    return {
        "simulated": True,
        "winner": winner,
        "claims": {
            name: {"verdict": verdict(differences), "differences": differences} for name, differences in claims.items()
        },
        "areas": {
            title(subject): {
                str(way): area(judged.strengths, judged.values).tolist()
                for way in shown_ways(results, subject)
                if (judged := results.matched(subject, way, TEST))
            }
            for subject in results.subjects()
        },
    }
