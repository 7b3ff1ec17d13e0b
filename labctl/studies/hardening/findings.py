"""What the hardening study found, in sentences made from its figures: whichever way they went."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from labctl.studies.hardening.analysis import (
    best_way,
    board_difference,
    chosen_coarser,
    constant_less_learned,
    counted,
    learns_nothing_from,
    noisy_less_quantised,
    one_noisy_less_quantised,
    surfaces,
    title,
    verdict,
)
from labctl.studies.hardening.names import CONSTANT, NOISY, PLAIN, TITLES, VANT
from labctl.studies.hardening.plan import BOARD_ARMS, KEYWORDS
from labctl.studies.hardening.results import BoardCells, Results
from models.robustness import Estimate

HARDENED_SUBJECT = (KEYWORDS, "mlp")
"""The network that is also hardened for boards."""
HARDENING = (NOISY, VANT, CONSTANT)
"""Arms that have their own form on boards, beside the plain one."""


def conclusions(results: Results) -> list[str]:
    """A sentence for each question that something is known of."""
    lines = [*_simulated(results), *_aware(results), *_boards(results)]
    return lines or ["No network of the study is judged yet."]


def _simulated(results: Results) -> list[str]:
    constant, noisy = constant_less_learned(results), noisy_less_quantised(results)
    one = one_noisy_less_quantised(results)
    lines = []
    if constant:
        lines.append(
            f"Constant scales more robust than learned ones: {verdict(constant)}. Area under the curve of accuracy "
            f"against the logarithm of the noise, in points, constant (scale chosen on validation inputs) less "
            f"learned: {tally(constant)}."
        )
    if noisy:
        lines.append(
            f"Noisy training above quantisation-aware training: {verdict(noisy)}. Trained at each strength, less the "
            f"best quantised network: {tally(noisy)}."
        )
    nothing = {title(s): at for s in results.subjects() if (at := learns_nothing_from(results, s)) is not None}
    if nothing:
        lines.append(
            "Under noise too strong from the first step on nothing is learnt: accuracy without noise is nearer to "
            f"chance than to plain training in {', '.join(f'{n} from {at:.3g} on' for n, at in nothing.items())}. "
            "There a network for each strength has nothing to show, and one trained at weaker noise may be better."
        )
    if one:
        lines.append(
            f"One noisy network for all strengths above the best quantised one: {verdict(one)}. Its training strength "
            f"was chosen on validation inputs: {tally(one)}."
        )
    return lines


def _aware(results: Results) -> list[str]:
    found = {title(subject): item for subject in results.subjects() if (item := surfaces(results, subject))}
    if not found:
        return []
    away = {name: item.away() for name, item in found.items()}
    weaker = {name: item.mean(0.09, 0.99) for name, item in found.items()}
    stronger = {name: item.mean(1.01, 11.0) for name, item in found.items()}
    equal = {name: item.mean(0.99, 1.01) for name, item in found.items()}
    spread = aware_at_same_mean(results)
    return [
        f"Variance-aware training above noisy training away from the strength trained at: {verdict(away)}. Up to a "
        f"decade away, in points of accuracy: {tally(away)}. At weaker noise than trained: {tally(weaker)}; at "
        f"stronger noise: {tally(stronger)}; at the strength itself: {tally(equal)}.",
        f"That it is the spread of the strengths and not their lower mean: {verdict(spread)}. The same away from the "
        f"training strength, against noisy training of the same mean strength: {tally(spread)}.",
    ]


def aware_at_same_mean(results: Results) -> dict[str, Estimate]:
    """Variance-aware training against noisy training of the same mean strength, away from the strength trained at."""
    return {
        title(subject): item.away()
        for subject in results.subjects()
        if (item := surfaces(results, subject, same_mean=True))
    }


def _boards(results: Results) -> list[str]:
    if not results.conditions():
        return []
    noisy = against_plain(results, NOISY)
    lines = [
        f"Training with measured noise above training without, on the board: {verdict(noisy)}. Points of accuracy of "
        f"unseen voices: {tally(noisy)}."
    ]
    if aware := aware_elsewhere(results):
        lines.append(
            "Variance-aware above noisy training on boards whose noise is not the one measured for the training: "
            f"{verdict(aware)}. The same chips with other trial noise, in output codes: {tally(aware)}."
        )
    winner = simulated_winner(results)
    if winner is None:
        return lines
    wins, plain = against_rival(results, winner), against_plain(results, winner)
    best = {condition: best_on_board(results, condition) for condition in results.conditions()}
    ranked = "; ".join(f"{condition}: {arm}" for condition, arm in best.items())
    return [
        *lines,
        f"Hardening that wins in simulation wins on the board: {verdict(wins)}. In simulation {TITLES[winner]} has the "
        f"largest area for the keyword perceptron; on the board it is, against the best of the other arms by "
        f"validation voices on the ordered model: {tally(wins)}; against plain training: {tally(plain)}. Best on the "
        f"board of all arms: {ranked}.",
    ]


def aware_elsewhere(results: Results) -> dict[str, Estimate]:
    """Accuracy of variance-aware less that of noisy networks on boards whose noise is not the measured one."""
    found: dict[str, Estimate] = {}
    for condition in results.conditions():
        for noise in results.other_noises(condition):
            aware, noisy = (results.elsewhere(condition, noise, arm) for arm in (VANT, NOISY))
            less = board_difference(aware, noisy)
            found |= {f"{condition} board at noise {noise:g}": less} if less is not None else {}
    return found


def simulated_winner(results: Results) -> str | None:
    """The arm with the largest area on validation inputs for the network that is also hardened for boards.

    Arms without a form of their own on boards are left out. None while an arm is not there yet.
    """
    ways = [way for way in results.ways(HARDENED_SUBJECT) if way.arm in HARDENING]
    if {way.arm for way in ways} != set(HARDENING):
        return None
    best = best_way(results, HARDENED_SUBJECT, ways)
    return None if best is None else best.arm


def on_board(results: Results, condition: str, arm: str) -> BoardCells:
    """Accuracy on the board of an arm; of several steps those that were chosen."""
    return results.on_board(condition, arm, chosen_coarser(results, condition, arm))


def against_plain(results: Results, arm: str) -> dict[str, Estimate]:
    """Accuracy on the board of an arm less that of the plain one, by condition."""
    found: dict[str, Estimate] = {}
    for condition in results.conditions():
        less = board_difference(on_board(results, condition, arm), on_board(results, condition, PLAIN))
        found |= {condition: less} if less is not None else {}
    return found


def against_rival(results: Results, arm: str) -> dict[str, Estimate]:
    """Accuracy on the board of an arm less that of the best other one, chosen on the ordered model, by condition."""
    found: dict[str, Estimate] = {}
    for condition in results.conditions():
        models = {
            other: list(results.on_model(condition, other, chosen_coarser(results, condition, other)).values())
            for other in BOARD_ARMS
            if other != arm
        }
        rival = max(
            (other for other in models if models[other]), key=lambda other: np.mean(models[other]), default=None
        )
        if rival is None:
            continue
        less = board_difference(on_board(results, condition, arm), on_board(results, condition, rival))
        found |= {f"{condition}, against {rival}": less} if less is not None else {}
    return found


def best_on_board(results: Results, condition: str) -> str:
    """The arm with the highest mean accuracy on the board."""
    cells = {arm: on_board(results, condition, arm) for arm in BOARD_ARMS}
    return max((arm for arm in cells if cells[arm]), key=lambda arm: sum(cells[arm].values()) / len(cells[arm]))


def tally(differences: Mapping[str, Estimate]) -> str:
    """Where differences are above 0, below it and not told apart from it."""
    above, below, neither = counted(differences)
    parts = [
        f"{word} in {len(names)} of {len(differences)} ({'; '.join(f'{n} {points(differences[n])}' for n in names)})"
        for word, names in (("above", above), ("below", below), ("not told apart", neither))
        if names
    ]
    return ", ".join(parts) or "nothing to compare yet"


def points(found: Estimate | None) -> str:
    """``+3.1 [+1.2, +5.0]``: a difference of shares in points, and its interval."""
    if found is None:
        return ""
    if not abs(found.low) < float("inf"):
        return f"{100 * found.value:+.1f} [-]"
    return f"{100 * found.value:+.1f} [{100 * found.low:+.1f}, {100 * found.high:+.1f}]"
