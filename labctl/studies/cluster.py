"""Workers of a Dask scheduler: processes on any machines that see the study's folder.

Dask knows which workers there are and what they own, brings points there and outcomes back, begins a point again whose
worker is lost, and encrypts; what a worker does is in :mod:`labctl.studies.far`.
"""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from distributed import Client, Future, KilledWorker, Security
from distributed import wait as wait_for
from distributed.client import FutureCancelledError, FuturesCancelledError

from data.errors import BadInput, LabctlError, Problems
from labctl.plain import plain
from labctl.studies.cluster_loop import start_loop
from labctl.studies.far import Order, compute_far, fingerprint, objections
from labctl.studies.folder import Failure, StudyFolder
from labctl.studies.points import Point
from labctl.studies.workers import Lack, Outcome

log = logging.getLogger(__name__)

CONNECT_S: Final = 10.0
"""Seconds that a scheduler has to answer."""
COMING_S: Final = 60.0
"""Seconds that a worker may take to come back, or to be started by whoever runs the scheduler."""
LOOK_S: Final = 1.0
"""Seconds between two looks at which workers there are."""

_LOOPBACK: Final = re.compile(r"\w+://(127\.|localhost:)")


@dataclass(frozen=True)
class Coming:
    """Workers that do not exist yet.

    Attributes:
        patience: for how many seconds one that can compute a point may still come.
        advice: what to do where none comes.
    """

    patience: Callable[[Point], float]
    advice: Callable[[Point], str]


class ClusterWorkers:
    """The workers of a scheduler.

    Args:
        client: connected to the scheduler; closed by :meth:`close`.
        order: what they work on.
        coming: which workers may still come.
        after: called last by :meth:`close`.
    """

    def __init__(self, client: Client, order: Order, coming: Coming, after: Callable[[], None]) -> None:
        self._client = client
        self._order = order
        self._coming = coming
        self._after = after
        self._begun: dict[Future, Point] = {}
        self._known: list[Mapping[str, Any]] = []
        self._looked = float("-inf")

    @property
    def busy(self) -> int:
        """Points that the scheduler has been given."""
        return len(self._begun)

    def free(self, point: Point) -> bool:
        """Whether a worker that owns what the point uses can begin it now."""
        owners = self._owners(point)
        used = Counter(name for other in self._begun.values() for name in other.uses)
        return len(self._begun) < len(self._workers()) and all(
            used[name] < sum(int(worker.get(name, 0)) for worker in owners) for name in point.uses
        )

    def lack(self, point: Point) -> Lack | None:
        """Why no worker can compute the point; None where one can."""
        if self._owners(point):
            return None
        names = " and ".join(point.uses)
        missing = f"it uses {names}, and no worker owns that" if names else "the scheduler has no workers"
        return Lack(f"{missing}; {self._coming.advice(point)}", self._coming.patience(point))

    def begin(self, point: Point) -> None:
        """Give a point to the scheduler."""
        future = self._client.submit(
            compute_far,
            self._order,
            plain(point),
            key=f"labctl-{point.key}-{uuid.uuid4().hex}",
            resources=dict.fromkeys(point.uses, 1) or None,
            pure=False,
        )
        self._begun[future] = point

    def wait(self, timeout_s: float) -> list[Outcome]:
        """Outcomes of points that ended since; waits for the first, at most so many seconds.

        Raises:
            BadInput: a worker cannot work on this study.
            LabctlError: the scheduler is gone.
        """
        if self._client.status not in {"running", "connecting"}:
            raise LabctlError(self._gone())
        if not self._begun:
            time.sleep(timeout_s)
            return []
        try:
            with suppress(TimeoutError), self._client.as_current():
                wait_for(list(self._begun), timeout=timeout_s, return_when="FIRST_COMPLETED")
        except FuturesCancelledError as error:
            raise LabctlError(self._gone()) from error
        ended = [future for future in self._begun if future.done()]
        return [self._outcome(future, self._begun.pop(future)) for future in ended] + self._abandoned()

    def close(self) -> None:
        """End all work: what is being computed is given up, the connection closed."""
        try:
            with suppress(OSError, TimeoutError):
                self._client.cancel(list(self._begun), force=True)
            self._begun.clear()
            self._client.close()
        finally:
            self._after()

    def check(self) -> None:
        """See that the workers there are now can work on this study.

        Raises:
            Problems: all that stands in their way.
        """
        try:
            answers: Mapping[str, Any] = self._client.run(objections, self._order, on_error="return")
        except OSError as error:
            raise LabctlError(self._gone()) from error
        found: dict[str, None] = {}
        for address, answer in answers.items():
            if isinstance(answer, ModuleNotFoundError):
                found[f"the worker {address} has no {answer.name}; install labctl[studies] there"] = None
            elif isinstance(answer, Exception):
                found[f"the worker {address} does not answer: {answer!r}"] = None
            else:
                found.update(dict.fromkeys(answer))
        if found:
            raise Problems("workers cannot work on this study", list(found))

    def _outcome(self, future: Future, point: Point) -> Outcome:
        if future.status == "error":
            error = future.exception()
            if isinstance(error, KilledWorker):
                sentence = f"{error.allowed_failures + 1} workers ended while they computed it"
                return Outcome(point.key, Failure(point.key, sentence))
            return Outcome(point.key, Failure(point.key, repr(error)))
        try:
            told: Mapping[str, Any] = future.result()
        except (FutureCancelledError, OSError) as error:  # the client cancels everything when the scheduler is lost
            raise LabctlError(self._gone()) from error
        if found := told.get("objections"):
            raise Problems("a worker cannot work on this study", found)
        failure = told["failure"]
        if failure is None and told["lost"]:
            return Outcome(point.key, Failure(point.key, "its worker gave it up"), lost=True)
        return Outcome(point.key, None if failure is None else Failure(**failure), bool(told["lost"]))

    def _abandoned(self) -> list[Outcome]:
        """Points taken back from the scheduler, which would keep them for ever: no worker that could is left."""
        there = [item["resources"] for item in self._look()]
        left = [future for future, point in self._begun.items() if not _owning(there, point)]
        if left:
            self._client.cancel(left, force=True)
        points = [self._begun.pop(future) for future in left]
        return [Outcome(point.key, Failure(point.key, "its worker is gone"), lost=True) for point in points]

    def _owners(self, point: Point) -> list[Mapping[str, float]]:
        return _owning(self._workers(), point)

    def _workers(self) -> list[Mapping[str, float]]:
        """What each worker owns that takes points."""
        return [item["resources"] for item in self._look() if item["status"] == "running"]

    def _look(self) -> list[Mapping[str, Any]]:
        """All workers, as the scheduler said a moment ago."""
        now = time.monotonic()
        if now - self._looked >= LOOK_S:
            self._looked = now
            self._known = list(self._client.scheduler_info()["workers"].values())
        return self._known

    def _gone(self) -> str:
        return "the scheduler is out of reach; finished points are kept, and the same command goes on when it is back"


def _owning(workers: Sequence[Mapping[str, float]], point: Point) -> list[Mapping[str, float]]:
    return [worker for worker in workers if all(worker.get(name, 0) >= 1 for name in point.uses)]


def order_of(compute: str, folder: StudyFolder) -> Order:
    """What far workers are told about a study."""
    from labctl import __version__

    path = folder.path.resolve()
    return Order(compute, str(path), fingerprint(path), __version__)


def connect(address: str, compute: str, folder: StudyFolder) -> ClusterWorkers:
    """The workers of a running scheduler.

    Certificates for ``tls://`` are those of Dask's configuration (``distributed.comm.tls``).

    Raises:
        BadInput: nobody answers, it has no workers, or they cannot work on this study.
    """

    def advice(point: Point) -> str:
        owned = f" --resources {','.join(f'{name}=1' for name in point.uses)}" if point.uses else ""
        # A worker that is not told otherwise listens on every network.
        here = " --host 127.0.0.1" if _LOOPBACK.match(address) else ""
        return f"start one with `dask worker {address} --nthreads 1{here}{owned}`"

    security = _security(address)
    loop, stop = start_loop()
    try:
        client = Client(address, timeout=CONNECT_S, set_as_default=False, name="labctl", loop=loop, security=security)
    except OSError as error:
        stop()
        raise BadInput(f"no scheduler answers at {address} within {CONNECT_S:g} s: {error}") from error
    except BaseException:
        stop()
        raise
    workers = ClusterWorkers(client, order_of(compute, folder), Coming(lambda _: COMING_S, advice), stop)
    try:
        workers.check()
    except BaseException:
        workers.close()
        raise
    return workers


def _security(address: str) -> Security:
    """Certificates as Dask's configuration names them.

    Raises:
        BadInput: it names none, or some that cannot be used, for an address that is encrypted; or it wants encryption,
            and the address has none.
    """
    security = Security()
    if not address.startswith("tls://"):
        if security.require_encryption:
            raise BadInput(
                f"{address} is not encrypted, and Dask's configuration requires it "
                "(distributed.comm.require-encryption); name a scheduler at tls://HOST:PORT"
            )
        return security
    try:
        context = security.get_connection_args("client").get("ssl_context")
    except OSError as error:
        raise BadInput(
            f"the certificates that Dask's configuration names under distributed.comm.tls cannot be used ({error}): "
            f"{security.tls_ca_file}, {security.tls_client_cert}, {security.tls_client_key}"
        ) from error
    if context is None:
        raise BadInput(
            f"{address} is encrypted, and Dask's configuration names no certificates; write them there under "
            "distributed.comm.tls, or into DASK_DISTRIBUTED__COMM__TLS__CA_FILE and its like"
        )
    return security
