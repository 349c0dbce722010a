"""Owns the sentence that says how sure an answer is."""

from __future__ import annotations

from collections import Counter

from reproaudit.model.question import Dependence, Question
from reproaudit.model.result import AuditResult, Confidence
from reproaudit.model.verdict import Verdict
from reproaudit.report.wording import show_count, show_name, show_percent


def word_confidence(result: AuditResult) -> str:
    """Say what the runs support, and no more."""
    if result.verdict is Verdict.NOT_AUDITED:
        return _NOTHING_KNOWN[result.question]
    if result.question is not Question.AUDIT:
        return _WORDERS[result.question](result)
    return _word_audit(result)


def _word_audit(result: AuditResult) -> str:
    if result.verdict is Verdict.NOT_REPRODUCIBLE:
        return "certain: the divergence was seen" + _word_rate(result.confidence)
    # Runs of the diagnosis are among the runs, and in no class: they say nothing about the rate.
    in_classes = sum(map(len, result.classes))
    runs = show_count(in_classes or len(result.runs), "run")
    if result.verdict is Verdict.WITHIN_TOLERANCE:
        return f"{runs} differ, and by no more than the tolerance that was asked for"
    bound = result.confidence.divergence_rate_at_most
    if bound is None:
        return f"no difference in {runs}"
    rate = show_percent(bound, up=True)
    level = show_percent(result.confidence.level)
    return (
        f"no difference in {runs}: a divergence rate above {rate} is ruled out "
        f"at {level} confidence"
    )


def _word_rate(confidence: Confidence) -> str:
    if confidence.divergence_rate is None or len(confidence.rate_interval) != 2:
        return ""
    low, high = confidence.rate_interval
    rate = show_percent(round(confidence.divergence_rate, 3))
    low_end = show_percent(round(low, 3))
    high_end = show_percent(round(high, 3))
    level = show_percent(confidence.level)
    interval = f"{low_end} to {high_end} at {level} confidence"
    return f"; {rate} of the later runs differ from the first ({interval})"


def _word_variations(result: AuditResult) -> str:
    kinds = {outcome.dependence for outcome in result.variations}
    differs = kinds - {Dependence.NONE, Dependence.NOT_TRIED}
    # Of batches it is no plain run, but that of one size, which its condition names.
    condition = result.runs[0].condition if result.runs else ""
    is_plain = condition in ("", "plain")
    plain = "the plain run" if is_plain else f"the run of {show_name(condition)}"
    said = f"each variation was compared with {plain}"
    if differs:
        return f"certain: the divergences were seen; {said}"
    return f"{said}: what changes only now and then may not have shown"


def _word_resumption(result: AuditResult) -> str:
    resumption = result.resumption
    answer = result.verdict
    said = ""
    if resumption is not None and resumption.held:
        answer = resumption.answer or answer
        said = "certain: the program was seen to differ as it is; "
    if answer is Verdict.REPRODUCIBLE:
        return f"{said}no difference in what the resumed run computed, batches included"
    if answer is Verdict.WITHIN_TOLERANCE:
        return f"{said}what differs does so by no more than the tolerance that was asked for"
    if answer is Verdict.NOT_AUDITED:
        return f"{said}{_NOTHING_KNOWN[Question.RESUME]}"
    if resumption is not None and resumption.lost and not result.divergences_total:
        return f"{said}certain: the state was seen to be another"
    return f"{said}certain: the divergence was seen"


def _word_seeds(result: AuditResult) -> str:
    conditions = Counter(run.condition for run in result.runs)
    made = [f"{number:,} with {show_name(name)}" for name, number in conditions.items() if name]
    return f"told from {show_count(len(result.runs), 'run')}: {', '.join(made)}"


_WORDERS = {
    Question.VARY: _word_variations,
    Question.RESUME: _word_resumption,
    Question.SEEDS: _word_seeds,
}
_NOTHING_KNOWN = {
    Question.AUDIT: "nothing is known about whether the program is reproducible",
    Question.VARY: "not all that was asked for could be tried",
    Question.RESUME: "nothing is known about whether a resumed run equals an uninterrupted one",
    Question.SEEDS: "nothing is known about what the seed reaches",
}
