"""The queue of runs: on disk, whole after a kill, run by one process at a time."""

from labctl.queue.entries import Entry, EntryState, OnFailure
from labctl.queue.estimates import Estimates
from labctl.queue.jobs import CalibrateJob, Job, ScanJob, SweepJob, job_as_json, job_of_json
from labctl.queue.runner import QueueResult, run_queue
from labctl.queue.store import QUEUE_NAME, RunQueue

__all__ = [
    "QUEUE_NAME",
    "CalibrateJob",
    "Entry",
    "EntryState",
    "Estimates",
    "Job",
    "OnFailure",
    "QueueResult",
    "RunQueue",
    "ScanJob",
    "SweepJob",
    "job_as_json",
    "job_of_json",
    "run_queue",
]
