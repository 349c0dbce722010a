"""Which calls into the outside world differ between two runs.

They are the candidates for where a difference came in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from reproaudit.comparison.columns import mix, occurrences
from reproaudit.comparison.interning import Interned
from reproaudit.model.events import CodeLine, EventKind, LibraryCall
from reproaudit.trace.columns import EventColumns
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import MAIN_PROCESS, Run, find_home, pair_traces
from reproaudit.trace.words import HASH_SEED, SEEDINGS, read_library_call

_Numbers = npt.NDArray[np.int64]


class Strength(IntEnum):
    """How much it says that a call differs."""

    CLOCK = 1  # differs each time by its nature: clocks, process ids, temporary names, file times
    ARRIVAL = 2  # an order of arrival, which may differ in every run
    SPECIFIC = 3  # need not differ at all: a listing of a folder


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
        "multiprocessing.Lock",
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
        "asyncio.wait",
        "torch.utils.data.DataLoader(in_order=False)",
        "sqlite3.random()",
        "polars.DataFrame.sample",
        "polars.Series.sample",
        "polars.Series.shuffle",
        "polars.DataFrame.group_by",
        "polars.LazyFrame.group_by",
        "polars.DataFrame.unique",
        "polars.LazyFrame.unique",
    }
)
# What is shown of a call that seeds a generator and is given no seed.
NO_SEED = ("no seed", "(None,)", "()", "")
# RandomState(seed) first makes a generator without a seed, then seeds it.
_SEED_ASKED, _SEED_REPLACED = "numpy.random.SeedSequence", "numpy.random.RandomState"


@dataclass(frozen=True, slots=True)
class EntropyCall:
    """A call whose result, or whose generator's state, differed between two runs.

    `is_in_trainer`: its process makes steps of its own, and does not only load data for another.
    """

    name: str
    process: str
    event: int
    location: int  # location id in that process's trace of run `a`
    strength: Strength
    shown_a: str
    shown_b: str
    state_differed: bool
    below: LibraryCall | None = None  # what the program called of a library that made the call
    is_in_trainer: bool = False

    @property
    def is_given_seed(self) -> bool:
        """True if the call seeds a generator with what the program gives it."""
        return self.name in SEEDINGS and self.shown_a not in NO_SEED


def strength_of(name: str) -> Strength:
    """Return how much it says that the call of this name differs."""
    if name.startswith(_CLOCKS):
        return Strength.CLOCK
    return Strength.ARRIVAL if name in _ARRIVALS else Strength.SPECIFIC


def has_random_hashes(run: Run) -> bool:
    """True if the order of sets of strings is another in each process of this run's program."""
    trace = run.main
    entropy = trace.columns.take(trace.columns.are(EventKind.ENTROPY))
    return any(trace.strings[name] == HASH_SEED for name in np.unique(entropy.name).tolist())


def differing_calls(a: Run, b: Run, interned: Interned) -> list[EntropyCall]:
    """Pair the calls by name, line and occurrence; return those that differ, in order.

    Every order of arrival is among them: it may have been another without a trace of it.
    """
    found: list[EntropyCall] = []
    for process, trace_a, trace_b in pair_traces(a, b):
        events_a, events_b = pair_calls(trace_a, trace_b, interned)
        calls_a = _Calls(trace_a, events_a)
        calls_b = _Calls(trace_b, events_b)
        found += _find_differing_calls(process, calls_a, calls_b)
    return found


def pair_calls(trace_a: Trace, trace_b: Trace, interned: Interned) -> tuple[_Numbers, _Numbers]:
    """Return the events of the calls that both traces have, in the order of the first."""
    calls_a = select_calls(trace_a)
    calls_b = select_calls(trace_b)
    if not len(calls_b):
        return calls_a[:0], calls_b
    keys_a = _make_keys(trace_a, calls_a, interned)
    keys_b = _make_keys(trace_b, calls_b, interned)
    by_key = np.argsort(keys_b, kind="stable")
    at = np.searchsorted(keys_b[by_key], keys_a)
    # A key above all others would stand behind the last one.
    partner = by_key[np.minimum(at, len(keys_b) - 1)]
    has_partner = keys_b[partner] == keys_a
    return calls_a[has_partner], calls_b[partner[has_partner]]


@dataclass(frozen=True, slots=True, eq=False)
class _Calls:
    """Calls of one process in one run, by their event numbers."""

    trace: Trace
    events: _Numbers

    def take(self, chosen: npt.NDArray[np.bool_]) -> EventColumns:
        return self.trace.columns.take(self.events[chosen])

    @property
    def states(self) -> npt.NDArray[np.uint64]:
        """The digest of the generator that each drew from, 0 where it drew from none."""
        return self.trace.columns.input_digests[self.events]

    @property
    def values(self) -> npt.NDArray[np.uint64]:
        """The digest of what each returned."""
        return self.trace.columns.output_digests[self.events]


def _find_differing_calls(process: str, a: _Calls, b: _Calls) -> list[EntropyCall]:
    """Return which of the paired calls differ, or are orders of arrival."""
    states_a = a.states
    state_differed = (states_a != b.states).any(axis=1)
    value_differed = (a.values != b.values).any(axis=1)
    # A draw from an equal state that differs was asked for something else: a consequence, not a
    # source.
    is_draw = states_a.any(axis=1)
    differed = state_differed | (value_differed & ~is_draw)
    names = a.trace.columns.name[a.events]
    strengths = {int(name): strength_of(a.trace.strings[name]) for name in np.unique(names)}
    arrivals = [name for name, strength in strengths.items() if strength is Strength.ARRIVAL]
    chosen = differed | np.isin(names, arrivals)
    is_in_trainer = a.trace.header["steps"] > 0
    # By columns: a program may ask for the time a million times.
    first = a.take(chosen)
    second = b.take(chosen)
    columns = (
        a.events[chosen],
        first.name,
        first.location,
        first.shown_values,
        second.shown_values,
        state_differed[chosen],
        first.module,
    )
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [
        EntropyCall(
            name=a.trace.strings[name],
            process=process,
            event=event,
            location=location,
            strength=strengths[name],
            shown_a=a.trace.strings[shown_a],
            shown_b=b.trace.strings[shown_b],
            state_differed=state,
            below=read_library_call(a.trace.strings[below]),
            is_in_trainer=is_in_trainer,
        )
        for event, name, location, shown_a, shown_b, state, below in rows
    ]


def select_calls(trace: Trace) -> _Numbers:
    """Return the events that are calls of use.

    A seed from the operating system that a given one replaced is of none.
    """
    chosen = trace.columns.numbers(EventKind.ENTROPY)
    if not len(chosen):
        return chosen
    rows = trace.columns.take(chosen)
    asked = _id_of(_SEED_ASKED, trace)
    replaced = _id_of(_SEED_REPLACED, trace)
    # Each call but the last is looked at together with the next one.
    is_unused = (rows.name[:-1] == asked) & (rows.name[1:] == replaced)
    is_unused &= rows.location[:-1] == rows.location[1:]
    is_unused &= rows.thread[:-1] == rows.thread[1:]
    is_unused = np.append(is_unused, False)
    used: _Numbers = chosen[~is_unused]
    return used


def _id_of(name: str, trace: Trace) -> int:
    return trace.strings.index(name) if name in trace.strings else -1


def _make_keys(trace: Trace, chosen: _Numbers, interned: Interned) -> npt.NDArray[np.uint64]:
    """Return a key per call, of its name, its line, and how many like it came before."""
    strings, locations = interned.ids(trace)
    rows = trace.columns.take(chosen)
    places = mix(strings[rows.name], locations[rows.location])
    return mix(places, occurrences(places))


def best_candidate(
    calls: Sequence[EntropyCall], before: float, process: str = MAIN_PROCESS
) -> EntropyCall | None:
    """Return the strongest call before event `before` of a process.

    Among equals the last counts, and of its line the first call. Calls in its worker processes have
    no order against its own and count as before; those of other ranks count if there are no others.
    """
    home = find_home(process)
    eligible = []
    of_others = []
    for call in calls:
        if find_home(call.process) != home:
            of_others.append(call)
        elif call.process != process or call.event < before:
            eligible.append(call)
    eligible = eligible or of_others
    if not eligible:
        return None
    strongest = max(call.strength for call in eligible)
    last = [call for call in eligible if call.strength == strongest][-1]
    place = _place_of(last)
    of_same_line = [call for call in eligible if _place_of(call) == place]
    return of_same_line[0]


def _place_of(call: EntropyCall) -> tuple[str, int, str]:
    return call.name, call.location, call.process


def weak_lines(trace: Trace) -> frozenset[CodeLine]:
    """Return the lines of a process that ask for what differs in every run.

    Such as clocks, process ids and temporary names.
    """
    calls = trace.columns.take(trace.columns.are(EventKind.ENTROPY))
    clocks = []
    for name in np.unique(calls.name):
        if strength_of(trace.strings[name]) is Strength.CLOCK:
            clocks.append(name)
    numbers = np.unique(calls.location[np.isin(calls.name, clocks)])
    places = [trace.locations[number] for number in numbers.tolist()]
    return frozenset(place.code_line for place in places)
