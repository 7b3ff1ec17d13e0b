"""What travels to the window brings nothing heavy with it."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

from labctl.service.messages_queue import QueueList, QueueRow
from labctl.service.messages_runs import ExportPiece, RunFacts, RunRow, RunsChanged, Verified

HEAVY = ("h5py", "h5netcdf", "torch", "pandas", "pyarrow", "scipy", "sqlite3", "pydantic", "matplotlib")
PANELS = "gui.panels.queue, gui.panels.runs, gui.panels.run_export, gui.panels.script"


def test_panels_and_answers_load_nothing_heavy(tmp_path: Path) -> None:
    values = (
        QueueList("q", (QueueRow(1, "t", "scan", "waiting"),)),
        RunsChanged("r", (RunRow("f", "i", "k", "complete"),)),
        RunFacts("f", (("a", "b"),)),
        Verified("f", "ok", "sound"),
        ExportPiece("f", "t", ("a",), ("",), (("1",),)),
    )
    (tmp_path / "values").write_bytes(pickle.dumps(values))
    code = (
        f"import pickle, sys, {PANELS}; pickle.loads(open(sys.argv[1], 'rb').read());"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "values")], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
