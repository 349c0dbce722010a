"""A question as Python code asks it: the arguments of a call are the options of the command."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from reproaudit.api.progress import choose_progress
from reproaudit.api.words import write_words
from reproaudit.cli.arguments import Parser
from reproaudit.cli.page_options import withhold
from reproaudit.cli.questions import Asked, ResultMaker, read_asked
from reproaudit.cli.tracking import track
from reproaudit.errors import SubjectError, UsageError
from reproaudit.model.result import AuditResult
from reproaudit.report.early_answer import EarlyAnswer

_INTERRUPTED = "interrupted"
_OF_SUBJECT = ("subject", "args")


def ask(
    parser: Parser, given: Mapping[str, object], make_runs: ResultMaker
) -> tuple[AuditResult, Asked]:
    """Read the arguments of a call, its `subject` and `args` among them, make the runs, and tell
    trackers.

    Raises UsageError before anything runs; KeyboardInterrupt where the runs were interrupted before
    there was an answer.
    """
    args = given["args"]
    if isinstance(args, str) or not isinstance(args, Sequence):
        raise UsageError(
            f"args is {args!r}, and is to be a list",
            code="usage",
            hint="write each word by itself, such as ['--lr', '0.1']; shlex.split(text) parts them",
        )
    options = {name: value for name, value in given.items() if name not in _OF_SUBJECT}
    words = write_words(parser, options)
    subject = os.fspath(given["subject"])  # type: ignore[call-overload]
    asked = read_asked(parser, words, subject, tuple(map(str, args)))
    progress = choose_progress(asked.options.quiet, EarlyAnswer(asked.spec.shown_folder).word)
    try:
        result = withhold(asked.options, make_runs(asked, progress))
    except SubjectError as error:
        if error.code != _INTERRUPTED:
            raise
        # Not an Exception: a loop over several programs that goes on after a failure is to end.
        raise KeyboardInterrupt(str(error)) from None
    finally:
        progress.close()
    track([result], asked.trackers)
    return result, asked
