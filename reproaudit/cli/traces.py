"""`reproaudit record`, `compare`, `report` and `explain`: work on one run or on saved results."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from reproaudit.cli.choices import limit_steps, read_settings, read_tolerances, resolve_choices
from reproaudit.cli.interrupts import hold_interrupts
from reproaudit.cli.kept_runs import (
    keep_recording,
    make_keeping_parser,
    make_kept_manifest,
    read_keepers,
)
from reproaudit.cli.manifest import compare_manifests
from reproaudit.cli.mistaken import split_and_warn
from reproaudit.cli.page_options import (
    align_kept_traces,
    choose_page_options,
    refuse_patch_without_source,
    refuse_unused_traces,
    withhold,
)
from reproaudit.cli.reading_arguments import (
    make_compare_parser,
    make_explain_parser,
    make_report_parser,
)
from reproaudit.cli.tracked_runs import compare_tracked, is_tracked
from reproaudit.cli.tracking import track
from reproaudit.config.plan import RunPlan
from reproaudit.config.project import load_project
from reproaudit.config.subject import parse_subject
from reproaudit.errors import UsageError
from reproaudit.manifest.document import begins_as_json
from reproaudit.model.events import Level, Outcome, OutcomeKind
from reproaudit.model.verdict import EXIT_NOT_AUDITED
from reproaudit.printable import make_printable
from reproaudit.report.destinations import TRACES
from reproaudit.report.output import check_reports, emit
from reproaudit.report.saved_result import read_result
from reproaudit.track.registry import read_wanted

if TYPE_CHECKING:
    from reproaudit.model.aligned_ops import AlignedOps


def record(words: list[str]) -> int:
    """Run the subject once and keep its trace; return the exit code."""
    parser = make_keeping_parser()
    ours, subject, own = split_and_warn(parser, words)
    options = parser.parse_args(ours)
    keepers = read_keepers(options.track)
    if subject is None:
        raise UsageError("no subject was named", code="usage", hint="reproaudit record train.py")
    spec = parse_subject(subject, own, options.inputs)
    out = Path(options.out)
    TRACES.try_folder(out)
    if os.path.exists(out) and any(out.iterdir()):
        raise UsageError(
            f"{options.out!r} already holds files",
            code="out-exists",
            hint="name another folder with --out",
        )
    project = load_project(spec.folder)
    choices = resolve_choices(options, project)
    plan = RunPlan(
        trace_dir=out.absolute(),
        subject=spec,
        level=Level(options.level),
        steps=limit_steps(choices),
        settings=read_settings(options, project, choices, options.seed),
        values_mb=options.values_mb,
    )
    with hold_interrupts():
        from reproaudit.runs.process import run

    manifest = make_kept_manifest(spec, subject, plan.settings) if keepers else b""
    done = run(plan, log=None, timeout_s=choices.timeout_s)
    ending = _word_ending(done.outcome, is_limit_ours=choices.steps is None)
    shown = make_printable(f"{ending}; trace in {options.out}")
    # Standard output is the program's alone.
    if sys.stderr is not None:
        print(f"reproaudit: {shown}", file=sys.stderr)
    if keepers:
        keep_recording(keepers, manifest, out, subject)
    return 0 if done.outcome.is_success else EXIT_NOT_AUDITED


def _word_ending(outcome: Outcome, *, is_limit_ours: bool) -> str:
    """Return how a recorded run ended. `is_limit_ours`: nobody said how many steps it may make."""
    if outcome.kind is not OutcomeKind.STOPPED:
        return f"{outcome.kind.value} {outcome.detail}".rstrip()
    if is_limit_ours:
        return f"{outcome.detail} (--steps all goes to its end)"
    return outcome.detail


def compare(words: list[str]) -> int:
    """Compare recorded traces; return the exit code."""
    options = make_compare_parser().parse_args(words)
    if any(map(is_tracked, options.traces)):
        return compare_tracked(options)
    if any(map(begins_as_json, options.traces)):
        return compare_manifests(options)
    check_reports(options.report)
    refuse_patch_without_source(options)
    trackers = read_wanted(options.track or ())
    if len(options.traces) < 2:
        raise UsageError(
            "one trace cannot be compared with anything",
            code="usage",
            hint="name two or more traces",
        )
    with hold_interrupts():
        from reproaudit.experiment.offline import align_traces, compare_traces, refuse_repeated

    refuse_repeated(options.traces)
    paths = [Path(trace) for trace in options.traces]
    tolerances = read_tolerances(options, None)
    result = compare_traces(paths, tolerances, shows_source=not options.no_source)

    def align() -> AlignedOps | None:
        if result.ops is None:
            return None
        a, b = result.ops.runs
        return align_traces(paths[a], paths[b], (a, b))

    page = choose_page_options(options, align)
    emit(result, options.report, plain=options.plain, options=page)
    track([result], trackers)
    return result.exit_code


def report(words: list[str]) -> int:
    """Render a saved result again; return the exit code of its verdict."""
    options = make_report_parser().parse_args(words)
    check_reports(options.report)
    refuse_patch_without_source(options)
    refuse_unused_traces(options)
    trackers = read_wanted(options.track or ())
    result = withhold(options, read_result(options.result))

    def align() -> AlignedOps | None:
        return align_kept_traces(result, options.traces)

    page = choose_page_options(options, align)
    emit(result, options.report, plain=options.plain, options=page)
    track([result], trackers)
    return result.exit_code


def explain(words: list[str]) -> int:
    """Print what a rule, a cause, an intervention or an error code means, or the list of all."""
    code = make_explain_parser().parse_args(words).code
    from reproaudit.report import explanation

    print(explanation.explain(code) if code else explanation.list_names())
    return 0
