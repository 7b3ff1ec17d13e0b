"""The command line: ``labctl COMMAND``; :func:`main` is the console script."""

from __future__ import annotations

import signal
import sys

from labctl.cli.console import EXIT_BAD_INPUT, EXIT_FAILED, EXIT_INTERRUPTED, note

STOPPED = "labctl: stopped; what was finished has been kept"


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit: 0 done, 1 the work failed, 2 bad input, 130 interrupted."""
    _end_as_by_ctrl_c()
    sys.exit(run(arguments))


def _end_as_by_ctrl_c() -> None:
    """Let a closed terminal and a request to end do what Ctrl-C does: hardware to its safe state, files kept."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        # A program started with nohup has been told to stay.
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, interrupt)


def run(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code."""
    import typer

    from data.errors import BadInput, Cancelled, LabctlError
    from labctl.cli.app import app

    try:
        code = int(app(args=arguments, prog_name="labctl", standalone_mode=False) or 0)
        if code == EXIT_INTERRUPTED:  # typer has turned Ctrl-C into this code
            note(STOPPED)
        return code
    except BadInput as error:
        note(f"labctl: {error}")
        return EXIT_BAD_INPUT
    except (KeyboardInterrupt, typer.Abort, Cancelled):
        note(STOPPED)
        return EXIT_INTERRUPTED
    except SystemError as error:
        from models.kernels.cpu import interrupted

        if not interrupted(error):
            raise
        note(STOPPED)
        return EXIT_INTERRUPTED
    except LabctlError as error:
        note(f"labctl: {error}")
        return EXIT_FAILED
    except typer.TyperException as error:
        sentence = getattr(error, "format_message", error.__str__)().replace("Value error, ", "")
        note(f"labctl: {sentence.rstrip('.')}; `labctl --help` shows what there is")
        return EXIT_BAD_INPUT
    except BrokenPipeError:
        return EXIT_FAILED
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        note(f"labctl: the system refused{where}: {error.strerror or error}")
        return EXIT_FAILED
