"""What an entry in the tables of interventions and of rules says about itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from reproaudit.config.settings import Settings, merge
from reproaudit.model.cause import Cause
from reproaudit.trace.words import SEEDINGS

_REPAIRS = "reproaudit.record.repairs"


class Part(Enum):
    """The part of a program, of torch or of the machine that an intervention acts on."""

    SEEDS = "the first states of random generators"
    ENTROPY = "what the operating system gives anew to each process"
    WORKERS = "processes that load data"
    ORDER = "the order in which results, threads and processes follow each other"
    HASHES = "string hashes"
    ADDRESSES = "where in memory things are placed"
    FILES = "files and folders"
    CLOCK = "the time"
    DATABASE = "random order in a database"
    MEMORY = "the content of new memory"
    COPIES = "copies between the GPU and the host"
    STREAMS = "streams of the GPU"
    COMPILER = "torch.compile"
    KERNELS = "which kernel an operator takes"
    DEVICE = "the device that computes an operator"
    THREADS = "the number of threads that compute an operator"
    BUCKETS = "which gradients are reduced together"
    MESSAGES = "the order in which several processes reduce"
    NCCL = "the algorithms of NCCL"
    CUDNN_CHOICE = "how cuDNN chooses among its algorithms"
    CUDNN = "the algorithms of cuDNN"
    CUBLAS = "the workspaces of cuBLAS"
    ATTENTION = "the kernels of attention"
    PRECISION = "the precision of products"

    @property
    def is_inside_operators(self) -> bool:
        """True if it changes how operators compute, and never what the program gives to them."""
        return self in _INSIDE_OPERATORS

    @property
    def changes_speed(self) -> bool:
        """True if a program may well take several times as long with it."""
        return self in _INSIDE_OPERATORS or self in _AROUND_OPERATORS


_INSIDE_OPERATORS = frozenset(
    {
        Part.KERNELS,
        Part.DEVICE,
        Part.THREADS,
        Part.CUDNN_CHOICE,
        Part.CUDNN,
        Part.CUBLAS,
        Part.ATTENTION,
    }
)
# What runs beside or between operators, one after the other where it was at once.
_AROUND_OPERATORS = frozenset(
    {
        Part.WORKERS,
        Part.ORDER,
        Part.MEMORY,
        Part.COPIES,
        Part.STREAMS,
        Part.COMPILER,
        Part.PRECISION,
        Part.BUCKETS,
        Part.MESSAGES,
        Part.NCCL,
    }
)


class Clue(Enum):
    """Evidence, besides a call into the outside world, that an intervention answers."""

    DEFAULT_GENERATOR = "a draw from torch's default generator, in another state"
    OWN_GENERATOR = "a draw from a generator that the program made, in another state"
    DRAWS_REORDERED = "draws from one stream in another order or number"
    RANDOM_HASHES = "string hashes that are another in each process"
    WORKER_SEED = "a draw in a worker process, which depends on the worker's seed"
    WORKER_SURROUNDINGS = "a draw in a worker process, whose seed may be made of anything"
    FLAG_IS_REFUSED = "an operator that has no deterministic form"
    FLAG_IS_NOT_ENOUGH = "an operator whose deterministic form differs too"
    UNDEFINED_READ = "an operator that reads memory which nothing has written"
    OTHER_THREADS = "threads of the program that ran ops or took part otherwise"
    UNKNOWN_CONTENT = "content from outside PyTorch that differs for no reason seen"
    UNKNOWN_ORDER = "ops in another order, or with other inputs, for no reason seen"
    STREAM_RACE = "two streams of the GPU that use one tensor, and nothing orders them"
    OTHER_MESSAGES = "processes that reduce the same in other parts, or in another order"
    MESSAGES_AS_THEY_COME = "messages that are used in the order in which they arrive"
    HOST_RACE = "the host using pinned memory while a copy may be under way"


@dataclass(frozen=True, slots=True)
class SortIterated:
    """Edit of a line: what is iterated over is sorted, a set before a plain name."""


@dataclass(frozen=True, slots=True)
class SortCalls:
    """Edit of a line: the result of the first call to one of `functions` is sorted."""

    functions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SetKeyword:
    """Edit of a line: the keyword argument `name`, where it is given, gets another value.

    `only_if`: the value that is given has one of these in its text; empty for any value. The edit
    is right for each call of the functions `everywhere_in`, not only on the line to blame.
    """

    name: str
    value: str
    only_if: tuple[str, ...] = ()
    everywhere_in: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RenameCalls:
    """Edit of a line: a called function gets another name, and if asked for, other arguments.

    `only_bare`: only a call without arguments is edited. `everywhere`: the edit is right for each
    such call of a file, not only on the line to blame.
    """

    names: Mapping[str, str]
    arguments: str | None = None
    only_bare: bool = False
    everywhere: bool = False


@dataclass(frozen=True, slots=True)
class AddArguments:
    """Edit of a line: calls get a keyword argument, by the name of what is called."""

    arguments: Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class UnwrapCalls:
    """Edit of a line: a call to one of `functions` gives way to its first argument."""

    functions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FixSeed:
    """Edit of a line: what is given as a seed, or assigned to the name of one, becomes `value`.

    Also elsewhere in the file if it is made of one of `sources`, which are parts of its text.
    """

    sources: tuple[str, ...]
    value: str = "0"


@dataclass(frozen=True, slots=True)
class FixHash:
    """Edit of a line: `hash(value)` gives way to a checksum. Elsewhere only in what seeds."""


@dataclass(frozen=True, slots=True)
class OrderSets:
    """Edit of a file: sets that are iterated over become dicts, which keep an order."""


@dataclass(frozen=True, slots=True)
class JoinThreads:
    """Edit of a file: threads are joined where they are started."""


@dataclass(frozen=True, slots=True)
class SeedTasks:
    """Edit of a line: each task that is sent to a pool's workers is seeded by its number."""


LineEdit = (
    AddArguments
    | SortIterated
    | SortCalls
    | SetKeyword
    | RenameCalls
    | UnwrapCalls
    | FixSeed
    | FixHash
    | OrderSets
    | JoinThreads
    | SeedTasks
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervention:
    """One change from outside the program that removes `causes`.

    `changes` are settings that a run is given. `repair` is the module in `record/repairs` whose
    `install(reach)` makes the change inside the audited process; empty if settings are enough.

    Evidence that it answers, each with a rank (1 is tried first): `calls` into the outside world
    by the start of their names, and `clues`. `streams`: the random streams that it seeds, by the
    start of their names.

    `advice` stands in the place of what the rule of the cause advises, where this is the repair.
    What the user writes instead: `patch`, or `patch_if_refused` where some operator of the program
    raises under it, or what `advice_for` has for the call that was found, by the start of its name.
    `at_start`: these lines can stand before all else that the program does.
    `edits` of the line to blame are tried in order; the first that fits is made.

    `includes`: interventions that it makes as well, so that both together are no more than it.

    `is_broad`: it repairs sources that nobody located. `holds_still`: it only makes what comes from
    outside the same in each run, so that the program runs through the same lines. `is_harsh`: a
    program may not survive it. `is_last_resort`: it changes more of the program than its cause.
    `only_cuda`, `only_compiled`, `only_ranks`: it does nothing without a GPU, without
    torch.compile, or in a program of one process.
    `needs_fresh_process` names what only a new process can take over; it is empty where repetitions
    within one process can make the change. `fresh_files`: each run gets an empty temporary folder
    and a copy of the project as it was before the audit.
    """

    id: str
    what: str
    causes: tuple[Cause, ...]
    acts_on: Part
    patch: tuple[str, ...]
    changes: Settings = Settings()
    repair: str = ""
    calls: Mapping[str, int] = field(default_factory=dict)
    clues: Mapping[Clue, int] = field(default_factory=dict)
    streams: tuple[str, ...] = ()
    patch_if_refused: tuple[str, ...] = ()
    advice: str = ""
    advice_for: Mapping[str, str] = field(default_factory=dict)
    advice_at: Mapping[str, str] = field(default_factory=dict)
    at_start: bool = False
    edits: tuple[LineEdit, ...] = ()
    includes: tuple[str, ...] = ()
    is_broad: bool = False
    holds_still: bool = False
    is_harsh: bool = False
    is_last_resort: bool = False
    only_cuda: bool = False
    only_compiled: bool = False
    only_ranks: bool = False
    needs_fresh_process: str = ""
    fresh_files: bool = False

    @property
    def module(self) -> str:
        """The full name of the module with the repair; empty if settings are enough."""
        return f"{_REPAIRS}.{self.repair}" if self.repair else ""

    @property
    def settings(self) -> Settings:
        """What a run is given: the changes, and the name of the repair to install."""
        if not self.repair:
            return self.changes
        return merge(self.changes, Settings(interventions=(self.id,)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What there is to know about a cause, or about a warning.

    `explanation`: how it comes about, how it is told, what does not repair it. A warning has no
    `cause`: the program may be reproducible and does, again and again, what was hardly meant.

    `calls` into the outside world, by the start of their names, show the cause if their results
    differ. `has_exact_line`: a finding of this cause always names the line to blame.
    `is_of_stream`: the cause lies in a random stream, which other causes may shift. `question` is
    the command that alone gives findings of this rule, such as "seeds"; "" for all others.
    """

    id: str
    title: str
    advice: str
    explanation: str
    references: tuple[str, ...] = ()
    cause: Cause | None = None
    calls: tuple[str, ...] = ()
    has_exact_line: bool = False
    is_of_stream: bool = False
    question: str = ""


@dataclass(frozen=True, slots=True)
class Lookalike:
    """What shows the same as a rule at first sight, and `apart`: what tells the two apart.

    `what` is the id of another rule, or names what no rule is about.
    """

    what: str
    apart: str


def rank_seedings(rank: int) -> dict[str, int]:
    """Return the calls that are given a seed, all with one rank."""
    return dict.fromkeys(SEEDINGS, rank)


def rank_first(*calls: str) -> dict[str, int]:
    """Return calls that an intervention answers before all others."""
    return dict.fromkeys(calls, 1)
