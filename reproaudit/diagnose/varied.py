"""What depends on a variation that is known: where two runs that differ in it alone first part.

The program as it is gives equal runs, so what differs follows from the variation. The place says
how: an op with equal inputs, content made outside PyTorch, a draw more, a tensor written over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from reproaudit.comparison.entropy import EntropyCall
from reproaudit.comparison.extra_calls import find_extra_call
from reproaudit.comparison.extra_ops import ExtraOps, ExtraOpsOfPair
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.localise import Origin, Source
from reproaudit.comparison.regroup import RegroupedSource
from reproaudit.diagnose.blame import find_cause
from reproaudit.diagnose.source_calls import RunPair
from reproaudit.diagnose.sources import Explanation, add_note, explain_sources, with_cause
from reproaudit.diagnose.worker_dependence import WORKERS, settle_workers
from reproaudit.knowledge.composite_ops import explain_composite
from reproaudit.knowledge.factor_causes import find_cause_of_factor, is_programs_own
from reproaudit.model.cause import Cause
from reproaudit.model.events import Location
from reproaudit.model.result import Finding, Fix
from reproaudit.trace.views import EntropyEvent, OpEvent

# Sources that only say where ops of both runs met a difference that came in elsewhere.
_MET = (Origin.INPUT, Origin.ARRIVAL)
# A variation of these has the same computed by other ops.
_OF_OTHER_OPS = (Cause.KERNEL, Cause.HARDWARE, Cause.COLLECTIVE_ORDER)
# What decides which kernel an op takes, or how it splits its work.
_OF_KERNELS = (Cause.THREAD_COUNT, Cause.HARDWARE)
# What decides the order in which data is given.
_OF_ORDERS = (Cause.HASH_ORDER, Cause.FILESYSTEM_ORDER, Cause.CLOCK)
_FROM_OUTSIDE = (Origin.BIRTH, Origin.INPUT, Origin.STRUCTURE, Origin.ARRIVAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class VariedPair:
    """Two runs that recorded operators, as the program is and varied.

    `factor` is the variation, by its name in the table where it stands there. `calls` are the calls
    into the outside world that differ.
    """

    pair: RunPair
    factor: str
    calls: Sequence[EntropyCall]
    reordered: bool
    regrouped: RegroupedSource | None = None


def explain_varied(varied: VariedPair, interned: Interned) -> tuple[Explanation, ...]:
    """Return what of the program depends on the variation, the first place first."""
    sources = varied.pair.localisation.sources
    if varied.regrouped is not None:
        return (_explain_regrouped(varied, varied.regrouped),)
    explained = explain_sources(
        _leave_out_harmless(sources),
        varied.pair.runs,
        _choose_calls(varied),
        reordered=varied.reordered,
    )
    if not explained:
        return ()
    if varied.factor == WORKERS:
        # Which process runs a line is what was varied: what one run executes alone says nothing.
        return tuple(settle_workers(one, varied.pair.runs) for one in explained)
    first, *others = explained
    first = _Place(varied, interned).settle(first)
    return tuple(_settle_cause(one, varied.factor) for one in (first, *others))


def lacks_line(explained: Explanation, factor: str) -> bool:
    """Return True if only the arrival of what differs is known, and lines can tell more.

    Where the program itself reads the variable, that line is all that they would tell; with other
    workers, other processes run the lines.
    """
    if is_programs_own(factor) or factor == WORKERS:
        return False
    if explained.finding.cause in (Cause.CARRIED_STATE, Cause.KERNEL):
        return False
    return not explained.has_exact_line and explained.source.origin in _FROM_OUTSIDE


def may_be_regrouped(pair: RunPair, interned: Interned) -> bool:
    """Return True if an op that both runs call is called more often in one, and that comes before
    any difference that is known to be born: it may have been given the same in other portions."""
    born = (Origin.RANDOM, Origin.BIRTH, Origin.OP, Origin.UNDEFINED)
    sources = pair.localisation.sources
    if not sources or any(source.origin in born for source in sources[:1]):
        return False
    return ExtraOpsOfPair(*pair.runs, sources[0].process, interned).have_other_counts()


def _leave_out_harmless(sources: Sequence[Source]) -> Sequence[Source]:
    """Leave out ops that one run made alone, unless nothing but these differs.

    What they changed shows in the first source behind them.
    """
    of_content = [source for source in sources if source.origin is not Origin.STRUCTURE]
    return of_content or sources


def _choose_calls(varied: VariedPair) -> list[EntropyCall]:
    """Return the calls that the variation itself changes.

    Others that differ do so in any two runs, of a program whose plain runs are equal: to no effect.
    """
    cause = find_cause_of_factor(varied.factor)
    return [call for call in varied.calls if cause is not None and find_cause(call) is cause]


def _explain_regrouped(varied: VariedPair, regrouped: RegroupedSource) -> Explanation:
    """Return the op that was given the same rows in other portions."""
    (explained,) = explain_sources([regrouped.as_source()], varied.pair.runs, ())
    if regrouped.is_draw:
        drawn = with_cause(explained.finding, Cause.RNG_ORDER)
        note = (
            f"{regrouped.differing:,} of {regrouped.rows:,} rows get other numbers from it in "
            f"portions of {_list_sizes(regrouped.sizes_b)} than in portions of "
            f"{_list_sizes(regrouped.sizes_a)}"
        )
        return replace(explained, finding=add_note(drawn, note))
    finding = with_cause(explained.finding, Cause.KERNEL)
    note = (
        f"{regrouped.rows:,} equal rows were given to it in other portions, of "
        f"{_list_sizes(regrouped.sizes_a)} and of {_list_sizes(regrouped.sizes_b)} rows"
    )
    if regrouped.is_reduction:
        note += ", and reduced in each"
    else:
        note += f"; {regrouped.differing:,} of them came out otherwise"
    inside = explain_composite(finding.op or "")
    if inside:
        finding = add_note(finding, inside)
    return replace(explained, finding=add_note(finding, note))


def _list_sizes(sizes: Sequence[int]) -> str:
    shown = [str(size) for size in sizes[:4]]
    return ", ".join(shown) + (", …" if len(sizes) > 4 else "")


class _Place:
    """Finds where the first source of a pair came in."""

    def __init__(self, varied: VariedPair, interned: Interned) -> None:
        self._varied = varied
        self._interned = interned

    def settle(self, explained: Explanation) -> Explanation:
        """Return the explanation with the place of what one run did alone, if that explains it."""
        source = explained.source
        if source.event_a is None or source.event_b is None:
            return explained
        if explained.finding.cause is Cause.UNINITIALIZED_MEMORY or explained.call is not None:
            return explained
        a, b = self._varied.pair.runs
        if source.origin in _FROM_OUTSIDE:
            call = find_extra_call(
                (a, b), source.process, before=source.event_a, interned=self._interned
            )
            if call is not None:
                return _blame_call(explained, call)
        extra = ExtraOpsOfPair(a, b, source.process, self._interned)
        if source.origin is Origin.RANDOM:
            return _blame_draw(explained, extra.find_draw(source.event_a))
        if source.origin in _MET:
            block = extra.find_block(source.event_a)
            if block is None:
                return explained
            known = find_cause_of_factor(self._varied.factor)
            if known in _OF_OTHER_OPS:
                return _blame_other_ops(explained, block, known)
            is_state = extra.is_state_of_module(block, source.event_a, source.event_b)
            blamed = _blame_block(explained, block, is_state=is_state)
            if not is_programs_own(self._varied.factor):
                # What was varied is known, and is the cause where the table has one.
                finding = with_cause(blamed.finding, Cause.UNKNOWN)
                blamed = replace(blamed, finding=finding)
            return blamed
        if source.origin is Origin.OP and is_programs_own(self._varied.factor):
            return _blame_copy(explained, extra.find_copy(source.event_a))
        return explained


def _blame_draw(explained: Explanation, draw: OpEvent | None) -> Explanation:
    """Blame the draw that one run made alone: later ones start from another state by it."""
    if draw is None:
        return explained
    finding = with_cause(explained.finding, Cause.RNG_ORDER)
    met = f"{finding.op} at {finding.location}"
    note = f"one run draws here and the other does not; {met} draws from the stream after that"
    finding = _move(finding, draw, draw.known_location)
    return replace(explained, finding=add_note(finding, note))


def _blame_call(explained: Explanation, call: EntropyEvent) -> Explanation:
    """Blame the call that drew from a stream of Python's or NumPy's in one run alone."""
    met = f"what {explained.finding.location} is given"
    note = f"one run alone calls {call.call} here, and {met} is drawn from the stream after that"
    finding = replace(
        with_cause(explained.finding, Cause.RNG_ORDER),
        op=None,
        module="",
        location=call.known_location,
        phase=call.stage,
        step=call.step,
        call=call.call,
    )
    return replace(explained, finding=add_note(finding, note))


def _blame_block(explained: Explanation, block: ExtraOps, *, is_state: bool) -> Explanation:
    """Blame ops that one run made alone, and that both runs went on with.

    `is_state`: what differs is state of a module, and nothing that it was given.
    """
    finding = explained.finding
    met = f"{finding.op} at {finding.location} is given"
    first = block.first
    made = "content from outside PyTorch" if block.brings_in else "another content"
    if block.overwrites is not None:
        write = block.overwrites
        written = f"with {write.shown_name} at {write.location}"
        note = f"one run alone writes {made} over a tensor, {written}, and {met} it"
        finding = with_cause(finding, Cause.CARRIED_STATE)
    elif is_state:
        note = (
            f"one run alone makes {made} here, and the module is called with an equal batch: a "
            f"parameter or a buffer of it was replaced, and {met} it"
        )
        finding = with_cause(finding, Cause.CARRIED_STATE)
    else:
        note = f"one run executes ops here that the other does not, and {met} something else by it"
        finding = with_cause(finding, Cause.UNKNOWN)
    finding = _move(finding, first, first.known_location)
    return replace(explained, finding=add_note(replace(finding, op=None), note))


def _blame_other_ops(explained: Explanation, block: ExtraOps, cause: Cause) -> Explanation:
    """Blame the ops by which the variation has something computed in the place of others."""
    finding = with_cause(explained.finding, cause)
    met = f"{finding.op} at {finding.location}"
    note = f"other operators compute this in one run than in the other, and {met} is given it"
    finding = _move(finding, block.first, block.first.known_location)
    source = replace(explained.source, origin=Origin.STRUCTURE)
    return replace(explained, finding=add_note(replace(finding, op=None), note), source=source)


def _blame_copy(explained: Explanation, copy: OpEvent | None) -> Explanation:
    """Name the line where one run alone puts what the op reads into another memory format."""
    if copy is None or copy.known_location is None:
        return explained
    finding = explained.finding
    note = (
        f"one run alone copies a tensor here, and only how it lies in memory is other: "
        f"{finding.op} at {finding.location} chooses another kernel for it"
    )
    return replace(explained, finding=add_note(replace(finding, location=copy.location), note))


def _move(finding: Finding, op: OpEvent, location: Location | None) -> Finding:
    return replace(
        finding,
        op=op.shown_name,
        module=op.module,
        location=location,
        phase=op.stage,
        step=op.step,
    )


def _settle_cause(explained: Explanation, factor: str) -> Explanation:
    """Return the explanation with the cause that the variation is, where the place does not show
    another one."""
    finding = explained.finding
    known = find_cause_of_factor(factor)
    if known is None or finding.cause in (Cause.RNG_ORDER, Cause.CARRIED_STATE):
        return explained
    cause: Cause = finding.cause
    is_made_here = explained.source.origin is Origin.OP
    if is_made_here and cause in (Cause.KERNEL, Cause.THREAD_COUNT):
        cause = known if known in _OF_KERNELS else Cause.KERNEL
    elif explained.source.origin in _FROM_OUTSIDE:
        # That the same samples come in another order says less than what puts them in it.
        is_order = cause is Cause.DATA_ORDER and known in _OF_ORDERS
        cause = known if is_order or cause is Cause.UNKNOWN else cause
    if cause is finding.cause:
        return explained
    finding = with_cause(finding, cause)
    assert finding.fix is not None
    return replace(explained, finding=replace(finding, fix=Fix(advice=finding.fix.advice)))
