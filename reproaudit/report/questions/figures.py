"""Owns the few figures that sum up the answer to a question."""

from __future__ import annotations

from collections.abc import Iterator

from reproaudit.model.question import Dependence, Question, SeedEffect
from reproaudit.model.result import AuditResult
from reproaudit.report.questions.resumption_rows import STATES
from reproaudit.report.wording import show_count

# A label, the figure, and what is added to it.
Figure = tuple[str, str, str]


def list_question_figures(result: AuditResult) -> Iterator[Figure]:
    """Yield the figures of a question other than a plain audit."""
    if result.question is Question.VARY:
        yield from _count_variations(result)
    elif result.question is Question.RESUME:
        yield from _sum_up_resumption(result)
    else:
        yield from _count_streams(result)


def _count_variations(result: AuditResult) -> Iterator[Figure]:
    kinds = [outcome.dependence for outcome in result.variations]
    tried = len(kinds) - kinds.count(Dependence.NOT_TRIED)
    untried = kinds.count(Dependence.NOT_TRIED)
    yield "variations tried", f"{tried:,}", f"{untried:,} not tried" if untried else ""
    yield "equal", f"{kinds.count(Dependence.NONE):,}", "to the bit"
    for kind, label, note in (
        (Dependence.FAILS, "fail", "the program, or it does not end"),
        (Dependence.BUG, "bugs", "what ought not to reach a tensor"),
        (Dependence.UNEXPLAINED, "not explained", ""),
        (Dependence.EXPECTED, "as documented", "another order, another kernel"),
    ):
        if kinds.count(kind):
            yield label, f"{kinds.count(kind):,}", note


def _sum_up_resumption(result: AuditResult) -> Iterator[Figure]:
    resumption = result.resumption
    if resumption is None:
        return
    if resumption.step is not None:
        yield (
            "resumed at",
            f"step {resumption.step}",
            f"{show_count(result.steps, 'step')} compared",
        )
    lost = [STATES[one.kind] for one in resumption.lost]
    yield "state lost", f"{len(lost):,}", ", ".join(dict.fromkeys(lost[:3]))
    yield "checkpoints", f"{len(resumption.checkpoints):,}", ""


def _count_streams(result: AuditResult) -> Iterator[Figure]:
    streams = result.streams
    follow = sum(stream.effect is SeedEffect.FOLLOWS for stream in streams)
    wrong = sum(not stream.is_expected for stream in streams)
    verb = "follows" if follow == 1 else "follow"
    yield "streams", f"{len(streams):,}", f"{follow:,} {verb} the seed"
    yield "not in order", f"{wrong:,}", ""
    late = sum(bool(setting.why) for setting in result.timeline)
    if result.timeline:
        said = f"{late:,} too late or undone" if late else "all take effect"
        yield "seeds and flags set", f"{len(result.timeline):,}", said
