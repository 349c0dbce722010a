"""Other draws from the stream that a source draws from: in threads their turns come by chance."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reproaudit.comparison.columns import are_among, mix
from reproaudit.comparison.entropy import EntropyCall
from reproaudit.comparison.interning import Interned
from reproaudit.model.events import EventFlag, EventKind
from reproaudit.trace.reader import Trace
from reproaudit.trace.views import Event, OpEvent

_Numbers = npt.NDArray[np.int64]

# The modules whose functions all draw from one global stream.
_MODULES = ("random", "numpy.random")


def find_draw_in_thread(a: Trace, b: Trace, draw: OpEvent) -> OpEvent | None:
    """Return the first op of another thread in `a` that draws from a generator of the same kind.

    None if `draw`, of `a`, is made in a thread itself, if no other thread draws, or if those drew
    from the same states in `b`: then they took their turns alike.
    """
    if draw.is_in_thread:
        return None
    kinds = EventFlag.RANDOM | EventFlag.OWN_GENERATOR
    found = []
    for columns in (a.columns, b.columns):
        is_alike = (columns.flags & int(kinds)) == int(draw.flags & kinds)
        found.append(is_alike & columns.are(EventKind.OP) & columns.are_in_threads())
    draws_a, draws_b = (np.flatnonzero(mask) for mask in found)
    if are_among(a.columns.drawn_states[draws_a], b.columns.drawn_states[draws_b]).all():
        return None
    return a.op(int(draws_a[0]))


def find_draw_in_turns(a: Trace, b: Trace) -> OpEvent | None:
    """Return the first op of a thread in `a` that draws from a stream which threads take turns at.

    None unless two threads at least draw from it, in another order in `b`: all states are those of
    one stream, and a thread got other ones. That stream is torch's default one, or that of a
    generator which one thread was seen to draw from after another.
    """
    kinds = EventFlag.RANDOM | EventFlag.OWN_GENERATOR
    for wanted in (EventFlag.RANDOM, kinds):
        found = []
        for columns in (a.columns, b.columns):
            is_wanted = (columns.flags & int(kinds)) == int(wanted)
            found.append(np.flatnonzero(columns.are(EventKind.OP) & is_wanted))
        turns = _find_other_turns(a, b, *found, is_own=wanted is kinds)
        if len(turns):
            return a.op(int(turns[0]))
    return None


def _find_other_turns(
    a: Trace, b: Trace, draws_a: _Numbers, draws_b: _Numbers, *, is_own: bool
) -> _Numbers:
    """Return those of the draws of threads in `a` that stand where the threads took other turns."""
    rows_a, rows_b = a.columns.take(draws_a), b.columns.take(draws_b)
    if len(np.unique(rows_a.thread)) < 2:
        return draws_a[:0]
    states_a, states_b = rows_a.drawn_states, rows_b.drawn_states
    is_other_turn = are_among(states_a, states_b)
    is_other_turn &= ~are_among(mix(rows_a.thread, states_a), mix(rows_b.thread, states_b))
    if is_own:
        # Which generator the others drew from is not known: threads may have one each, and be
        # given them by chance.
        in_turns = states_b[rows_b.have(EventFlag.IN_TURNS)]
        is_other_turn &= rows_a.have(EventFlag.IN_TURNS) | are_among(states_a, in_turns)
    if not is_other_turn.any():
        return draws_a[:0]
    is_here = rows_a.are_in_threads()
    if is_own:
        is_here &= np.isin(rows_a.location, rows_a.location[is_other_turn])
    return draws_a[is_here]


def drew_alike_before(a: Trace, b: Trace, draw: OpEvent) -> bool:
    """Return True if draws before `draw` show that the runs had one stream, and then parted.

    They drew from a state that both runs had, and from there on otherwise: at another line, or
    another number of times. A stream that is put away, seeded and put back gives both runs equal
    draws too, and says nothing of the stream that goes on after it. Draws from another kind of
    generator say nothing either.
    """
    kinds = EventFlag.RANDOM | EventFlag.OWN_GENERATOR
    wanted = int(draw.flags & kinds)
    interned = Interned()
    states = []
    contents = []
    for trace, end in ((a, draw.number), (b, None)):
        columns = trace.columns.take(slice(0, end))
        # By columns, not by views: there may be millions of draws.
        is_draw = columns.are(EventKind.OP) & ((columns.flags & int(kinds)) == wanted)
        draws = columns.take(is_draw & (columns.drawn_states != 0))
        strings, locations = interned.ids(trace)
        places = mix(strings[draws.name], locations[draws.location])
        states.append(draws.drawn_states)
        contents.append(mix(draws.drawn_states, places, *draws.output_digests.T))
    if draw.drew_from in states[1]:
        return True
    is_shared = are_among(*states)
    is_alike = are_among(*contents)
    return bool((is_shared & ~is_alike).any())


def find_call_in_thread(a: Trace, b: Trace, call: EntropyCall) -> Event | None:
    """Return the first call of a thread in `a` that draws from the stream that `call` drew from.

    None where only the main thread draws from it, or where both runs have no state of it in common:
    then it lacks a seed, whoever draws. None, too, if the threads drew from the same states in `b`.
    """
    module = _find_module(call.name)
    if module is None or not call.state_differed:
        return None
    draws = _find_draws(a, module)
    in_threads = draws[a.columns.are_in_threads()[draws]]
    if not len(in_threads):
        return None
    others = _find_draws(b, module)
    states_a = mix(*a.columns.input_digests[draws].T)
    states_b = mix(*b.columns.input_digests[others].T)
    is_shared = are_among(states_a, states_b)
    is_in_thread = a.columns.are_in_threads()[draws]
    if not is_shared.any() or is_shared[is_in_thread].all():
        return None
    return a.event(int(in_threads[0]))


def _find_module(name: str) -> str | None:
    """Return the module whose global stream the call draws from; None if it draws from another."""
    module, _, function = name.rpartition(".")
    if module not in _MODULES or function == "seed" or not function.islower():
        return None
    return module


def _find_draws(trace: Trace, module: str) -> npt.NDArray[np.int64]:
    is_of_module = np.array(
        [_find_module(text) == module for text in trace.strings], dtype=np.bool_
    )
    columns = trace.columns
    found = columns.numbers(EventKind.ENTROPY)
    chosen: npt.NDArray[np.int64] = found[is_of_module[columns.name[found]]]
    return chosen
