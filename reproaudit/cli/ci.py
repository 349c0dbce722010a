"""`reproaudit ci`: the gate over all subjects that pyproject.toml configures."""

from __future__ import annotations

import argparse
import itertools
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from reproaudit.cli.arguments import Parser, add_reports, audit_options
from reproaudit.cli.audit import audit_options_of, choices_of
from reproaudit.config.project import BASELINE_FILE, ProjectConfig, Subject, load_project
from reproaudit.config.subject import parse_subject
from reproaudit.errors import ReproauditError, UsageError, did_you_mean
from reproaudit.gate.baseline import Entry, load, save
from reproaudit.gate.ruling import Audited, Ruling, audit_all, rule, updated
from reproaudit.gate.summary import summary
from reproaudit.model.result import AuditResult
from reproaudit.report import render
from reproaudit.report.output import check_reports, write, write_reports

_DESCRIPTION = """\
Audit every subject listed in [tool.reproaudit] of the nearest pyproject.toml, one after the \
other, and hold what
differs against a baseline of accepted findings. The same as `reproaudit` alone where subjects \
are configured.

  [tool.reproaudit]
  subjects = ["train.py --epochs 1", {subject = "eval.py", name = "evaluation", seed = 0}]
"""
_EPILOG = """\
exit codes: 0 all reproducible, or what differs is accepted; 1 a divergence that is not accepted; \
2 a subject could not
be audited. Options are looked up on the command line, then in REPROAUDIT_RUNS, _STEPS, _TIMEOUT, \
_PRESET, _BUDGET and
_BASELINE, then in the subject's entry, then in [tool.reproaudit]."""


def ci_parser() -> argparse.ArgumentParser:
    """Return the parser of `reproaudit ci`."""
    parser = Parser(
        prog="reproaudit ci",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="audit this configured subject (repeatable)",
    )
    parser.add_argument(
        "--baseline",
        metavar="PATH",
        help=f"the accepted findings (default {BASELINE_FILE} beside pyproject.toml)",
    )
    parser.add_argument(
        "--update-baseline",
        action="store_true",
        help="remove from the baseline what is fixed; if there is no such file, make it of all "
        "that differs now",
    )
    parser.add_argument(
        "--out", metavar="DIR", help="write result-NAME.json of each subject into DIR as it ends"
    )
    add_reports(parser)
    audit_options(parser)
    return parser


def ci(words: list[str]) -> int:
    """Audit all configured subjects and hold the results against the baseline; return the exit
    code."""
    options = ci_parser().parse_args(words)
    check_reports(options.report)
    project = load_project(Path.cwd())
    subjects = _chosen(project, options.only)
    if len(subjects) > 1 and any(name == "json" for name, _ in options.report):
        raise UsageError(
            "a JSON report holds one result, and there are several subjects",
            code="report-one-result",
            hint="--out DIR writes a result-NAME.json of each",
        )
    path = choices_of(options, project).baseline or _beside(project) / BASELINE_FILE
    accepted = load(path)
    if options.update_baseline and accepted is None and len(subjects) < len(project.subjects):
        raise UsageError(
            "a first baseline must be made of all subjects",
            code="baseline-incomplete",
            hint="leave out --only: a baseline only shrinks once it is there",
        )
    audited = _audit(options, project, subjects)
    configured = [subject.name for subject in project.subjects]
    ruling = rule(audited, accepted, configured)
    # Reports come first: a baseline that cannot be made or written must not cost the results.
    if not options.update_baseline:
        _tell(ruling, options, path.name if accepted is not None else "", change=None)
        return ruling.exit_code
    try:
        entries = updated(accepted, ruling)
    except ReproauditError:
        _tell(ruling, options, "", change=None)
        raise
    after = rule(audited, entries, configured)
    _tell(
        after,
        options,
        path.name,
        ruling.gone if accepted is not None else entries,
        is_first=accepted is None,
    )
    save(path, entries)
    return after.exit_code


def _tell(
    ruling: Ruling,
    options: argparse.Namespace,
    baseline: str,
    change: Sequence[Entry] | None,
    *,
    is_first: bool = False,
) -> None:
    """Write the reports; the summary goes to stdout unless one of them does."""
    if not write_reports(ruling.results, options.report, ruling.accepted):
        sys.stdout.write(summary(ruling, baseline, change, is_first=is_first))
    sys.stdout.flush()


def _beside(project: ProjectConfig) -> Path:
    return project.path.parent if project.path is not None else Path.cwd()


def _chosen(project: ProjectConfig, only: Sequence[str]) -> tuple[Subject, ...]:
    """Return the configured subjects, or those of them that were named."""
    if not project.subjects:
        where = (
            f"{project.path} configures none"
            if project.path
            else "no pyproject.toml has [tool.reproaudit]"
        )
        raise UsageError(
            f"there are no subjects to audit: {where}",
            code="no-subjects",
            hint='write subjects = ["train.py"] under [tool.reproaudit], or name one: reproaudit '
            "train.py",
        )
    names = [subject.name for subject in project.subjects]
    for name in only:
        if name not in names:
            raise UsageError(
                f"there is no subject {name!r} in {project.path}",
                code="subject-unknown",
                hint=did_you_mean(name, names),
            )
    return tuple(subject for subject in project.subjects if not only or subject.name in only)


def _audit(
    options: argparse.Namespace, project: ProjectConfig, subjects: Sequence[Subject]
) -> tuple[Audited, ...]:
    from reproaudit.experiment.audit import audit as run_audit
    from reproaudit.runs.progress import Prefixed, progress_for

    files = dict(zip((subject.name for subject in subjects), _file_names(subjects), strict=True))

    def audit_one(subject: Subject) -> AuditResult:
        number = subjects.index(subject) + 1
        progress = Prefixed(
            progress_for(options.quiet), f"{subject.name} ({number} of {len(subjects)})"
        )
        spec = parse_subject(subject.words[0], subject.words[1:], subject.inputs, cwd=subject.cwd)
        choices = choices_of(options, project, subject.choices)
        seed = subject.seed if options.seed is None else options.seed
        try:
            return run_audit(audit_options_of(options, spec, project, choices, seed), progress)
        finally:
            progress.close()

    def keep(one: Audited) -> None:
        if options.out:
            write(Path(options.out) / files[one.result.subject], render(one.result, "json"))

    return audit_all(subjects, audit_one, keep)


def _file_names(subjects: Sequence[Subject]) -> list[str]:
    """Return a file name for each subject's result, all different also where letter case is not
    told apart."""
    found: dict[str, str] = {}
    for subject in subjects:
        stem = re.sub(r"[^A-Za-z0-9._-]+", "-", subject.name).strip("-.") or "subject"
        numbered = (stem if number == 1 else f"{stem}-{number}" for number in itertools.count(1))
        free = next(name for name in numbered if name.lower() not in found)
        found[free.lower()] = f"result-{free}.json"
    return list(found.values())
