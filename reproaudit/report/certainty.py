"""Owns the sentences that say how sure an answer is, and what it rests on."""

from __future__ import annotations

from reproaudit.model.question import Question
from reproaudit.model.result import AuditResult
from reproaudit.model.verdict import Verdict
from reproaudit.report.confidence import word_confidence
from reproaudit.report.run_counts import word_further_runs, word_load
from reproaudit.report.wording import (
    name_counted,
    show_count,
    show_name,
    show_prose,
    word_completeness,
)


def list_certainty(result: AuditResult, *, most_classes: int) -> list[str]:
    """Return what the runs support, which of them are equal, and what was compared in each."""
    sentences = (
        word_confidence(result),
        word_completeness(result),
        _show_classes(result, most_classes),
        show_prose(word_further_runs(result)),
        word_load(result),
        _count_tensors(result),
        _show_settings(result),
    )
    return [sentence for sentence in sentences if sentence]


def _show_classes(result: AuditResult, most: int) -> str:
    # Runs that were made to differ are told apart by what was done in them.
    if len(result.classes) < 2 or result.question is not Question.AUDIT:
        return ""
    if all(len(group) == 1 for group in result.classes):
        return "no two runs are equal"
    shown = result.classes[:most]
    words = []
    for group in shown:
        numbers = ", ".join(map(str, group))
        words.append(f"{{{numbers}}}")
    cut = len(result.classes) - len(shown)
    if cut:
        words.append(f"… and {cut:,} more")
    groups = " ".join(words)
    return f"equal runs: {groups}"


def _word_ranks(result: AuditResult) -> str:
    ranks = max((run.ranks for run in result.runs), default=0)
    return f", {show_count(ranks, 'rank')}" if ranks else ""


def _count_tensors(result: AuditResult) -> str:
    counts = []
    is_usual = result.question is Question.AUDIT
    if is_usual and result.verdict is Verdict.REPRODUCIBLE and result.headline:
        # The first line has the figures.
        audited = f"audited: {show_name(result.subject)}{_word_ranks(result)}"
        return audited if result.subject else ""
    for kind, number in result.compared:
        if number:
            counts.append(show_count(number, show_name(name_counted(kind))))
    where = "each run"
    if result.subject:
        where += f" of {show_name(result.subject)}{_word_ranks(result)}"
    if not counts:
        return f"compared in {where}: nothing"
    tensors = ", ".join(counts)
    if not result.steps and result.question is Question.VARY:
        return f"compared in all runs{where.removeprefix('each run')}: {tensors}"
    steps = show_count(result.steps, "step")
    if result.first_step:
        steps += f", from step {result.first_step} on"
    return f"compared in {where}: {tensors}, over {steps}"


def _show_settings(result: AuditResult) -> str:
    if not result.settings:
        return ""
    texts = []
    for name, value in result.settings:
        shown = show_name(value)
        texts.append(f"{show_name(name)} {shown}")
    settings = ", ".join(texts)
    return f"settings: {settings}"
