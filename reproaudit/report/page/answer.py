"""Owns the top of the page: the answer, what it rests on, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from reproaudit.model.question import Question
from reproaudit.model.result import AuditResult, Finding, Fix
from reproaudit.model.verdict import Verdict
from reproaudit.report.confidence import word_confidence
from reproaudit.report.moments import name_part
from reproaudit.report.questions.figures import list_question_figures
from reproaudit.report.questions.variation_rows import order_findings
from reproaudit.report.run_counts import word_cost
from reproaudit.report.wording import (
    escape,
    has_diff,
    is_after_last_step,
    show_code,
    show_count,
    show_name,
    show_prose,
    word_patch,
    word_settings,
)

_MOST_LINE = 2_000  # characters of a line of a patch


def make_answer(
    result: AuditResult, most_rows: int | None, *, accepted: Sequence[bool]
) -> dict[str, Any]:
    """Return what stands at the top: figures, the repair, the patches and the commands.

    `accepted` says of each finding whether the baseline accepts it; of a divergence none of whose
    sources was located, it is one item.
    """
    fix = _find_fix(result)
    return {
        "confidence": word_confidence(result),
        "figures": [_figure(*parts) for parts in _list_figures(result)],
        "advice": show_prose(fix.advice) if fix is not None else "",
        "repair": word_settings(fix) if fix is not None else "",
        "is_verified": fix is not None and fix.verified,
        "interventions": list(map(show_name, _list_interventions(fix))),
        "accepted": _word_accepted(accepted),
        "patches": list_patches(result, most_rows),
        "commands": [escape(command) for command in result.next_commands[:most_rows]],
        "reproducer": show_name(result.reproducer),
    }


def list_patches(result: AuditResult, most_rows: int | None) -> list[dict[str, Any]]:
    """Return each patch once; `findings` are the numbers of those that it repairs."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for number, finding in enumerate(result.findings[:most_rows], start=1):
        fix = finding.fix
        if fix is None or not fix.patch:
            continue
        if fix.patch not in found:
            found[fix.patch] = {
                "is_diff": has_diff(fix),
                "state": word_patch(fix) if has_diff(fix) or fix.patch_note else "",
                "is_verified": fix.patch_verified,
                "lines": [show_code(line)[:_MOST_LINE] for line in fix.patch[:most_rows]],
                "findings": [],
            }
        found[fix.patch]["findings"].append(number)
    return list(found.values())


def _find_fix(result: AuditResult) -> Fix | None:
    """Return the repair of the first finding that has one, the gravest first."""
    fixes = [result.findings[number].fix for number in order_findings(result)]
    return next((fix for fix in fixes if fix is not None), None)


def _list_interventions(fix: Fix | None) -> tuple[str, ...]:
    return () if fix is None else (*fix.settings, *fix.together)


def _word_accepted(accepted: Sequence[bool]) -> str:
    number = sum(accepted)
    if not number:
        return ""
    if number == len(accepted):
        return "accepted in the baseline"
    return f"{number:,} of {show_count(len(accepted), 'finding')} accepted in the baseline"


def _figure(label: str, value: str, note: str = "") -> dict[str, str]:
    return {"label": label, "value": value, "note": note}


def _list_figures(result: AuditResult) -> Iterator[tuple[str, ...]]:
    runs = sum(map(len, result.classes)) or len(result.runs)
    if result.question is not Question.AUDIT and result.verdict is not Verdict.NOT_AUDITED:
        yield from list_question_figures(result)
        return
    if runs:
        yield "runs", f"{runs:,}", _word_classes(result)
    if result.steps:
        since = f"from step {result.first_step} on" if result.first_step else "compared in each"
        yield "steps", f"{result.steps:,}", since
    if result.findings:
        yield from _list_finding_figures(result, result.findings[0])
    elif result.verdict is not Verdict.NOT_REPRODUCIBLE:
        tensors = sum(number for _, number in result.compared)
        if tensors:
            yield "tensors", f"{tensors:,}", "compared in each run"
    else:
        yield "source", "not located", ""


def _list_finding_figures(result: AuditResult, finding: Finding) -> Iterator[tuple[str, ...]]:
    step = f"step {finding.step}"
    if is_after_last_step(finding.step, result.end_step):
        step = "after the last step"
    yield "first differs", step, name_part(finding)
    number = len(result.findings)
    others = f"and {show_count(number - 1, 'more finding')}" if number > 1 else ""
    yield "cause", finding.cause.value, others or show_name(finding.rule)
    fix = finding.fix
    if fix is None or not fix.settings:
        yield "repair", "none known"
        return
    state = "verified" if fix.verified else "not verified"
    yield "repair", state, word_cost(fix)


def _word_classes(result: AuditResult) -> str:
    number = len(result.classes)
    if result.verdict is Verdict.NOT_AUDITED:
        # Runs that failed alike, or of which nothing was compared, are in one class.
        return ""
    if number == 1:
        return "all equal"
    return f"{number:,} distinct" if number else ""
