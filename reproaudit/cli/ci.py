"""`reproaudit ci`: the gate over all subjects that pyproject.toml configures."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from reproaudit.cli.arguments import Parser, add_audit_options
from reproaudit.cli.audit import make_audit_options
from reproaudit.cli.choices import resolve_choices
from reproaudit.cli.interrupts import hold_interrupts
from reproaudit.cli.option_values import parse_path
from reproaudit.cli.page_options import choose_page_options
from reproaudit.cli.report_options import add_reports
from reproaudit.cli.tracking import track
from reproaudit.cli.varied_subjects import add_varied, vary_held
from reproaudit.config.project import BASELINE_FILE, ProjectConfig, Subject, load_project
from reproaudit.config.subject import join_subject, parse_subject
from reproaudit.errors import ReproauditError, UsageError, did_you_mean
from reproaudit.gate.baseline import DESTINATION as BASELINE
from reproaudit.gate.baseline import BaselineEntry, load, save
from reproaudit.gate.ruling import (
    Ruling,
    SubjectAudit,
    audit_all,
    rule,
    show_folder,
    update_baseline,
)
from reproaudit.knowledge.wanted import Wanted, read_wanted
from reproaudit.model.result import AuditResult
from reproaudit.report import render
from reproaudit.report.destinations import Destination, Failures
from reproaudit.report.early_answer import EarlyAnswer
from reproaudit.report.output import check_reports, write_reports, write_to_stdout
from reproaudit.track.registry import read_wanted as read_trackers

_DESCRIPTION = """\
Audit every subject listed in [tool.reproaudit] of the nearest pyproject.toml, one after the \
other, and hold what
differs against a baseline of accepted findings. The same as `reproaudit` alone where subjects \
are configured.

  [tool.reproaudit]
  subjects = ["train.py --epochs 1", {subject = "eval.py", name = "evaluation", seed = 0}]
  vary = ["threads=1,2", "timezone"]    what must not matter: one more result of each subject
"""
_EPILOG = """\
exit codes: 0 all reproducible, or what differs is accepted; 1 a divergence that is not accepted; \
2 a subject could not
be audited. Options are looked up on the command line, then in REPROAUDIT_RUNS, _STEPS, _TIMEOUT, \
_PRESET, _BUDGET,
_BASELINE and _TRACK, then in the subject's entry, then in [tool.reproaudit]."""
_RESULT = Destination("the result", code="report-write", hint="name another folder with --out")


def make_ci_parser() -> Parser:
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
        type=parse_path,
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
        "--out",
        type=parse_path,
        metavar="DIR",
        help="write result-NAME.json of each subject into DIR as it ends",
    )
    add_reports(parser)
    add_audit_options(parser)
    return parser


def ci(words: list[str]) -> int:
    """Audit all configured subjects and compare the findings with the baseline.

    Returns the exit code.
    """
    options = make_ci_parser().parse_args(words)
    check_reports(options.report)
    project = load_project(Path.cwd())
    choices = resolve_choices(options, project)
    trackers = read_trackers(choices.track or ())
    subjects = _choose_subjects(project, options.only)
    is_part = len(subjects) < len(project.subjects)
    wanted = read_wanted(project.vary) if project.vary else ()
    if wanted:
        subjects = add_varied(subjects)
    if len(subjects) > 1 and any(name == "json" for name, _ in options.report):
        raise UsageError(
            "a JSON report holds one result, and there are several subjects",
            code="report-one-result",
            hint="--out DIR writes a result-NAME.json of each",
        )
    path = choices.baseline or _find_folder(project) / BASELINE_FILE
    accepted = load(path)
    if options.update_baseline and accepted is None and is_part:
        raise UsageError(
            "a first baseline must be made of all subjects",
            code="baseline-incomplete",
            hint="leave out --only: a baseline only shrinks once it is there",
        )
    if options.update_baseline:
        BASELINE.try_file(path)
    failures = Failures()
    audited = _audit_subjects(options, project, subjects, failures, wanted=wanted)
    known = add_varied(project.subjects) if wanted else project.subjects
    configured = [subject.name for subject in known]
    ruling = rule(audited, accepted, configured)
    # Reports come first: a baseline that cannot be made or written must not cost the results.
    if not options.update_baseline:
        with failures.put_off():
            _write_reports(ruling, options, path.name if accepted is not None else "", change=None)
        track(ruling.results, trackers, ruling.accepted)
        failures.raise_any()
        return ruling.exit_code
    try:
        entries = update_baseline(accepted, ruling)
    except ReproauditError:
        _write_reports(ruling, options, "", change=None)
        raise
    after = rule(audited, entries, configured)
    is_first = accepted is None
    change = entries if is_first else ruling.gone
    with failures.put_off():
        _write_reports(after, options, path.name, change, is_first=is_first)
    with failures.put_off():
        save(path, entries)
    track(after.results, trackers, after.accepted)
    failures.raise_any()
    return after.exit_code


def _write_reports(
    ruling: Ruling,
    options: argparse.Namespace,
    baseline: str,
    change: Sequence[BaselineEntry] | None,
    *,
    is_first: bool = False,
) -> None:
    """Write the reports; the summary goes to stdout unless one of them does.

    It also does where one cannot be written, before the UsageError is raised.
    """
    failure: UsageError | None = None
    is_shown = False
    try:
        is_shown = write_reports(
            ruling.results, options.report, ruling.accepted, choose_page_options(options)
        )
    except UsageError as error:
        failure = error
    if not is_shown:
        # Only now: it lays out a table, whose library `--help` need not wait for.
        from reproaudit.gate.summary import render_summary

        write_to_stdout(render_summary(ruling, baseline, change, is_first=is_first))
    sys.stdout.flush()
    if failure is not None:
        raise failure


def _find_folder(project: ProjectConfig) -> Path:
    return project.path.parent if project.path is not None else Path.cwd()


def _choose_subjects(project: ProjectConfig, only: Sequence[str]) -> tuple[Subject, ...]:
    """Return the configured subjects, or those of them that were named."""
    if not project.subjects:
        where = "no pyproject.toml has [tool.reproaudit]"
        if project.path:
            where = f"{project.path} configures none"
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


def _audit_subjects(
    options: argparse.Namespace,
    project: ProjectConfig,
    subjects: Sequence[Subject],
    failures: Failures,
    *,
    wanted: Sequence[Wanted],
) -> tuple[SubjectAudit, ...]:
    with hold_interrupts():
        from reproaudit.experiment.audit import audit as run_audit
        from reproaudit.runs.progress import Prefixed, progress_for

    files = name_result_files(subjects)
    if options.out is not None:
        for file in files.values():
            _RESULT.try_file(Path(options.out) / file)

    results: dict[str, AuditResult] = {}

    def audit_one(subject: Subject) -> AuditResult:
        number = subjects.index(subject) + 1
        prefix = f"{subject.name} ({number} of {len(subjects)})"
        command, own = join_subject(subject.words)
        spec = parse_subject(command, own, subject.inputs, cwd=subject.cwd)
        answer = EarlyAnswer(show_folder(subject, spec.shown_folder))
        progress = Prefixed(progress_for(options.quiet, plain=options.plain), prefix, answer.word)
        choices = resolve_choices(options, project, subject.choices)
        seed = subject.seed if options.seed is None else options.seed
        try:
            if subject.varies:
                return vary_held(
                    options,
                    spec,
                    wanted,
                    progress=progress,
                    project=project,
                    choices=choices,
                    seed=seed,
                    as_it_is=results.get(subject.varies),
                )
            asked = make_audit_options(options, spec, project=project, choices=choices, seed=seed)
            results[subject.name] = run_audit(asked, progress)
            return results[subject.name]
        finally:
            progress.close()

    def keep(one: SubjectAudit) -> None:
        if options.out is not None:
            path = Path(options.out) / files[one.result.subject]
            # Not raised before the last subject is through.
            with failures.put_off():
                _RESULT.write(path, render(one.result, "json"))

    return audit_all(subjects, audit_one, keep)


def name_result_files(subjects: Sequence[Subject]) -> dict[str, str]:
    """Return a file name for each subject's result, by the subject's name.

    All names differ, also on a file system that does not tell letter case apart.
    """
    taken: set[str] = set()
    files = {}
    for subject in subjects:
        stem = re.sub(r"[^A-Za-z0-9._-]+", "-", subject.name).strip("-.") or "subject"
        name = stem
        number = 1
        while name.lower() in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name.lower())
        files[subject.name] = f"result-{name}.json"
    return files
