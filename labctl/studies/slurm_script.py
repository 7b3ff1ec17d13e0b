"""Write the script of SLURM jobs that each start a Dask worker: arguments come as JSON, the script goes out as text.

In a process of its own, since dask-jobqueue changes what Ctrl-C does in whatever process it is loaded into, and no
thread can load it.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def job_script(keys: dict[str, str] | None, arguments: dict[str, Any]) -> str:
    """The script.

    Args:
        keys: paths of key and certificates of :class:`distributed.Security`; None for connections in the clear.
        arguments: of :class:`dask_jobqueue.slurm.SLURMJob`.
    """
    from dask_jobqueue.slurm import SLURMJob
    from distributed import Security

    security = None if keys is None else Security(require_encryption=True, **keys)
    return str(SLURMJob(security=security, **arguments).job_script())


if __name__ == "__main__":
    sys.stdout.write(job_script(**json.load(sys.stdin)))
