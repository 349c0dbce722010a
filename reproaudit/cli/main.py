"""The command line: what was asked, exit codes, and the only place that prints an error."""

from __future__ import annotations

import importlib
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
from reproaudit.printable import make_lines_printable

# word -> module and function; without a word of these the whole line is the first one's
COMMANDS = {
    "audit": "audit:audit",
    "ci": "ci:ci",
    "record": "traces:record",
    "compare": "traces:compare",
    "report": "traces:report",
    "explain": "traces:explain",
    "lock": "lock:lock",
    "check": "check:check",
    "atlas": "atlas:atlas",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return the exit code: 0 reproducible, 1 a divergence, 2 not audited."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        with _interrupt_on_termination():
            name, rest = _choose_command(words)
            return _load_command(name)(rest)
    except ReproauditError as error:
        shown = make_lines_printable(str(error))
        print(f"reproaudit: error: {shown}", file=sys.stderr)
        return EXIT_NOT_AUDITED
    except KeyboardInterrupt:
        print("reproaudit: interrupted; the running program was stopped", file=sys.stderr)
        return EXIT_NOT_AUDITED
    except BrokenPipeError:
        # The reader went away (`| head`). Imported only now: `--help` does without reports.
        from reproaudit.report.output import discard_stdout

        discard_stdout()
        return EXIT_NOT_AUDITED
    except Exception:
        # Never exit code 1: that is the answer "a divergence was found".
        traceback.print_exc()
        print(
            "reproaudit: error: the above is a fault of reproaudit itself [internal]",
            file=sys.stderr,
        )
        return EXIT_NOT_AUDITED


def _choose_command(words: list[str]) -> tuple[str, list[str]]:
    """Return the command and its words.

    No word at all means `ci` where the project configures subjects.
    """
    if words and words[0] in COMMANDS:
        return words[0], words[1:]
    if not words and load_project(Path.cwd()).subjects:
        return "ci", words
    return "audit", words


def _load_command(name: str) -> Callable[[list[str]], int]:
    """Import the command's module only now: `--help` must not wait for the others."""
    module_name, _, function_name = COMMANDS[name].partition(":")
    module = importlib.import_module(f"reproaudit.cli.{module_name}")
    command: Callable[[list[str]], int] = getattr(module, function_name)
    return command


@contextmanager
def _interrupt_on_termination() -> Iterator[None]:
    """Treat SIGTERM and SIGHUP like Ctrl-C.

    The audited program has a session of its own, so nobody but us can stop it.
    """

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        # Python lets only the main thread set a signal handler.
        yield
        return
    before = {}
    for number in (signal.SIGTERM, signal.SIGHUP):
        before[number] = signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
