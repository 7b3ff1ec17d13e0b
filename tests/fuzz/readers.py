"""Look for bytes that a file reader does not survive, guided by what they reach in our code (extra ``fuzz``).

Run as ``python -m tests.fuzz.readers READER [-max_total_time=60]``; the readers are those of
``tests/data/test_hostile_files.py``. It ends with the bytes that did it when a reader raises anything but BadInput.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["data", "calibration.recordfile", "models.networkfile", "labctl.bench"]):
    from data.errors import BadInput
    from tests.data import test_hostile_files as hostile


def main() -> None:
    """Fuzz one reader, beginning with a sound file of its kind."""
    name, read = hostile.READERS[sys.argv[1]]
    folder = Path(tempfile.mkdtemp(prefix="labctl-fuzz-"))
    path = folder / name
    makers = {".h5": hostile.open_file, ".safetensors": hostile.network_file, ".wav": hostile.wav_file}
    seeds = folder / "seeds"
    seeds.mkdir()
    if path.suffix in makers:
        sound = makers[path.suffix](folder).read_bytes()
        (seeds / "sound").write_bytes(sound)

    def once(content: bytes) -> None:
        path.write_bytes(content)
        os.utime(path, (0, 0))
        with contextlib.suppress(BadInput):
            read(path)

    atheris.Setup([sys.argv[0], *sys.argv[2:], "-max_len=40000", str(seeds)], once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
