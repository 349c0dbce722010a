"""What the commands have in common that ask one question about one program: the parser, what is
read before anything runs, and where the answer goes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reproaudit.cli.arguments import Parser
from reproaudit.cli.choices import resolve_choices
from reproaudit.cli.page_options import choose_page_options, refuse_patch_without_source, withhold
from reproaudit.cli.tracking import track
from reproaudit.config.project import Choices, ProjectConfig, load_project
from reproaudit.config.subject import SubjectSpec, parse_subject
from reproaudit.errors import UsageError
from reproaudit.report.destinations import TRACES, Failures
from reproaudit.report.output import check_reports, emit
from reproaudit.track.registry import Wanted, read_wanted

if TYPE_CHECKING:
    from reproaudit.model.result import AuditResult


@dataclass(frozen=True, slots=True)
class Asked:
    """The program, and what its project and the command line say of it. `out`: where traces stay,
    None if they are not kept."""

    spec: SubjectSpec
    project: ProjectConfig
    choices: Choices
    trackers: tuple[Wanted, ...]
    out: Path | None


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


def require_subject(subject: str | None, command: str, example: str) -> str:
    """Return the subject. Raises UsageError if none was named."""
    if subject is None:
        raise UsageError(
            "no subject was named",
            code="usage",
            hint=f"reproaudit {command} {example}; see reproaudit {command} --help",
        )
    return subject


def read_asked(options: argparse.Namespace, subject: str, own: Sequence[str]) -> Asked:
    """Read what is known before anything runs. Raises UsageError for what cannot be meant."""
    check_reports(options.report)
    refuse_patch_without_source(options)
    out = None if options.out is None else Path(options.out)
    if out is not None:
        TRACES.try_folder(out)
    spec = parse_subject(subject, own, getattr(options, "inputs", ()))
    project = load_project(spec.folder)
    choices = resolve_choices(options, project)
    return Asked(
        spec=spec,
        project=project,
        choices=choices,
        trackers=read_wanted(choices.track or ()),
        out=out,
    )


def publish(options: argparse.Namespace, result: AuditResult, trackers: Sequence[Wanted]) -> None:
    """Write the reports that were asked for, and tell trackers.

    Raises the first failure to write one when all others are written.
    """
    result = withhold(options, result)
    failures = Failures()
    with failures.put_off():
        emit(result, options.report, options=choose_page_options(options), plain=options.plain)
    track([result], trackers)
    failures.raise_any()
