"""Which finding a proven fix belongs to, what it says of the cause, and the patch it becomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reproaudit.comparison.entropy import EntropyCall, Strength
from reproaudit.comparison.judge import Judged
from reproaudit.comparison.localise import Origin
from reproaudit.diagnose.bystanders import describe_bystander
from reproaudit.diagnose.candidates import find_for_call, infer_cause, may_be_compiled
from reproaudit.diagnose.pinning import FoundSource
from reproaudit.diagnose.races import DeviceRace
from reproaudit.diagnose.sources import Explanation, add_note, with_cause
from reproaudit.knowledge.interventions import INTERVENTIONS
from reproaudit.knowledge.rules import RULES
from reproaudit.knowledge.traits import Part
from reproaudit.model.cause import Cause
from reproaudit.model.events import EventFlag, Phase
from reproaudit.model.result import Finding, Fix
from reproaudit.trace.runs import Run

_LIBRARIES = "site-packages/"  # how the path of an installed package begins, as traces show it


def lacks_exact_line(known: FoundSource, finding: Finding) -> bool:
    """Return True if only the arrival of the difference is known, not the line that made it."""
    if known.pin is not None or known.explained.has_exact_line:
        return False
    call = known.explained.call
    fix = finding.fix
    if call is None or fix is None:
        return True
    # A call that could have been a bystander, as clocks are, is none if repairing it repairs the
    # program.
    repairs = set(find_for_call(call))
    return repairs.isdisjoint(fix.settings)


def is_repaired_by(
    one: FoundSource,
    name: str,
    known: Sequence[FoundSource],
) -> bool:
    """Return True if the intervention repairs this finding.

    Its cause is then among the causes that the intervention removes. Where that is true of no
    finding that chose the intervention, it belongs to all that chose it.
    """
    if name not in one.choices or _leaves_given_seed(one, name):
        return False
    removed = INTERVENTIONS[name].causes
    if one.explained.finding.cause in removed:
        return True
    for other in known:
        has_removed_cause = other.explained.finding.cause in removed
        if has_removed_cause and name in other.choices:
            return False
    return True


def _leaves_given_seed(one: FoundSource, name: str) -> bool:
    """Return True for a seed of a stream where the program seeds it again, with what differs."""
    call = one.explained.call
    if call is None or not call.is_given_seed:
        return False
    return INTERVENTIONS[name].acts_on is Part.SEEDS and name not in find_for_call(call)


def settle_finding(explained: Explanation) -> Finding:
    """Return the finding without what only suspects it: to be called where no fix was found."""
    return settle_kernel(drop_suspicion(explained))


def drop_suspicion(explained: Explanation) -> Finding:
    """Return the finding without a call that is only suspected, where nothing shows its part.

    A clock is suspected because it differs, as clocks do; an order of arrival in library code
    because it may differ.
    """
    call = explained.call
    if call is None or not _is_mere_suspect(explained, call):
        return explained.finding
    note = f"{describe_bystander(call)}, but nothing shows that it matters"
    return with_cause(leave_out_call(explained), Cause.UNKNOWN, note)


def _is_mere_suspect(explained: Explanation, call: EntropyCall) -> bool:
    if not explained.is_from_outside:
        return False
    if call.strength is Strength.CLOCK:
        return True
    place = explained.finding.location
    is_of_library = place is not None and place.path.startswith(_LIBRARIES)
    return call.strength is Strength.ARRIVAL and is_of_library


def leave_out_call(explained: Explanation) -> Finding:
    """Return the finding at the op's own line, with nothing said of the call."""
    evidence = replace(explained.finding.evidence, notes=())
    return replace(
        explained.finding,
        location=explained.arrival,
        call="",
        below=None,
        evidence=evidence,
    )


def settle_kernel(finding: Finding, part: Sequence[str] = ()) -> Finding:
    """Return the finding with a kernel as its cause only if something shows that it differs.

    That is a repetition of the call, or that runs were equal with `part`, which acts on kernels.
    """
    if finding.cause is not Cause.KERNEL:
        return finding
    evidence = finding.evidence
    if evidence.replayed or evidence.switched:
        return finding
    repairs = [name for name in part if Cause.KERNEL in INTERVENTIONS[name].causes]
    if repairs:
        if evidence.replayed is None:
            return finding
        shown = ", ".join(repairs)
        note = f"no repetition of the call differed; known by what repairs it: {shown}"
        return add_note(finding, note)
    note = (
        "no repetition of the call differed, so its kernel is not accused: it was called with "
        "another shape or argument that was not seen, or the two calls are not the same one"
    )
    if evidence.replayed is None:
        note = "the call was not repeated, so whether its kernel is to blame is not known"
    return with_cause(finding, Cause.UNKNOWN, note)


def correct_cause(finding: Finding, part: tuple[str, ...]) -> Finding:
    """Return the finding with the cause that its repair speaks for, if it has another one.

    The repair is right: it was run.
    """
    for name in part:
        entry = INTERVENTIONS[name]
        if finding.cause in entry.causes:
            return _advise(finding, entry.advice)
    cause = infer_cause(part)
    if cause is None or cause is finding.cause:
        return finding
    if finding.cause is Cause.COLLECTIVE_ORDER:
        # It was seen. What decides the order is repaired elsewhere.
        return add_note(finding, f"what decides it is repaired by {', '.join(part)}")
    is_of_stream = RULES[finding.cause].is_of_stream
    if is_of_stream and cause is not Cause.HASH_ORDER:
        # What shifts a stream is repaired at what shifts it; the stream is where it shows.
        return finding
    repairs = ", ".join(part)
    corrected = with_cause(finding, cause, f"known by what repairs it: {repairs}")
    for name in part:
        corrected = _advise(corrected, INTERVENTIONS[name].advice)
    return corrected


def _advise(finding: Finding, advice: str) -> Finding:
    """Return the finding with other advice than its cause's, if there is any."""
    if not advice or finding.fix is None:
        return finding
    return replace(finding, fix=replace(finding.fix, advice=advice))


def could_be_repaired_by(one: FoundSource, name: str) -> bool:
    """Return True if the intervention could repair this finding, for all that its origin says."""
    # How operators compute does not change what the program gives to them.
    is_inside = INTERVENTIONS[name].acts_on.is_inside_operators
    if not is_inside or not one.explained.is_from_outside:
        return True
    if one.explained.source.origin is not Origin.INPUT:
        return False
    # In a compiled region they are not seen, and what they compute seems to come from outside.
    return may_be_compiled(one.explained, one.pair.a)


def make_finding_without_place(
    judged: Judged, fix: Fix, runs: Sequence[Run], races: Sequence[DeviceRace] = ()
) -> Finding:
    """Make the finding of a source that was not located, but that an intervention repairs.

    Memory that an op was seen to read undefined in one of the recorded `runs` is named, although it
    was alike in them; so is the first of the `races` that the fix removes.
    """
    cause = infer_cause(fix.settings) or Cause.UNKNOWN
    first = judged.first
    finding = Finding(
        rule="",
        cause=cause,
        title="",
        phase=first.phase if first else Phase.FORWARD,
        step=first.step if first else 0,
    )
    note = "the operator was not located; known by what repairs it"
    finding = with_cause(finding, cause, note)
    if cause is Cause.UNINITIALIZED_MEMORY:
        finding = _name_allocation(finding, runs)
    elif cause is Cause.THREAD_RACE:
        finding = _name_race(finding, fix, races)
    advice = finding.fix.advice if finding.fix is not None else ""
    return replace(finding, fix=replace(fix, advice=advice))


def _name_allocation(finding: Finding, runs: Sequence[Run]) -> Finding:
    """Name the op that allocated the memory which an op was first seen to read undefined."""
    for run in runs:
        trace = run.main
        for reader in trace.operations(EventFlag.READS_UNDEFINED):
            if reader.allocated_by is None:
                continue
            allocation = trace.op(reader.allocated_by)
            return replace(
                finding,
                op=allocation.shown_name,
                location=allocation.location,
            )
    return finding


def _name_race(
    finding: Finding,
    fix: Fix,
    races: Sequence[DeviceRace],
) -> Finding:
    """Name the first race, at a known line, that the fix removes."""
    fixed = set(fix.settings)
    for race in races:
        if not race.location.line:
            continue
        if not fixed.isdisjoint(race.repairs):
            return replace(finding, op=race.shown_op, location=race.location)
    return finding
