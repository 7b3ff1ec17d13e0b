"""What the requests need imported stands once, at the head of the program."""

from __future__ import annotations

import ast

from gui.panels.script import as_script
from labctl.service.requests.library import StampRuns, VerifyRun
from labctl.service.requests.queue import AddToQueue, ClearQueue, RunQueue, sweep_job


def test_imports_stand_once_and_first() -> None:
    requests = (AddToQueue(sweep_job()), RunQueue(), ClearQueue(), StampRuns(("a",), "star"), VerifyRun("a.h5"))
    text = as_script([request.script() for request in requests])
    body = ast.parse(text).body
    imports = [isinstance(node, ast.Import | ast.ImportFrom) for node in body]
    assert imports == sorted(imports, reverse=True)
    lines = [line for line in text.splitlines() if line.startswith("from labctl.queue import QUEUE_NAME")]
    assert len(lines) == 1
    assert text.index("SweepJob(") < text.index("run_queue(RunQueue") < text.index(".clear()")
