"""Which finding a proven fix belongs to, what it says of the cause, and the patch that it becomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reproaudit.compare.entropy import Strength
from reproaudit.compare.judge import Judged
from reproaudit.config.subject import SubjectSpec
from reproaudit.diagnose.candidates import find_for_call, infer_cause
from reproaudit.diagnose.patch import make_patch, patch_lines
from reproaudit.diagnose.pinning import FoundSource
from reproaudit.diagnose.races import DeviceRace
from reproaudit.diagnose.sources import Explanation, with_cause
from reproaudit.knowledge.interventions import INTERVENTIONS
from reproaudit.knowledge.rules import RULES
from reproaudit.model.events import EventFlag, Location, Phase
from reproaudit.model.result import Cause, Finding, Fix
from reproaudit.trace.runs import Run


def lacks_exact_line(known: FoundSource, finding: Finding) -> bool:
    """Tell whether only the arrival of the difference is known, not the line that made it."""
    if known.pin is not None or known.explained.has_exact_line:
        return False
    call = known.explained.call
    # A call that could have been a bystander, as clocks are, is none if repairing it repairs the
    # program.
    is_to_blame = (
        call is not None
        and finding.fix is not None
        and set(find_for_call(call)) & set(finding.fix.settings)
    )
    return not is_to_blame


def is_repaired_by(one: FoundSource, name: str, known: Sequence[FoundSource]) -> bool:
    """Tell whether the intervention repairs this finding: its cause is among the causes that it
    removes, or, where that is true of none, it was a choice for this one."""
    fitting = [
        other for other in known if other.explained.finding.cause in INTERVENTIONS[name].causes
    ]
    return name in one.choices and (
        one in fitting or not any(name in other.choices for other in fitting)
    )


def drop_clock_suspicion(explained: Explanation) -> Finding:
    """A clock was suspected because it differs, as clocks do; fixing it repaired nothing, so
    nothing speaks for it."""
    call, finding = explained.call, explained.finding
    if call is None or call.strength is not Strength.CLOCK or not explained.is_from_outside:
        return finding
    return with_cause(
        finding, Cause.UNKNOWN, f"{call.name} differs too, but no run with it fixed was equal"
    )


def correct_cause(finding: Finding, part: tuple[str, ...]) -> Finding:
    """Where the repair does not fit the cause, the repair is right: it was run."""
    if any(finding.cause in INTERVENTIONS[name].causes for name in part):
        return finding
    cause = infer_cause(part)
    if cause is None or cause is finding.cause:
        return finding
    if cause is not Cause.HASH_ORDER and RULES[finding.cause].is_of_stream:
        # what shifts a stream is repaired at what shifts it; the stream is where it shows
        return finding
    return with_cause(finding, cause, f"known by what repairs it: {', '.join(part)}")


def could_be_repaired_by(one: FoundSource, name: str) -> bool:
    """Tell whether an intervention that nothing else explains may be what repairs this finding."""
    is_inside = INTERVENTIONS[name].acts_on.is_inside_operators
    return not (is_inside and one.explained.is_from_outside)


def make_finding_without_place(
    judged: Judged, fix: Fix, runs: Sequence[Run], races: Sequence[DeviceRace] = ()
) -> Finding:
    """Make the finding of a source that recording hides, but that an intervention repairs.

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
    found = with_cause(
        finding, cause, "recording every operator hides the difference; known by what repairs it"
    )
    place = (
        next(filter(None, map(_undefined_read, runs)), None)
        if cause is Cause.UNINITIALIZED_MEMORY
        else None
    )
    if cause is Cause.THREAD_RACE:
        raced = (
            race for race in races if set(race.repairs) & set(fix.settings) and race.location.line
        )
        place = next(((race.op.removesuffix(".default"), race.location) for race in raced), None)
    if place is not None:
        found = replace(found, op=place[0], location=place[1])
    return replace(found, fix=replace(fix, advice=found.fix.advice if found.fix else ""))


def _undefined_read(run: Run) -> tuple[str, Location] | None:
    """Return the op and the line that allocated the memory which an op first read undefined."""
    trace = run.main
    for row in trace.events[(trace.events["flags"] & EventFlag.READS_UNDEFINED) != 0]:
        if int(row["aux"]) < len(trace.events):
            made = trace.events[int(row["aux"])]
            return str(trace.strings[made["name"]]).removesuffix(".default"), trace.locations[
                made["location"]
            ]
    return None


def add_patch(finding: Finding, subject: SubjectSpec, *, refuses: bool) -> Finding:
    """Add the lines that do in the program itself what the proven fix did from outside.

    `refuses`: some op of the program would raise under the determinism flag, so that it may only
    warn.
    """
    fix = finding.fix
    if fix is None or not fix.verified:
        return finding
    main, place = subject.file, finding.location
    file, line = (main, None) if place is None else (subject.folder / place.path, place.line)
    if not file.is_file():
        file, line = main, None
    try:
        text = file.read_text(encoding="utf-8") if subject.path else ""
    except (OSError, UnicodeDecodeError):
        text = ""
    shown = place.path if place is not None and line is not None else main.name
    patch = make_patch(text, shown, fix.settings, line, refuses=refuses) if text else ()
    if not patch:
        entries = [INTERVENTIONS[name] for name in fix.settings]
        advised = [row for entry in entries for row in patch_lines(entry, refuses=refuses)]
        patch = tuple(dict.fromkeys(advised))
    return replace(finding, fix=replace(fix, patch=patch))
