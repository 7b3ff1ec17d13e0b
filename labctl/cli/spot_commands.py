"""``labctl spot``: keyword spotting live."""

from __future__ import annotations

from contextlib import closing, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from data.errors import BadInput
from labctl.cli.console import emit, say, table
from labctl.cli.options import AsJson, BenchFile, CalibrationId, Seed, Size, Speech

if TYPE_CHECKING:
    from data.speech import Size as SpeechSize
    from labctl.live import Source, Spotted
    from labctl.live.tally import Tally


def spot(
    networks: Annotated[list[Path], typer.Argument(help="Network files (.safetensors).")],
    bench: BenchFile = None,
    calibration: CalibrationId = "latest",
    words: Annotated[
        str | None, typer.Option("--words", help='Words to be spoken, e.g. "yes no stop"; the test set without any.')
    ] = None,
    wav: Annotated[list[Path] | None, typer.Option("--wav", help="WAV file, or a folder of them.")] = None,
    microphone: Annotated[bool, typer.Option("--microphone", help="Listen until Ctrl-C.")] = False,
    speech: Speech = None,
    size: Size = "small",
    limit: Annotated[int | None, typer.Option(min=1, help="Only that many utterances.")] = None,
    record: Annotated[bool, typer.Option("--record", help="Write a comparison run for each network.")] = False,
    real_time: Annotated[bool, typer.Option("--real-time", help="One utterance a second.")] = False,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Spot keywords live.

    One utterance after another on the board and on its counterparts.
    """
    from labctl.bench import open_bench
    from labctl.live import spot as spot_words
    from labctl.live.tally import Tally

    source = _source(words, wav, microphone, speech, size, seed)
    tally = Tally()
    told: list[Spotted] = []
    files: set[Path] = set()
    with open_bench(bench) as opened:
        session = spot_words(
            opened,
            networks,
            source,
            calibration=calibration,
            record=record,
            every_s=1.0 if real_time else 0.0,
            limit=limit,
            seed=seed,
        )
        # A microphone gives words until somebody ends it: that is no failure.
        with closing(session), suppress(KeyboardInterrupt) if microphone else nullcontext():
            for spotted in session:
                tally.add(spotted)
                if as_json:
                    told.append(spotted)
                else:
                    say(str(spotted))
                files = {answer.run for answer in spotted.answers if answer.run is not None}
    if as_json:
        emit({"utterances": [_document(item) for item in told], "counts": _counts(tally), "files": sorted(files)})
        return
    _show(tally)
    for path in sorted(files):
        say(str(path))


def _source(
    words: str | None, wav: list[Path] | None, microphone: bool, speech: Path | None, size: SpeechSize, seed: int
) -> Source:
    from labctl.live import Microphone, TestWords, TypedWords, WavFiles

    if sum((words is not None, bool(wav), microphone)) > 1:
        raise BadInput("--words, --wav and --microphone exclude one another; give one of them")
    if words is not None:
        return TypedWords(words, seed=seed)
    if wav:
        return WavFiles(tuple(wav))
    return Microphone() if microphone else TestWords(speech, size, seed)


def _document(spotted: Spotted) -> dict[str, object]:
    clip = spotted.clip
    answers = [{"network": item.name, "arm": item.arm, "decisions": item.decisions} for item in spotted.answers]
    return {
        "utterance": spotted.number,
        "said": clip.said,
        "truth": clip.truth,
        "name": clip.name,
        "latency": spotted.latency,
        "answers": answers,
    }


def _counts(tally: Tally) -> dict[str, object]:
    return {
        network: {target: {"accuracy": it.accuracy, "agreement": it.agreement} for target, it in targets.items()}
        for network, targets in tally.counts().items()
    }


def _show(tally: Tally) -> None:
    rows = [
        [network, target, str(count.accuracy), str(count.agreement)]
        for network, targets in tally.counts().items()
        for target, count in targets.items()
    ]
    table(f"{tally.utterances} utterances", ["network", "on", "accuracy", "agrees with the board"], rows)
