"""What a difference between an uninterrupted and a resumed run is put down to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reproaudit.comparison.localise import Origin
from reproaudit.diagnose.attribute import settle_finding
from reproaudit.diagnose.source_calls import RunPair
from reproaudit.diagnose.sources import Explanation, add_note, explain_sources
from reproaudit.knowledge.resume_rules import RESUME_RULES
from reproaudit.model.cause import Cause
from reproaudit.model.events import Phase
from reproaudit.model.question import LostState, Restoration, StateKind
from reproaudit.model.result import Evidence, Finding, Fix

ANEW, STATE, DATA, STREAM = RESUME_RULES
STREAMS_FIX = "resume.streams"
_STREAMS_PROOF = (
    "with the random streams of the uninterrupted run at its first step the resumed run is equal"
)
_OPTIMIZER_NOTE = (
    "what the optimizer was given is equal until there: another learning rate or other state of "
    "the optimizer was not restored with the checkpoint, such as that of a scheduler"
)
_WORDS = {
    Restoration.NOT_RESTORED: "not restored",
    Restoration.SHIFTED: "restored, and then moved on",
    Restoration.WRONG: "restored to something else",
}
# The rule for each kind of lost state, and in which part of a step it first shows.
_KINDS = {
    StateKind.DATA_POSITION: (DATA, Cause.DATA_ORDER, Phase.DATA),
    StateKind.SAMPLER_EPOCH: (DATA, Cause.DATA_ORDER, Phase.DATA),
    StateKind.RANDOM_STREAM: (STREAM, Cause.RNG_ORDER, Phase.FORWARD),
    StateKind.PARAMETERS: (STATE, Cause.CARRIED_STATE, Phase.FORWARD),
    StateKind.BUFFERS: (STATE, Cause.CARRIED_STATE, Phase.FORWARD),
    StateKind.PYTHON_VALUE: (STATE, Cause.CARRIED_STATE, Phase.FORWARD),
    StateKind.ACCUMULATION: (STATE, Cause.CARRIED_STATE, Phase.BACKWARD),
    StateKind.SCALER: (STATE, Cause.CARRIED_STATE, Phase.BACKWARD),
    StateKind.OPTIMIZER: (STATE, Cause.CARRIED_STATE, Phase.OPTIMIZER),
    StateKind.SCHEDULER: (STATE, Cause.CARRIED_STATE, Phase.OPTIMIZER),
    StateKind.AVERAGE: (STATE, Cause.CARRIED_STATE, Phase.OPTIMIZER),
}


def explain_resumed(
    recorded: RunPair, *, reordered: bool = False, begin: int = 0
) -> tuple[Finding, ...]:
    """Return the findings of a pair of which one run was resumed, the first one first.

    `begin` is the step of the first run that is step 0 of the second. Runs that begin at different
    steps do not make the same calls: none of these is looked at.
    """
    sources = recorded.localisation.sources
    # What a resumed run makes anew in its first step, the other one has made before.
    telling = [source for source in sources if source.origin is not Origin.STRUCTURE]
    explained = explain_sources(telling or sources, recorded.runs, (), reordered=reordered)
    return tuple(_say_what_was_not_restored(one, begin) for one in explained)


def _say_what_was_not_restored(explained: Explanation, begin: int) -> Finding:
    """Say what of an update differs where the gradients before it are equal.

    No kernel made the difference if an input of the update differed, and no operator before it.
    """
    finding = settle_finding(explained)
    if explained.source.event_a is None:
        # The resumed run alone has it, and counts its own steps.
        finding = replace(finding, step=finding.step + begin)
    if finding.phase is not Phase.OPTIMIZER:
        return finding
    finding = add_note(finding, _OPTIMIZER_NOTE)
    if finding.cause is not Cause.UNKNOWN or explained.source.origin is not Origin.INPUT:
        return finding
    return replace(
        finding,
        rule=STATE.id,
        cause=Cause.CARRIED_STATE,
        title=STATE.title,
        fix=Fix(advice=STATE.advice),
    )


def make_anew_finding(step: int) -> Finding:
    """Return the finding of a run that was to go on at `step`, and began at its beginning."""
    note = "its first step computes what step 0 of the uninterrupted run does"
    return Finding(
        rule=ANEW.id,
        cause=Cause.CARRIED_STATE,
        title=ANEW.title,
        phase=Phase.INITIALISATION,
        step=step,
        evidence=Evidence(observed=True, notes=(note,)),
        fix=Fix(advice=ANEW.advice),
    )


def blame_lost_state(
    found: Sequence[Finding], lost: Sequence[LostState], *, begin: int
) -> tuple[Finding, ...]:
    """Return a finding for each piece of state that was lost.

    The place where the runs first differ is that of the piece which shows there. It keeps its own
    finding where none can show so early, and without any the findings stay as they are.
    """
    if not lost:
        return tuple(found)
    first = _choose(found[0], lost) if found else None
    ordered = sorted(lost, key=lambda one: one is not first)
    blamed = [found[0]] if found and first is None else []
    for one in ordered:
        rule, cause, phase = _KINDS[one.kind]
        finding = Finding(
            rule=rule.id,
            cause=cause,
            title=_word_loss(one),
            phase=phase,
            step=begin,
            location=one.location,
            evidence=Evidence(notes=one.evidence),
            fix=Fix(advice=one.advice or rule.advice),
        )
        if one is first:
            source = found[0]
            finding = replace(
                finding,
                phase=source.phase,
                step=source.step,
                op=source.op,
                module=source.module,
                location=source.location,
                evidence=replace(source.evidence, notes=one.evidence),
                count=source.count,
                prepares_update=source.prepares_update,
            )
        blamed.append(finding)
    return tuple(blamed)


def _word_loss(lost: LostState) -> str:
    """Return `scheduler not restored: StepLR`."""
    kind = lost.kind.value.replace("-", " ").replace("python", "Python")
    return f"{kind} {_WORDS[lost.restoration]}: {lost.name}"


def _choose(source: Finding, lost: Sequence[LostState]) -> LostState | None:
    """Return the piece of state that first shows in the part of a step where the runs first differ,
    or else in an earlier one; None if all show later."""
    earlier = None
    for one in lost:
        shows_from = _KINDS[one.kind][2]
        # A sample may be drawn for as a layer may.
        is_drawn_for = one.kind is StateKind.RANDOM_STREAM and source.phase is Phase.DATA
        if shows_from is source.phase or is_drawn_for:
            return one
        if earlier is None and shows_from < source.phase:
            earlier = one
    return earlier


def prove_streams(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return the findings of runs that became equal when random streams alone were put right."""
    first = next((one for one in findings if one.cause is Cause.RNG_ORDER), findings[0])
    advice = STREAM.advice
    if first.cause is Cause.RNG_ORDER and first.fix is not None:
        advice = first.fix.advice
    proven = replace(
        add_note(first, _STREAMS_PROOF),
        rule=STREAM.id,
        cause=Cause.RNG_ORDER,
        title=first.title if first.cause is Cause.RNG_ORDER else STREAM.title,
        fix=Fix(settings=(STREAMS_FIX,), advice=advice, verified=True, runs=1),
    )
    # The place where the runs first differ belongs to it.
    place = findings[0]
    proven = replace(
        proven, phase=place.phase, step=place.step, op=place.op, location=place.location
    )
    others = (one for one in findings if one is not first and one.cause is Cause.RNG_ORDER)
    return (proven, *others)
