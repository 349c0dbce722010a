"""Turns located sources, and the calls that differ, into findings."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

from reproaudit.comparison.entropy import EntropyCall, Strength
from reproaudit.comparison.files import CarriedFile
from reproaudit.comparison.localise import Origin, Source
from reproaudit.diagnose.cases import make_case
from reproaudit.diagnose.explainers import explain
from reproaudit.diagnose.moments import find_moment, prepares_update
from reproaudit.diagnose.races import DeviceRace, find_race
from reproaudit.diagnose.rank_places import RanksOfPlaces
from reproaudit.knowledge.library_seeds import find_unseeded_advice
from reproaudit.knowledge.rules import RULES
from reproaudit.model.cause import Cause
from reproaudit.model.events import EventFlag, EventKind, Location
from reproaudit.model.result import Alert, Evidence, Finding, Fix
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import Run

_FROM_OUTSIDE = (Origin.BIRTH, Origin.INPUT, Origin.STRUCTURE, Origin.ARRIVAL)
# After an earlier source, sources of these origins are most likely its consequences.
_CONSEQUENCES = (Origin.INPUT, Origin.STRUCTURE, Origin.UNDEFINED)
# The ops' own inputs differ, or only one run has the op: nothing was seen of it on equal inputs.
_NOT_OBSERVED = (Origin.INPUT, Origin.STRUCTURE, Origin.ARRIVAL)


@dataclass(frozen=True, slots=True)
class Explanation:
    """A finding with the source that it is about.

    `call` is the call that brought the difference in, if it is known. `named` are interventions
    that evidence names which the cause does not hold. `arrival` is the line of the source's own op.
    """

    finding: Finding
    source: Source
    call: EntropyCall | None = None
    named: tuple[str, ...] = ()
    arrival: Location | None = None

    @property
    def is_from_outside(self) -> bool:
        """True if the difference entered PyTorch here, whatever made it."""
        return self.source.origin in _FROM_OUTSIDE

    @property
    def has_exact_line(self) -> bool:
        """True if the line brought the difference in, and is not only where it arrived."""
        if RULES[self.finding.cause].has_exact_line:
            return True
        if not self.is_from_outside:
            return True
        # Weaker calls, as of clocks, differ in every run and may have nothing to do with it.
        return self.call is not None and self.call.strength is Strength.SPECIFIC


def with_cause(finding: Finding, cause: Cause, note: str = "") -> Finding:
    """Return the finding with another cause and what the table says of it."""
    rule = RULES[cause]
    if note:
        finding = add_note(finding, note)
    return replace(
        finding,
        rule=rule.id,
        cause=cause,
        title=rule.title,
        fix=Fix(advice=rule.advice),
    )


def add_note(finding: Finding, note: str) -> Finding:
    """Return the finding with one more note to its evidence."""
    evidence = finding.evidence
    notes = (*evidence.notes, note)
    return replace(finding, evidence=replace(evidence, notes=notes))


def explain_sources(
    sources: Sequence[Source],
    pair: tuple[Run, Run],
    calls: Sequence[EntropyCall],
    *,
    alerts: Sequence[Alert] | None = None,
    reordered: bool = False,
    carried: Sequence[CarriedFile] = (),
    races: Sequence[DeviceRace] = (),
    fix: tuple[str, ...] = (),
) -> tuple[Explanation, ...]:
    """Return one finding per source line and operator, the first source first.

    `calls` are those that differ between the pair, `alerts` the refused operators, None where
    nobody looked for them. `reordered` says that the batches that differ hold the same samples in
    another order: where nothing more specific is known, that makes the cause an order of data.
    `carried` are the files that earlier runs left for later ones; `races` are uses of one tensor by
    streams, or by the host, that nothing orders. `fix` is what was proven to repair the program.
    """
    found: list[Explanation] = []
    for source in _leave_out_seed_draws(sources, pair[0]):
        is_first = not found
        if not is_first and source.origin in _CONSEQUENCES:
            continue
        explanation = _explain_source(source, pair, calls, alerts, fix=fix)
        explanation = _blame_race(explanation, races)
        if is_first:
            explanation = _explain_first(explanation, carried, reordered=reordered)
        elif _is_later_draw(explanation, found) or _is_seeded_later(explanation, found):
            continue
        _add(explanation, found)
    if pair[0].world < 2:
        return tuple(found)
    places = RanksOfPlaces(sources, pair, calls)
    named = []
    for one in found:
        finding = places.add_ranks(one.finding, one.source, one.call)
        named.append(replace(one, finding=finding))
    return tuple(named)


def _explain_source(
    source: Source,
    pair: tuple[Run, Run],
    calls: Sequence[EntropyCall],
    alerts: Sequence[Alert] | None,
    *,
    fix: tuple[str, ...],
) -> Explanation:
    """Return the finding that the source's own evidence makes."""
    case = make_case(source, pair, calls, fix)
    answer = explain(case)
    rule = RULES[answer.cause]
    evidence = Evidence(
        observed=None if source.origin in _NOT_OBSERVED else True,
        declared=_is_refused(answer.op, alerts),
        notes=answer.notes,
    )
    op = answer.op
    if op is not None:
        # A default overload is not shown: `aten::mm.default` reads `aten::mm`.
        op = op.removesuffix(".default")
    phase, step = answer.moment or find_moment(case.event, case.trace)
    call = answer.call.name if answer.call is not None else ""
    finding = Finding(
        rule=rule.id,
        cause=answer.cause,
        title=rule.title,
        phase=phase,
        step=step,
        op=op,
        # What came in elsewhere came in outside of the module that met it.
        module=case.event.module if answer.moment is None else "",
        location=answer.location,
        evidence=evidence,
        fix=Fix(advice=answer.advice or find_unseeded_advice(call) or rule.advice),
        count=source.count,
        call=call,
        below=answer.call.below if answer.call is not None else None,
        prepares_update=answer.moment is None and prepares_update(case.event, case.trace),
    )
    return Explanation(finding, source, answer.call, arrival=case.location)


def _is_refused(op: str | None, alerts: Sequence[Alert] | None) -> bool | None:
    """Return True if the determinism flag refuses the op.

    None if no op is to blame, or nobody looked for refused ops.
    """
    if not op or alerts is None:
        return None
    # Overloads share kernels, so a refusal of one speaks for the others.
    base = _leave_out_overload(op)
    return any(_leave_out_overload(alert.op) == base for alert in alerts)


def _leave_out_overload(op: str) -> str:
    return op.partition(".")[0]


def _explain_first(
    explanation: Explanation,
    carried: Sequence[CarriedFile],
    *,
    reordered: bool,
) -> Explanation:
    """Use what is known of the first source alone: the order of samples, and files left behind."""
    finding = explanation.finding
    if reordered and finding.cause is Cause.UNKNOWN:
        finding = with_cause(finding, Cause.DATA_ORDER)
        explanation = replace(explanation, finding=finding)
    # An exact line stands already; only without one may a file explain more.
    if explanation.is_from_outside and not explanation.has_exact_line:
        blamed = _blame_file(finding, carried)
        explanation = replace(explanation, finding=blamed)
    return explanation


def _is_later_draw(explanation: Explanation, found: Sequence[Explanation]) -> bool:
    """Return True for a draw after a finding of its cause.

    One stream that differs makes every later draw differ.
    """
    if explanation.source.origin is not Origin.RANDOM:
        return False
    cause = explanation.finding.cause
    return any(other.finding.cause is cause for other in found)


def _is_seeded_later(explanation: Explanation, found: Sequence[Explanation]) -> bool:
    """Return True if, after another source, a seed differs that no call is known to have made.

    It may be made of what differs already, as of the number of a shuffled sample. A seed that is
    not differs still once the source before it is silenced, and is found then.
    """
    call = explanation.call
    if call is None or not call.is_given_seed:
        return False
    identity = _identify(explanation.finding)
    return all(_identify(other.finding) != identity for other in found)


def _add(explanation: Explanation, found: list[Explanation]) -> None:
    """Add a finding, or count it with the one that has its op, line and cause."""
    finding = explanation.finding
    identity = _identify(finding)
    for number, other in enumerate(found):
        if _identify(other.finding) != identity:
            continue
        count = other.finding.count + finding.count
        counted = replace(other.finding, count=count)
        found[number] = replace(other, finding=counted)
        return
    found.append(explanation)


def _identify(finding: Finding) -> tuple[str | None, Location | None, Cause]:
    return finding.op, finding.location, finding.cause


def _leave_out_seed_draws(sources: Sequence[Source], a: Run) -> Sequence[Source]:
    """Leave out leading draws of a mere seed where the data is drawn at the same line.

    A DataLoader makes both.
    """
    left_out = 0
    for first, second in itertools.pairwise(sources):
        if first.origin is not Origin.RANDOM:
            break
        if second.origin is not Origin.RANDOM:
            break
        if first.event_a is None or second.event_a is None:
            break
        trace = a.trace_of(first.process)
        # Events of another process are not to be looked up in this trace.
        if second.process == first.process:
            place = trace.op(first.event_a).location
            if trace.op(second.event_a).location != place:
                break
        if not _draws_seed(trace, first.event_a):
            break
        left_out += 1
    return sources[left_out:]


def _draws_seed(trace: Trace, event: int) -> bool:
    """Return True if the drawn number was only taken out of its tensor, to seed something else."""
    draw = trace.op(event)
    if _leave_out_overload(draw.name) != "aten::random_":
        return False
    later = trace.columns.take(slice(event + 1, None))
    numbers = later.numbers(EventKind.OP)
    if not len(numbers):
        return False
    following = trace.op(event + 1 + int(numbers[0]))
    return _leave_out_overload(following.name) == "aten::_local_scalar_dense"


def _blame_file(finding: Finding, files: Sequence[CarriedFile]) -> Finding:
    """Blame the first file whose content differed between runs because an earlier one wrote it."""
    for file in files:
        if not file.content_differed:
            continue
        author = " of an earlier run"
        if file.written is not None:
            author = f", which an earlier run wrote at {file.written}"
        note = f"reads {file.path}{author}"
        at_read = replace(finding, location=file.read, op=None)
        return with_cause(at_read, Cause.CARRIED_STATE, note)
    return finding


def _blame_race(explanation: Explanation, races: Sequence[DeviceRace]) -> Explanation:
    """Blame missing synchronisation if the difference was born at a line that lacks it."""
    # A call that differs explains the finding by itself.
    if explanation.call is not None:
        return explanation
    finding = explanation.finding
    race = find_race(finding, explanation.source.origin, races)
    if race is None:
        return explanation
    other = race.other
    note = f"it {race.message} {other.place}"
    finding = with_cause(finding, Cause.THREAD_RACE, note)
    return replace(explanation, finding=finding, named=race.repairs)


def add_replay_evidence(explained: Explanation, flags: EventFlag) -> Finding:
    """Return the finding of an op whose inputs are equal with what repeating the op showed.

    A sign of another writer makes a kernel's finding one of a race. A repetition that gives
    something else makes that of a race one of a kernel, unless it names what orders streams.
    """
    finding = explained.finding
    is_race = finding.cause is Cause.THREAD_RACE and not explained.named
    if is_race and EventFlag.REPLAY_DIFFERED in flags:
        note = "the call differs when nobody else writes what it works on"
        finding = with_cause(finding, Cause.KERNEL, note)
    if finding.cause is not Cause.KERNEL:
        return finding
    if EventFlag.RACED in flags:
        # The recorder keeps no more than that it took either for a sign of another writer.
        note = (
            "something else wrote what the op works on while it ran: an input changed, or all "
            "repetitions of the call agree and differ from it"
        )
        return with_cause(finding, Cause.THREAD_RACE, note)
    replayed: bool | None = None
    if EventFlag.REPLAYED in flags:
        replayed = EventFlag.REPLAY_DIFFERED in flags
    evidence = replace(finding.evidence, replayed=replayed)
    return replace(finding, evidence=evidence)
