"""What the questions about one program have in common, asked by a command or from Python: the
parser, what is read before anything runs, and where the answer goes."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reproaudit.cli.arguments import Parser
from reproaudit.cli.choices import resolve_choices
from reproaudit.cli.given import keep_options
from reproaudit.cli.interrupts import hold_interrupts
from reproaudit.cli.page_options import choose_page_options, refuse_patch_without_source, withhold
from reproaudit.cli.tracking import track
from reproaudit.config.project import Choices, ProjectConfig, load_project
from reproaudit.config.subject import SubjectSpec, parse_subject
from reproaudit.errors import UsageError
from reproaudit.report.destinations import REPRODUCER, TRACES, Failures
from reproaudit.report.output import check_reports, emit
from reproaudit.track.registry import Wanted, read_wanted

if TYPE_CHECKING:
    from reproaudit.model.result import AuditResult
    from reproaudit.runs.progress import Progress


@dataclass(frozen=True, slots=True)
class Asked:
    """The program, and what its project and the options say of it.

    `out`: where traces stay, None if they are not kept. `given`: the options that change what is
    run, for the commands that a report suggests.
    """

    options: argparse.Namespace
    spec: SubjectSpec
    project: ProjectConfig
    choices: Choices
    trackers: tuple[Wanted, ...]
    out: Path | None
    given: tuple[str, ...]


# Makes the runs of one question, and returns what they show.
ResultMaker = Callable[[Asked, "Progress"], "AuditResult"]


def make_question_parser(command: str, *, description: str, epilog: str) -> Parser:
    """Return the parser of `reproaudit COMMAND SUBJECT`, without an option yet."""
    return Parser(
        prog=f"reproaudit {command}",
        usage=f"reproaudit {command} [options] SUBJECT [options] [subject's arguments]",
        description=description,
        epilog=epilog,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def read_asked(
    parser: Parser,
    words: Sequence[str],
    subject: str | None,
    own: Sequence[str],
    *,
    example: str = "train.py",
) -> Asked:
    """Read what is known before anything runs: `words` are ours, `own` the subject's.

    `example` is what the hint suggests where no subject was named. Raises UsageError for options
    that do not go together, and for what cannot be read or written.
    """
    options = parser.parse_args(words)
    if subject is None:
        raise UsageError(
            "no subject was named",
            code="usage",
            hint=f"{parser.prog} {example}; see {parser.prog} --help",
        )
    check_reports(options.report)
    refuse_patch_without_source(options)
    if getattr(options, "repro", None) is not None:
        REPRODUCER.try_folder(Path(options.repro))
    out = None if options.out is None else Path(options.out)
    if out is not None:
        TRACES.try_folder(out)
    spec = parse_subject(subject, own, getattr(options, "inputs", ()))
    project = load_project(spec.folder)
    choices = resolve_choices(options, project)
    return Asked(
        options=options,
        spec=spec,
        project=project,
        choices=choices,
        trackers=read_wanted(choices.track or ()),
        out=out,
        given=keep_options(parser, words),
    )


def answer(asked: Asked, make_runs: ResultMaker) -> int:
    """Make the runs, write the reports that are wanted, and tell trackers; return the exit code.

    Raises the first failure to write a report when all others are written.
    """
    with hold_interrupts():
        from reproaudit.runs.progress import progress_for

    options = asked.options
    progress = progress_for(options.quiet, plain=options.plain)
    try:
        result = withhold(options, make_runs(asked, progress))
    finally:
        progress.close()
    failures = Failures()
    with failures.put_off():
        emit(result, options.report, options=choose_page_options(options), plain=options.plain)
    track([result], asked.trackers)
    failures.raise_any()
    return result.exit_code
