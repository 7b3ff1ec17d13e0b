"""What the study found, in sentences made from its figures: whichever way they went.

A question is answered by many comparisons, each with an interval over seeds (:mod:`labctl.studies.verdicts`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from labctl.studies.verdicts import Verdict, verdict
from labctl.studies.walking import comparisons
from labctl.studies.walking.names import ADDITIVE, EVERYWHERE, MULTIPLICATIVE, ON_OFF, SIGNAL, SIGNS, WEIGHTS
from labctl.studies.walking.results import Results
from models.robustness import Estimate
from models.robustness.survival import KEPT


@dataclass(frozen=True)
class Finding:
    """The answer to a question.

    Attributes:
        claim: what may have been found.
        answer: whether it was.
        clearly: comparisons whose interval says so.
        opposite: comparisons whose interval says the opposite.
        total: comparisons.
        note: what else belongs to it, a sentence or nothing.
    """

    claim: str
    answer: Verdict
    clearly: int
    opposite: int
    total: int
    note: str = ""

    def __str__(self) -> str:
        if not self.total:
            return f"{self.claim}: undecided, nothing was compared."
        counts = f"clearly so in {self.clearly} of {self.total} comparisons, the opposite in {self.opposite}"
        return f"{self.claim}: {self.answer} ({counts}).{' ' + self.note if self.note else ''}"


def judge(claim: str, compared: Iterable[Estimate], nothing: float, note: str = "") -> Finding:
    """The answer from comparisons that would be ``nothing`` if there were no effect, and larger if the claim holds."""
    every = list(compared)
    clearly = sum(item.low > nothing for item in every)
    opposite = sum(item.high < nothing for item in every)
    return Finding(claim, verdict(clearly, opposite, len(every)), clearly, opposite, len(every), note)


def find(results: Results) -> list[Finding]:
    """An answer to every question of the study."""
    noises = tuple(dict.fromkeys(setup.noise for setup in results.setups))
    return [
        *(_early(results, noise) for noise in noises),
        *(finding for noise in noises for finding in _training(results, noise)),
        *_growth(results),
        *_binarisation(results),
        _survival(results),
        *(_batch_norm(results, noise) for noise in noises),
        _execution(results),
    ]


def conclusions(results: Results) -> list[str]:
    """The answers as sentences; one that says so while there is nothing to answer from."""
    if not results.setups:
        return ["No network of the study is finished yet."]
    return [str(finding) for finding in find(results)]


def _early(results: Results, noise: str) -> Finding:
    found = [comparisons.late_over_early(results, setup) for setup in results.setups if setup.noise == noise]
    ratios = [ratio for ratio in found if ratio is not None]
    note = _range("Midpoints of the last third of the points over those of the first third", ratios)
    return judge(f"Under {noise} noise early layers are more sensitive than late ones", ratios, 1.0, note)


def _training(results: Results, noise: str) -> list[Finding]:
    ratios = [comparisons.noisy_over_clean(results, setup) for setup in results.setups if setup.noise == noise]
    everywhere = [found[EVERYWHERE] for found in ratios if EVERYWHERE in found]
    layers = [item for found in ratios for name, item in found.items() if name != EVERYWHERE]
    note = "Midpoint with over without"
    return [
        judge(
            f"Training with {noise} noise everywhere raises the midpoint of that noise",
            everywhere,
            1.0,
            _range(note, everywhere),
        ),
        judge(
            f"Training with {noise} noise at a point raises the midpoint of that point",
            layers,
            1.0,
            _range(note, layers),
        ),
    ]


def _growth(results: Results) -> list[Finding]:
    found = []
    for quantity, what in (
        (WEIGHTS, "the weights in front of the point"),
        (SIGNAL, "the signal at the point, hence signal over noise,"),
    ):
        grown = [
            item
            for setup in results.setups
            if setup.noise == ADDITIVE
            for item in comparisons.growths(results, setup, quantity).values()
        ]
        note = _range("Size with over without, at the strongest noise that is borne", grown)
        found.append(judge(f"Under additive noise {what} grow{'' if quantity == WEIGHTS else 's'}", grown, 1.0, note))
    return found


def _binarisation(results: Results) -> list[Finding]:
    setups = [setup for setup in results.setups if setup.noise == MULTIPLICATIVE]
    shares = [item for s in setups for item in comparisons.binarised(results, s).values()]
    found = [
        judge(
            "Under multiplicative noise sizes of activations come closer to two levels",
            shares,
            0.0,
            _range("Share of their variance that two levels explain, with less without", shares),
        )
    ]
    for code, what in ((SIGNS, "Signs alone"), (ON_OFF, "On and off alone, large or small,")):
        gained = [item for s in setups for item in comparisons.coded_less_clean(results, s, code).values()]
        noisy = [item.value for s in setups for item in comparisons.coded(results, s, "noisy", code).values()]
        clean = [item.value for s in setups for item in comparisons.coded(results, s, "clean", code).values()]
        note = f"They cost {_points(noisy)} points on average, {_points(clean)} there." if noisy and clean else ""
        claim = f"{what} then cost less accuracy, under that noise, than in networks trained without noise"
        found.append(judge(claim, gained, 0.0, note))
    return found


def _survival(results: Results) -> Finding:
    left = [
        item
        for setup in results.setups
        if setup.noise == MULTIPLICATIVE
        for item in comparisons.survivals(results, setup).values()
    ]
    shifted = [_shifted(item.left, -KEPT) for item in left]
    note = _range("Share of the accuracy above chance that is left", [item.left for item in left])
    return judge("Networks trained with multiplicative noise of any strength survive it", shifted, 0.0, note)


def _batch_norm(results: Results, noise: str) -> Finding:
    ratios = list(comparisons.normed_over_plain(results, "clean", noise).values())
    lowered = [Estimate(-e.value, -e.high, -e.low, e.seeds) for e in ratios]
    note = _range("Midpoint everywhere with over without", ratios)
    return judge(f"Batch norm lowers the midpoint of {noise} noise everywhere", lowered, -1.0, note)


def _execution(results: Results) -> Finding:
    gains = [item for setup in results.setups for item in comparisons.tailored_less_uniform(results, setup).values()]
    note = _range("Accuracy of tailored less uniform repeats", gains)
    return judge("Repeats tailored to midpoints are worth more than as many uniform ones", gains, 0.0, note)


def _shifted(item: Estimate, by: float) -> Estimate:
    return Estimate(item.value + by, item.low + by, item.high + by, item.seeds)


def _range(what: str, items: Sequence[Estimate]) -> str:
    """Lowest, middle and highest of the figures that are known."""
    values = sorted(item.value for item in items if item.known)
    if not values:
        return ""
    middle = median(values)
    bounded = len(items) - len(values)
    rest = f"; {bounded} more {'is' if bounded == 1 else 'are'} known as bounds only" if bounded else ""
    return f"{what}: {values[0]:.3g} to {values[-1]:.3g}, middle {middle:.3g}{rest}."


def _points(values: Iterable[float]) -> str:
    """Mean loss in points."""
    every = [-100 * value for value in values]
    return f"{sum(every) / len(every):.1f}"
