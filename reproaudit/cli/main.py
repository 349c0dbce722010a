"""The command line: what was asked, exit codes, and the only place that prints an error."""

from __future__ import annotations

import difflib
import importlib
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from reproaudit.cli.interrupts import hold_interrupts, interrupt_on_termination
from reproaudit.cli.streams import guard_streams, require_streams, say
from reproaudit.config.project import load_project
from reproaudit.errors import ReproauditError, UsageError, did_you_mean
from reproaudit.files import send_nowhere
from reproaudit.model.verdict import EXIT_NOT_AUDITED
from reproaudit.printable import make_lines_printable
from reproaudit.runs.orphans import adopt_orphans

# word -> module and function; without a word of these the whole line is the first one's
COMMANDS = {
    "audit": "audit:audit",
    "vary": "vary:vary",
    "seeds": "seeds:seeds",
    "ci": "ci:ci",
    "resume": "resume:resume",
    "record": "traces:record",
    "compare": "traces:compare",
    "digest": "digest:digest",
    "manifest": "manifest:manifest",
    "report": "traces:report",
    "explain": "traces:explain",
    "doctor": "doctor:doctor",
    "completion": "completion:completion",
    "lock": "lock:lock",
    "check": "check:check",
    "atlas": "atlas:atlas",
    "serve": "serve:serve",
}
_NEAR = 0.7  # how alike a word and a command are of which the one may be the other, misspelt


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return the exit code: 0 reproducible, 1 a divergence, 2 not audited."""
    words = list(sys.argv[1:] if argv is None else argv)
    with guard_streams():
        return _answer(words)


def _answer(words: list[str]) -> int:
    try:
        with interrupt_on_termination():
            return _run_command(words)
    except ReproauditError as error:
        say(f"reproaudit: error: {make_lines_printable(str(error))}")
    except KeyboardInterrupt:
        say("reproaudit: interrupted; the running program was stopped")
    except BrokenPipeError:
        send_nowhere(sys.stdout)  # the reader went away (`| head`)
    except ModuleNotFoundError as error:
        say(f"reproaudit: error: {make_lines_printable(_describe_missing(error))}")
    except Exception:
        # Never exit code 1: that is the answer "a divergence was found".
        traceback.print_exc()
        say("reproaudit: error: the above is a fault of reproaudit itself [internal]")
    return EXIT_NOT_AUDITED


def _describe_missing(error: ModuleNotFoundError) -> str:
    """Say that a package is not there: what is imported late is found to be missing late."""
    return str(
        UsageError(
            f"the module {error.name!r} is not there",
            code="module-missing",
            hint=f"install reproaudit's packages for {sys.executable}: pip install reproaudit",
        )
    )


def _run_command(words: list[str]) -> int:
    name, rest = _choose_command(words)
    require_streams(name)
    with hold_interrupts():
        command = _load_command(name)
    try:
        with adopt_orphans():
            code = command(rest)
    except SystemExit:
        # Help and the version were asked for, and are printed.
        _flush_stdout()
        raise
    _flush_stdout()
    return code


def _flush_stdout() -> None:
    """Write what was printed now: at the interpreter's end, a failure would have an exit code of
    its own."""
    if sys.stdout is not None:
        sys.stdout.flush()


def _choose_command(words: list[str]) -> tuple[str, list[str]]:
    """Return the command and its words.

    No word at all means `ci` where the project configures subjects.
    """
    _require_working_folder()
    if words and words[0] in COMMANDS:
        return words[0], words[1:]
    if not words and load_project(Path.cwd()).subjects:
        return "ci", words
    if words:
        _refuse_misspelt_command(words[0])
    return "audit", words


def _require_working_folder() -> None:
    try:
        Path.cwd()
    except OSError as error:
        raise UsageError(
            f"the working folder is not there: {error.strerror}",
            code="no-working-folder",
            hint="it was deleted, or may not be read: change into another one",
        ) from None


def _refuse_misspelt_command(word: str) -> None:
    """Raise UsageError if the word is nearly a command, and can be no subject: it names no file."""
    near = difflib.get_close_matches(word, COMMANDS, n=1, cutoff=_NEAR)
    if near and word.isalpha() and not os.path.exists(word):
        raise UsageError(
            f"there is neither a command nor a file {word!r}",
            code="command-unknown",
            hint=did_you_mean(word, COMMANDS),
        )


def _load_command(name: str) -> Callable[[list[str]], int]:
    """Import the command's module only now: `--help` must not wait for the others."""
    module_name, _, function_name = COMMANDS[name].partition(":")
    module = importlib.import_module(f"reproaudit.cli.{module_name}")
    command: Callable[[list[str]], int] = getattr(module, function_name)
    return command
