"""``python -m drivers.emulator``: an emulated board until it is told to stop."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from data.errors import BadInput
from drivers.emulator.options import DEFAULT_TCP, Options


def options_from(arguments: Sequence[str] | None = None) -> Options:
    """The options that a command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m drivers.emulator", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="the chip: the same seed is the same chip for ever")
    parser.add_argument("--tcp", metavar="HOST:PORT", help=f"listen here; {DEFAULT_TCP} takes a free port")
    parser.add_argument("--serial", action="store_true", help="offer a serial line (a pseudo-terminal)")
    parser.add_argument("--fault", action="append", default=[], metavar="KIND[:KEY=VALUE...]", help="misbehave")
    parser.add_argument("--physics", action="append", default=[], metavar="KEY=VALUE[,KEY=VALUE...]")
    parser.add_argument("--until-stdin-closes", action="store_true", help="stop when standard input closes")
    given = parser.parse_args(arguments)
    return Options(
        seed=given.seed,
        tcp=given.tcp,
        serial=given.serial,
        faults=tuple(given.fault),
        physics=tuple(given.physics),
        until_stdin_closes=given.until_stdin_closes,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve; the exit code is 0 after a stop and 2 for bad options."""
    from drivers.emulator import serve

    def announce(line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    try:
        serve(options_from(arguments), announce)
    except BadInput as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
