"""Workers that are jobs of SLURM: what to ask for is read from a TOML file, Dask asks for it.

The scheduler runs in this process and listens on the network interface that the file names, since jobs come from other
machines. Connections are encrypted with a key that is made for this run, lies where only this user can read it, and is
thrown away at the end.
"""

from __future__ import annotations

import json
import logging
import math
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Final

import psutil
from distributed import Client, Scheduler, Security, SpecCluster
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from tornado.ioloop import IOLoop

from data.errors import BadInput, LabctlError, Problems
from labctl.studies.cluster import ClusterWorkers, Coming, order_of
from labctl.studies.cluster_loop import start_loop
from labctl.studies.folder import KEYS, StudyFolder
from labctl.studies.points import RESOURCE, Point
from labctl.studies.process import environment
from labctl.studies.run import TRIES

log = logging.getLogger(__name__)

LOOK_S: Final = 20.0
"""Seconds between two looks at SLURM's queue."""

_UNSEEN: Final = ("--dashboard-address", "127.0.0.1:0")
"""Keeps a worker's pages, which are not encrypted, to its machine."""
_ROLES: Final = ("client", "scheduler", "worker")

Text = Annotated[str, Field(min_length=1)]
Resource = Annotated[str, Field(pattern=f"^{RESOURCE.pattern}$")]


class SlurmFile(BaseModel):
    """What a SLURM file may say; each job is one worker.

    Attributes:
        jobs: how many.
        memory: of each job, e.g. ``4GB``.
        interface: network interface on which this machine and the jobs reach each other, e.g. ``ib0``.
        walltime: of each job, e.g. ``04:00:00``; points that a job does not finish are begun again in another one.
        cores: processors of each job; a point computes on one.
        queue: partition.
        account: whom the time is charged to.
        directives: more lines for ``#SBATCH``, e.g. ``--gres=gpu:1``.
        prologue: shell lines before the worker starts, e.g. ``module load python``.
        python: the interpreter on the nodes; empty for the one that runs here.
        resources: what each job owns, e.g. ``gpu = 1``.
        encrypted: whether connections are encrypted; only for a network that nobody else is on may it be false.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    jobs: Annotated[int, Field(ge=1, le=10_000)]
    memory: Text
    interface: Text
    walltime: Text = "01:00:00"
    cores: Annotated[int, Field(ge=1)] = 1
    queue: Text | None = None
    account: Text | None = None
    directives: tuple[Text, ...] = ()
    prologue: tuple[str, ...] = ()
    python: str = ""
    resources: dict[Resource, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    encrypted: bool = True

    @classmethod
    def read(cls, path: Path) -> SlurmFile:
        """Read a file.

        Raises:
            BadInput: it cannot be read or is not TOML.
            Problems: all settings that do not fit.
        """
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise BadInput(f"cannot read the SLURM file {path}: {error.strerror or error}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BadInput(f"the SLURM file {path} is not valid TOML: {error}") from error
        try:
            read = cls.model_validate(content)
        except ValidationError as error:
            raise Problems(f"the SLURM file {path}", [_sentence(item) for item in error.errors()]) from error
        if read.interface not in (known := sorted(psutil.net_if_addrs())):
            raise BadInput(f"the SLURM file {path} names the interface {read.interface}; here are {', '.join(known)}")
        return read


def start(path: Path, compute: str, folder: StudyFolder) -> ClusterWorkers:
    """Ask SLURM for jobs whose workers compute; they come when the queue lets them.

    Raises:
        BadInput: the file cannot be used, SLURM is not here, or a library is missing.
        LabctlError: SLURM refused the jobs.
    """
    wanted = SlurmFile.read(path)
    missing = [name for name in ("sbatch", "squeue", "scancel") if shutil.which(name) is None]
    if missing:
        raise BadInput(
            f"there is no command {' or '.join(missing)} here; start the study where jobs are submitted, "
            "or name a scheduler"
        )
    if find_spec("dask_jobqueue") is None:
        raise BadInput("jobs of SLURM need dask-jobqueue; install labctl[studies]")
    with ExitStack() as left:
        keys = Path(left.enter_context(tempfile.TemporaryDirectory(prefix=KEYS, dir=folder.path)))
        loop, stop = start_loop()
        left.callback(stop)
        cluster = left.enter_context(_scheduler(wanted, keys, loop))
        jobs = left.enter_context(_Jobs.submitted(_script(wanted, keys, cluster.scheduler_address, folder)))
        client = left.enter_context(Client(cluster, set_as_default=False, name="labctl", loop=loop))
        coming = Coming(
            lambda point: jobs.patience() if _owns(wanted, point) else 0.0, lambda point: _advice(wanted, point)
        )
        return ClusterWorkers(client, order_of(compute, folder), coming, left.pop_all().close)


def _owns(wanted: SlurmFile, point: Point) -> bool:
    return all(name in wanted.resources for name in point.uses)


def _advice(wanted: SlurmFile, point: Point) -> str:
    if not _owns(wanted, point):
        return "name it under [resources] in the SLURM file and ask for it in directives"
    return "`squeue --me` shows jobs that wait, the folder slurm in the study's what they said"


@dataclass
class _Jobs:
    """Jobs of one array, and whether any of them still waits or runs."""

    number: str
    _looked: float = 0.0
    _left: bool = True

    @classmethod
    @contextmanager
    def submitted(cls, script: str) -> Iterator[_Jobs]:
        """Submit an array; left, it is cancelled.

        Raises:
            LabctlError: SLURM refused it.
        """
        done = subprocess.run(["sbatch", "--parsable"], input=script, capture_output=True, text=True, check=False)
        if done.returncode or not done.stdout.strip():
            raise LabctlError(f"SLURM refused the jobs: {' '.join((done.stderr or done.stdout).split())}")
        number = done.stdout.strip().partition(";")[0]
        try:
            yield cls(number)
        finally:
            ended = subprocess.run(["scancel", number], capture_output=True, text=True, check=False)
            if ended.returncode:
                said = " ".join(ended.stderr.split())
                log.warning("SLURM has not cancelled the jobs (%s); do it with `scancel %s`", said, number)

    def patience(self) -> float:
        """For how long a worker may still come: as long as jobs wait or run."""
        if time.monotonic() - self._looked >= LOOK_S:
            self._looked = time.monotonic()
            asked = ["squeue", "--noheader", "--jobs", self.number]
            done = subprocess.run(asked, capture_output=True, text=True, check=False)
            # A queue that cannot be asked says nothing about the jobs; one that has forgotten them does.
            self._left = bool(done.stdout.strip()) or (done.returncode != 0 and "nvalid job id" not in done.stderr)
        return math.inf if self._left else 0.0


def _scheduler(wanted: SlurmFile, keys: Path, loop: IOLoop) -> Any:
    """A scheduler in this process, on the interface of the jobs; its port is open to nobody else's workers."""
    try:
        security = _keys(keys) if wanted.encrypted else None
    except ImportError as error:
        raise BadInput(f"encrypted jobs need {error.name or 'cryptography'}; install labctl[studies]") from error
    options = {
        "protocol": _protocol(wanted),
        "interface": wanted.interface,
        "security": security,
        # Whoever looks at the scheduler's pages does so from this machine.
        "dashboard": False,
        "dashboard_address": "127.0.0.1:0",
        "allowed_failures": TRIES - 1,
    }
    return SpecCluster(scheduler={"cls": Scheduler, "options": options}, workers={}, security=security, loop=loop)


def _script(wanted: SlurmFile, keys: Path, address: str, folder: StudyFolder) -> str:
    """The script of an array of jobs, each of which starts one worker."""
    owned = " ".join(f"{name}={count}" for name, count in wanted.resources.items())
    optional = {"queue": wanted.queue, "account": wanted.account, "python": wanted.python or None}
    logs = folder.path.resolve() / "slurm"
    logs.mkdir(exist_ok=True)
    arguments = dict(
        scheduler=address,
        name="labctl-$SLURM_ARRAY_TASK_ID",
        job_name="labctl",
        cores=1,
        processes=1,
        job_cpu=wanted.cores,
        memory=wanted.memory,
        walltime=wanted.walltime,
        interface=wanted.interface,
        job_extra_directives=[*wanted.directives, f"--array=1-{wanted.jobs}"],
        job_script_prologue=list(wanted.prologue),
        worker_extra_args=[*_UNSEEN, *(["--resources", f"'{owned}'"] if owned else [])],
        protocol=_protocol(wanted),
        log_directory=str(logs),
        **{name: value for name, value in optional.items() if value is not None},
    )
    asked = json.dumps({"keys": _files(keys) if wanted.encrypted else None, "arguments": arguments})
    command = [sys.executable, "-P", "-m", "labctl.studies.slurm_script"]
    done = subprocess.run(command, input=asked, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]
        raise LabctlError(f"the script of the SLURM jobs cannot be written: {said}")
    return done.stdout


def _protocol(wanted: SlurmFile) -> str:
    return "tls://" if wanted.encrypted else "tcp://"


def _keys(folder: Path) -> Security:
    """A key and its certificate, made now and written where the jobs can read them."""
    made = Security.temporary()
    files = {"ca": made.tls_ca_file, "cert": made.tls_worker_cert, "key": made.tls_worker_key}
    for name, text in files.items():
        (folder / name).write_text(text, encoding="ascii")
    return Security(require_encryption=True, **_files(folder))


def _files(folder: Path) -> dict[str, str]:
    of_each = {f"tls_{who}_{name}": str(folder / name) for who in _ROLES for name in ("cert", "key")}
    return {"tls_ca_file": str(folder / "ca"), **of_each}


def _sentence(item: Any) -> str:
    where = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        return f"{where} is not a setting labctl knows"
    if item["type"] == "missing":
        return f"{where} is missing"
    return f"{where}: {str(item['msg']).replace('Input should', 'it should').replace('String should', 'it should')}"
