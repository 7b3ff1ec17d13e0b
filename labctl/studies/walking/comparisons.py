"""What is held against what, with intervals over seeds: ratios, and differences of accuracies in points."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from labctl.studies.walking.names import (
    ADDITIVE,
    ALL_LEVELS,
    EVERYWHERE,
    EXPLAINED_SIZES,
    INPUT,
    MULTIPLICATIVE,
    SIGNS,
    TAILORED,
    UNIFORM,
    WEIGHTS_BEHIND,
    Trained,
)
from labctl.studies.walking.results import Results, Setup
from models.robustness import Estimate, Midpoint, midpoint_ratio, over_seeds
from models.robustness.survival import EXTREME, Survival, survival

Compared = dict[str, Estimate]
"""Estimates by what they are of."""


def late_over_early(results: Results, setup: Setup) -> Estimate | None:
    """Midpoints in the last third of the points over those in the first third, networks trained without noise."""
    names = results.injections(setup, "clean")
    levels = [results.midpoint(setup, "clean", name) for name in names]
    known = [level for level in levels if level is not None and level.status != "no signal"]
    third = len(known) // 3
    if len(known) < len(names) or not third:
        return None
    return midpoint_ratio(known[-third:], known[:third])


def noisy_over_clean(results: Results, setup: Setup) -> Compared:
    """Midpoints of networks trained with the noise over those of networks trained without, by injection."""
    found = {}
    for name in (EVERYWHERE, *results.injections(setup, "noisy")):
        noisy, clean = results.midpoint(setup, "noisy", name), results.midpoint(setup, "clean", name)
        if noisy is not None and clean is not None and comparable(noisy, clean):
            found[name] = midpoint_ratio([noisy], [clean])
    return found


def normed_over_plain(results: Results, trained: Trained, noise: str | None = None) -> Compared:
    """Midpoints everywhere of networks with batch norm over those without, by network and noise, or of one noise."""
    found = {}
    for setup in results.setups:
        if not setup.batch_norm and noise in (None, setup.noise):
            other = Setup(setup.data, setup.net, True, setup.noise)
            plain, normed = (results.midpoint(item, trained, EVERYWHERE) for item in (setup, other))
            if normed is not None and plain is not None and comparable(normed, plain):
                found[str(setup)] = midpoint_ratio([normed], [plain])
    return found


def comparable(first: Midpoint, second: Midpoint) -> bool:
    """Whether both are of networks that learnt something, and of as many seeds."""
    return "no signal" not in (first.status, second.status) and len(first.by_seed) == len(second.by_seed)


def growths(results: Results, setup: Setup, quantity: str) -> Compared:
    """Growth of weights or signal at the strongest additive noise that is borne, by injection.

    Nothing that is learnt lies before the input, so that its signal cannot grow; it is left out.
    """
    found: Compared = {}
    for name in (EVERYWHERE, *results.injections(setup, "noisy")):
        strength = results.strongest_bearable(setup, name)
        if setup.noise != ADDITIVE or strength is None or (name == INPUT and quantity != WEIGHTS_BEHIND):
            continue
        values = results.growth(quantity, setup, name, strength)
        if values:
            found[name] = exponential(over_seeds(np.log(values).tolist()))
    return found


def exponential(found: Estimate) -> Estimate:
    """A ratio from the estimate of its natural logarithm."""
    with np.errstate(over="ignore", under="ignore"):
        value, low, high = np.exp([found.value, found.low, found.high]).tolist()
    return Estimate(value, low, high, found.seeds)


def binarised(results: Results, setup: Setup) -> Compared:
    """Share of the variance of sizes that two levels explain: trained with the strongest noise borne less without.

    By point. Sizes, as strong noise of this kind leaves nothing of a sign. The input is what it is; it is left out.
    """
    if setup.noise != MULTIPLICATIVE:
        return {}
    return _less_clean(results, setup, EXPLAINED_SIZES)


def coded(results: Results, setup: Setup, trained: Trained, code: str = SIGNS) -> Compared:
    """Accuracy with two levels less that with the activations as they are, by point.

    Of networks trained with the strongest multiplicative noise at the point that is borne, under that noise, or of
    those of the same seeds trained without noise, without.

    Args:
        results: of the study.
        setup: with multiplicative noise; there is nothing of others.
        trained: which networks.
        code: ``SIGNS`` or ``ON_OFF``.
    """
    return {name: over_seeds(values) for name, values in _coded(results, setup, trained, code).items()}


def coded_less_clean(results: Results, setup: Setup, code: str = SIGNS) -> Compared:
    """How much less two levels alone cost in networks trained with the noise, by point."""
    clean = _coded(results, setup, "clean", code)
    return {n: _difference(v, clean[n]) for n, v in _coded(results, setup, "noisy", code).items() if n in clean}


def _coded(results: Results, setup: Setup, trained: Trained, code: str) -> dict[str, list[float]]:
    found = {}
    for name in results.injections(setup, "noisy"):
        strength = results.strongest_bearable(setup, name) if trained == "noisy" else 0.0
        if setup.noise != MULTIPLICATIVE or strength is None or name == INPUT:
            continue
        two = results.by_seed(code, setup, "noisy", name, strength)
        every = results.by_seed(ALL_LEVELS, setup, "noisy", name, strength)
        if two and every:
            found[name] = [one - other for one, other in zip(two, every, strict=True)]
    return found


def survivals(results: Results, setup: Setup) -> dict[str, Survival]:
    """What is left at extreme strength of networks trained with it, by injection."""
    found = {}
    clean = results.clean(setup, "noisy")
    for name in results.injections(setup, "noisy"):
        noisy = results.accuracies(setup, "noisy", name)
        if noisy is None or clean is None or noisy.strengths[-1] < EXTREME:
            continue
        if clean.values.min() > results.chance(setup):
            last, quiet = noisy.values[:, -1].tolist(), clean.values[:, 0].tolist()
            found[name] = survival(last, quiet, results.chance(setup), noisy.trials)
    return found


def tailored_less_uniform(results: Results, setup: Setup) -> dict[int, Estimate]:
    """Accuracy of tailored less uniform repeats, by mean repeats of an operation."""
    executed = results.executed(setup)
    repeats = sorted({count for count, budget in executed if budget == TAILORED})
    return {n: _difference(executed[n, TAILORED], executed[n, UNIFORM]) for n in repeats if (n, UNIFORM) in executed}


def _less_clean(results: Results, setup: Setup, quantity: str) -> Compared:
    found = {}
    for name in results.injections(setup, "noisy"):
        strength = results.strongest_bearable(setup, name)
        if strength is None or name == INPUT:
            continue
        noisy = results.by_seed(quantity, setup, "noisy", name, strength)
        clean = results.by_seed(quantity, setup, "noisy", name, 0.0)
        if noisy and clean:
            found[name] = _difference(noisy, clean)
    return found


def _difference(these: Sequence[float], those: Sequence[float]) -> Estimate:
    return over_seeds([one - other for one, other in zip(these, those, strict=True)])
