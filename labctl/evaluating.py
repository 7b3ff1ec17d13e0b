"""Compare networks on the board with their counterparts, and load what was written."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from calibration.probe import probe
from calibration.record import CalibrationRecord, load_record
from data.errors import BadInput
from data.runfile import Run, RunWriter, read_metadata, read_run
from data.scanrun import ScanData, is_scan, scan_of
from data.sweep import SweepData
from data.sweepfile import sweep_of
from labctl.comparison import Comparison, compare_network
from labctl.comparison_file import KIND, begin_comparison, describe, write_results, write_trace
from labctl.learning import TestUtterances, prepare_test
from labctl.library import find
from labctl.measuring import bench_metadata
from labctl.progress import Listener, part, silent
from models.arms import TrainedNetwork
from models.networkfile import load_network
from models.samples import Samples

if TYPE_CHECKING:
    from labctl.bench import Bench

log = logging.getLogger(__name__)

Loaded = CalibrationRecord | SweepData | ScanData | TrainedNetwork | Run
"""What :func:`load` can give."""

CALIBRATION = "calibration"
NETWORK_SUFFIX = ".safetensors"


def compare(
    bench: Bench,
    network: Path | str,
    *,
    calibration: CalibrationRecord | Path | str = "latest",
    test: TestUtterances | None = None,
    limit: int | None = None,
    seed: int = 0,
    listener: Listener = silent,
) -> Comparison:
    """Run a network on the board and on the ordered, unordered and ideal model, and write a comparison run.

    It runs on :attr:`Bench.engine`, by which it can be paused, stopped and aborted from another thread. What a target
    did is saved as soon as it is done, the board's first: a stop or an abort keeps it, and the file says so.

    Args:
        bench: the open bench.
        network: file of a trained network.
        calibration: a record, its file, its run id or ``latest``.
        test: utterances of unseen voices; None takes the synthetic corpus.
        limit: only that many test utterances, spread evenly over all; None for all.
        seed: of the models' trial noise.
        listener: hears of progress.

    Raises:
        BadInput: network, calibration and board do not belong together.
        StaleCalibration: the calibration does not describe the board any more.
        Cancelled: somebody stopped or aborted it.
        LabctlError: the link was lost and did not come back, or an interlock aborted it.
    """
    path = Path(network)
    trained = load_network(path)
    record = calibration_for(calibration, bench)
    utterances = prepare_test(listener=part(listener, 0.0, 0.1)) if test is None else test
    samples = _limited(utterances.encoded_for(trained.network), limit)
    metadata = bench_metadata(
        bench,
        KIND,
        title=f"{trained.arm} arm on the board and its counterparts",
        calibration_id=record.calibration_id,
        calibration_hash=record.content_hash,
        plan=describe(path.name, trained, utterances.source, len(samples)),
        seed=seed,
    )
    with RunWriter.create(bench.runs, metadata) as writer:
        begin_comparison(trained.network, samples.labels, writer)
        with bench.lend(f"compare the {trained.arm} network", total=len(samples), file=writer) as board:
            comparison = compare_network(
                trained.network,
                board,
                record,
                samples.activations,
                samples.labels,
                name=path.name,
                arm=str(trained.arm),
                seed=seed,
                listener=board.heard_by(listener if test is not None else part(listener, 0.1, 1.0)),
                keep=partial(write_trace, writer=writer),
            )
        write_results(comparison, writer)
    return comparison.written(metadata.run_id, writer.path)


def _limited(samples: Samples, limit: int | None) -> Samples:
    if limit is None:
        return samples
    if limit < 1:
        raise BadInput(f"the limit is {limit} utterances; it must be at least 1")
    return samples.spread(limit)


class StaleCalibration(BadInput):
    """The board has moved too far from its calibration."""


def calibration_for(calibration: CalibrationRecord | Path | str, bench: Bench) -> CalibrationRecord:
    """The calibration of the board of a bench; one that is loaded is checked with a few dozen vectors.

    A board that has drifted is logged as a warning.

    Raises:
        BadInput: there is none, or it is another board's.
        StaleCalibration: it does not describe the board any more.
    """
    record = calibration_record(calibration, bench.runs)
    if isinstance(calibration, CalibrationRecord):
        record.check_identity(bench.board.identity)
        return record
    with bench.lend(f"probe calibration {record.calibration_id}", kind="probe") as board:
        found = probe(record, board)
    if found.verdict == "stale":
        raise StaleCalibration(f"calibration {record.calibration_id} is {found}; run `labctl calibrate` again")
    if found.verdict == "drifted":
        log.warning("calibration %s has %s; results may be off", record.calibration_id, found)
    return record


def calibration_record(calibration: CalibrationRecord | Path | str, folder: Path) -> CalibrationRecord:
    """A calibration by value, file, run id, the start of one, or ``latest`` in ``folder``."""
    if isinstance(calibration, CalibrationRecord):
        return calibration
    return load_record(find(calibration, folder=folder, kind=CALIBRATION))


def load(
    what: Path | str, folder: Path | str | None = None
) -> CalibrationRecord | SweepData | ScanData | TrainedNetwork | Run:
    """Load what labctl wrote, as the type that fits: calibration, sweep, scan, network, or any other run.

    Args:
        what: a file, a run id, the start of one, or ``latest``.
        folder: where run ids and network files are looked up; None for the bench file's runs and the current folder.

    Raises:
        BadInput: there is no such file or run, or it is damaged.
    """
    if Path(what).suffix == NETWORK_SUFFIX:
        return load_network(Path(folder or ".") / what)
    path = find(what, folder=None if folder is None else Path(folder))
    kind = read_metadata(path).kind
    if kind == CALIBRATION:
        return load_record(path)
    run = read_run(path)
    if is_scan(run):
        return scan_of(run)
    return sweep_of(run) if "plan_kind" in run.variables else run
