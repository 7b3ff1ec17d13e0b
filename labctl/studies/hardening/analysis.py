"""Figures of the hardening study with intervals over seeds, and what was chosen on validation inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from labctl.studies import verdicts
from labctl.studies.hardening.names import CONSTANT, LEARNED, MEAN_FACTOR, NOISY, PLAIN, TEST, VALIDATION, VANT
from labctl.studies.hardening.results import BoardCells, Floats, Judged, Results, Subject, Way
from labctl.studies.ordering.analysis import difference
from labctl.studies.verdicts import Verdict
from models.robustness import Curve, Estimate, Midpoint, fit_midpoint, over_seeds
from models.robustness.spread import LEVEL

DECADE = 10.0
"""Strengths further than this factor from the one trained at say little of either arm and do not count as away."""
_JUDGEMENTS = ("values", "clean")


def area(strengths: Floats, values: Floats) -> Floats:
    """Mean accuracy over the logarithm of the strength (trapezoids), shape (seeds,), for values (seeds, strengths)."""
    at = np.log10(strengths)
    return np.asarray(np.trapezoid(values, at, axis=-1) / (at[-1] - at[0]), np.float64)


def areas(judged: Judged) -> Estimate:
    """The area with its interval."""
    return over_seeds(area(judged.strengths, judged.values).tolist())


def midpoint(judged: Judged) -> Midpoint:
    """The strength at which accuracy is halfway between that without noise and chance."""
    counts = np.rint(judged.values * judged.count), np.rint(judged.clean * judged.clean_count)
    return fit_midpoint(Curve(judged.strengths, counts[0], judged.count, counts[1], judged.clean_count, judged.chance))


def paired(these: Judged | None, those: Judged | None) -> Estimate | None:
    """Area of these less that of those, seed by seed; None where no seed has both."""
    if these is None or those is None:
        return None
    seeds = [seed for seed in these.seeds if seed in those.seeds]
    if not seeds:
        return None
    one, other = these.of_seeds(seeds), those.of_seeds(seeds)
    return over_seeds((area(one.strengths, one.values) - area(other.strengths, other.values)).tolist())


def chosen_by_others(candidates: Sequence[tuple[Judged | None, Judged | None]]) -> Judged | None:
    """For each seed the candidate whose area on validation inputs is largest, mean over the other seeds.

    So no training helps to choose itself, whose luck would show in its test inputs as well, and an interval over seeds
    holds what the choice does from case to case. A single seed chooses for itself.

    Args:
        candidates: each judged on validation and on test inputs; what is missing is left out.

    Returns:
        accuracies on test inputs of the seeds that all candidates have; None where there are none.
    """
    known = [(one, other) for one, other in candidates if one is not None and other is not None]
    if not known:
        return None
    seeds = [seed for seed in known[0][0].seeds if all(seed in item.seeds for pair in known for item in pair)]
    if not seeds:
        return None
    own = np.array([area(one.strengths, one.of_seeds(seeds).values) for one, _ in known])
    others = own.sum(axis=1, keepdims=True) - own if len(seeds) > 1 else own
    tests = [test.of_seeds(seeds) for _, test in known]
    chosen = [tests[index] for index in others.argmax(axis=0)]
    values, clean = (np.array([getattr(item, name)[row] for row, item in enumerate(chosen)]) for name in _JUDGEMENTS)
    return replace(tests[0], values=values, clean=clean)


def chosen_constant(results: Results, subject: Subject, bits: int) -> Judged | None:
    """Test accuracies with constant scales, each seed's chosen by the others (:func:`chosen_by_others`)."""
    ways = [(way, 0.0) for way in results.ways(subject) if way.arm == CONSTANT and way.bits == bits]
    return _chosen_of(results, subject, ways)


def chosen_quantised(results: Results, subject: Subject) -> Judged | None:
    """The same of all ways of quantisation."""
    return _chosen_of(results, subject, [(way, 0.0) for way in results.ways(subject) if way.arm in (LEARNED, CONSTANT)])


def chosen_noisy(results: Results, subject: Subject) -> Judged | None:
    """The same of one noisy network for all strengths, by the strengths trained at."""
    return _chosen_of(results, subject, [(Way(NOISY), at) for at in results.trained_at(subject, NOISY)])


def _chosen_of(results: Results, subject: Subject, ways: list[tuple[Way, float]]) -> Judged | None:
    """Of ways and strengths trained at."""

    def judged(part: str) -> list[Judged | None]:
        return [results.judged(subject, way, part, strength) for way, strength in ways]

    return chosen_by_others(list(zip(judged(VALIDATION), judged(TEST), strict=True)))


def chosen_scale(results: Results, subject: Subject, bits: int) -> Way | None:
    """The constant scale whose area on validation inputs is largest; None where there is none."""
    ways = [way for way in results.ways(subject) if way.arm == CONSTANT and way.bits == bits]
    return best_way(results, subject, ways)


def best_way(results: Results, subject: Subject, ways: list[Way]) -> Way | None:
    """The way whose area on validation inputs is largest, mean over seeds."""
    found = {way: areas(judged).value for way in ways if (judged := results.matched(subject, way, VALIDATION))}
    return max(found, key=lambda way: found[way], default=None)


def bits_of(results: Results, subject: Subject) -> list[int]:
    """Numbers of bits of quantised networks."""
    return sorted({way.bits for way in results.ways(subject) if way.bits})


def scales_of(results: Results, subject: Subject, bits: int) -> list[float]:
    """Constant scales that were tried with so many bits, ascending."""
    return [way.scale for way in results.ways(subject) if way.arm == CONSTANT and way.bits == bits]


def shown_ways(results: Results, subject: Subject) -> list[Way]:
    """Every way, of the constant scales only the chosen one of each number of bits."""
    chosen = {chosen_scale(results, subject, bits) for bits in bits_of(results, subject)}
    return [way for way in results.ways(subject) if way.arm != CONSTANT or way in chosen]


def constant_less_learned(results: Results) -> dict[str, Estimate]:
    """Area with the chosen constant scale less that with a learned one, for each network and number of bits."""
    found: dict[str, Estimate] = {}
    for subject in results.subjects():
        for bits in bits_of(results, subject):
            learned = results.judged(subject, Way(LEARNED, bits), TEST)
            if (less := paired(chosen_constant(results, subject, bits), learned)) is not None:
                found[f"{title(subject)}, {bits} bit"] = less
    return found


def noisy_less_quantised(results: Results) -> dict[str, Estimate]:
    """Area of noisy training at each strength less that of the best quantised network."""
    return {
        title(subject): less
        for subject in results.subjects()
        if (less := paired(results.matched(subject, Way(NOISY), TEST), chosen_quantised(results, subject)))
    }


def chosen_strength(results: Results, subject: Subject, arm: str) -> float | None:
    """The training strength whose one network has the largest area on validation inputs over all strengths."""
    found = {
        strength: areas(judged).value
        for strength in results.trained_at(subject, arm)
        if (judged := results.judged(subject, Way(arm), VALIDATION, strength))
    }
    return max(found, key=lambda strength: found[strength], default=None)


def learns_nothing_from(results: Results, subject: Subject) -> float | None:
    """The weakest training strength from which on noisy networks know nothing; None where all have learnt.

    Without noise their accuracy, mean over seeds, is nearer to chance than to that of plain networks.
    """
    plain = results.judged(subject, Way(PLAIN), TEST)
    found = None
    for strength in reversed(results.trained_at(subject, NOISY)):
        own = results.judged(subject, Way(NOISY), TEST, strength)
        if plain is None or own is None or own.clean.mean() >= (plain.clean.mean() + own.chance) / 2:
            break
        found = strength
    return found


def one_noisy_less_quantised(results: Results) -> dict[str, Estimate]:
    """The same for one noisy network, trained at the chosen strength, at all strengths."""
    return {
        title(subject): less
        for subject in results.subjects()
        if (less := paired(chosen_noisy(results, subject), chosen_quantised(results, subject)))
    }


@dataclass(frozen=True)
class Surfaces:
    """Accuracies of variance-aware less those of noisy networks, by the strength trained at and judged at.

    Attributes:
        trained: nominal strengths of the training, shape (trained,).
        judged: shape (judged,).
        less: shape (seeds, trained, judged).
    """

    trained: Floats
    judged: Floats
    less: Floats

    def mean(self, low: float, high: float) -> Estimate:
        """Over all pairs whose strength judged at lies between ``low`` and ``high`` times that trained at."""
        return self._over((self._ratio > low) & (self._ratio < high))

    def away(self) -> Estimate:
        """Over all pairs up to a :data:`DECADE` apart, those of equal strengths left out."""
        close = (self._ratio > 0.99 / DECADE) & (self._ratio < 1.01 * DECADE)
        return self._over(close & ((self._ratio < 0.99) | (self._ratio > 1.01)))

    @property
    def _ratio(self) -> Floats:
        return np.asarray(self.judged[None, :] / self.trained[:, None], np.float64)

    def _over(self, wanted: NDArray[np.bool_]) -> Estimate:
        return over_seeds(self.less[:, wanted].mean(axis=1).tolist())


def surfaces(results: Results, subject: Subject, *, same_mean: bool = False) -> Surfaces | None:
    """Variance-aware against noisy training; None until both are there at every strength.

    Args:
        results: of the study.
        subject: data and network.
        same_mean: against noisy networks whose strength is the mean of the variance-aware ones, between those of two
            neighbouring strengths, accuracies interpolated over the logarithm; the weakest strength has none.
    """
    found = {arm: _stacked(results, subject, arm) for arm in (VANT, NOISY)}
    aware, noisy = found[VANT], found[NOISY]
    if aware is None or noisy is None or aware.shape != noisy.shape:
        return None
    at = np.array(results.trained_at(subject, VANT))
    if not same_mean:
        return Surfaces(at, at, aware - noisy)
    if len(at) < 2:
        return None
    share = (-np.log(MEAN_FACTOR) / np.diff(np.log(at)))[None, :, None]
    return Surfaces(at[1:], at, aware[:, 1:] - ((1 - share) * noisy[:, 1:] + share * noisy[:, :-1]))


def _stacked(results: Results, subject: Subject, arm: str) -> Floats | None:
    """Accuracies of all networks of an arm, shape (seeds, trained at, judged at); None where they do not fit."""
    each = [results.judged(subject, Way(arm), TEST, strength) for strength in results.trained_at(subject, arm)]
    known = [item for item in each if item is not None]
    if not known or len(known) != len(each) or any(item.seeds != known[0].seeds for item in known):
        return None
    if known[0].strengths.tolist() != results.trained_at(subject, arm):
        return None
    return np.stack([item.values for item in known], axis=1)


def board_difference(these: BoardCells, those: BoardCells) -> Estimate | None:
    """Accuracy of these less that of those in the cells that both have.

    On several boards the interval holds for other boards and seeds, on one for other seeds on that board.
    """
    less = [value - those[cell] for cell, value in these.items() if cell in those]
    if not less:
        return None
    found = difference(these, those)
    if not np.isfinite(found.error):
        return over_seeds(less)
    half = float(t.ppf(0.5 + LEVEL / 2, found.freedom)) * found.error
    return Estimate(found.spread.mean, found.spread.mean - half, found.spread.mean + half, len(less))


def chosen_coarser(results: Results, condition: str, arm: str) -> int:
    """Of the larger steps of an arm those that are best for validation voices on the ordered model."""
    found = {
        powers: float(np.mean(list(results.on_model(condition, arm, powers).values())))
        for powers in results.coarser(condition, arm)
    }
    return max(found, key=lambda powers: found[powers], default=0)


def counted(differences: Mapping[str, Estimate]) -> tuple[list[str], list[str], list[str]]:
    """Names of the differences that are told to be above 0, below 0, and that are not told apart from it."""
    above = [name for name, item in differences.items() if item.low > 0]
    below = [name for name, item in differences.items() if item.high < 0]
    return above, below, [name for name in differences if name not in above and name not in below]


def verdict(differences: Mapping[str, Estimate]) -> Verdict:
    """Whether the differences are above 0."""
    above, below, _ = counted(differences)
    return verdicts.verdict(len(above), len(below), len(differences))


def title(subject: Subject) -> str:
    """What a network and its data are called."""
    names = {"mlp": "perceptron", "lenet5": "LeNet-5", "cnn_s": "CNN-S"}
    data = {"digits-16": "digits"}.get(subject[0], subject[0])
    return f"{names.get(subject[1], subject[1])} on {data}"
