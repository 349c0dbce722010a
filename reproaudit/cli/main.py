"""The command line: what was asked, exit codes, and the only place that prints an error."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from reproaudit.config.project import load_project
from reproaudit.errors import ReproauditError
from reproaudit.model.verdict import EXIT_NOT_AUDITED

# word -> module and function; without a word of these the whole line is the first one's
COMMANDS = {
    "audit": "audit:audit",
    "ci": "ci:ci",
    "record": "traces:record",
    "compare": "traces:compare",
    "report": "traces:report",
    "explain": "traces:explain",
    "lock": "lock:lock",
    "check": "lock:check",
    "atlas": "atlas:atlas",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return the exit code: 0 reproducible, 1 a divergence, 2 not audited."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        with _termination_as_interrupt():
            name, rest = _named(words)
            return _command(name)(rest)
    except ReproauditError as error:
        print(f"reproaudit: error: {error}", file=sys.stderr)
        return EXIT_NOT_AUDITED
    except KeyboardInterrupt:
        print("reproaudit: interrupted; the running program was stopped", file=sys.stderr)
        return EXIT_NOT_AUDITED
    except BrokenPipeError:
        # The reader went away (`| head`); Python would complain once more while flushing at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_NOT_AUDITED
    except Exception:
        # Never exit code 1: that is the answer "a divergence was found".
        traceback.print_exc()
        print(
            "reproaudit: error: the above is a fault of reproaudit itself [internal]",
            file=sys.stderr,
        )
        return EXIT_NOT_AUDITED


def _named(words: list[str]) -> tuple[str, list[str]]:
    """Return the command and its words. No word at all is the gate where the project configures
    subjects."""
    if words and words[0] in COMMANDS:
        return words[0], words[1:]
    if not words and load_project(Path.cwd()).subjects:
        return "ci", words
    return "audit", words


def _command(name: str) -> Callable[[list[str]], int]:
    module, _, function = COMMANDS[name].partition(":")
    command: Callable[[list[str]], int] = getattr(
        importlib.import_module(f"reproaudit.cli.{module}"), function
    )
    return command


@contextmanager
def _termination_as_interrupt() -> Iterator[None]:
    """Treat SIGTERM and SIGHUP like Ctrl-C: the audited program has a session of its own and must
    be stopped by us."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {
        number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
