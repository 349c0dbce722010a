"""Which calls into the outside world differ between two runs: the candidates for where a difference
came in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from reproaudit.compare.columns import mix, occurrences
from reproaudit.compare.interning import Interned
from reproaudit.model.events import EventKind
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import MAIN_PROCESS, Run
from reproaudit.trace.words import HASH_SEED


class Strength(IntEnum):
    """How much a differing call says: a clock differs in every program, an unequal listing does
    not."""

    # and whatever else differs each time by its nature: process ids, temporary names, file times
    CLOCK = 1
    ARRIVAL = 2
    SPECIFIC = 3


_CLOCKS = (
    "time.",
    "datetime.",
    "os.getpid",
    "os.getppid",
    "os.times",
    "os.stat",
    "pathlib.Path.stat",
    "os.path.getmtime",
    "os.path.getctime",
    "os.path.getatime",
    "platform.node",
    "socket.gethostname",
    "tempfile.",
)
# Each of these may give something else in each run without telling what: the call alone makes it a
# candidate.
_ARRIVALS = frozenset(
    {
        "multiprocessing.Pool.imap_unordered",
        "multiprocessing.Queue.get",
        "multiprocessing.SimpleQueue.get",
        "multiprocessing.Connection.recv",
        "multiprocessing.connection.wait",
        "concurrent.futures.as_completed",
        "concurrent.futures.wait",
        "queue.Queue.get",
        "queue.SimpleQueue.get",
        "asyncio.as_completed",
        "torch.utils.data.DataLoader(in_order=False)",
        "sqlite3.random()",
    }
)
# RandomState(seed) first makes a generator without a seed, then seeds it.
_SEED_ASKED, _SEED_REPLACED = "numpy.random.SeedSequence", "numpy.random.RandomState"


@dataclass(frozen=True, slots=True)
class EntropyCall:
    """A call whose result, or whose generator's state, differed between two runs."""

    name: str
    process: str
    event: int
    location: int  # location id in that process's trace of run `a`
    strength: Strength
    shown_a: str
    shown_b: str
    state_differed: bool


def strength_of(name: str) -> Strength:
    if name.startswith(_CLOCKS):
        return Strength.CLOCK
    return Strength.ARRIVAL if name in _ARRIVALS else Strength.SPECIFIC


def has_random_hashes(run: Run) -> bool:
    """True if the order of sets of strings is another in each process of this run's program."""
    trace = run.main
    entropy = trace.columns.take(trace.columns.are(EventKind.ENTROPY))
    return any(trace.strings[name] == HASH_SEED for name in np.unique(entropy.name).tolist())


def differing_calls(a: Run, b: Run, interned: Interned) -> list[EntropyCall]:
    """Pair the calls by name, line and occurrence; return those that differ, and every order of
    arrival, in order."""
    others = dict(b.traces)
    found: list[EntropyCall] = []
    for process, trace_a in a.traces:
        trace_b = others.get(process)
        if trace_b is not None:
            found += _differing(process, trace_a, trace_b, interned)
    return found


def _differing(
    process: str, trace_a: Trace, trace_b: Trace, interned: Interned
) -> list[EntropyCall]:
    chosen_a, chosen_b = _calls(trace_a), _calls(trace_b)
    keys_a, keys_b = (
        _call_keys(trace, chosen, interned)
        for trace, chosen in ((trace_a, chosen_a), (trace_b, chosen_b))
    )
    by_key = np.argsort(keys_b, kind="stable")
    at = np.searchsorted(keys_b[by_key], keys_a)
    paired = at < len(keys_b)
    partner = by_key[np.minimum(at, max(0, len(keys_b) - 1))] if len(keys_b) else at
    paired[paired] = keys_b[partner[paired]] == keys_a[paired]
    events_a, events_b = chosen_a[paired], chosen_b[partner[paired]]
    inputs_a, inputs_b = (
        trace_a.columns.input_digests[events_a],
        trace_b.columns.input_digests[events_b],
    )
    state_differed = (inputs_a != inputs_b).any(axis=1)
    outputs_differed = (
        trace_a.columns.output_digests[events_a] != trace_b.columns.output_digests[events_b]
    ).any(axis=1)
    # A draw from an equal state that differs was asked for something else: a consequence, not a
    # source.
    differed = state_differed | (outputs_differed & ~inputs_a.any(axis=1))
    names = trace_a.columns.name[events_a]
    strengths = {int(name): strength_of(trace_a.strings[name]) for name in np.unique(names)}
    arrivals = np.isin(
        names, [name for name, strength in strengths.items() if strength is Strength.ARRIVAL]
    )
    chosen = differed | arrivals
    # By columns: a program may ask for the time a million times.
    first, second = (
        trace.columns.take(events[chosen])
        for trace, events in ((trace_a, events_a), (trace_b, events_b))
    )
    columns = (
        events_a[chosen],
        first.name,
        first.location,
        first.shown_values,
        second.shown_values,
        state_differed[chosen],
    )
    return [
        EntropyCall(
            name=trace_a.strings[name],
            process=process,
            event=event,
            location=location,
            strength=strengths[name],
            shown_a=trace_a.strings[shown_a],
            shown_b=trace_b.strings[shown_b],
            state_differed=state,
        )
        for event, name, location, shown_a, shown_b, state in zip(
            *(column.tolist() for column in columns), strict=True
        )
    ]


def _calls(trace: Trace) -> npt.NDArray[np.int64]:
    """Return the events that are calls of use: a seed from the operating system that a given one
    replaced is none."""
    chosen = np.flatnonzero(trace.columns.kind == EventKind.ENTROPY)
    rows = trace.columns.take(chosen)
    asked, replaced = (_id(trace, name) for name in (_SEED_ASKED, _SEED_REPLACED))
    unused = (rows.name[:-1] == asked) & (rows.name[1:] == replaced)
    unused &= (rows.location[:-1] == rows.location[1:]) & (rows.thread[:-1] == rows.thread[1:])
    return chosen[~np.append(unused, False)] if len(chosen) else chosen


def _id(trace: Trace, name: str) -> int:
    return trace.strings.index(name) if name in trace.strings else -1


def _call_keys(
    trace: Trace, chosen: npt.NDArray[np.int64], interned: Interned
) -> npt.NDArray[np.uint64]:
    """Return a key per call, of its name, its line, and how many calls there were before it with
    the same two."""
    strings, locations = interned.ids(trace)
    rows = trace.columns.take(chosen)
    places = mix(strings[rows.name], locations[rows.location])
    return mix(places, occurrences(places))


def best_candidate(calls: list[EntropyCall], before: float) -> EntropyCall | None:
    """Return the strongest call before event `before` of the main process; among equals the last,
    and the first call at its line. Calls in worker processes have no order against the main process
    and count as before."""
    eligible = [call for call in calls if call.process != MAIN_PROCESS or call.event < before]
    if not eligible:
        return None
    strongest = max(call.strength for call in eligible)
    last = [call for call in eligible if call.strength == strongest][-1]
    return next(
        call
        for call in eligible
        if (call.name, call.location, call.process) == (last.name, last.location, last.process)
    )


def weak_lines(run: Run) -> frozenset[tuple[str, int]]:
    """Return the lines of the main process that ask for what differs in every run: clocks, process
    ids, names."""
    trace = run.main
    calls = trace.columns.take(trace.columns.are(EventKind.ENTROPY))
    clocks = [
        name for name in np.unique(calls.name) if strength_of(trace.strings[name]) is Strength.CLOCK
    ]
    places = np.unique(calls.location[np.isin(calls.name, clocks)]).tolist()
    return frozenset(
        (trace.locations[number].path, trace.locations[number].line) for number in places
    )
