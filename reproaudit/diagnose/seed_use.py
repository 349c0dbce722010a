"""What depends on a seed by another way than a random stream: told by a run under another seed in
which all that is drawn is drawn as under the first one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reproaudit.comparison.draw_sites import OWN_STREAMS, Site, list_sites
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.localise import Origin, localise
from reproaudit.comparison.seed_facts import DifferingFact, list_differing_facts
from reproaudit.diagnose.seed_effects import SeedReach
from reproaudit.knowledge.rules import QUESTION_RULES
from reproaudit.knowledge.seed_rules import SeedFault
from reproaudit.model.cause import Cause
from reproaudit.model.events import Location, Phase
from reproaudit.model.question import SeedEffect
from reproaudit.model.result import Evidence, Finding, Fix
from reproaudit.trace.runs import Run
from reproaudit.trace.views import NOTHING, OpEvent

_MOST_NAMED = 3
_RULE = QUESTION_RULES[SeedFault.MORE_THAN_DRAWS.value]


@dataclass(frozen=True, slots=True)
class HeldPair:
    """Recorded runs under one seed, and under another with what is drawn held.

    `words` are the two seeds as they are given.
    """

    base: Run
    held: Run
    words: tuple[str, str]


def find_not_held(pair: HeldPair, reach: SeedReach) -> Site | None:
    """Return a line that begins to draw from another state all the same; None if there is none.

    Of a global stream the first draw tells: how much was drawn before a later one may depend on the
    seed in another way. Lines that draw other numbers in each run do not count.
    """
    chance = {one.key for one in reach.sites if one.effect is SeedEffect.UNSEEDED}
    others = list_sites(pair.held)
    begun: set[tuple[str, str]] = set()
    for key, site in sorted(list_sites(pair.base).items(), key=_read_first_event):
        if key in chance:
            continue
        other = others.get(key)
        for process, states in site.states.items():
            stream = (process, key.stream)
            is_first = key.stream in OWN_STREAMS or stream not in begun
            begun.add(stream)
            held = [] if other is None else other.states.get(process, [])
            if is_first and held and held[0] != states[0]:
                return site
    return None


def _read_first_event(item: tuple[object, Site]) -> int:
    return item[1].first_event


def find_other_use(pair: HeldPair, interned: Interned, place: Location | None) -> Finding | None:
    """Return the finding that the seed changes what draws nothing; None if nothing shows it.

    That are settings, shapes and numbers of steps, or an operator that is given equal tensors, or
    the same random numbers, and gives others: its other arguments are made of the seed.
    `place` is the line that makes something of the seed, if it is known: what a setting or a shape
    is made of.
    """
    facts = list(list_differing_facts(pair.base, pair.held))
    op = _find_op(pair, interned)
    if not facts and op is None:
        return None
    notes = [*_tell_facts(facts, pair.words)]
    if op is not None:
        where = f" at {op.known_location}" if op.known_location is not None else ""
        given = "equal tensors" if op.drew_from is None else "the same random numbers"
        notes.append(f"{op.shown_name}{where} is given {given}, and gives other results")
    names = [fact.name for fact in facts[:_MOST_NAMED]]
    location = op.known_location if op is not None else None
    if facts and place is not None:
        location = place
    return Finding(
        rule=_RULE.id,
        cause=Cause.UNKNOWN,
        title=": ".join(filter(None, (_RULE.title, " and ".join(names)))),
        phase=op.phase if op is not None else Phase.INITIALISATION,
        step=op.step if op is not None else 0,
        op=op.shown_name if op is not None else None,
        module=op.module if op is not None else "",
        location=location,
        evidence=Evidence(notes=tuple(notes)),
        fix=Fix(advice=_RULE.advice),
        variation=pair.words[1],
    )


def _tell_facts(facts: Sequence[DifferingFact], words: tuple[str, str]) -> list[str]:
    first, second = words
    told = [
        f"{fact.name} is {fact.first} with {first} and {fact.second} with {second}"
        for fact in facts[:_MOST_NAMED]
    ]
    if len(facts) > _MOST_NAMED:
        told.append(f"and {len(facts) - _MOST_NAMED} more")
    return told


def _find_op(pair: HeldPair, interned: Interned) -> OpEvent | None:
    """Return the first source if it is an op that is given equal tensors, or draws from an equal
    state."""
    sources = localise(pair.base, pair.held, interned).sources
    if not sources:
        return None
    first = sources[0]
    if first.origin not in (Origin.OP, Origin.RANDOM):
        return None
    if first.event_a is None or first.event_b is None:
        return None
    op = pair.base.trace_of(first.process).op(first.event_a)
    other = pair.held.trace_of(first.process).op(first.event_b)
    if op.drew_from is not None:
        return op if op.drew_from == other.drew_from else None
    # What is made of numbers alone may be made of such as were drawn where nobody looks.
    return None if op.inputs == NOTHING else op
