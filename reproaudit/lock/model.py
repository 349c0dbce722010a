"""What a lock holds, frozen: entries, the runs that were locked for them, and the lines of each
run."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

from reproaudit.config.settings import Settings
from reproaudit.model.events import Location

DEFAULT_LOCK = "reproaudit.lock"
OUTSIDE = "outside"  # in place of an op's inputs: its content came from NumPy, a list or a file
# In place of a digest: two runs of one program differed here, without consequence.
VARIES = "varies"
# A batch and a module's output that autograd goes on from decide nothing: what comes of them does.
DECIDING_KINDS = frozenset({"output", "loss", "gradient", "parameter", "saved", "final"})
# What the program leaves has no step: when something dies or is saved is chance.
LEFT_KINDS = frozenset({"saved", "final"})
KINDS = ("batch", "intermediate", "output", "loss", "gradient", "parameter", "saved", "final")
AFTER_ALL_STEPS = -1

Pairs = tuple[tuple[str, str], ...]
ValueChange = tuple[str, str, str]  # name, value in the lock, value now


@dataclass(frozen=True, slots=True)
class LockedTensor:
    """One boundary tensor; `step` is AFTER_ALL_STEPS of what the program leaves.

    `digest` is 16 hexadecimal digits; `value` is the text of a loss, "" for all else.
    """

    process: str
    step: int
    kind: str
    name: str
    tensor: str  # "float32[8,3]"
    digest: str
    value: str = ""

    @property
    def is_deciding(self) -> bool:
        return self.kind in DECIDING_KINDS


@dataclass(frozen=True, slots=True)
class LockedOp:
    """One call of an op that computes something.

    Digests are 8 hexadecimal digits, or VARIES; inputs may be OUTSIDE. `generator` is the digest of
    the state that a random op drew from, "" for all others. `path` and `module` may be "". `text`
    is a digest of what stands in the line of a random op, "" where that is not known. `cell` is
    that of a notebook, in which `line` is then counted; 0 for none.
    """

    process: str
    step: int
    phase: str
    op: str
    path: str
    line: int
    module: str
    inputs: str
    outputs: str
    generator: str = ""
    text: str = ""
    cell: int = 0

    @property
    def place(self) -> str:
        """The source line, as reports name it."""
        if not self.path:
            return "an unknown line"
        return Location(self.path, self.line, cell=self.cell).place


@dataclass(frozen=True, slots=True)
class LockedRun:
    """What one run computed, in one environment.

    `files` are the program's own source files with the digests of their bytes. `changes` are the
    determinism settings that the program itself changes, with "before -> after". `operators_total`
    also counts those that were left out of `operators`. `other_threads`: the rows of threads other
    than the main one are there too, in a stable order.
    """

    environment: Pairs
    files: Pairs
    changes: Pairs
    tensors: tuple[LockedTensor, ...]
    operators: tuple[LockedOp, ...]
    operators_total: int
    other_threads: bool = False

    @property
    def is_cut(self) -> bool:
        return self.operators_total > len(self.operators)

    @property
    def steps(self) -> int:
        return len({tensor.step for tensor in self.tensors} - {AFTER_ALL_STEPS})

    @property
    def uses_cuda(self) -> bool:
        return dict(self.environment).get("device") == "cuda"


@dataclass(frozen=True, slots=True)
class Entry:
    """One subject as it is run, and a run for each environment. `steps` None: to its end."""

    subject: str
    arguments: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    settings: Settings = Settings()
    steps: int | None = 3
    runs: tuple[LockedRun, ...] = ()

    @property
    def name(self) -> str:
        """The subject and its arguments as a shell takes them: what tells entries apart."""
        words = []
        for wanted in self.inputs:
            words.append("--inputs")
            words.append(wanted)
        words.append(self.subject)
        words += self.arguments
        return shlex.join(words)

    def is_run_as(self, other: Entry) -> bool:
        """Return True if both entries run the subject in the same way.

        Only then do their runs belong together.
        """
        return (
            self.name == other.name
            and self.settings == other.settings
            and self.steps == other.steps
        )


@dataclass(frozen=True, slots=True)
class Lock:
    """All entries of one lock file, by name."""

    entries: tuple[Entry, ...] = ()

    def of_subject(self, subject: str, arguments: Sequence[str] = ()) -> tuple[Entry, ...]:
        """Return the entries of a subject; with arguments, those that give it exactly these."""
        wanted = tuple(arguments)
        found = []
        for entry in self.entries:
            if entry.subject != subject:
                continue
            if not wanted or entry.arguments == wanted:
                found.append(entry)
        return tuple(found)


def merge_entry(lock: Lock, made: Entry, *, prune: bool = False) -> Lock:
    """Return the lock with an entry that was made again.

    Its environments replace equal ones and join the others. With `prune`, or if the entry is now
    run in another way, the others are dropped: another program made them.
    """
    entries = []
    runs = list(made.runs)
    again = {run.environment for run in made.runs}
    for entry in lock.entries:
        if entry.name != made.name:
            entries.append(entry)
        elif entry.is_run_as(made) and not prune:
            runs += (run for run in entry.runs if run.environment not in again)
    # In a fixed order, so that locking again changes no line that need not change.
    runs.sort(key=attrgetter("environment"))
    entries.append(replace(made, runs=tuple(runs)))
    entries.sort(key=attrgetter("name"))
    return Lock(tuple(entries))


def find_changes(before: Pairs, now: Pairs) -> tuple[ValueChange, ...]:
    """Return (name, before, now) for each name whose value differs.

    The value is "unset" where one side lacks the name.
    """
    first = dict(before)
    second = dict(now)
    found = []
    for name in {**first, **second}:
        if first.get(name) == second.get(name):
            continue
        old = first.get(name, "unset")
        new = second.get(name, "unset")
        found.append((name, old, new))
    return tuple(found)


def is_same(locked: str, now: str) -> bool:
    """Return True if a digest is the locked one, or if the lock does not hold it to one."""
    return locked in (now, VARIES)


def find_nearest_run(runs: Sequence[LockedRun], environment: Pairs) -> LockedRun:
    """Return the run whose environment has the fewest differing names; of several, the first."""

    def count_changes(run: LockedRun) -> int:
        return len(find_changes(run.environment, environment))

    return min(runs, key=count_changes)
