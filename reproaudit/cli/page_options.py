"""What a command shows beyond what its result has, all operators, and what it keeps back."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reproaudit.cli.interrupts import hold_interrupts
from reproaudit.errors import UsageError
from reproaudit.report.registry import NO_OPTIONS, ReportOptions

if TYPE_CHECKING:
    from reproaudit.model.aligned_ops import AlignedOps
    from reproaudit.model.result import AuditResult

_PAGE = "html"
_PATCH = "patch"
_BOTH = 2


def choose_page_options(
    options: argparse.Namespace, align: Callable[[], AlignedOps | None] | None = None
) -> ReportOptions:
    """Return the options of the page, if one was asked for. `align` reads the operators then."""
    if not _wants_page(options):
        return NO_OPTIONS
    from reproaudit.report.page.html_report import HtmlOptions

    ops = align() if align is not None else None
    return {_PAGE: HtmlOptions(source=not options.no_source, ops=ops)}


def withhold(options: argparse.Namespace, result: AuditResult) -> AuditResult:
    """Return the result as it is shown, written and tracked: with --no-source without source."""
    if not options.no_source:
        return result
    from reproaudit.report.withheld import withhold_source

    return withhold_source(result)


def refuse_patch_without_source(options: argparse.Namespace) -> None:
    """Raise UsageError if a patch is asked for, and no line of the program."""
    if options.no_source and any(name == _PATCH for name, _ in options.report):
        raise UsageError(
            "--no-source leaves nothing of a patch, which is lines of the program",
            code="usage",
            hint="leave out one of the two",
        )


def refuse_unused_traces(options: argparse.Namespace) -> None:
    """Raise UsageError for --traces that are too many, or that nothing would show."""
    if len(options.traces) > _BOTH:
        raise UsageError(
            f"--traces names {len(options.traces)} folders",
            code="usage",
            hint="name the folder that an audit kept with --out, or those of two traces",
        )
    if options.traces and not _wants_page(options):
        raise UsageError(
            "--traces is for the page, and none was asked for",
            code="usage",
            hint="add --report html=PATH",
        )


def _wants_page(options: argparse.Namespace) -> bool:
    return any(name == _PAGE for name, _ in options.report)


def align_kept_traces(result: AuditResult, folders: Sequence[str]) -> AlignedOps | None:
    """Return all operators of the two recorded runs of a result, from its traces.

    `folders` is the one that has the traces, or those of both; None without any. Raises UsageError
    for traces of another result and where the result does not name theirs, and TraceError for what
    cannot be read.
    """
    if not folders:
        return None
    if result.ops is None:
        raise UsageError(
            "the result has no operators of two runs that differ",
            code="traces-of-another",
            hint="leave out --traces",
        )
    paths = list(map(Path, folders))
    if len(paths) == 1:
        paths = [paths[0] / _take_name(folder) for folder in result.ops.folders]
        if paths[0] == paths[1]:
            raise UsageError(
                "the result does not tell its two traces apart",
                code="usage",
                hint="name both: --traces A --traces B",
            )
        for path in paths:
            if not path.is_dir():
                raise UsageError(
                    f"{folders[0]!r} has no trace {path.name!r}",
                    code="trace-missing",
                    hint="name the folder that was given to the audit with --out",
                )
    with hold_interrupts():
        from reproaudit.experiment.offline import align_traces

    a, b = paths
    ops = align_traces(a, b, result.ops.runs)
    if ops is None or not _are_of_one_result(ops, result.ops):
        shown = " and ".join(repr(str(path)) for path in paths)
        raise UsageError(
            f"{shown} are not the traces of this result: other operators are in them",
            code="traces-of-another",
            hint="name the folder that was given to the audit with --out",
        )
    return ops


def _take_name(folder: str) -> str:
    """Return the last part of a path. Raises UsageError for one that has none, or leads upwards: a
    stranger's result must not lead elsewhere."""
    name = Path(folder).name
    if name in ("", ".."):
        raise UsageError(
            f"the result says that a trace is in {folder!r}, which is no name of a folder",
            code="traces-of-another",
            hint="name both: --traces A --traces B",
        )
    return name


def _are_of_one_result(whole: AlignedOps, part: AlignedOps) -> bool:
    totals = {stretch.process: stretch.total for stretch in whole.stretches}
    return all(totals.get(one.process) == one.total for one in part.stretches)
