"""Workers that are jobs of SLURM: what to ask for is read from a TOML file, Dask asks for it.

The scheduler runs in this process and listens on the network interface that the file names, since jobs come from other
machines. Connections are encrypted with a key that is made for this run, lies where only this user can read it, and is
thrown away at the end.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import psutil
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from data.errors import BadInput, LabctlError, Problems
from labctl.studies.cluster import ClusterWorkers, order_of
from labctl.studies.folder import StudyFolder
from labctl.studies.points import RESOURCE

log = logging.getLogger(__name__)

PENDING_S: Final = 24 * 3600.0
"""Seconds that jobs may wait in SLURM's queue."""

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
    if shutil.which("sbatch") is None:
        raise BadInput("there is no command sbatch here; start the study where jobs are submitted, or use --scheduler")
    keys = Path(tempfile.mkdtemp(prefix=".keys-", dir=folder.path))
    cluster: Any = None

    def leave() -> None:
        if cluster is not None:
            cluster.close()
        shutil.rmtree(keys, ignore_errors=True)

    try:
        cluster = _cluster(wanted, keys)
        _submit(cluster, wanted.jobs)
        return _workers(cluster, order_of(compute, folder), leave)
    except BaseException:
        leave()
        raise


def _cluster(wanted: SlurmFile, keys: Path) -> Any:
    try:
        from dask_jobqueue import SLURMCluster
        from distributed import Security

        security = Security.temporary() if wanted.encrypted else None
    except ImportError as error:
        raise BadInput(f"jobs of SLURM need {error.name or 'cryptography'}; install labctl[studies]") from error
    owned = " ".join(f"{name}={count}" for name, count in wanted.resources.items())
    optional = {"queue": wanted.queue, "account": wanted.account, "python": wanted.python or None}
    return SLURMCluster(
        cores=1,
        processes=1,
        job_cpu=wanted.cores,
        memory=wanted.memory,
        walltime=wanted.walltime,
        interface=wanted.interface,
        job_extra_directives=list(wanted.directives),
        job_script_prologue=list(wanted.prologue),
        worker_extra_args=["--resources", f"'{owned}'"] if owned else [],
        protocol="tls://" if wanted.encrypted else "tcp://",
        security=security,
        shared_temp_directory=str(keys),
        scheduler_options={"dashboard": False, "dashboard_address": None, "interface": wanted.interface},
        **{name: value for name, value in optional.items() if value is not None},
    )


def _submit(cluster: Any, jobs: int) -> None:
    try:
        cluster.scale(jobs=jobs)
        cluster.sync(cluster._correct_state)
    except (OSError, RuntimeError, ValueError) as error:
        raise LabctlError(f"SLURM refused the jobs: {' '.join(str(error).split())}") from error


def _workers(cluster: Any, order: Any, leave: Callable[[], None]) -> ClusterWorkers:
    from distributed import Client

    client = Client(cluster, set_as_default=False, name="labctl")
    return ClusterWorkers(client, order, PENDING_S, "jobs wait in SLURM's queue; `squeue --me` shows them", leave)


def _sentence(item: Any) -> str:
    where = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        return f"{where} is not a setting labctl knows"
    if item["type"] == "missing":
        return f"{where} is missing"
    return f"{where}: {str(item['msg']).replace('Input should', 'it should').replace('String should', 'it should')}"
