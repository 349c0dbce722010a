"""What a difference between an uninterrupted and a resumed run is put down to."""

from __future__ import annotations

from dataclasses import replace

from reproaudit.compare.localise import Origin
from reproaudit.diagnose.attribute import settle_finding
from reproaudit.diagnose.source_calls import RunPair
from reproaudit.diagnose.sources import Explanation, add_note, explain_sources, with_cause
from reproaudit.model.cause import Cause
from reproaudit.model.events import Phase
from reproaudit.model.result import Evidence, Finding, Fix

_NOT_RESTORED = "the run that went on lacks state that the other one had"
_RESTORE = (
    "save with the checkpoint what it lacks, and load it: the state_dict() of learning-rate "
    "schedulers, optimizers and gradient scalers, and the states of random generators"
)
_ANEW = "the second run began at step 0: it did not resume"


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


def make_anew_finding(step: int) -> Finding:
    """Return the finding of a run that was to go on at `step`, and began at its beginning."""
    return Finding(
        rule="RA610",
        cause=Cause.CARRIED_STATE,
        title=_ANEW,
        phase=Phase.INITIALISATION,
        step=step,
        evidence=Evidence(
            observed=True,
            notes=("its first step computes what step 0 of the uninterrupted run does",),
        ),
        fix=Fix(
            advice="start it so that it loads its checkpoint, with --resume-args; if it looks for "
            "one itself, it did not find it, or made nothing of it"
        ),
    )


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
    note = (
        "what the optimizer was given is equal until there: another learning rate or other state "
        "of the optimizer was not restored with the checkpoint, such as that of a scheduler"
    )
    if finding.cause is not Cause.UNKNOWN or explained.source.origin is not Origin.INPUT:
        return add_note(finding, note)
    finding = with_cause(finding, Cause.CARRIED_STATE, note)
    assert finding.fix is not None
    fix = replace(finding.fix, advice=_RESTORE)
    return replace(finding, title=_NOT_RESTORED, fix=fix)
