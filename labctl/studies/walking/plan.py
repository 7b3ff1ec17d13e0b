"""The points of the study: networks on data sets, each with one kind of noise, trained with it or without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path

from data.errors import BadInput, Problems
from data.images import FILES, default_folder, find_images
from labctl.studies.folder import Plan
from labctl.studies.points import Point
from labctl.studies.walking.names import ADDITIVE, KEYWORDS, MULTIPLICATIVE
from models.robustness.survival import EXTREME

NAME = "walking-noise"


def decades(lowest: float, highest: float, per_decade: int) -> tuple[float, ...]:
    """Strengths from one power of ten to another, evenly in their logarithm; both are exponents."""
    count = round((highest - lowest) * per_decade)
    return tuple(float(f"{10 ** (lowest + k / per_decade):.4g}") for k in range(count + 1))


@dataclass(frozen=True)
class Grids:
    """Strengths that are tried of one kind of noise.

    Attributes:
        layer: of networks trained without noise, noise at one point.
        everywhere: of the same, noise at all points.
        trained: of noise at one point in training and evaluation alike; each is a training of its own. The last may be
            far beyond the others: what survives it does not depend on strength.
        trained_everywhere: likewise at all points.
    """

    layer: tuple[float, ...]
    everywhere: tuple[float, ...]
    trained: tuple[float, ...]
    trained_everywhere: tuple[float, ...]


@dataclass(frozen=True)
class Cell:
    """A network on a data set.

    Attributes:
        data: ``digits``, ``digits-SIDE``, ``keywords``, or a set of :data:`data.images.FILES`.
        net: a name of :mod:`models.nets`.
        epochs: passes over the training samples.
        batch: samples in a step.
        learning_rate: at the start.
        batch_norms: with and without batch norm.
        noises: kinds of noise, by name.
        walked: whether networks are trained with noise at every point, or only with noise everywhere.
    """

    data: str
    net: str
    epochs: int
    batch: int = 128
    learning_rate: float = 1e-3
    batch_norms: tuple[bool, ...] = (False, True)
    noises: tuple[str, ...] = (ADDITIVE, MULTIPLICATIVE)
    walked: bool = True


@dataclass(frozen=True)
class Scale:
    """How much is computed.

    Attributes:
        name: ``quick``, ``medium``, ``full``, or another for a plan of one's own.
        seeds: trainings of each kind.
        cells: networks on data sets.
        grids: by kind of noise; all that are not named have those of ``""``.
        draws: of noise at each strength for every test sample.
        speech: size of the synthetic speech (:data:`data.speech.SIZES`).
        repeats: mean executions of an operation that budgets are drawn up for.
        recordings: a folder with Speech Commands, to be used instead of synthetic speech.
        images: a folder with folders of image sets.
        gpu: whether networks are trained on a GPU.
    """

    name: str
    seeds: int
    cells: tuple[Cell, ...]
    grids: dict[str, Grids]
    draws: int = 2
    speech: str = "small"
    repeats: tuple[int, ...] = (2, 3, 5, 10)
    recordings: Path | None = None
    images: Path | None = None
    gpu: bool = False


_ADDED = Grids(
    layer=decades(-2, 3, 4),
    everywhere=decades(-2, 2, 4),
    trained=decades(-0.5, 3, 2),
    trained_everywhere=decades(-1, 1.5, 2),
)
_MULTIPLIED = Grids(
    layer=decades(-1, 3, 4),
    everywhere=decades(-1.5, 1.5, 4),
    trained=(*decades(-0.5, 1, 2), 1e2, 1e4, EXTREME),
    # Accuracy falls within half a decade here, and training with noise moves the fall by less than that.
    trained_everywhere=decades(-0.75, 0.25, 8),
)
QUICK = Scale(
    name="quick",
    seeds=3,
    cells=(
        Cell("digits-16", "lenet5", 30, batch=64, learning_rate=3e-3, walked=False),
        Cell(KEYWORDS, "mlp", 12),
        Cell("digits", "mlp", 30, batch=64, learning_rate=3e-3),
    ),
    grids={"": _ADDED, MULTIPLICATIVE: _MULTIPLIED},
)
MEDIUM = Scale(
    name="medium",
    seeds=4,
    cells=(
        Cell(KEYWORDS, "cnn-s", 8, noises=(ADDITIVE,), walked=False),
        Cell("digits-16", "lenet5", 20, batch=64, learning_rate=3e-3),
        Cell(KEYWORDS, "mlp", 15, noises=(ADDITIVE, MULTIPLICATIVE, "mixed-0.5")),
        Cell("digits", "mlp", 40, batch=64, learning_rate=3e-3, noises=(ADDITIVE, MULTIPLICATIVE, "mixed-0.5")),
    ),
    grids={"": _ADDED, MULTIPLICATIVE: _MULTIPLIED},
)
_PAPER = {
    "": Grids(decades(-2, 10, 4), decades(-2, 2, 4), (*decades(-2, 9, 4), EXTREME), decades(-2, 2, 4)),
    MULTIPLICATIVE: Grids(
        decades(-1, 10, 4), decades(-1, 0.5, 10), (*decades(-1, 9, 4), EXTREME), decades(-1, 0.5, 10)
    ),
}
"""The grids of the paper's experiments; those of multiplicative noise, linear and logarithmic there, are one here."""
_MIXED = tuple(f"mixed-{ratio}" for ratio in (0.01, 0.1, 0.5, 0.9, 0.99))
_EVERY_NOISE = (ADDITIVE, MULTIPLICATIVE, *_MIXED)
_FULL_CELLS = (
    Cell("digits", "mlp", 100, batch=64, noises=_EVERY_NOISE),
    Cell("digits-16", "lenet5", 50, batch=64, noises=_EVERY_NOISE),
    Cell(KEYWORDS, "mlp", 150, batch=512, learning_rate=5e-4, noises=_EVERY_NOISE),
    Cell(KEYWORDS, "cnn-s", 150, batch=512, learning_rate=5e-4, noises=_EVERY_NOISE),
    Cell("mnist", "mlp", 100, noises=_EVERY_NOISE),
    Cell("mnist", "lenet5", 50, noises=_EVERY_NOISE),
    Cell("fashion-mnist", "mlp", 250, noises=_EVERY_NOISE),
    Cell("fashion-mnist", "lenet5", 200, noises=_EVERY_NOISE),
    Cell("svhn", "mlp", 300, noises=_EVERY_NOISE),
    Cell("svhn", "lenet5", 200, noises=_EVERY_NOISE),
    Cell("cifar-10", "mlp", 200, noises=_EVERY_NOISE),
    Cell("cifar-10", "lenet5", 300, noises=_EVERY_NOISE),
    Cell("cifar-10", "vgg11", 200, noises=(ADDITIVE,), walked=False),
    Cell("cifar-10", "resnet18", 200, batch_norms=(True,), noises=(ADDITIVE,), walked=False),
)
FULL = Scale(name="full", seeds=5, cells=_FULL_CELLS, grids=_PAPER, speech="full", repeats=(2, 3, 5, 7, 10, 20))

SCALES = {scale.name: scale for scale in (QUICK, MEDIUM, FULL)}
_SEEDS = 1_000_000
"""Seeds are smaller than this."""


def plan_of_scope(scope: str, seed: int, geometry: str | None = None) -> Plan:
    """The plan of a scope; image sets of the full one are taken from :func:`data.images.default_folder` where there.

    Args:
        scope: ``quick``, ``medium`` or ``full``.
        seed: what everything is drawn from.
        geometry: must be None; there is no board in this study.

    Raises:
        BadInput: a geometry.
    """
    if geometry is not None:
        raise BadInput("the study walking-noise has no boards, so there is no geometry to choose")
    return plan_of_files(scope, seed)


@dataclass(frozen=True)
class Files:
    """Data of the user's own.

    Attributes:
        images: folder with folders of image sets; None for :func:`data.images.default_folder`.
        recordings: folder with Speech Commands; None for synthetic speech.
    """

    images: Path | None = None
    recordings: Path | None = None


NO_FILES = Files()


def plan_of_files(scope: str, seed: int, files: Files = NO_FILES, *, gpu: bool = False) -> Plan:
    """The plan of a scope with data from the user's files.

    Args:
        scope: ``quick``, ``medium`` or ``full``.
        seed: what everything is drawn from.
        files: where they are; image sets that are not there are left out.
        gpu: whether workers that own a GPU compute on it.

    Raises:
        BadInput: a folder that was named is not there, has no image set, or a scope has no use for it.
    """
    scale = SCALES[scope]
    if files.recordings is not None and not files.recordings.is_dir():
        raise BadInput(f"there is no folder {files.recordings} with Speech Commands recordings")
    if files.images is not None and not {cell.data for cell in scale.cells} & FILES.keys():
        raise BadInput(
            f"the {scope} study learns no image sets from files; those in {files.images} belong to the full one"
        )
    folder = files.images or default_folder()
    there = find_images(folder)
    if files.images is not None and not there:
        raise BadInput(f"there is no whole image set in {folder}; known are {', '.join(FILES)}, in folders so called")
    cells = tuple(cell for cell in scale.cells if cell.data not in FILES or cell.data in there)
    recordings = files.recordings and files.recordings.resolve()
    chosen = replace(scale, cells=cells, images=folder.resolve() if there else None, recordings=recordings, gpu=gpu)
    return walking_plan(chosen, seed)


def walking_plan(scale: Scale, seed: int) -> Plan:
    """The plan of the study: what the networks learn first, then for each network and noise both kinds of training.

    Raises:
        BadInput: cells or grids that make no sense, all of them at once.
    """
    _check(scale)
    seeds = [(1000 * seed + 1 + index) % _SEEDS for index in range(scale.seeds)]
    points: list[Point] = []
    if any(cell.data == KEYWORDS for cell in scale.cells):
        source = "" if scale.recordings is None else str(scale.recordings)
        points.append(Point(KEYWORDS, {"kind": "data", "size": scale.speech, "seed": seed, "recordings": source}))
    for cell in scale.cells:
        points += [
            _point(scale, cell, batch_norm, noise, trained, seeds)
            for noise in cell.noises
            for batch_norm in cell.batch_norms
            # The longer one first, so that no worker is left alone with it at the end.
            for trained in ("noisy", "clean")
        ]
    return Plan(NAME, scale.name, seed, tuple(points))


def _point(scale: Scale, cell: Cell, batch_norm: bool, noise: str, trained: str, seeds: Sequence[int]) -> Point:
    grids = scale.grids.get(noise, scale.grids[""])
    settings = {
        "kind": trained,
        "data": cell.data,
        "images": str(scale.images or "") if cell.data in FILES else "",
        "net": cell.net,
        "batch_norm": batch_norm,
        "noise": noise,
        "seeds": list(seeds),
        "epochs": cell.epochs,
        "batch": cell.batch,
        "learning_rate": cell.learning_rate,
        "draws": scale.draws,
        "device": "cuda" if scale.gpu else "cpu",
    }
    if trained == "clean":
        settings |= {"layer": grids.layer, "everywhere": grids.everywhere, "repeats": scale.repeats}
    else:
        settings |= {"layer": grids.trained if cell.walked else (), "everywhere": grids.trained_everywhere}
    key = "-".join([cell.data, cell.net, *(["bn"] if batch_norm else []), noise, trained])
    needs = (KEYWORDS,) if cell.data == KEYWORDS else ()
    return Point(key, settings, needs, ("gpu",) if scale.gpu else ())


def _check(scale: Scale) -> None:
    from labctl.studies.walking.datasets import check_name
    from models.nets.registry import NETS
    from models.noise import kind_named

    problems = [] if scale.cells else ["there are no networks"]
    if scale.seeds < 1 or scale.draws < 1:
        problems.append(f"there are {scale.seeds} seeds and {scale.draws} draws; there must be at least one of each")
    if not all(count >= 1 for count in scale.repeats):
        problems.append("every operation is executed at least once; the mean repeats of a budget are 1 or more")
    if "" not in scale.grids:
        problems.append("there are no strengths for kinds of noise that have none of their own")
    for cell in scale.cells:
        if cell.net not in NETS:
            problems.append(f"there is no network {cell.net!r}; known are {', '.join(NETS)}")
        if cell.epochs < 1 or cell.batch < 1 or not 0 < cell.learning_rate < inf:
            problems.append(f"{cell.net} on {cell.data} needs epochs, samples in a batch and a learning rate above 0")
        for check, name in ((check_name, cell.data), *((kind_named, noise) for noise in cell.noises)):
            try:
                check(name)
            except BadInput as error:
                problems.append(str(error))
    for noise, grids in scale.grids.items():
        for name in ("layer", "everywhere", "trained", "trained_everywhere"):
            strengths = getattr(grids, name)
            if any(not 0 < s < inf for s in strengths) or list(strengths) != sorted(set(strengths)):
                problems.append(f"the strengths {name} of {noise or 'any noise'} must be positive and ascending")
            if len(strengths) < 2 and not name.startswith("trained"):
                problems.append(f"a midpoint needs two strengths {name} of {noise or 'any noise'} at least")
    if problems:
        raise Problems(f"the plan of the study {NAME}", problems)
