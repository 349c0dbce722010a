"""Which interventions the evidence names for a finding, the likeliest first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from reproaudit.comparison.entropy import EntropyCall, has_random_hashes
from reproaudit.comparison.localise import Origin
from reproaudit.diagnose.blame import is_drawn_by_worker
from reproaudit.diagnose.sources import Explanation
from reproaudit.knowledge.fills import takes_number
from reproaudit.knowledge.interventions import (
    INTERVENTIONS,
    list_acting_on,
    list_against,
    list_for_call,
    list_for_clue,
)
from reproaudit.knowledge.mechanisms import find_mechanism
from reproaudit.knowledge.traits import Clue, Part
from reproaudit.model.cause import Cause
from reproaudit.model.events import EventFlag, Unchecked
from reproaudit.model.result import Finding
from reproaudit.trace.runs import Run
from reproaudit.trace.views import Digest
from reproaudit.trace.words import SEEDINGS

_POOLS = ("joblib.", "loky.")  # libraries whose workers are new interpreters


def find_candidates(
    explained: Explanation,
    pair: tuple[Run, Run],
    *,
    cuda: bool,
) -> tuple[str, ...]:
    """Return interventions to try for the finding, each once.

    Those that its evidence names come first, then all that remove its cause.
    """
    finding = explained.finding
    origin = explained.source.origin
    cause = finding.cause
    against_cause = list_against((cause,), cuda=cuda, compiles=_compiles(pair[0]))
    found: list[str] = []
    if cause is Cause.COLLECTIVE_ORDER:
        against_cause = ()  # variations among them repair nothing
        found += _find_for_reduction(explained, pair, cuda=cuda)
    # A seed makes no draws come in another order.
    reordered = list_for_clue(Clue.DRAWS_REORDERED) if cause is Cause.RNG_ORDER else ()
    if any(len(trace.threads) > 1 for run in pair for _, trace in run.traces):
        found += reordered
    # A call and a race are seen, so what they name is likelier than what the cause suggests.
    if explained.call is not None:
        named = find_for_call(explained.call)
        if explained.call.is_given_seed:
            named = _put_unasked_last(named, pair)
            if explained.call.below is not None:
                found += _find_for_same_library(explained.call, pair)
        if _is_made_by_pool(explained.call):
            # For a name: what its workers draw is not recorded.
            found += list_for_clue(Clue.WORKER_SEED)
        found += named
    # One thread takes no turns at a stream with another: what it read outside comes first.
    found += [name for name in reordered if INTERVENTIONS[name].acts_on is not Part.THREADS]
    found += explained.named
    # Repeating the op gave the same again, so that its kernel is hardly to blame.
    is_doubted = cause is Cause.KERNEL and finding.evidence.replayed is False
    if is_doubted:
        found += _find_for_surroundings(pair, origin)[:1]
    # A race shows at an op whose own kernel may be to blame as well.
    is_raced_op = bool(explained.named) and origin is Origin.OP
    if cause is Cause.KERNEL or is_raced_op:
        found += _find_for_kernel(finding, cuda=cuda)
    if cause is Cause.UNSEEDED_RNG and origin is Origin.RANDOM:
        clue = Clue.DEFAULT_GENERATOR
        if _draws_from_own_generator(explained, pair):
            clue = Clue.OWN_GENERATOR
        found += list_for_clue(clue)
    if may_be_compiled(explained, pair[0]):
        found += list_acting_on((Part.KERNELS, Part.COMPILER, Part.THREADS))
    is_unplaced = explained.is_from_outside and not explained.has_exact_line
    if cause is Cause.UNKNOWN or is_unplaced or is_doubted:
        # First what is suspected, then what is usual.
        found += against_cause
        found += _find_for_surroundings(pair, origin)
    found += against_cause
    if _is_filled_by_number(explained, pair):
        found = [name for name in found if INTERVENTIONS[name].acts_on is not Part.MEMORY]
    return tuple(dict.fromkeys(found))


def _find_for_reduction(explained: Explanation, pair: tuple[Run, Run], *, cuda: bool) -> list[str]:
    """Return what fixes the order of sums over ranks, then what may decide what they reduce."""
    if explained.source.origin is not Origin.REDUCTION:
        return list(list_for_clue(Clue.MESSAGES_AS_THEY_COME))
    named = list_for_clue(Clue.OTHER_MESSAGES)
    found = [name for name in named if cuda or not INTERVENTIONS[name].only_cuda]
    if explained.source.messages is None:
        # The same was reduced together in both runs: buckets do not matter.
        found = [name for name in found if INTERVENTIONS[name].acts_on is not Part.BUCKETS]
    return found + _find_for_surroundings(pair, explained.source.origin)


def _is_made_by_pool(call: EntropyCall) -> bool:
    """Return True if a library made the call as it started workers."""
    return call.below is not None and call.below.function.startswith(_POOLS)


def _is_filled_by_number(explained: Explanation, pair: tuple[Run, Run]) -> bool:
    """Return True if what differs is a number that Python gave: no undefined memory is read."""
    source = explained.source
    if source.origin is not Origin.INPUT or source.event_a is None:
        return False
    a, _ = pair
    return takes_number(a.trace_of(source.process).op(source.event_a).shown_name)


def _find_for_same_library(call: EntropyCall, pair: tuple[Run, Run]) -> list[str]:
    """Return what seeds the global stream beside the generator that the call seeds.

    Libraries make a seed of that stream, if they are given none. They may have drawn from it before
    it was first looked at.
    """
    library = call.name.partition(".")[0]
    drawn = find_for_drawn_streams(*pair, at_least=0)
    return [name for name in drawn if library in INTERVENTIONS[name].streams]


def _put_unasked_last(names: Sequence[str], pair: tuple[Run, Run]) -> tuple[str, ...]:
    """Return the names, last those that only change what the program never asks for.

    A seed is hardly made of a clock at which nobody looked.
    """
    a, _ = pair
    asked: set[str] = set()
    for _, trace in a.traces:
        asked.update(call.call for call in trace.entropy_calls())

    def is_unasked(name: str) -> bool:
        entry = INTERVENTIONS[name]
        starts = tuple(start for start in entry.calls if start not in SEEDINGS)
        is_asked = any(call.startswith(starts) for call in asked)
        return entry.acts_on in (Part.CLOCK, Part.ENTROPY) and not is_asked

    return tuple(sorted(names, key=is_unasked))


def may_be_compiled(explained: Explanation, run: Run) -> bool:
    """Return True if what differs may have been computed in a region that torch.compile compiled.

    What runs in there is not recorded: what comes out of it differs although no op's output did.
    """
    if explained.source.origin is not Origin.INPUT or explained.call is not None:
        return False
    return _compiles(run)


def _compiles(run: Run) -> bool:
    """Return True if a process of the run had torch.compile compile something."""
    for _, trace in run.traces:
        if any(note.code is Unchecked.COMPILED_REGIONS for note in trace.notes):
            return True
    return False


def _find_for_surroundings(pair: tuple[Run, Run], origin: Origin) -> list[str]:
    """Return what makes alike the things around a program that differ from run to run.

    New content may be made of undefined memory; known content in another order is hardly.
    """
    a, b = pair
    found: list[str] = []
    found += find_for_drawn_streams(a, b)
    if has_random_hashes(a):
        found += list_for_clue(Clue.RANDOM_HASHES)
    if len(a.main.threads) > 1:
        found += list_for_clue(Clue.OTHER_THREADS)
    is_content = origin is Origin.BIRTH
    found += list_for_clue(Clue.UNKNOWN_CONTENT if is_content else Clue.UNKNOWN_ORDER)
    found += find_for_drawn_streams(a, b, at_least=0)
    return found


def _find_for_kernel(finding: Finding, *, cuda: bool) -> list[str]:
    """Return what the op's mechanism on a GPU names, in the order that repeating it suggests."""
    evidence = finding.evidence
    found: list[str] = []
    # Mechanisms are known for GPUs only.
    mechanism = find_mechanism(finding.op) if cuda else None
    if mechanism is not None:
        part = mechanism.part_if_replayed
        if evidence.replayed and part is not None:
            found += list_acting_on((part,))
        for name in mechanism.interventions:
            if name not in found:
                found.append(name)
    if evidence.switched is False:
        # The deterministic forms were tried on the op itself and do not repair it. Where it has a
        # mechanism, the flag may still have the function above take another op: interpolate() does.
        found.sort(key=_switches_kernels)
        if cuda and evidence.declared:
            found += list_for_clue(Clue.FLAG_IS_REFUSED)
        found += list_for_clue(Clue.FLAG_IS_NOT_ENOUGH)
    return found


def _switches_kernels(name: str) -> bool:
    return INTERVENTIONS[name].acts_on is Part.KERNELS


def find_for_call(call: EntropyCall) -> tuple[str, ...]:
    """Return what makes the call give the same in each run.

    What a worker process draws depends on its seed first, and then on what that is made of.
    """
    named = list_for_call(call.name)
    if call.is_given_seed:
        # What seeds a generator that was given none has nothing to do here.
        named = tuple(sorted(named, key=_is_seed))
    if not is_drawn_by_worker(call):
        return named
    return (
        *list_for_clue(Clue.WORKER_SEED),
        *named,
        *list_for_clue(Clue.WORKER_SURROUNDINGS),
    )


def _is_seed(name: str) -> bool:
    return INTERVENTIONS[name].acts_on is Part.SEEDS


def find_for_drawn_streams(a: Run, b: Run, at_least: int = 1) -> tuple[str, ...]:
    """Return what seeds the global streams whose states differed, in the table's order.

    Only streams count whose state changed at least so often. One that was not seen to change may
    have been drawn from before it was first looked at.
    """
    states_a = _read_states(a)
    states_b = _read_states(b)
    suspects: list[str] = []
    for stream, states in states_a.items():
        if len(states) <= at_least:
            continue
        others = states_b.get(stream)
        if others is None:
            continue
        # One common state is enough: the streams were alike there, whatever was drawn since.
        if states.isdisjoint(others):
            suspects.append(stream)
    found: list[str] = []
    for name, entry in INTERVENTIONS.items():
        for stream in suspects:
            # An empty tuple of starts fits no stream.
            if stream.startswith(entry.streams):
                found.append(name)
                break
    return tuple(found)


def _read_states(run: Run) -> dict[str, set[Digest]]:
    """Return the states of each global stream of the main process."""
    found: dict[str, set[Digest]] = {}
    for event in run.main.stream_states():
        states = found.setdefault(event.stream, set())
        states.add(event.state)
    return found


def _draws_from_own_generator(explained: Explanation, pair: tuple[Run, Run]) -> bool:
    """Return True if the program made the generator; torch's default one is seeded elsewhere."""
    source = explained.source
    if source.event_a is None:
        return False
    a, _ = pair
    trace = a.trace_of(source.process)
    op = trace.op(source.event_a)
    return EventFlag.OWN_GENERATOR in op.flags


def list_combinable(*, cuda: bool, compiles: bool, ranks: bool) -> tuple[str, ...]:
    """Return every intervention that may be tried at once, in the table's order."""
    found: list[str] = []
    for name, entry in INTERVENTIONS.items():
        # What changes more than its cause would hide what else repairs the program.
        if entry.is_last_resort:
            continue
        if entry.only_cuda and not cuda:
            continue
        if entry.only_compiled and not compiles:
            continue
        if entry.only_ranks and not ranks:
            continue
        found.append(name)
    return tuple(found)


def infer_cause(names: Iterable[str]) -> Cause | None:
    """Return the cause that the interventions together speak for; None if they disagree.

    An intervention speaks for the first of its causes.
    """
    causes: set[Cause] = set()
    for name in names:
        entry = INTERVENTIONS[name]
        causes.add(entry.causes[0])
    if len(causes) != 1:
        return None
    return causes.pop()


def rank_unions(lists: Sequence[Sequence[str]]) -> Iterator[tuple[str, ...]]:
    """Yield unions to try: the first of each list, the first two of each, and so on.

    Ends once every list is in the union as a whole. What one of them makes as well is left out of
    later unions: it was not enough in the first one.
    """
    depth = 1
    while True:
        union: list[str] = []
        for names in lists:
            union += names[:depth]
        if depth > 1:
            union = _leave_out_included(union)
        yield tuple(dict.fromkeys(union))
        if all(len(names) <= depth for names in lists):
            return
        depth += 1


def _leave_out_included(names: Sequence[str]) -> list[str]:
    included: set[str] = set()
    for name in names:
        entry = INTERVENTIONS.get(name)
        if entry is not None:
            included.update(entry.includes)
    return [name for name in names if name not in included]
