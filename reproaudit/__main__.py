"""`python -m reproaudit` and `reproaudit`: the command, from its first import to its last line.

Whatever happens, the process does not end with 1 unless a divergence was found, and an interrupt
costs one line.
"""

from __future__ import annotations

import os
import signal
import sys

_NOT_AUDITED = 2


def main() -> int:
    """Run the command that the process was started with; return its exit code."""
    try:
        _occupy_standard_streams()
        # Only within the guard: this is where the time goes in which Ctrl-C is likely.
        from reproaudit.cli.main import main as run_command

        code = run_command()
    except KeyboardInterrupt:
        _ignore_interrupts()
        _say("reproaudit: interrupted")
        code = _NOT_AUDITED
    except Exception as error:
        # A package that is missing or broken; what the command itself does wrong it says itself.
        _say(f"reproaudit: error: cannot start: {type(error).__name__}: {error} [internal]")
        code = _NOT_AUDITED
    _ignore_interrupts()
    return code


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
