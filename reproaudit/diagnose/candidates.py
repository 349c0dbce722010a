"""Which interventions the evidence names for a finding, the likeliest first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from reproaudit.compare.entropy import EntropyCall, has_random_hashes
from reproaudit.compare.localise import Origin
from reproaudit.diagnose.explainers import is_drawn_by_worker
from reproaudit.diagnose.sources import Explanation
from reproaudit.knowledge.interventions import (
    INTERVENTIONS,
    list_acting_on,
    list_against,
    list_for_call,
    list_for_clue,
)
from reproaudit.knowledge.mechanisms import find_mechanism
from reproaudit.knowledge.traits import Clue, Part
from reproaudit.model.events import EventFlag
from reproaudit.model.result import Cause, Finding
from reproaudit.trace.runs import Run
from reproaudit.trace.views import Digest


def find_candidates(
    explained: Explanation, pair: tuple[Run, Run], *, cuda: bool
) -> tuple[str, ...]:
    """Return interventions to try for the finding, each once.

    Those that its evidence names come first, then all that remove its cause.
    """
    finding = explained.finding
    origin = explained.source.origin
    found: list[str] = []
    if explained.call is not None:
        found += find_for_call(explained.call)
    found += explained.named
    if finding.cause is Cause.KERNEL or (explained.named and origin is Origin.OP):
        found += _against_kernel(finding, cuda=cuda)
    if finding.cause is Cause.UNSEEDED_RNG and origin is Origin.RANDOM:
        is_own = _draws_from_own_generator(explained, pair)
        found += list_for_clue(Clue.OWN_GENERATOR if is_own else Clue.DEFAULT_GENERATOR)
    if finding.cause is Cause.RNG_ORDER:
        found += list_for_clue(Clue.DRAWS_REORDERED)
    is_unplaced = explained.is_from_outside and not explained.has_exact_line
    if finding.cause is Cause.UNKNOWN or is_unplaced:
        # First what is suspected, then what is usual.
        found += list_against((finding.cause,), cuda=cuda)
        found += find_for_drawn_streams(*pair)
        if has_random_hashes(pair[0]):
            found += list_for_clue(Clue.RANDOM_HASHES)
        found += find_for_drawn_streams(*pair, at_least=0)
    found += list_against((finding.cause,), cuda=cuda)
    return tuple(dict.fromkeys(found))


def _against_kernel(finding: Finding, *, cuda: bool) -> list[str]:
    """Return what the op's mechanism on a GPU names, in the order that repeating it suggests."""
    mechanism = find_mechanism(finding.op) if cuda else None
    evidence = finding.evidence
    found: list[str] = []
    if mechanism is not None:
        if evidence.replayed and mechanism.part_if_replayed is not None:
            found += list_acting_on((mechanism.part_if_replayed,))
        found += [name for name in mechanism.interventions if name not in found]
    if evidence.switched is False:
        # The deterministic forms were tried on the op itself and do not repair it. Where it has a
        # mechanism, the flag may still have the function above take another op: interpolate() does.
        found.sort(key=lambda name: INTERVENTIONS[name].acts_on is Part.KERNELS)
        if cuda and evidence.declared:
            found += list_for_clue(Clue.FLAG_IS_REFUSED)
        found += list_for_clue(Clue.FLAG_IS_NOT_ENOUGH)
    return found


def find_for_call(call: EntropyCall) -> tuple[str, ...]:
    """Return what makes the call give the same in each run.

    What a worker process draws depends on its seed first, and then on what that is made of.
    """
    named = list_for_call(call.name)
    if not is_drawn_by_worker(call):
        return named
    return (*list_for_clue(Clue.WORKER_SEED), *named, *list_for_clue(Clue.WORKER_SURROUNDINGS))


def find_for_drawn_streams(a: Run, b: Run, at_least: int = 1) -> tuple[str, ...]:
    """Return what seeds the global streams whose states differed, in the table's order.

    Only streams count whose state changed at least so often. One that was not seen to change may
    have been drawn from before it was first looked at.
    """
    states_a, states_b = _read_states(a), _read_states(b)
    suspects = [
        stream
        for stream, states in states_a.items()
        if len(states) > at_least and stream in states_b and states.isdisjoint(states_b[stream])
    ]
    return tuple(
        name
        for name, entry in INTERVENTIONS.items()
        if entry.streams and any(stream.startswith(entry.streams) for stream in suspects)
    )


def _read_states(run: Run) -> dict[str, set[Digest]]:
    """Return the states of each global stream of the main process."""
    found: dict[str, set[Digest]] = {}
    for event in run.main.stream_states():
        found.setdefault(event.stream, set()).add(event.state)
    return found


def _draws_from_own_generator(explained: Explanation, pair: tuple[Run, Run]) -> bool:
    source = explained.source
    if source.event_a is None:
        return False
    op = pair[0].trace_of(source.process).op(source.event_a)
    return bool(op.flags & EventFlag.OWN_GENERATOR)


def list_combinable(*, cuda: bool, compiles: bool) -> tuple[str, ...]:
    """Return every intervention that may be tried at once, in the table's order."""
    return tuple(
        name
        for name, entry in INTERVENTIONS.items()
        if not entry.is_last_resort
        and (cuda or not entry.only_cuda)
        and (compiles or not entry.only_compiled)
    )


def infer_cause(names: Iterable[str]) -> Cause | None:
    """Return the cause that the interventions together speak for; None if they disagree.

    An intervention speaks for the first of its causes.
    """
    causes = {INTERVENTIONS[name].causes[0] for name in names}
    return causes.pop() if len(causes) == 1 else None


def rank_unions(lists: Sequence[Sequence[str]]) -> Iterator[tuple[str, ...]]:
    """Yield unions to try: the first of each list, the first two of each, and so on.

    Ends once every list is in the union as a whole.
    """
    depth = 1
    while True:
        yield tuple(dict.fromkeys(name for names in lists for name in names[:depth]))
        if all(len(names) <= depth for names in lists):
            return
        depth += 1
