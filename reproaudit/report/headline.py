"""Owns the headline: the one sentence that answers how many runs, how many distinct, and where they
first differ."""

from __future__ import annotations

from enum import Enum

from reproaudit.model.cause import Cause
from reproaudit.model.events import Outcome, Phase, Unchecked
from reproaudit.model.question import Question, Resumption
from reproaudit.model.result import AuditResult, Finding
from reproaudit.model.verdict import Verdict
from reproaudit.report.moments import name_pass
from reproaudit.report.questions.headlines import word_lost_states, word_seeds, word_variations
from reproaudit.report.wording import (
    inflect_noun,
    is_after_last_step,
    name_call,
    name_counted,
    name_kind,
    name_source,
    show_count,
)

# The line of these is that of the call; the operator only got its numbers from it.
_AT_CALL = (Cause.UNSEEDED_RNG, Cause.CLOCK)


class Reach(Enum):
    """How much of the program was audited."""

    START = "start"  # it was stopped after some steps
    WHOLE = "whole"


def word_headline(result: AuditResult, *, compared: int, reach: Reach | None = None) -> str:
    """Return the headline of a result, without a final full stop. Its own headline is not read.

    `compared` is how many deciding tensors were compared in each run. `reach` None: the subject has
    no end.
    """
    number = len(result.runs)
    is_asked = result.question is not Question.AUDIT and result.verdict is not Verdict.NOT_AUDITED
    if is_asked and result.question is Question.RESUME and result.resumption is not None:
        return word_resumption(result)
    if result.question is Question.VARY:
        return word_variations(result, _say_how_many(result) + _say_where(result))
    if result.question is Question.SEEDS and (is_asked or result.runs[0].outcome.is_success):
        return word_seeds(result, _say_where(result))
    # Runs that end differently are a divergence, so here all of them ended like the first.
    ending = result.runs[0].outcome
    if result.verdict is Verdict.NOT_AUDITED and not ending.is_success:
        failure = f"each of {number} runs failed ({_describe_failure(ending)})"
        return f"{failure}; until then they were equal, {compared} tensors each"
    damages = [note for note in result.not_checked if note.code is Unchecked.TRACE_DAMAGED]
    if result.verdict is Verdict.NOT_AUDITED and damages:
        first = damages[0]
        said = f"{first.what} was not compared: {first.why}"
        if len(damages) > 1:
            said += f"; nor {len(damages) - 1} more"
        return f"{number} runs are equal as far as all traces go; {said}"
    if number == 1:
        return f"only one run was made on {result.hardware}, and none can be compared with it"
    if result.verdict in (Verdict.REPRODUCIBLE, Verdict.NOT_AUDITED):
        extent = _say_how_far(result.steps, reach)
        return f"{number} runs are bitwise equal{extent}: {_count_tensors(result)}"
    return _say_how_many(result) + _say_where(result)


def word_resumption(result: AuditResult, *, usual: str = "") -> str:
    """Return the headline of a run that was gone on with, without a final full stop.

    `usual` is what is said of runs that could not be compared.
    """
    resumption = result.resumption
    assert resumption is not None
    said = _word_resumed(result, resumption, usual)
    if not resumption.held:
        return said
    return f"differs from run to run as it is; with {', '.join(resumption.held)}, {said}"


def _word_resumed(result: AuditResult, resumption: Resumption, usual: str) -> str:
    answer = resumption.answer or result.verdict
    steps = show_count(result.steps, "step")
    if resumption.step is not None and resumption.step < result.first_step:
        return (
            f"the second run began at step {resumption.step}: it did not resume at step "
            f"{result.first_step}"
        )
    run = f"a run resumed at step {result.first_step}"
    if answer is Verdict.NOT_AUDITED:
        return f"{run} could not be compared with an uninterrupted one: {usual}"
    if answer is Verdict.REPRODUCIBLE:
        return f"{run} equals an uninterrupted one over {steps}: {_count_tensors(result)}"
    if answer is Verdict.WITHIN_TOLERANCE:
        said = f"{run} differs from an uninterrupted one, within the tolerance over {steps}"
        return f"{said}; it lost {word_lost_states(resumption.lost)}" if resumption.lost else said
    said = f"{run} differs from an uninterrupted one"
    if resumption.lost:
        said = f"{run} lost {word_lost_states(resumption.lost)}"
    if resumption.lost and not result.divergences_total:
        return f"{said}; no tensor that was compared over {steps} shows it yet"
    # The findings begin with those of the program as it is.
    return said if resumption.held else said + _say_where(result)


def _say_how_far(steps: int, reach: Reach | None) -> str:
    """Say over how many steps the runs were compared, and whether that was all."""
    if reach is None or steps == 0:
        return ""
    counted = show_count(steps, "step")
    if reach is Reach.START:
        return f" over the program's first {counted}; it had not ended"
    return f" over all of its {counted}"


def _describe_failure(outcome: Outcome) -> str:
    kind = outcome.kind.value
    if outcome.detail:
        return f"{kind}: {outcome.detail}"
    return kind


def _count_tensors(result: AuditResult) -> str:
    """Return how many tensors of each kind were compared in a run."""
    counts = []
    for kind, count in result.compared:
        if count:
            noun = inflect_noun(name_counted(kind), count)
            counts.append(f"{count} {noun}")
    return ", ".join(counts) or "nothing was compared"


def _say_how_many(result: AuditResult) -> str:
    said = f"{len(result.runs)} runs, {len(result.classes)} distinct"
    endings = {run.outcome.ending for run in result.runs}
    if len(endings) > 1:
        said += ", and they end differently"
    return said


def word_place(found: Finding, end_step: int) -> str:
    """Return `first differs in the forward pass of step 0 at aten::mul, train.py:3`."""
    if is_after_last_step(found.step, end_step):
        said = "first differs after the last step"
    else:
        said = f"first differs {name_pass(found)}"
        if found.phase is not Phase.INITIALISATION:
            said += f" of step {found.step}"
    source = name_source(found)
    if found.call and found.cause in _AT_CALL:
        source = name_call(found)
    if source:
        said += f" at {source}"
    if found.location:
        said += f", {found.location}"
    return said


def _say_where(result: AuditResult) -> str:
    if result.findings:
        return f"; {word_place(result.findings[0], result.end_step)}"
    row = result.first_divergence
    if row is None:
        return ""
    kind = name_kind(row.kind)
    if is_after_last_step(row.step, result.end_step):
        return f"; first seen in {kind} {row.name}, after the last step"
    return f"; first seen in {kind} {row.name} of step {row.step}"
