"""`python -m reproaudit` and `reproaudit`: the command, from its first import to its last line.

Whatever happens, the process does not end with 1 unless a divergence was found, and an interrupt
costs one line.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Set

_NOT_AUDITED = 2


def main() -> int:
    """Run the command that the process was started with, in a child; return its exit code."""
    mask = signal.pthread_sigmask(
        signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT}
    )
    try:
        _occupy_standard_streams()
        from reproaudit.cli.keeper import keep
    except Exception as error:
        return _say_cannot_start(error)
    return keep(run, mask)


def run(mask: Set[int] | None = None) -> int:
    """Do the same in this process, with the signals of `mask` blocked: by default as they are."""
    try:
        from reproaudit.cli.interrupts import hold_interrupts

        with hold_interrupts(then=mask):
            from reproaudit.cli.main import main as run_command

        code = run_command()
    except KeyboardInterrupt:
        code = _say_interrupted()
    except SystemExit as ended:  # help and the version
        code = ended.code if isinstance(ended.code, int) else 0
    except Exception as error:
        code = _say_cannot_start(error)
    _ignore_interrupts()
    return code


def _say_interrupted() -> int:
    _ignore_interrupts()
    _say("reproaudit: interrupted")
    return _NOT_AUDITED


def _say_cannot_start(error: Exception) -> int:
    """Say what is missing or broken; what the command itself does wrong it says itself."""
    _say(f"reproaudit: error: cannot start: {type(error).__name__}: {error} [internal]")
    return _NOT_AUDITED


def _occupy_standard_streams() -> None:
    """Open the null device in place of each standard stream that is closed.

    A file that is opened later would take its number, and what is written to the stream with it.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest free number is given, and the lower ones are taken. Not inherited: a
            # program that is recorded finds its streams as closed as ours were.
            os.open(os.devnull, os.O_RDWR)


def _ignore_interrupts() -> None:
    """Nothing more is to be lost, and the interpreter takes a moment to end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _say(line: str) -> None:
    for stream in (sys.stderr, sys.stdout):
        try:
            print(line, file=stream, flush=True)
        except (OSError, ValueError):
            continue
        return


if __name__ == "__main__":
    raise SystemExit(main())
