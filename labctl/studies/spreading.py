"""Where the points of a study are computed: processes of this machine, a Dask scheduler, or jobs of SLURM."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from data.errors import BadInput, Problems
from labctl.studies.local import LocalWorkers
from labctl.studies.resources import parse_resources, share

if TYPE_CHECKING:
    from labctl.studies.folder import StudyFolder
    from labctl.studies.workers import Workers

MOST: Final = 256
"""Processes of one machine."""

_ADDRESS = re.compile(r"(tcp|tls)://[^\s/]+:\d{1,5}")


@dataclass(frozen=True, slots=True)
class Spread:
    """How a study is spread over workers; without anything one process for each processor of this machine.

    Attributes:
        workers: processes of this machine; None for one for each processor.
        resources: what only one point at a time can use here, e.g. ``gpu=2,board=1``.
        scheduler: address of a running Dask scheduler whose workers compute, ``tcp://HOST:PORT`` or ``tls://HOST:PORT``.
        slurm: a TOML file that says what jobs to ask SLURM for (:mod:`labctl.studies.cluster_slurm`).
    """

    workers: int | None = None
    resources: str = ""
    scheduler: str | None = None
    slurm: Path | None = None

    @classmethod
    def of(cls, workers: Spread | int | None) -> Spread:
        """The same where it is one already; a number is that of processes here."""
        return workers if isinstance(workers, Spread) else cls(workers)

    def problems(self) -> list[str]:
        """Everything that cannot be done, a sentence each."""
        found = []
        if self.scheduler is not None and self.slurm is not None:
            found.append("a scheduler and SLURM are both named; name one of them")
        if self.scheduler is not None and not _ADDRESS.fullmatch(self.scheduler):
            found.append(f"the scheduler {self.scheduler!r} is no address like tcp://HOST:PORT or tls://HOST:PORT")
        if self.workers is not None and not 1 <= self.workers <= MOST:
            found.append(f"{self.workers} workers are asked for; it can be 1 to {MOST}")
        far = "the scheduler" if self.scheduler is not None else "the SLURM file"
        if self.scheduler is not None or self.slurm is not None:
            if self.workers is not None:
                found.append(f"a number of workers is that of processes here; {far} has its own")
            if self.resources:
                found.append(f"resources are those of processes here; the workers of {far} bring theirs")
            return found
        try:
            share(parse_resources(self.resources), self._count)
        except Problems as error:
            found.append(str(error))
        return found

    @contextmanager
    def opened(self, compute: str, folder: StudyFolder) -> Iterator[Workers]:
        """The workers; left, all work has ended.

        Args:
            compute: the function that computes a point, ``module:function``.
            folder: the study's, with its plan.

        Raises:
            BadInput: the workers cannot be had, or cannot work on this study.
        """
        workers = self._open(compute, folder)
        try:
            yield workers
        finally:
            workers.close()

    def _open(self, compute: str, folder: StudyFolder) -> Workers:
        if self.scheduler is None and self.slurm is None:
            return LocalWorkers(compute, folder.path, self._count, parse_resources(self.resources))
        try:
            from labctl.studies import cluster, cluster_slurm
        except ImportError as error:
            raise BadInput(f"workers of other machines need {error.name}; install labctl[studies]") from error
        if self.slurm is None:
            return cluster.connect(str(self.scheduler), compute, folder)
        return cluster_slurm.start(self.slurm, compute, folder)

    @property
    def _count(self) -> int:
        return self.workers or os.cpu_count() or 1
