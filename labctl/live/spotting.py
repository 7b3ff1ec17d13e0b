"""Keyword spotting on the board and its counterparts, one utterance after another, as they come."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from data.errors import BadInput
from labctl.comparison import MODELS
from labctl.evaluating import calibration_for
from labctl.live.recording import Recordings
from labctl.live.results import Spotted
from labctl.live.sources import Clip, Clips, Source
from labctl.live.spotter import Spotter, load_networks
from labctl.progress import Listener, Stop, never, silent

if TYPE_CHECKING:
    from calibration.record import CalibrationRecord
    from labctl.bench import Bench

LOOK_S: Final = 0.02
LIVE: Final = "live"
READY: Final = "ready"
"""Said when networks, calibration and utterances are there and the first one is about to be sent."""


def spot(
    bench: Bench,
    networks: Sequence[Path | str] | Path | str,
    source: Source | Clips,
    *,
    calibration: CalibrationRecord | Path | str = "latest",
    models: Sequence[str] = MODELS,
    record: bool = False,
    every_s: float = 0.0,
    limit: int | None = None,
    seed: int = 0,
    listener: Listener = silent,
    stop: Stop = never,
) -> Generator[Spotted, None, None]:
    """Spot keywords live: a generator that works while it is asked for the next utterance.

    As in::

        for spotted in labctl.spot(bench, "ordered.safetensors", labctl.TypedWords("yes no stop")):
            print(spotted)

    Args:
        bench: the open bench.
        networks: files of trained networks.
        source: where the utterances come from; or what it gave when it was loaded.
        calibration: a record, its file, its run id or ``latest``.
        models: the counterparts, some of ``ordered``, ``unordered`` and ``ideal``.
        record: write a comparison run for each network, saved utterance by utterance.
        every_s: least time between two utterances in seconds; 1 is real time, 0 as fast as possible.
        limit: only that many utterances; None for all.
        seed: of the models' trial noise.
        listener: hears of progress; the fraction stays 0 where nobody knows how many utterances there are.
        stop: asked between utterances; true ends the session and keeps it.

    Raises:
        BadInput: networks, calibration, board and source do not go together; before anything is sent.
        StaleCalibration: the calibration does not describe the board any more.
        Cancelled: somebody stopped or aborted it at the engine; what is recorded is kept.
        LabctlError: the board or the source failed.
    """
    paths = (networks,) if isinstance(networks, str | Path) else tuple(networks)
    chosen = _check_models(models)
    if limit is not None and limit < 1:
        raise BadInput(f"the limit is {limit} utterances; it must be at least 1")
    if not every_s >= 0:
        raise BadInput(f"the time between two utterances is {every_s} s; it must be 0 or more")
    loaded = load_networks(tuple(map(Path, paths)), bench.board.geometry)
    found = calibration_for(calibration, bench)
    clips = source if isinstance(source, Clips) else source.load(listener)
    total = min((number for number in (clips.total, limit) if number is not None), default=None)
    listener(0.0, READY)
    files = Recordings.begin(bench, found, loaded, chosen, clips, seed) if record else None
    with (
        files or nullcontext(),
        _Ending(files) as ending,
        bench.lend("keyword spotting", total=total or 0, file=files, kind=LIVE) as board,
    ):
        spotter = Spotter(board, found, loaded, chosen, seed)
        for number, clip in enumerate(_paced(islice(clips.clips, limit), every_s, stop), 1):
            spotted = spotter.spot(number, clip)
            ending.count = number
            message = f"utterance {number}" + (f" of {total}" if total else "")
            board.progress(number, message)
            listener(number / total if total else 0.0, message)
            yield spotted if files is None else files.add(spotted)
        ending.stopped = stop()


def _check_models(models: Sequence[str]) -> tuple[str, ...]:
    unknown = [name for name in models if name not in MODELS]
    if unknown:
        raise BadInput(f"there is no model {', '.join(unknown)}; the models are {', '.join(MODELS)}")
    return tuple(name for name in MODELS if name in models)


def _paced(clips: Iterable[Clip], every_s: float, stop: Stop) -> Iterator[Clip]:
    """The clips, one at most every so many seconds, until somebody wants it to stop."""
    turn = time.monotonic()
    for clip in clips:
        while (left := turn - time.monotonic()) > 0 and not stop():
            time.sleep(min(left, LOOK_S))
        if stop():
            return
        turn = max(turn + every_s, time.monotonic())
        yield clip


class _Ending:
    """Says in the files how the session ended where that was no failure; whoever lends the board says the rest."""

    def __init__(self, files: Recordings | None) -> None:
        self.count = 0
        self.stopped = False
        self._files = files

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Whoever asked for utterances may ask for no more: the generator is closed then.
        left = isinstance(error, GeneratorExit)
        if self._files is not None and (error is None or left):
            self._files.finish("stopped" if self.stopped or left else "complete", f"{self.count} utterances")
