"""What a lock holds, frozen: entries, the runs that were locked for them, and the lines of each
run."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from reproaudit.config.settings import Settings

DEFAULT_LOCK = "reproaudit.lock"
OUTSIDE = "outside"  # in place of an op's inputs: its content came from NumPy, a list or a file
VARIES = (
    "varies"  # in place of a digest: two runs of one program differed here, without consequence
)
# A batch and a module's output that autograd goes on from decide nothing: what comes of them does.
DECIDING_KINDS = frozenset({"output", "loss", "gradient", "parameter"})
KINDS = ("batch", "intermediate", "output", "loss", "gradient", "parameter")

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class LockedTensor:
    """One boundary tensor. `digest` is 16 hexadecimal digits; `value` is the text of a loss, "" for
    all else."""

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
    """One call of an op that computes something. Digests are 8 hexadecimal digits, or VARIES;
    inputs may be OUTSIDE.

    `generator` is the digest of the state that a random op drew from, "" for all others. `path` and
    `module` may be "".
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

    @property
    def place(self) -> str:
        return f"{self.path}:{self.line}" if self.path else "an unknown line"


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
        return len({tensor.step for tensor in self.tensors})

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
        inputs = [word for wanted in self.inputs for word in ("--inputs", wanted)]
        return shlex.join((*inputs, self.subject, *self.arguments))

    def is_run_as(self, other: Entry) -> bool:
        """True if both entries run the subject in the same way: only then do their runs belong
        together."""
        return (self.name, self.settings, self.steps) == (other.name, other.settings, other.steps)


@dataclass(frozen=True, slots=True)
class Lock:
    """All entries of one lock file, by name."""

    entries: tuple[Entry, ...] = ()

    def of_subject(self, subject: str, arguments: Sequence[str] = ()) -> tuple[Entry, ...]:
        """Return the entries of a subject; with arguments, those that give it exactly these."""
        return tuple(
            entry
            for entry in self.entries
            if entry.subject == subject and (not arguments or entry.arguments == tuple(arguments))
        )


def merged(lock: Lock, made: Entry, *, prune: bool = False) -> Lock:
    """Return the lock with an entry that was made again: its environments replace equal ones and
    join the others.

    With `prune`, or if the entry is now run in another way, the others are dropped: another program
    made them.
    """
    others = [entry for entry in lock.entries if entry.name != made.name]
    before = next((entry for entry in lock.entries if entry.name == made.name), None)
    kept: Iterable[LockedRun] = (
        before.runs if before is not None and before.is_run_as(made) and not prune else ()
    )
    again = {run.environment for run in made.runs}
    runs = (*made.runs, *(run for run in kept if run.environment not in again))
    entry = replace(made, runs=tuple(sorted(runs, key=lambda run: run.environment)))
    return Lock(tuple(sorted((*others, entry), key=lambda entry: entry.name)))


def differing(before: Pairs, now: Pairs) -> tuple[tuple[str, str, str], ...]:
    """Return (name, before, now) for each name whose value differs; "unset" where one side lacks
    it."""
    first, second = dict(before), dict(now)
    return tuple(
        (name, first.get(name, "unset"), second.get(name, "unset"))
        for name in {**first, **second}
        if first.get(name) != second.get(name)
    )


def nearest(runs: Sequence[LockedRun], environment: Pairs) -> LockedRun:
    """Return the run whose environment has the fewest differing names; of several, the first."""
    return min(runs, key=lambda run: len(differing(run.environment, environment)))
