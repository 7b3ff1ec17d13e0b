"""The committed results of the medium studies: what they say, computed in another way.

The reports judge by fitted midpoints. Here everything is made from the rows of the tables alone, with curves that are
joined by straight lines and Student's t over seeds. What a report calls found is so here too, in most comparisons; and
what is found, not found or undecided is written down, so that a change of the analysis that turns an answer round does
not pass unseen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.stats import t

import labctl.studies.hardening.findings
import labctl.studies.hardening.results
import labctl.studies.walking.findings
import labctl.studies.walking.results

Floats = NDArray[np.float64]
RESULTS = Path(__file__).parents[2] / "docs" / "results"
WALKING, HARDENING = "walking-noise-medium", "hardening-medium"
FOUND, NOT_FOUND, UNDECIDED = "found", "not found", "undecided"


@cache
def table(study: str) -> pd.DataFrame:
    return pd.read_parquet(RESULTS / study / "table.parquet")


@cache
def sentences(study: str) -> tuple[str, ...]:
    if study.startswith("walking"):
        walked = labctl.studies.walking.results.Results(table(study))
        return tuple(labctl.studies.walking.findings.conclusions(walked))
    hardened = labctl.studies.hardening.results.Results(table(study))
    return tuple(labctl.studies.hardening.findings.conclusions(hardened))


def said(study: str, claim: str) -> str:
    """The answer to a question in the report."""
    (sentence,) = [sentence for sentence in sentences(study) if sentence.startswith(claim)]
    rest = sentence.removeprefix(claim).removeprefix(": ")
    return next(answer for answer in (NOT_FOUND, FOUND, UNDECIDED) if rest.startswith(answer))


def interval(values: Sequence[float] | Floats) -> tuple[float, float]:
    """90 % of the mean, by Student's t."""
    wide = t.ppf(0.95, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return float(np.mean(values) - wide), float(np.mean(values) + wide)


def tally(differences: Iterable[Floats]) -> tuple[int, int, int]:
    """How many are clearly above 0, how many clearly below, of how many."""
    every = [interval(values) for values in differences]
    return sum(low > 0 for low, _ in every), sum(high < 0 for _, high in every), len(every)


def curves(rows: pd.DataFrame) -> tuple[Floats, Floats]:
    """Strengths, and accuracies of shape (seeds, strengths), seeds in ascending order."""
    wide = rows.pivot_table(index="seed", columns="strength", values="value").sort_index()
    return wide.columns.to_numpy(np.float64), wide.to_numpy(np.float64)


def half_levels(strengths: Floats, accuracies: Floats, half: Floats) -> Floats:
    """log10 of where each seed first falls through half, on straight lines; the end of the grid where it does not."""
    at = np.log10(strengths)
    found = []
    for values, level in zip(accuracies, half, strict=True):
        below = np.flatnonzero(values < level)
        if not len(below) or not below[0]:
            found.append(at[0] if len(below) else at[-1])
            continue
        end = below[0]
        share = (values[end - 1] - level) / (values[end - 1] - values[end])
        found.append(at[end - 1] + share * (at[end] - at[end - 1]))
    return np.array(found)


# Walking noise


def setups(noise: str) -> Iterator[pd.DataFrame]:
    """Rows of every network on a data set under a kind of noise."""
    rows = table(WALKING)
    for _, group in rows[rows["noise"] == noise].groupby(["data", "net", "batch_norm"]):
        yield group


def accuracy(rows: pd.DataFrame, trained: str, injection: str) -> pd.DataFrame:
    chosen = (rows["quantity"] == "accuracy") & (rows["trained"] == trained) & (rows["injection"] == injection)
    return rows[chosen & (rows["strength"] < 1e9)]


def halves(rows: pd.DataFrame) -> Floats:
    """Halfway between chance and accuracy without noise, by seed, of networks trained without noise."""
    chance = rows[rows["quantity"] == "chance"]["value"].iloc[0]
    clean = curves(accuracy(rows, "clean", "nowhere"))[1][:, 0]
    return np.asarray((clean + chance) / 2, np.float64)


def layers(rows: pd.DataFrame) -> list[str]:
    points = accuracy_points(rows)
    return [str(name) for name in points.sort_values("depth")["injection"].unique()]


def accuracy_points(rows: pd.DataFrame) -> pd.DataFrame:
    inside = ~rows["injection"].isin(["everywhere", "nowhere"])
    return rows[inside & (rows["quantity"] == "accuracy") & (rows["trained"] == "clean")]


def late_less_early(rows: pd.DataFrame) -> Floats:
    """Mean log10 level of the last third of the points less that of the first third, by seed."""
    half = halves(rows)
    levels = [half_levels(*curves(accuracy(rows, "clean", name)), half) for name in layers(rows)]
    third = len(levels) // 3
    return np.asarray(np.mean(levels[-third:], axis=0) - np.mean(levels[:third], axis=0), np.float64)


def gain(rows: pd.DataFrame, injection: str) -> Floats:
    """Accuracy of networks trained with the noise less that of those without, mean over common strengths, by seed."""
    noisy, clean = accuracy(rows, "noisy", injection), accuracy(rows, "clean", injection)
    common = set(noisy["strength"]) & set(clean["strength"])
    values = [curves(part[part["strength"].isin(common)])[1] for part in (noisy, clean)]
    return np.asarray(np.mean(values[0] - values[1], axis=1), np.float64)


def growth(rows: pd.DataFrame, quantity: str) -> Iterator[Floats]:
    """log of a size with additive noise over that without, by seed, for each point at the strongest noise borne."""
    half = halves(rows).mean()
    for name in (*layers(rows), "everywhere"):
        strengths, values = curves(accuracy(rows, "noisy", name)) if has(rows, name) else (np.array([]), np.array([]))
        borne = (
            [s for s, mean in zip(strengths, values.mean(axis=0), strict=True) if mean > half] if len(values) else []
        )
        sizes = rows[(rows["quantity"] == quantity) & (rows["trained"] == "noisy") & (rows["injection"] == name)]
        if borne and name != "input" and len(sizes):
            at, found = curves(sizes)
            yield np.log(found[:, list(at).index(borne[-1])] / found[:, list(at).index(0.0)])


def has(rows: pd.DataFrame, injection: str) -> bool:
    return len(accuracy(rows, "noisy", injection)) > 0


# Hardening


def lessons() -> Iterator[pd.DataFrame]:
    """Rows of every network on a data set, in simulation."""
    rows = table(HARDENING)
    for _, group in rows[rows["quantity"] == "accuracy"].groupby(["data", "net"]):
        yield group


def areas(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Mean accuracy over the logarithm of the strength, by part of the data: a row a seed, a column a way to train."""
    ways = rows.assign(way=[way_of(row) for row in rows.itertuples()])
    ways = ways[(ways["strength"] > 0) & (ways["way"] != "")]
    found = {}
    for part, group in ways.groupby("part"):
        wide = group.pivot_table(index=["way", "seed"], columns="strength", values="value").sort_index(axis=1)
        at = np.log10(wide.columns.to_numpy(np.float64))
        mean = np.trapezoid(wide.to_numpy(np.float64), at, axis=1) / (at[-1] - at[0])
        found[str(part)] = pd.Series(mean, wide.index).unstack("way")
    return found


def way_of(row: tuple[object, ...]) -> str:
    """One quantised network for all strengths, or the noisy networks each at the strength it was trained at."""
    arm = row.arm  # type: ignore[attr-defined]
    if arm == "noisy":
        return "noisy" if np.isclose(row.train_strength, row.strength) else ""  # type: ignore[attr-defined]
    if arm in ("learned", "constant"):
        scale = f" {row.scale:g}" if arm == "constant" else ""  # type: ignore[attr-defined]
        return f"{row.bits:g} bit {arm}{scale}"  # type: ignore[attr-defined]
    return ""


def best_of(found: dict[str, pd.DataFrame], ways: list[str]) -> Floats:
    """Area on test inputs of the way that is best on validation inputs for all other seeds, by seed."""
    validation, test = found["validation"][ways], found["test"][ways]
    chosen = {seed: validation.drop(index=seed).mean().idxmax() for seed in test.index}
    return np.array([test.loc[seed, way] for seed, way in chosen.items()])


def constant_less_learned() -> Iterator[Floats]:
    for rows in lessons():
        found = areas(rows)
        for bits in (4, 8):
            ways = [way for way in found["test"] if way.startswith(f"{bits} bit constant")]
            yield best_of(found, ways) - found["test"][f"{bits} bit learned"].to_numpy(np.float64)


def noisy_less_quantised() -> Iterator[Floats]:
    for rows in lessons():
        found = areas(rows)
        ways = [way for way in found["test"] if " bit " in way]
        yield found["test"]["noisy"].to_numpy(np.float64) - best_of(found, ways)


def measured_noise_less_none() -> Iterator[Floats]:
    """Accuracy on boards of networks trained with measured noise less that of those without, by board."""
    rows = table(HARDENING)
    rows = rows[rows["quantity"] == "accuracy on the board"]
    for _, group in rows.groupby("condition"):
        wide = group[group["arm"].isin(["noisy", "plain"])].pivot_table(index="board", columns="arm", values="value")
        yield (wide["noisy"] - wide["plain"]).to_numpy(np.float64)


# What they say


ANSWERS = {
    WALKING: {
        "Under additive noise early layers are more sensitive than late ones": FOUND,
        "Under multiplicative noise early layers are more sensitive than late ones": UNDECIDED,
        "Training with additive noise everywhere raises the midpoint of that noise": FOUND,
        "Training with additive noise at a point raises the midpoint of that point": FOUND,
        "Training with multiplicative noise everywhere raises the midpoint of that noise": FOUND,
        "Training with multiplicative noise at a point raises the midpoint of that point": UNDECIDED,
        "Under additive noise the weights in front of the point grow": UNDECIDED,
        "Under additive noise the signal at the point, hence signal over noise, grows": FOUND,
        "Under multiplicative noise sizes of activations come closer to two levels": UNDECIDED,
        "Networks trained with multiplicative noise of any strength survive it": UNDECIDED,
        "Batch norm lowers the midpoint of additive noise everywhere": FOUND,
        "Repeats tailored to midpoints are worth more than as many uniform ones": FOUND,
    },
    HARDENING: {
        "Constant scales more robust than learned ones": FOUND,
        "Noisy training above quantisation-aware training": FOUND,
        "One noisy network for all strengths above the best quantised one": FOUND,
        "Variance-aware training above noisy training away from the strength trained at": FOUND,
        "That it is the spread of the strengths and not their lower mean": FOUND,
        "Training with measured noise above training without, on the board": FOUND,
        "Variance-aware above noisy training on boards whose noise is not the one measured for the training": UNDECIDED,
        "Hardening that wins in simulation wins on the board": UNDECIDED,
    },
}

OTHERWISE: dict[tuple[str, str], Callable[[], Iterable[Floats]]] = {
    (WALKING, "Under additive noise early layers are more sensitive than late ones"): lambda: (
        late_less_early(rows) for rows in setups("additive")
    ),
    (WALKING, "Training with additive noise everywhere raises the midpoint of that noise"): lambda: (
        gain(rows, "everywhere") for rows in setups("additive")
    ),
    (WALKING, "Training with additive noise at a point raises the midpoint of that point"): lambda: (
        gain(rows, name) for rows in setups("additive") for name in layers(rows) if has(rows, name)
    ),
    (WALKING, "Under additive noise the weights in front of the point grow"): lambda: (
        grown for rows in setups("additive") for grown in growth(rows, "size of weights before")
    ),
    (WALKING, "Under additive noise the signal at the point, hence signal over noise, grows"): lambda: (
        grown for rows in setups("additive") for grown in growth(rows, "size of signal")
    ),
    (HARDENING, "Constant scales more robust than learned ones"): constant_less_learned,
    (HARDENING, "Noisy training above quantisation-aware training"): noisy_less_quantised,
    (HARDENING, "Training with measured noise above training without, on the board"): measured_noise_less_none,
}


@pytest.mark.parametrize(("study", "claim"), [(study, claim) for study, every in ANSWERS.items() for claim in every])
def test_the_report_answers(study: str, claim: str) -> None:
    assert said(study, claim) == ANSWERS[study][claim]


@pytest.mark.parametrize("study", list(ANSWERS))
def test_the_report_is_made_from_this_table(study: str) -> None:
    page = (RESULTS / study / "README.md").read_text(encoding="utf-8").replace("\\", "")
    for sentence in sentences(study):
        assert sentence.replace("\\", "") in page


@pytest.mark.parametrize(("study", "claim"), list(OTHERWISE))
def test_the_table_says_so_in_another_way(study: str, claim: str) -> None:
    above, below, total = tally(OTHERWISE[study, claim]())
    assert total
    if ANSWERS[study][claim] == FOUND:
        assert 2 * above > total
        assert below <= 0.05 * total, "as many as chance gives where there is nothing"
    else:
        assert 2 * above <= total or below, "or the report says less than is there"
